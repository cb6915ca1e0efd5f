// The latency of each block: a line, with the switches and the line of real time. Pure.

import { layout, marks } from "./layout.ts";
import type { Drawing } from "./live-chart.ts";
import { latencyPoints, switches } from "./series.ts";
import type { Colours } from "./theme.ts";

export function latencyChart(picturesPerSecond: number): Drawing {
  return {
    label: "Latency of each block in milliseconds",
    traces,
    layout: (look) => layout("latency of a block, ms", look),
    points(records) {
      const line = latencyPoints(records);
      const diamonds = latencyPoints(switches(records));
      return {
        x: [line.x, diamonds.x],
        y: [line.y, diamonds.y],
        text: [line.text, diamonds.text],
      };
    },
    marks: (records, look) => marks(records, picturesPerSecond, look),
  };
}

/** Two empty traces: the latencies, and the switches among them. */
function traces({ accent, warning }: Colours): object[] {
  const empty = { x: [], y: [], text: [] };
  return [
    {
      ...empty,
      mode: "lines+markers",
      line: { color: accent, width: 1.5 },
      marker: { color: accent, size: 4 },
      hovertemplate: "block %{x}: %{y:.0f} ms<br>%{text}<extra></extra>",
    },
    {
      ...empty,
      mode: "markers",
      marker: { color: warning, size: 8, symbol: "diamond" },
      hovertemplate: "switch at block %{x}: %{y:.0f} ms<br>%{text}<extra></extra>",
    },
  ];
}
