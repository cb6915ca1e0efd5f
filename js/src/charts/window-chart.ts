// What memory held as each block was made: a cell for each latent frame, in its place. Pure.

import type { BlockRecord } from "../protocol.ts";
import type { Drawing } from "./drawing.ts";
import { overBlocks } from "./layout.ts";

const SINK = "#8a6fc9";
const OPEN = "#3f9c77";
const YOUNG = "#3d7dca";
const OLD = "#c3d9f2";

const kinds = ["sink", "remembered", "goes next", "this block"] as const;
export type Kind = (typeof kinds)[number];
export type Cell = { block: number; place: number; frame: number; age: number; kind: Kind };

export const windowChart: Drawing = {
  name: "window",
  tab: "Window",
  label: "Latent frames that the window held as each block was made, by their places",
  overBlocks: true,
  figure(view) {
    const { inRange, look } = view;
    const all = cells(inRange);
    const places = Math.max(1, ...inRange.map(({ window }) => window.window_frames));
    const colour = { sink: SINK, "goes next": look.warning, "this block": OPEN, remembered: YOUNG };
    const present = kinds.filter((kind) => all.some((cell) => cell.kind === kind));
    return {
      data: kinds.map((kind) => {
        const own = all.filter((cell) => cell.kind === kind);
        return {
          type: "bar",
          name: labelOf(kind),
          x: own.map(({ block }) => block),
          y: own.map(() => 1),
          base: own.map(({ place }) => place),
          width: 0.9,
          text: own.map(told),
          textposition: "none",
          marker: kind === "remembered" ? shaded(own, places) : { color: colour[kind] },
          hovertemplate: "%{text}<extra></extra>",
        };
      }),
      layout: {
        ...overBlocks("what the window holds, by place", view, {
          range: [0, places],
          showgrid: false,
        }),
        hovermode: "closest",
        barmode: "overlay",
      },
      legend: present.map((kind) => ({
        label: labelOf(kind),
        colour: kind === "goes next" ? "var(--ll-warning)" : colour[kind],
      })),
    };
  },
};

/** The older, the paler. */
function shaded(own: readonly Cell[], places: number): object {
  const scale: [number, string][] = [
    [0, YOUNG],
    [1, OLD],
  ];
  return { color: own.map(({ age }) => age), cmin: 0, cmax: places, colorscale: scale };
}

/** A cell for each latent frame in the windows of some blocks. */
export function cells(records: readonly BlockRecord[]): Cell[] {
  return records.flatMap((record) =>
    record.window.frames.map((frame, place) => ({
      block: record.block,
      place,
      frame,
      age: record.latent_frame - frame,
      kind: kindOf(frame, record),
    })),
  );
}

function labelOf(kind: Kind): string {
  return kind === "remembered" ? "remembered, the older the paler" : kind;
}

function kindOf(frame: number, { window }: BlockRecord): Kind {
  if (window.evicted_next.includes(frame)) {
    return "goes next";
  }
  if (window.sink.includes(frame)) {
    return "sink";
  }
  return window.opened.includes(frame) ? "this block" : "remembered";
}

function told({ block, place, frame, age, kind }: Cell): string {
  const old = age > 0 ? `, ${age} older than the block` : "";
  return `block ${block}, place ${place}<br>latent frame ${frame}${old}<br>${kind}`;
}
