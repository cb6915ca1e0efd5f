// @vitest-environment happy-dom
// The view of a recording over a tape of which no picture comes.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { parseState } from "../src/protocol.ts";
import type { Kernel, KernelListener, Tape } from "../src/recording/tape.ts";
import { recordingView } from "../src/recording/view.ts";
import { layOut } from "./layout.ts";
import { recordOf } from "./video.ts";

const never = () => new Promise<never>(() => undefined);
const tape: Tape = {
  state: { ...parseState(fixtures.to_page.state.state), status: "recorded" },
  records: Promise.resolve([recordOf(0)]),
  block: never,
  exact: async () => undefined,
  plotly: never,
};
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("the view of a recording", () => {
  let end: AbortController;
  let layout: { undo: () => void };
  beforeEach(() => {
    end = new AbortController();
    layout = layOut();
  });
  afterEach(() => {
    end.abort();
    layout.undo();
    vi.restoreAllMocks();
  });

  it("asks the kernel for its Python, and says what was done with it", async () => {
    const asked: (number | null)[] = [];
    let listener: KernelListener | undefined;
    const kernel: Kernel = {
      copy: (tile) => asked.push(tile),
      send: () => {},
      listen: (next) => {
        listener = next;
      },
    };
    const root = recordingView(() => ({ ...tape, kernel }), end.signal);
    const button = root.querySelector<HTMLElement>('.ll-timeline [data-action="code"]');
    button?.click();
    expect([button?.textContent, asked]).toEqual(["Copy as Python", [null]]);
    const copied = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    listener?.onCode({ name: "recording.py", text: "x = 1" });
    await settled();
    expect(copied).toHaveBeenCalledWith("x = 1");
    expect(root.querySelector(".ll-note")?.textContent).toBe(
      "copied as Python: paste it into a cell",
    );
  });

  it("says what its tape waits for, and why a chart is long in coming", async () => {
    vi.useFakeTimers();
    let wait: (words: string) => void = () => {};
    const root = recordingView((events) => {
      ({ wait } = events);
      return tape;
    }, end.signal);
    wait("waits for the kernel");
    expect(root.querySelector(".ll-waiting")?.textContent).toBe("waits for the kernel");
    const note = root.querySelector(".ll-chart .ll-chart-note");
    expect(note?.textContent).toBe("the chart is loading");
    await vi.advanceTimersByTimeAsync(5000);
    expect(note?.textContent).toBe("the chart is loading, and waits for the kernel");
    vi.useRealTimers();
  });

  it("offers no Python where no kernel is, for its page has it below the player", () => {
    const root = recordingView(() => tape, end.signal);
    expect(root.querySelector('[data-action="code"]')).toBeNull();
  });
});
