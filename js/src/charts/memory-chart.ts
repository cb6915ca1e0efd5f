// What the process took of memory as each block was made. Pure.

import type { BlockRecord } from "../protocol.ts";
import type { Drawing } from "./drawing.ts";
import { overBlocks } from "./layout.ts";

const MIB = 2 ** 20;

type Line = { label: string; colour: string; of: (record: BlockRecord) => number | null };

const lines: readonly Line[] = [
  { label: "host, the whole process", colour: "#8a929c", of: ({ host_bytes }) => host_bytes },
  {
    label: "device, held by torch",
    colour: "#c8762b",
    of: ({ device_reserved_bytes }) => device_reserved_bytes,
  },
  { label: "device, tensors", colour: "#3d7dca", of: ({ device_bytes }) => device_bytes },
  { label: "window", colour: "#3f9c77", of: ({ window_bytes }) => window_bytes },
];

export const memoryChart: Drawing = {
  name: "memory",
  tab: "Memory",
  label: "Memory that the process takes as each block is made, in MiB",
  overBlocks: true,
  figure(view) {
    const { inRange } = view;
    const drawn = lines.filter(({ of }) => inRange.some((record) => of(record) !== null));
    return {
      data: drawn.map(({ label, colour, of }) => ({
        mode: "lines",
        name: label,
        x: inRange.map(({ block }) => block),
        y: inRange.map((record) => mib(of(record))),
        line: { color: colour, width: 1.5 },
        hovertemplate: `${label} %{y:,.1f} MiB<extra></extra>`,
      })),
      layout: overBlocks("memory, MiB", view),
      legend: drawn,
    };
  },
};

function mib(bytes: number | null): number | null {
  return bytes === null ? null : bytes / MIB;
}
