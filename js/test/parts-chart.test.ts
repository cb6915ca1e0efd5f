import { expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { partsChart } from "../src/charts/parts-chart.ts";
import { partNames, stack } from "../src/charts/stack.ts";
import { parse } from "../src/protocol.ts";
import { recordOf } from "./video.ts";
import { viewOf } from "./view.ts";

const told = parse(fixtures.to_page.history);
const [shown, unseen] = told.type === "history" ? told.records : [];

function record(latency_ms: number, parts_ms: Record<string, number>, block = 0) {
  return { ...recordOf(block), encode_ms: 0, latency_ms, parts_ms };
}

it("the parts of a block are stacked up to its latency", () => {
  const parts = stack(record(400, { text: 10, "re-cache": 30, steps: 200, decode: 120 }));
  expect(parts).toEqual([
    { name: "text", ms: 10 },
    { name: "re-cache", ms: 30 },
    { name: "steps", ms: 200 },
    { name: "decode", ms: 120 },
    { name: "rest", ms: 40 },
  ]);
});

it("single steps are told apart where they are known, and copying from decoding", () => {
  expect(Object.fromEntries(stack(shown ?? recordOf(0)).map(({ name, ms }) => [name, ms]))).toEqual(
    {
      "re-cache": 30.5,
      steps: 0.5,
      "step 1": 130.5,
      "step 2": 119,
      decode: 118,
      transfer: 2.25,
      rest: 11.75,
      encode: 3.25,
      wire: 4.5,
      "page decode": 31.25,
    },
  );
});

it("parts that overlap leave no rest", () => {
  const names = stack(record(300, { steps: 200, decode: 150 })).map(({ name }) => name);
  expect(names).toEqual(["steps", "decode"]);
});

it("parts keep their order, whichever of the blocks have them", () => {
  expect(partNames(unseen === undefined || shown === undefined ? [] : [unseen, shown])).toEqual([
    "re-cache",
    "steps",
    "step 1",
    "step 2",
    "decode",
    "transfer",
    "rest",
    "encode",
    "wire",
    "page decode",
  ]);
});

it("each trace has a bar for each block, or none where the block has not that part", () => {
  const records = [record(400, { steps: 200 }), record(380, { decode: 380 }, 1)];
  const { data, legend } = partsChart.figure(viewOf(records));
  expect(data).toMatchObject([
    { name: "steps", x: [0, 1], y: [200, null] },
    { name: "decoding", x: [0, 1], y: [null, 380] },
    { name: "rest", x: [0, 1], y: [200, null] },
  ]);
  expect(legend.map(({ label }) => label)).toEqual(["steps", "decoding", "rest"]);
});

it("the line of real time is where the block's pictures are played out", () => {
  const { layout } = partsChart.figure(viewOf([record(400, {}), record(400, {}, 1)]));
  expect(layout).toMatchObject({ shapes: [{ y0: 750, y1: 750 }] });
  const first = partsChart.figure(viewOf([record(400, {})]));
  expect(first.layout).toMatchObject({ shapes: [{ y0: 562.5 }] });
});
