// What all charts look like, and what moves in them as blocks come, in Plotly's words. Pure.

import type { BlockRecord } from "../protocol.ts";
import { blockRange, realTimeMs, switches } from "./series.ts";
import type { Colours } from "./theme.ts";

/** A chart over blocks, in milliseconds, under a title. */
export function layout(title: string, { ink, faint, rule, font }: Colours): object {
  const axis = {
    gridcolor: rule,
    linecolor: rule,
    zeroline: false,
    fixedrange: true,
    tickfont: { color: faint },
  };
  return {
    margin: { l: 44, r: 32, t: 26, b: 34 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: font, size: 11, color: ink },
    showlegend: false,
    hovermode: "closest",
    title: {
      text: title,
      font: { size: 11, color: faint },
      x: 0,
      xref: "container",
      xanchor: "left",
      y: 1,
      yanchor: "top",
      pad: { l: 8, t: 7 },
    },
    xaxis: {
      ...axis,
      range: blockRange(0),
      showgrid: false,
      title: { text: "block", standoff: 4, font: { size: 11, color: faint } },
    },
    yaxis: { ...axis, rangemode: "tozero", nticks: 5 },
  };
}

/** What moves as blocks come: the range, the line of real time, a line for each switch. */
export function marks(
  records: readonly BlockRecord[],
  picturesPerSecond: number,
  { warning, faint }: Colours,
): object {
  const newest = records.at(-1);
  if (newest === undefined) {
    return {};
  }
  const realTime = realTimeMs(newest, picturesPerSecond);
  const range = blockRange(newest.block);
  const across = { type: "line", xref: "paper", x0: 0, x1: 1, y0: realTime, y1: realTime };
  const upright = switches(records)
    .filter(({ block }) => block >= range[0])
    .map(({ block }) => ({
      type: "line",
      yref: "paper",
      x0: block,
      x1: block,
      y0: 0,
      y1: 1,
      line: { color: warning, width: 1, dash: "dot" },
    }));
  return {
    "xaxis.range": range,
    shapes: [{ ...across, line: { color: faint, width: 1, dash: "dash" } }, ...upright],
    annotations: [
      {
        text: "real<br>time",
        align: "left",
        xref: "paper",
        x: 1,
        xanchor: "left",
        y: realTime,
        yanchor: "middle",
        showarrow: false,
        font: { size: 10, color: faint },
      },
    ],
  };
}
