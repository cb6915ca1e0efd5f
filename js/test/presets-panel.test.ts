// @vitest-environment happy-dom
import { expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { parsePanel } from "../src/panel.ts";
import type { Command } from "../src/protocol.ts";
import { heedDisabled } from "../src/view/elements.ts";
import { presetsPanel } from "../src/view/presets/presets-panel.ts";

const loads = parsePanel(fixtures.to_page.panel.panel);

it("a load can be cancelled once, and the button goes with it", () => {
  const { signal } = new AbortController();
  const sent: Command[] = [];
  const panel = presetsPanel((command) => sent.push(command), false, signal);
  heedDisabled(panel.progress, signal);
  const button = panel.progress.querySelector("button");
  panel.update(loads);
  expect(panel.progress.hidden).toBe(false);
  button?.click();
  expect(sent).toEqual([{ type: "cancel" }]);
  panel.update({ ...loads, loading: loads.loading && { ...loads.loading, cancelled: true } });
  expect(panel.progress.textContent).toContain("cancelled, as soon as this stage is over");
  button?.click();
  expect(sent).toHaveLength(1);
  panel.update({ ...loads, loading: null });
  expect(panel.progress.hidden).toBe(true);
});
