// Where the time of each block goes: its parts, stacked up to its latency. Pure.

import type { BlockRecord } from "../protocol.ts";
import { layout, marks } from "./layout.ts";
import type { Drawing } from "./live-chart.ts";
import type { Colours } from "./theme.ts";

/** The parts of a block, from the bottom up, in colours that both themes show. */
const parts = [
  { name: "text", label: "prompt", colour: "#8a6fc9" },
  { name: "re-cache", label: "re-cache", colour: "#d08a3c" },
  { name: "steps", label: "steps", colour: "#3d7dca" },
  { name: "context", label: "context", colour: "#7fb3e6" },
  { name: "decode", label: "decoding", colour: "#3f9c77" },
] as const;
const REST = "rest";

export function partsChart(picturesPerSecond: number): Drawing {
  return {
    label: "Milliseconds that each part of a block takes",
    legend: [...parts, { label: REST, colour: "var(--ll-faint)" }],
    traces,
    layout: (look) => ({
      ...layout("where the time goes, ms", look),
      barmode: "stack",
      bargap: 0.15,
    }),
    points(records) {
      const blocks = records.map((record) => record.block);
      const heights = records.map(stack);
      return {
        x: Array.from({ length: parts.length + 1 }, () => blocks),
        y: Array.from({ length: parts.length + 1 }, (_, part) =>
          heights.map((height) => height[part] ?? 0),
        ),
      };
    },
    marks: (records, look) => marks(records, picturesPerSecond, look),
  };
}

/** What each part of a block takes, and what is left of its latency; parts may overlap. */
export function stack(record: BlockRecord): number[] {
  const known = parts.map(({ name }) => record.parts_ms[name] ?? 0);
  const rest = record.latency_ms - known.reduce((sum, ms) => sum + ms, 0);
  return [...known, Math.max(0, rest)];
}

function traces({ faint }: Colours): object[] {
  const bars = parts.map(({ label, colour }) => bar(label, colour));
  return [...bars, bar(REST, faint)];
}

function bar(name: string, color: string): object {
  return {
    type: "bar",
    x: [],
    y: [],
    name,
    marker: { color },
    hovertemplate: `block %{x}: ${name} %{y:.0f} ms<extra></extra>`,
  };
}
