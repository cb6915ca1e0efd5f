import { expect, it } from "vitest";
import table from "../../tests/fixtures/blocks.csv?raw";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { Blocks } from "../src/charts/blocks.ts";
import { blocksCsv, profileCsv } from "../src/charts/csv.ts";
import { kernelsChart, rows, toldOverhead } from "../src/charts/kernels-chart.ts";
import { latencyChart } from "../src/charts/latency-chart.ts";
import { memoryChart } from "../src/charts/memory-chart.ts";
import { blockOf, rangeOf } from "../src/charts/plot.ts";
import { readoutOf } from "../src/charts/readout.ts";
import { nextTab } from "../src/charts/tabs.ts";
import { cells } from "../src/charts/window-chart.ts";
import type { BlockProfile, BlockRecord } from "../src/protocol.ts";
import { parse } from "../src/protocol.ts";
import { recordOf } from "./video.ts";
import { viewOf } from "./view.ts";

const told = parse(fixtures.to_page.history);
const records = told.type === "history" ? told.records : [];

const found: BlockProfile = {
  block: 9,
  block_ms: 380,
  unprofiled_ms: 350.5,
  gaps_ms: 12.25,
  parts: Array.from({ length: 14 }, (_, at) => ({
    name: `part ${at}`,
    ms: 30 - at,
    gap_ms: 0.5,
    calls: 10,
  })),
};

it("the table that is saved has the kernel's columns and rows", () => {
  expect(blocksCsv(records)).toBe(table);
});

it("a prompt is one cell of the table, whatever is in it", () => {
  const [text] = [{ ...recordOf(0), prompt: 'a "red"\nball, or so' }].map((one) =>
    blocksCsv([one]),
  );
  expect(text).toContain(',"a ""red""\nball, or so",');
});

it("the table of a profile has a row for each part and one for the gaps", () => {
  const lines = profileCsv(found).trimEnd().split("\n");
  expect(lines).toHaveLength(1 + 14 + 1);
  expect(lines[1]).toBe("9,part 0,30,0.5,10");
  expect(lines.at(-1)).toBe("9,gaps,12.25,,");
});

function numbers(list: readonly BlockRecord[]): number[] {
  return list.map(({ block }) => block);
}

it("frozen blocks stand still, and none of those that came is lost", () => {
  const blocks = new Blocks();
  blocks.add([recordOf(0), recordOf(1)]);
  blocks.freeze();
  blocks.add([recordOf(2)]);
  blocks.measured(1, { wire_ms: 5, wire_within_ms: 1, decode_ms: 20 });
  expect(numbers(blocks.shown)).toEqual([0, 1]);
  expect(blocks.shown[1]?.page.decode_ms).toBeNull();
  expect(numbers(blocks.all)).toEqual([0, 1, 2]);
  blocks.thaw();
  expect(numbers(blocks.shown)).toEqual([0, 1, 2]);
  expect(blocks.shown[1]?.page.decode_ms).toBe(20);
});

it("a block that comes again takes its place, in order, and keeps what this page measured", () => {
  const blocks = new Blocks();
  blocks.add([recordOf(3), { ...recordOf(5), displayed: false }]);
  blocks.measured(3, { wire_ms: 5, wire_within_ms: 1, decode_ms: 20 });
  blocks.add([recordOf(1), recordOf(3), recordOf(4), recordOf(5)]);
  expect(numbers(blocks.all)).toEqual([1, 3, 4, 5]);
  expect(blocks.of(5)?.displayed).toBe(true);
  expect(blocks.of(3)?.page.wire_ms).toBe(5);
  expect(blocks.of(2)).toBeUndefined();
});

it("ten thousand blocks are kept, and a new video begins with none, not frozen", () => {
  const blocks = new Blocks();
  blocks.add(Array.from({ length: 10_002 }, (_, block) => recordOf(block)));
  expect(blocks.all).toHaveLength(10_000);
  expect(blocks.all[0]?.block).toBe(2);
  blocks.freeze();
  blocks.clear();
  expect(blocks.isFrozen).toBe(false);
  expect(blocks.shown).toEqual([]);
});

it("the block that is shown is lit, in every chart over blocks", () => {
  const layouts = [latencyChart, memoryChart].map(
    (chart) => chart.figure(viewOf([recordOf(4)], { lit: 4 })).layout,
  );
  for (const layout of layouts) {
    const rect = expect.objectContaining({ type: "rect", x0: 3.5, x1: 4.5 });
    expect(layout).toMatchObject({ shapes: expect.arrayContaining([rect]) });
  }
});

it("the latency chart says what half and nearly all blocks keep to, profiled ones left out", () => {
  const latencies = [100, 200, 300, 400, 500];
  const blocks = latencies.map((latency_ms, block) => ({ ...recordOf(block), latency_ms }));
  const slow = { ...recordOf(5), latency_ms: 9000, profiled: true };
  const { data, layout } = latencyChart.figure(viewOf([...blocks, slow]));
  expect(layout).toMatchObject({
    title: { text: expect.stringContaining("p50 300, p95 480, max 500") },
  });
  expect(data[0]).toMatchObject({ y: [...latencies, 9000] });
  expect(data[0]).toMatchObject({ marker: { symbol: expect.arrayContaining(["circle-open"]) } });
});

