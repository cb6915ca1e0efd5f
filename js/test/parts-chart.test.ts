import { expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { partsChart, stack } from "../src/charts/parts-chart.ts";
import { parse } from "../src/protocol.ts";

function record(latency_ms: number, parts_ms: Record<string, number>) {
  const message = parse({
    ...fixtures.to_page.block,
    record: { ...fixtures.to_page.block.record, latency_ms, parts_ms },
  });
  if (message.type !== "block") {
    throw new Error("the fixture is no block");
  }
  return message.record;
}

it("the parts of a block are stacked up to its latency", () => {
  const heights = stack(record(400, { text: 10, "re-cache": 30, steps: 200, decode: 120 }));
  expect(heights).toEqual([10, 30, 200, 0, 120, 40]);
});

it("parts that overlap leave no rest", () => {
  expect(stack(record(300, { steps: 200, decode: 150 })).at(-1)).toBe(0);
});

it("each trace has a bar for each block", () => {
  const records = [record(400, { steps: 200 }), record(380, { decode: 100 })];
  const { x, y } = partsChart(16).points(records);
  expect(x).toHaveLength(6);
  expect(y?.map((bars) => bars.length)).toEqual([2, 2, 2, 2, 2, 2]);
  expect(y?.[2]).toEqual([200, 0]);
});
