// The latency of each block: a line, with the switches and the line of real time. Pure.

import type { BlockRecord } from "../protocol.ts";
import type { Drawing, View } from "./drawing.ts";
import { overBlocks, realTime } from "./layout.ts";
import { asText, latencyQuantiles, switches } from "./series.ts";

export const latencyChart: Drawing = {
  name: "latency",
  tab: "Latency",
  label: "Latency of each block in milliseconds",
  overBlocks: true,
  figure(view) {
    const { accent, warning } = view.look;
    const line = { mode: "lines+markers", line: { color: accent, width: 1.5 } };
    const open = view.inRange.map(({ profiled }) => (profiled ? "circle-open" : "circle"));
    const diamonds = { color: warning, size: 8, symbol: "diamond" };
    const chart = overBlocks(title(view), view);
    const limit = realTime(view);
    return {
      data: [
        { ...points(view.inRange), ...line, marker: { color: accent, size: 5, symbol: open } },
        { ...points(switches(view.inRange)), mode: "markers", marker: diamonds, hoverinfo: "skip" },
      ],
      layout: {
        ...chart,
        shapes: [...chart.shapes, ...limit.shape],
        annotations: limit.annotations,
      },
      legend: [],
    };
  },
};

function points(records: readonly BlockRecord[]): object {
  return {
    x: records.map(({ block }) => block),
    y: records.map(({ latency_ms }) => latency_ms),
    text: records.map(told),
    hovertemplate: "%{y:.0f} ms%{text}<extra></extra>",
  };
}

function told({ profiled, landed, block, prompt }: BlockRecord): string {
  const slow = profiled ? ", slower by its profiling" : "";
  return `${slow}<br>${landed !== null && block > 0 ? "switch to " : ""}${asText(prompt)}`;
}

function title({ records }: View): string {
  const found = latencyQuantiles(records);
  if (found === undefined) {
    return "latency of a block, ms";
  }
  const [p50, p95, max] = [found.p50, found.p95, found.max].map((ms) => ms.toFixed(0));
  return `latency of a block, ms: p50 ${p50}, p95 ${p95}, longest ${max}`;
}