it("the latency chart ends below a first block that towers above the others, and says what it took", () => {
  const blocks = [6600, 400, 420].map((latency_ms, block) => ({ ...recordOf(block), latency_ms }));
  expect(latencyChart.figure(viewOf(blocks)).layout).toMatchObject({
    title: { text: expect.stringMatching("max 420; the first: 6.6 s") },
    yaxis: { range: [0, 504], autorange: false },
  });
  const { layout } = latencyChart.figure(viewOf(blocks.slice(1)));
  expect(layout).not.toMatchObject({ yaxis: { autorange: false } });
});

it("presets are not mixed: quantiles are of the one in force, and where it began is marked", () => {
  const latencies = [100, 200, 300];
  const before = latencies.map((latency_ms, block) => ({ ...recordOf(block), latency_ms }));
  const after = [3, 4].map((block) => ({ ...recordOf(block), latency_ms: 40, preset: "quality" }));
  const { data, layout, legend } = latencyChart.figure(viewOf([...before, ...after]));
  expect(layout).toMatchObject({
    title: { text: "latency, ms: p50 40, p95 40, max 40 under quality" },
    shapes: expect.arrayContaining([expect.objectContaining({ x0: 2.5, x1: 2.5 })]),
  });
  expect(legend.map(({ label }) => label)).toEqual(["reference: p50 200 ms", "quality: p50 40 ms"]);
  const [first, other] = legend.map(({ colour }) => colour);
  expect(first).not.toBe(other);
  expect(data[0]).toMatchObject({ marker: { color: [first, first, first, other, other] } });
  const alone = latencyChart.figure(viewOf(before));
  expect(alone.legend).toEqual([]);
  expect(alone.layout).not.toMatchObject({
    shapes: expect.arrayContaining([expect.objectContaining({ x0: 2.5 })]),
  });
});

it("each latent frame of a window is one thing, at its place", () => {
  const kinds = cells(records.slice(0, 1)).map(({ place, frame, age, kind }) => [
    place,
    frame,
    age,
    kind,
  ]);
  expect(kinds).toEqual([
    [0, 0, 24, "sink"],
    [1, 1, 23, "sink"],
    [2, 2, 22, "sink"],
    [3, 24, 0, "this block"],
    [4, 25, -1, "this block"],
    [5, 26, -2, "this block"],
    [6, 21, 3, "goes next"],
    [7, 22, 2, "goes next"],
    [8, 23, 1, "goes next"],
  ]);
});

it("of memory that there is none of no line is drawn", () => {
  const onHost = memoryChart.figure(viewOf(records.slice(0, 1)));
  expect(onHost.legend.map(({ label }) => label)).toEqual(["host, the whole process", "window"]);
  expect(memoryChart.figure(viewOf(records)).data[2]).toMatchObject({ y: [null, 300] });
});

it("a profile shows its longest parts, all others as one, and the gaps", () => {
  const shown = rows(found);
  expect(shown).toHaveLength(13);
  expect(shown.slice(-2)).toEqual([
    { name: "3 others", ms: 19 + 18 + 17, calls: 30 },
    { name: "gaps", ms: 12.25, calls: 0 },
  ]);
  expect(rows({ ...found, parts: found.parts.slice(0, 11) }).at(-2)?.name).toBe("part 10");
  expect(toldOverhead(found)).toContain("took 380 ms while it was profiled; those before it");
  expect(toldOverhead({ ...found, unprofiled_ms: null })).not.toContain("before");
  expect(kernelsChart.figure(viewOf([])).layout).toMatchObject({
    title: { text: "no block was profiled yet" },
    yaxis: { dtick: 1 },
  });
});

it("a click tells its block and a zoom its range, anything else nothing", () => {
  expect(blockOf({ points: [{ x: 7, y: 3 }, { x: 7 }] })).toBe(7);
  expect(blockOf({ points: [{ x: "self attention" }] })).toBeUndefined();
  expect(blockOf({ points: [] })).toBeUndefined();
  expect(blockOf(undefined)).toBeUndefined();
  expect(rangeOf({ "xaxis.range[0]": 2.5, "xaxis.range[1]": 9 })).toEqual([2.5, 9]);
  expect(rangeOf({ autosize: true })).toBeUndefined();
});

it("arrow keys go round the tabs", () => {
  expect(nextTab("ArrowRight", 4, 5)).toBe(0);
  expect(nextTab("ArrowLeft", 0, 5)).toBe(4);
  expect(nextTab("End", 1, 5)).toBe(4);
  expect(nextTab("Home", 1, 5)).toBe(0);
  expect(nextTab("x", 1, 5)).toBeUndefined();
});

it("the line below says of the shown block what it took", () => {
  expect(readoutOf(undefined)).toBe("");
  expect(readoutOf({ ...recordOf(4), latency_ms: 412.4, profiled: true })).toBe(
    "shown: block 4, 412 ms, profiled, “a red ball”",
  );
});
