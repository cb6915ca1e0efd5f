// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { sidesCsv } from "../src/charts/csv.ts";
import { psnrChart, sidesChart } from "../src/charts/sides-charts.ts";
import { figuresOf, tileAt } from "../src/playback/sides.ts";
import type { BlockRecord, Command, SideRecord } from "../src/protocol.ts";
import { tileView } from "../src/view/tiles.ts";
import { recordOf } from "./video.ts";
import { viewOf } from "./view.ts";

const TWO = {
  columns: 3,
  rows: 1,
  labels: ["reference", "turbo"],
  gain: 4,
  seeded: false,
  compared: true,
};
const FOUR = {
  columns: 2,
  rows: 2,
  labels: ["a", "b", "c", "d"],
  gain: null,
  seeded: true,
  compared: false,
};
const side = (latency_ms: number, more: Partial<SideRecord> = {}): SideRecord => ({
  latency_ms,
  equal: false,
  psnr_db: null,
  ssim: null,
  ...more,
});
const tiled = (block: number, ...sides: SideRecord[]): BlockRecord => ({
  ...recordOf(block),
  sides,
  gain: 4,
});
const pair = (block: number, ms: number) =>
  tiled(block, side(ms), side(ms / 2, { psnr_db: 31.25, ssim: 0.97 }));

describe("what a block took", () => {
  it("says how like it is, or that it is equal, or its time alone", () => {
    expect(figuresOf(side(410.4))).toBe("410 ms");
    expect(figuresOf(side(302, { psnr_db: 31.25, ssim: 0.9704 }))).toBe(
      "302 ms, 31.3 dB, SSIM 0.970",
    );
    expect(figuresOf(side(302, { equal: true, ssim: 1 }))).toBe("302 ms, equal");
    expect(figuresOf(undefined)).toBe("");
  });

  it("is a row for each side in the table that is saved", () => {
    const [, first, second] = sidesCsv([pair(3, 400)], TWO.labels).split("\n");
    expect(first).toBe("3,reference,a red ball,400,,");
    expect(second).toBe("3,turbo,a red ball,200,31.25,0.97");
    expect(sidesCsv([tiled(0, side(1, { equal: true, ssim: 1 }))], ["a"])).toContain(",inf,1");
  });
});

describe("the charts of videos in step", () => {
  const draw = (records: BlockRecord[]) => viewOf(records, { labels: TWO.labels });

  it("have a line for each side that has such numbers", () => {
    expect(sidesChart.figure(draw([pair(0, 400)])).legend).toHaveLength(2);
    const likeness = psnrChart.figure(draw([pair(0, 400)]));
    expect(likeness.legend).toMatchObject([{ label: "turbo" }]);
    expect(likeness.data).toMatchObject([{ x: [0], y: [31.25] }]);
  });

  it("end below a first block that towers above all others, and say what it took", () => {
    const towers = sidesChart.figure(draw([pair(0, 14_200), pair(1, 400), pair(2, 420)]));
    expect(towers.layout).toMatchObject({ yaxis: { range: [0, 504] } });
    expect(JSON.stringify(towers.layout)).toContain("the first: 14.2 s");
    const even = sidesChart.figure(draw([pair(0, 600), pair(1, 400)]));
    expect(even.layout).not.toHaveProperty("yaxis.range");
  });
});

