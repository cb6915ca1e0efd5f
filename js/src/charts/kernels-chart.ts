// Where the time of the last profiled block went, by the parts of the model. Pure.

import type { BlockProfile } from "../protocol.ts";
import type { Drawing } from "./drawing.ts";
import { axis, layout } from "./layout.ts";

const PART = "#3d7dca";
const GAP = "#c8762b";
const LONGEST_PARTS = 11;

export type Row = { name: string; ms: number; calls: number };

export const kernelsChart: Drawing = {
  name: "kernels",
  tab: "Kernels",
  label: "Milliseconds that each part of the model took in the profiled block",
  overBlocks: false,
  figure({ profile, look }) {
    const found = profile === undefined ? [] : rows(profile);
    return {
      data: [
        {
          type: "bar",
          orientation: "h",
          x: found.map(({ ms }) => ms),
          y: found.map(({ name }) => name),
          customdata: found.map(({ calls }) => calls),
          marker: { color: found.map(({ name }) => (name === "gaps" ? GAP : PART)) },
          hovertemplate: "%{y}: %{x:.1f} ms, %{customdata} calls<extra></extra>",
        },
      ],
      layout: {
        ...layout(title(profile), look),
        hovermode: "closest",
        margin: { l: 8, r: 12, t: 26, b: 24 },
        bargap: 0.2,
        xaxis: { ...axis(look), rangemode: "tozero", fixedrange: true, nticks: 6 },
        yaxis: {
          ...axis(look),
          automargin: true,
          autorange: "reversed",
          dtick: 1, // a name for each
          fixedrange: true,
          showgrid: false,
          tickfont: { size: 10, color: look.ink },
        },
      },
      legend: [],
    };
  },
};

function title(profile: BlockProfile | undefined): string {
  return profile === undefined
    ? "no block was profiled yet"
    : `where the time of block ${profile.block} went, ms`;
}

/** The longest parts, all others as one, and how long nothing ran. */
export function rows({ parts, gaps_ms }: BlockProfile): Row[] {
  const others = parts.slice(LONGEST_PARTS);
  const sum = (of: (part: Row) => number) => others.reduce((total, part) => total + of(part), 0);
  const rest = {
    name: `${others.length} others`,
    ms: sum(({ ms }) => ms),
    calls: sum(({ calls }) => calls),
  };
  return [
    ...parts.slice(0, LONGEST_PARTS),
    ...(others.length > 0 ? [rest] : []),
    { name: "gaps", ms: gaps_ms, calls: 0 },
  ];
}

/** Which block was profiled, and what that has cost it. */
export function toldOverhead({ block, block_ms, unprofiled_ms }: BlockProfile): string {
  const told = `block ${block} took ${block_ms.toFixed(0)} ms while it was profiled`;
  return unprofiled_ms === null
    ? told
    : `${told}; those before it, which were not, ${unprofiled_ms.toFixed(0)} ms`;
}
