// Records into what the latency chart draws. Pure.

import type { BlockRecord } from "../protocol.ts";

export const BLOCKS_IN_VIEW = 60;
const FEWEST_IN_VIEW = 12;
const LONGEST_LABEL = 80;

/** Values for Plotly's `extendTraces`: the latencies, and the switches among them. */
export type Points = { x: number[]; y: number[]; text: string[] };

export function latencyPoints(records: readonly BlockRecord[]): Points {
  return {
    x: records.map((record) => record.block),
    y: records.map((record) => record.latency_ms),
    text: records.map((record) => asText(record.prompt)),
  };
}

/** Blocks at which a prompt took over from another one. */
export function switches(records: readonly BlockRecord[]): BlockRecord[] {
  return records.filter((record) => record.landed !== null && record.block > 0);
}

/** The blocks to be in view: all of them, until there are many. */
export function blockRange(newest: number): [number, number] {
  const last = Math.max(newest, FEWEST_IN_VIEW - 1);
  return [Math.max(0, last - BLOCKS_IN_VIEW + 1) - 0.6, last + 0.6];
}

/** How long the pictures of a block play: it must be made in less. */
export function realTimeMs(record: BlockRecord, picturesPerSecond: number): number {
  return (1000 * record.pictures) / picturesPerSecond;
}

/** A prompt for Plotly, which would take some of it for markup. */
export function asText(prompt: string): string {
  const short = prompt.length > LONGEST_LABEL ? `${prompt.slice(0, LONGEST_LABEL - 1)}…` : prompt;
  return short.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
