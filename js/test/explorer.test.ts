// @vitest-environment happy-dom

import { describe, expect, it, vi } from "vitest";
import { placeOf } from "../src/charts/plot.ts";
import type { Plotly } from "../src/charts/plotly.ts";
import { themed } from "../src/explorer/figure.ts";
import { type Explored, parseExplored, type Wish } from "../src/explorer/state.ts";
import { explorer } from "../src/explorer/view.ts";
import { viewOf } from "./view.ts";

const { look } = viewOf([]);
const trade = { figure: { data: [{ type: "scatter" }], layout: {} }, note: "" };
const told: Explored = {
  told: 1,
  cases: ["tiny on one machine", "tiny on another"],
  case: "tiny on one machine",
  qualities: ["psnr", "ssim"],
  quality: "psnr",
  presets: [
    { name: "reference", figures: ["800 ms a block", "equal", ""], changes: ["none"], best: true },
    { name: "<b>ultra</b>", figures: ["250 ms", "14.4 dB", "24 GB"], changes: ["a"], best: false },
  ],
  preset: "reference",
  present: "<b>ultra</b>",
  live: true,
  said: "",
  code: "studio.preset = 'reference'",
  charts: { trade, waterfall: { figure: null, note: "measure it" }, roofline: trade },
};

/** An explorer, what it asks for, and a click at what Plotly tells of. */
async function opened(state: Explored = told) {
  const wishes: Wish[] = [];
  let click: (told: unknown) => void = () => undefined;
  const plotly: Plotly = {
    react: async (element) =>
      Object.assign(element, {
        on: (event: string, act: (told: unknown) => void) => {
          click = event === "plotly_click" ? act : click;
        },
      }),
    toImage: async () => "",
    purge: () => undefined,
    Plots: { resize: async () => undefined },
  };
  const made = explorer(
    state,
    Promise.resolve(plotly),
    (wish) => wishes.push(wish),
    new AbortController().signal,
  );
  document.body.replaceChildren(made.element);
  await vi.waitFor(() => expect(made.element.querySelector("[data-drawn=trade]")).not.toBeNull());
  const button = (preset: string) =>
    [...made.element.querySelectorAll("button")].find((one) => one.dataset["preset"] === preset);
  const tab = (name: string) =>
    made.element.querySelector<HTMLElement>(`.ll-tab[data-chart=${name}]`)?.click();
  return { ...made, wishes, button, tab, click: (value: unknown) => click(value) };
}

describe("the explorer of trade-offs", () => {
  it("asks for the preset whose dot or whose button is clicked", async () => {
    const { wishes, button, click } = await opened();
    click({ points: [{ customdata: 1 }] });
    click({ points: [{ customdata: 7 }] });
    button("reference")?.click();
    expect(wishes).toEqual([
      { type: "take", preset: "<b>ultra</b>" },
      { type: "take", preset: "reference" },
    ]);
  });

  it("takes no bar of a waterfall for a preset", async () => {
    const { wishes, tab, click } = await opened();
    tab("waterfall");
    click({ points: [{ customdata: 1 }] });
    expect(wishes).toEqual([]);
  });

  it("says what lacks in the place of a chart", async () => {
    const { element, tab } = await opened();
    tab("waterfall");
    expect(element.querySelector<HTMLElement>(".ll-explorer-chart")?.hidden).toBe(true);
    expect(element.querySelector(".ll-explorer-note")?.textContent).toBe("measure it");
  });

  it("shows names as text, which one is in use, and which none beats", async () => {
    const { element } = await opened();
    const [first, second] = element.querySelectorAll<HTMLElement>(".ll-preset");
    expect(first?.textContent).toContain("800 ms a block, equal");
    expect(first?.textContent).toContain("no other beats it");
    expect(second?.querySelector("button")?.textContent).toBe("<b>ultra</b>");
    expect(second?.textContent).toContain("in use");
    expect(second?.textContent).not.toContain("no other beats it");
  });

  it("asks for another machine from its menu, which one machine has not", async () => {
    const { element, wishes, update } = await opened();
    const select = element.querySelector<HTMLSelectElement>(
      ".ll-explorer-menu:last-child > select",
    );
    if (select !== null) {
      select.value = "tiny on another";
      select.dispatchEvent(new Event("change"));
    }
    expect(wishes).toEqual([
      { type: "choose", case: "tiny on another", quality: "psnr", preset: "reference" },
    ]);
    update({ ...told, cases: ["tiny on one machine"] });
    expect(element.querySelector<HTMLElement>(".ll-explorer-menu:last-child")?.hidden).toBe(true);
  });

  it("keeps the focus on a preset when its list is told anew", async () => {
    const { button, update } = await opened();
    button("<b>ultra</b>")?.focus();
    update({ ...told, preset: "<b>ultra</b>" });
    expect(document.activeElement).toBe(button("<b>ultra</b>"));
    expect(button("<b>ultra</b>")?.getAttribute("aria-pressed")).toBe("true");
  });
});

describe("what the kernel tells of trade-offs", () => {
  it("is read as it was sent", () => {
    expect(parseExplored(JSON.parse(JSON.stringify(told)))).toEqual(told);
  });

  it("is refused where it is something else", () => {
    expect(() => parseExplored({ ...told, presets: [{ name: 1 }] })).toThrow("name is no text");
    expect(() => parseExplored({ ...told, charts: {} })).toThrow("a chart is no object");
  });
});

describe("a figure of the kernel on the page", () => {
  it("has the colours of the page and its own data, axes and words", () => {
    const figure = themed(
      {
        data: [{ type: "bar", x: [1], error_x: { array: [2] } }],
        layout: {
          height: 300,
          xaxis: { title: { text: "ms" }, range: [0, 9] },
          title: { text: "T" },
        },
      },
      look,
    );
    expect(figure.data).toMatchObject([{ x: [1], error_x: { array: [2], color: "black" } }]);
    expect(figure.layout).toMatchObject({
      xaxis: { range: [0, 9], title: { text: "ms" }, gridcolor: "silver" },
      title: { text: "T", font: { color: "grey" } },
      font: { color: "black" },
    });
    expect(figure.layout).not.toHaveProperty("height");
  });
});

describe("where somebody has clicked", () => {
  it("is the place that a dot says, and none where it says none", () => {
    expect(placeOf({ points: [{ customdata: 3 }] })).toBe(3);
    expect(placeOf({ points: [{ customdata: "3" }] })).toBeUndefined();
    expect(placeOf({})).toBeUndefined();
  });
});