describe("tiles", () => {
  it("lie row by row from the top left", () => {
    const whole = { width: 320, height: 192 };
    expect(tileAt(FOUR, 0, whole)).toEqual({ x: 0, y: 0, width: 160, height: 96 });
    expect(tileAt(FOUR, 3, whole)).toEqual({ x: 160, y: 96, width: 160, height: 96 });
  });

  function opened(tiles: typeof TWO | typeof FOUR, whole: { width: number; height: number }) {
    const sent: Command[] = [];
    const copied: (number | null)[] = [];
    let focused = 0;
    const drawn: number[][] = [];
    const view = tileView(
      tiles,
      whole,
      {
        send: (command) => sent.push(command),
        focus: () => (focused += 1),
        copy: (tile) => copied.push(tile),
      },
      new AbortController().signal,
    );
    document.body.replaceChildren(view.overlay, view.bar);
    const context = {
      drawImage: (_: unknown, ...numbers: number[]) => drawn.push(numbers),
      fillRect: () => {},
    } as unknown as CanvasRenderingContext2D;
    const draw = () => {
      drawn.length = 0;
      view.lens.draw(context, document.createElement("canvas"));
      return drawn;
    };
    const captions = () =>
      [...view.overlay.querySelectorAll(".ll-caption")].map((each) => each.textContent);
    return { ...view, sent, copied, draw, captions, focused: () => focused };
  }

  it("are seen side by side without their difference, then split, then as their difference", () => {
    const { lens, draw, cycle, captions, update, focused } = opened(TWO, {
      width: 480,
      height: 96,
    });
    update(pair(3, 400));
    expect(lens.size()).toEqual({ width: 320, height: 96 });
    expect(draw()).toEqual([[0, 0, 320, 96, 0, 0, 320, 96]]);
    expect(captions()).toEqual(["reference400 ms", "turbo200 ms, 31.3 dB, SSIM 0.970"]);
    cycle();
    expect(lens.size()).toEqual({ width: 160, height: 96 });
    expect(draw()).toEqual([
      [0, 0, 160, 96, 0, 0, 160, 96],
      [240, 0, 80, 96, 80, 0, 80, 96],
    ]);
    cycle();
    expect(draw()).toEqual([[320, 0, 160, 96, 0, 0, 160, 96]]);
    expect(captions()).toEqual(["difference × 4200 ms, 31.3 dB, SSIM 0.970"]);
    expect(focused()).toBe(2);
    cycle();
    expect(lens.size()).toEqual({ width: 320, height: 96 });
  });

  const inStep = (block: number) => tiled(block, side(10), side(20), side(30), side(40));

  function button(within: HTMLElement, words: string): HTMLButtonElement {
    const found = [...within.querySelectorAll("button")].find(
      (each) => each.textContent === words || each.getAttribute("aria-label") === words,
    );
    if (found === undefined) {
      throw new Error(`there is no button ${words}`);
    }
    return found;
  }

  it("of a grid are all seen with what each took, and a click shows one alone", () => {
    const { lens, bar, overlay, draw, captions, update, cycle, focused } = opened(FOUR, {
      width: 320,
      height: 192,
    });
    update(inStep(3));
    expect(captions()).toEqual(["a10 ms", "b20 ms", "c30 ms", "d40 ms"]);
    expect(lens.size()).toEqual({ width: 320, height: 192 });
    button(overlay, "d: show it alone, or all again").click();
    expect(lens.size()).toEqual({ width: 160, height: 96 });
    expect(draw()).toEqual([[160, 96, 160, 96, 0, 0, 160, 96]]);
    const cells = [...overlay.querySelectorAll<HTMLElement>(".ll-cell")];
    expect(cells.map(({ hidden }) => hidden)).toEqual([true, true, true, false]);
    button(bar, "Show all").click();
    expect(draw()).toEqual([[0, 0, 320, 192, 0, 0, 320, 192]]);
    const seen = FOUR.labels.map(() => {
      cycle();
      return overlay.dataset["alone"];
    });
    cycle();
    expect([...seen, overlay.dataset["alone"]]).toEqual(["0", "1", "2", "3", ""]);
    expect(focused()).toBe(7);
  });

  it("of a grid have a menu each, which stays open while blocks come", () => {
    const { bar, overlay, update, copied } = opened(FOUR, { width: 320, height: 192 });
    button(overlay, "b: what to do with it").click();
    update(inStep(4));
    button(overlay, "Copy as Python: this one alone").click();
    button(bar, "Copy as Python").click();
    expect(copied).toEqual([1, null]);
    const [, , third] = overlay.querySelectorAll<HTMLElement>(".ll-cell");
    button(third ?? bar, "c: what to do with it").click();
    button(third ?? bar, "Show this one alone").click();
    expect(overlay.dataset["alone"]).toBe("2");
  });

  it("ask the kernel to amplify their difference, and leave the arrows of the split to it", () => {
    const { bar, overlay, sent } = opened(TWO, { width: 480, height: 96 });
    const heard: string[] = [];
    document.body.onkeydown = ({ key }) => heard.push(key);
    const [gain, split] = [bar.querySelector("select"), overlay.querySelector("input")];
    if (gain === null || split === null) {
      throw new Error("there is no gain, or no split");
    }
    gain.value = "16";
    gain.dispatchEvent(new Event("change"));
    expect(sent).toEqual([{ type: "amplify", gain: 16 }]);
    for (const key of ["ArrowLeft", "Home", "v"]) {
      split.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }
    expect(heard).toEqual(["v"]);
  });
});
