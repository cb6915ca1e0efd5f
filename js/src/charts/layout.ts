// What all charts look like, and what is marked in those over blocks, in Plotly's words. Pure.

import type { BlockRecord } from "../protocol.ts";
import type { View } from "./drawing.ts";
import { presetChanges, realTimeMs, switches } from "./series.ts";
import type { Colours } from "./theme.ts";

/** A chart under a title. */
export function layout(title: string, look: Colours): object {
  return {
    margin: { l: 44, r: 34, t: 26, b: 34 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: look.font, size: 11, color: look.ink },
    hoverlabel: { bgcolor: look.ground, bordercolor: look.rule, font: { color: look.ink } },
    showlegend: false,
    title: {
      text: title,
      font: { size: 11, color: look.faint },
      x: 0,
      xref: "container",
      xanchor: "left",
      y: 1,
      yanchor: "top",
      pad: { l: 8, t: 7 },
    },
  };
}

export function axis({ rule, faint }: Colours): object {
  return { gridcolor: rule, linecolor: rule, zeroline: false, tickfont: { color: faint } };
}

type OverBlocks = { shapes: object[]; yaxis: object; [name: string]: unknown };

/** A chart over blocks: with the switches, changes of preset, and the block that is shown. */
export function overBlocks(title: string, view: View, yaxis: object = {}): OverBlocks {
  const { look, range } = view;
  const marked = [
    ...switches(view.inRange).map(({ block }) => upright(block, look.warning, "dot")),
    ...presetChanges(view.inRange).map(({ block }) => upright(block - 0.5, look.faint, "solid")),
  ];
  return {
    ...layout(title, look),
    hovermode: "x unified",
    dragmode: "zoom",
    xaxis: {
      ...axis(look),
      range: [...range],
      showgrid: false,
      unifiedhovertitle: { text: "block %{x}" },
      title: { text: "block", standoff: 4, font: { size: 11, color: look.faint } },
    },
    yaxis: { ...axis(look), rangemode: "tozero", nticks: 5, fixedrange: true, ...yaxis },
    shapes: [...litBlock(view), ...marked],
  };
}

/** How many times as long as all others a first block takes to tower above them. */
const TOWERS = 3;

type Took = (record: BlockRecord) => number;

/** The first block may compile: where it towers above the others, the chart ends below it. */
export function belowFirst(
  view: View,
  took: Took,
): { range?: [number, number]; autorange?: false } {
  const { towers, others } = firstAndOthers(view, took);
  return towers ? { range: [0, 1.2 * others], autorange: false } : {};
}

/** The end of a title, which says how long a first block took that is not to be seen whole. */
export function toldOfFirst(view: View, took: Took): string {
  const { towers, first } = firstAndOthers(view, took);
  return towers ? `; the first: ${(first / 1000).toFixed(1)} s` : "";
}

function firstAndOthers({ inRange }: View, took: Took) {
  const [first = 0, ...rest] = inRange.map(took);
  const others = Math.max(0, ...rest);
  return {
    first,
    others,
    towers: inRange[0]?.block === 0 && others > 0 && first > TOWERS * others,
  };
}

/** The line above which no video keeps up. */
export function realTime({ records, picturesPerSecond, look }: View): {
  shape: object[];
  annotations: object[];
} {
  const newest = records.at(-1);
  if (newest === undefined) {
    return { shape: [], annotations: [] };
  }
  const y = realTimeMs(newest, picturesPerSecond);
  const line = { color: look.faint, width: 1, dash: "dash" };
  return {
    shape: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line }],
    annotations: [
      {
        text: "real<br>time",
        align: "left",
        xref: "paper",
        x: 1,
        xanchor: "left",
        y,
        yanchor: "middle",
        showarrow: false,
        font: { size: 10, color: look.faint },
      },
    ],
  };
}

/** A band behind the block, and a frame around it, since bars may hide the band. */
function litBlock({ lit, look }: View): object[] {
  if (lit === undefined) {
    return [];
  }
  const place = { type: "rect", yref: "paper", x0: lit - 0.5, x1: lit + 0.5, y0: 0, y1: 1 };
  const band = { layer: "below", opacity: 0.25, fillcolor: look.accent, line: { width: 0 } };
  return [
    { ...place, ...band },
    { ...place, line: { color: look.ink, width: 1 } },
  ];
}

function upright(x: number, color: string, dash: string): object {
  const line = { color, width: 1, dash };
  return { type: "line", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line };
}
