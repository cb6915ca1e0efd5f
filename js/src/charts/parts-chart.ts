// Where the time of each block goes: its parts, stacked. Pure.

import type { Drawing } from "./drawing.ts";
import { overBlocks, realTime } from "./layout.ts";
import { partColour, partLabel, partNames, stack } from "./stack.ts";

export const partsChart: Drawing = {
  name: "parts",
  tab: "Parts",
  label: "Milliseconds that each part of a block takes",
  overBlocks: true,
  figure(view) {
    const { inRange, look } = view;
    const names = partNames(inRange);
    const heights = inRange.map((record) => new Map(stack(record).map((p) => [p.name, p.ms])));
    const chart = overBlocks("where the time goes, ms", view);
    const limit = realTime(view);
    return {
      data: names.map((name) => ({
        type: "bar",
        name: partLabel(name),
        x: inRange.map(({ block }) => block),
        y: heights.map((parts) => parts.get(name) ?? null),
        marker: { color: name === "rest" ? look.faint : partColour(name) },
        hovertemplate: `${partLabel(name)} %{y:.1f} ms<extra></extra>`,
      })),
      layout: {
        ...chart,
        barmode: "stack",
        bargap: 0.15,
        shapes: [...chart.shapes, ...limit.shape],
        annotations: limit.annotations,
      },
      legend: names.map((name) => ({ label: partLabel(name), colour: partColour(name) })),
    };
  },
};
