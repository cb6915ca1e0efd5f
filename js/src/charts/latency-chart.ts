// The latency of each block: a line, with the switches and the line of real time. Pure.

import type { BlockRecord } from "../protocol.ts";
import type { Drawing, LegendEntry, View } from "./drawing.ts";
import { belowFirst, overBlocks, realTime, toldOfFirst } from "./layout.ts";
import { asText, byPreset, latencyQuantiles, switches } from "./series.ts";

/** Of presets, in the order in which they came; the first one has the accent. */
const PRESET_COLOURS = ["#8a6fc9", "#3f9c77", "#c9627d", "#b7894f"];

export const latencyChart: Drawing = {
  name: "latency",
  tab: "Latency",
  label: "Latency of each block in milliseconds",
  overBlocks: true,
  figure(view) {
    const { accent, warning } = view.look;
    const line = { mode: "lines+markers", line: { color: accent, width: 1.5 } };
    const presets = [...byPreset(view.records).keys()];
    const shade = (preset: string) => colourOf(presets.indexOf(preset), accent);
    const dots = view.inRange.map(({ preset }) => shade(preset));
    const open = view.inRange.map(({ profiled }) => (profiled ? "circle-open" : "circle"));
    const diamonds = { color: warning, size: 8, symbol: "diamond" };
    const chart = overBlocks(title(view), view);
    const limit = realTime(view);
    return {
      data: [
        { ...points(view.inRange), ...line, marker: { color: dots, size: 5, symbol: open } },
        { ...points(switches(view.inRange)), mode: "markers", marker: diamonds, hoverinfo: "skip" },
      ],
      layout: {
        ...chart,
        yaxis: { ...chart.yaxis, ...belowFirst(view, latency) },
        shapes: [...chart.shapes, ...limit.shape],
        annotations: limit.annotations,
      },
      legend: presets.length > 1 ? legend(view, shade) : [],
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

function told({ profiled, landed, block, prompt, preset }: BlockRecord): string {
  const slow = profiled ? ", slower by its profiling" : "";
  return ` under ${asText(preset)}${slow}<br>${landed !== null && block > 0 ? "switch to " : ""}${asText(prompt)}`;
}

/** The quantiles are those of the preset in force: what others took is no measure of it, nor what a first
 * block did that compiled. Short: it stands beside the picture. */
function title(view: View): string {
  const first = toldOfFirst(view, latency);
  const records = first === "" ? view.records : view.records.filter(({ block }) => block > 0);
  const presets = byPreset(records);
  const preset = records.at(-1)?.preset ?? "";
  const found = latencyQuantiles(presets.get(preset) ?? []);
  if (found === undefined) {
    return "latency, ms";
  }
  const [p50, p95, max] = [found.p50, found.p95, found.max].map((ms) => ms.toFixed(0));
  const under = presets.size > 1 ? ` under ${asText(preset)}` : ""; // last: a long one is cut off
  return `latency, ms: p50 ${p50}, p95 ${p95}, max ${max}${first}${under}`;
}

function latency({ latency_ms }: BlockRecord): number {
  return latency_ms;
}

function legend({ records }: View, shade: (preset: string) => string): LegendEntry[] {
  return [...byPreset(records)].map(([preset, made]) => {
    const p50 = latencyQuantiles(made)?.p50;
    const label = p50 === undefined ? preset : `${preset}: p50 ${p50.toFixed(0)} ms`;
    return { label, colour: shade(preset) };
  });
}

function colourOf(place: number, accent: string): string {
  return PRESET_COLOURS[(place - 1) % PRESET_COLOURS.length] ?? accent;
}
