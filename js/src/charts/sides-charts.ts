// The figures of videos that are made in step, a line for each of them. Pure.

import type { BlockRecord, SideRecord } from "../protocol.ts";
import type { Drawing, Figure, View } from "./drawing.ts";
import { belowFirst, overBlocks, realTime, toldOfFirst } from "./layout.ts";
import { asText } from "./series.ts";

/** As in the kernel's measure/colours.py. */
const colours = [
  "#3d7dca",
  "#c8762b",
  "#3f9c77",
  "#8a6fc9",
  "#c9627d",
  "#8a929c",
  "#9c941f",
  "#1fa0b5",
  "#8f5a3c",
];

type Get = (side: SideRecord) => number | null;
type Line = { label: string; colour: string; values: (number | null)[] };

/** The time of each one's own work. */
export const sidesChart: Drawing = {
  name: "sides",
  tab: "Latency",
  label: "Latency of each side's block in milliseconds",
  overBlocks: true,
  figure(view) {
    const chart = overBlocks(title(view), view);
    const limit = realTime(view);
    const found = lines(view, ({ latency_ms }) => latency_ms);
    const layout = {
      ...chart,
      yaxis: { ...chart.yaxis, ...belowFirst(view, slowest) },
      shapes: [...chart.shapes, ...limit.shape],
      annotations: limit.annotations,
    };
    return { data: found.map(drawn(view, "%{y:.0f} ms")), layout, legend: found };
  },
};

export const psnrChart: Drawing = {
  name: "psnr",
  tab: "PSNR",
  label: "PSNR of each block in decibels; equal pictures have none",
  overBlocks: true,
  figure(view) {
    const title = "PSNR, dB; equal pictures have none";
    return likeness(view, title, "%{y:.1f} dB", ({ psnr_db }) => psnr_db);
  },
};

export const ssimChart: Drawing = {
  name: "ssim",
  tab: "SSIM",
  label: "SSIM of each block, 1 for equal pictures",
  overBlocks: true,
  figure(view) {
    return likeness(view, "SSIM, 1 for equal pictures", "%{y:.4f}", ({ ssim }) => ssim);
  },
};

function title(view: View): string {
  return `latency, own work of each side, ms${toldOfFirst(view, slowest)}`;
}

function slowest({ sides }: BlockRecord): number {
  return Math.max(0, ...sides.map(({ latency_ms }) => latency_ms));
}

function likeness(view: View, title: string, told: string, get: Get): Figure {
  const found = lines(view, get);
  const layout = overBlocks(title, view, { rangemode: "normal" });
  return { data: found.map(drawn(view, told)), layout, legend: found };
}

/** Those that have such numbers. */
function lines({ records, inRange, labels }: View, get: Get): Line[] {
  return labels.flatMap((label, at) => {
    const of = ({ sides }: BlockRecord) => {
      const side = sides[at];
      return side === undefined ? null : get(side);
    };
    const colour = colours[at % colours.length] ?? "";
    const values = inRange.map(of);
    return records.some((record) => of(record) !== null) ? [{ label, colour, values }] : [];
  });
}

function drawn({ inRange }: View, told: string): (line: Line) => object {
  return ({ label, colour, values }) => ({
    mode: "lines+markers",
    name: asText(label),
    x: inRange.map(({ block }) => block),
    y: values,
    line: { color: colour, width: 1.5 },
    marker: { size: 5 },
    hovertemplate: `${asText(label)} ${told}<extra></extra>`,
  });
}
