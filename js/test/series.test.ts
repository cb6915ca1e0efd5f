import { expect, it } from "vitest";
import { asText, blockRange, latencyQuantiles, within, zoomed } from "../src/charts/series.ts";
import { recordOf } from "./video.ts";

it("a prompt in a chart is text, however it looks", () => {
  expect(asText("<b>a & b</b>")).toBe("&lt;b&gt;a &amp; b&lt;/b&gt;");
  expect(asText("x".repeat(200))).toHaveLength(80);
});

it("a chart shows all blocks until there are many, then the newest", () => {
  expect(blockRange(3)).toEqual([-0.6, 11.6]);
  expect(blockRange(59)).toEqual([-0.6, 59.6]);
  expect(blockRange(100)).toEqual([40.4, 100.6]);
});

it("a zoom keeps the block that is looked at where it is, and ends where the blocks do", () => {
  expect(zoomed([40, 60], 50, "in", 100)).toEqual([45, 55]);
  expect(zoomed([45, 55], 50, "out", 100)).toEqual([40, 60]);
  expect(zoomed([40, 100.6], 70, "out", 100)).toEqual([10, 100.6]);
  expect(zoomed([-0.6, 59.6], 0, "out", 59)[0]).toBe(-0.6);
  const [from, to] = zoomed([50, 52], 51, "in", 100);
  expect(to - from).toBe(4);
});

it("only the blocks in view are drawn, and one more at either end", () => {
  const records = [0, 1, 2, 3, 4, 5].map(recordOf);
  expect(within(records, [1.4, 3.6]).map(({ block }) => block)).toEqual([1, 2, 3, 4]);
});

it("of no block nothing is said", () => {
  expect(latencyQuantiles([])).toBeUndefined();
  expect(latencyQuantiles([{ ...recordOf(0), profiled: true }])).toBeUndefined();
});
