// Records into what charts draw. Pure.

import type { BlockRecord } from "../protocol.ts";

export const BLOCKS_IN_VIEW = 60;
/** More than these are too many to be told apart, and slow. */
export const MOST_DRAWN = 500;
const FEWEST_IN_VIEW = 12;
const FEWEST_OF_ALL = 4;
const LONGEST_LABEL = 80;

/** From block to block, half a block more at either end. */
export type Range = readonly [number, number];

/** Blocks at which a prompt took over from another one. */
export function switches(records: readonly BlockRecord[]): BlockRecord[] {
  return records.filter((record) => record.landed !== null && record.block > 0);
}

/** Blocks with which another preset than that of the block before begins. */
export function presetChanges(records: readonly BlockRecord[]): BlockRecord[] {
  return records.filter(({ preset }, at) => at > 0 && preset !== records[at - 1]?.preset);
}

/** The blocks that were made under each preset, the first one's first. */
export function byPreset(records: readonly BlockRecord[]): Map<string, BlockRecord[]> {
  const found = new Map<string, BlockRecord[]>();
  for (const record of records) {
    const alike = found.get(record.preset) ?? [];
    alike.push(record);
    found.set(record.preset, alike);
  }
  return found;
}

/** The blocks to be in view: all of them, until there are many. */
export function blockRange(newest: number): Range {
  const last = Math.max(newest, FEWEST_IN_VIEW - 1);
  return [Math.max(0, last - BLOCKS_IN_VIEW + 1) - 0.6, last + 0.6];
}

/** From the first block to the last; where these are too many, those around `middle`. */
export function wholeRange(records: readonly BlockRecord[], middle: number | undefined): Range {
  const [first, last] = [records[0]?.block ?? 0, records.at(-1)?.block ?? 0];
  if (records.length > MOST_DRAWN) {
    return blockRange(Math.min(last, (middle ?? first) + BLOCKS_IN_VIEW / 2));
  }
  return [first - 0.6, Math.max(last, first + FEWEST_OF_ALL - 1) + 0.6];
}

/** The range around `middle`, half as wide or twice; it ends where the blocks do. */
export function zoomed(range: Range, middle: number, by: "in" | "out", newest: number): Range {
  const width = (range[1] - range[0]) * (by === "in" ? 0.5 : 2);
  const share = (middle - range[0]) / (range[1] - range[0]);
  const from = Math.max(-0.6, middle - Math.min(1, Math.max(0, share)) * width);
  return [from, Math.min(Math.max(newest, FEWEST_IN_VIEW - 1) + 0.6, from + Math.max(4, width))];
}

export function within(records: readonly BlockRecord[], range: Range): BlockRecord[] {
  return records.filter(({ block }) => block >= range[0] - 1 && block <= range[1] + 1);
}

/** How long the pictures of a block play: it must be made in less. */
export function realTimeMs(record: BlockRecord, picturesPerSecond: number): number {
  return (1000 * record.pictures) / picturesPerSecond;
}

/** The latency that a share of blocks keeps to; blocks that were profiled are left out. */
export function latencyQuantiles(
  records: readonly BlockRecord[],
): { p50: number; p95: number; max: number } | undefined {
  const sorted = records
    .filter(({ profiled }) => !profiled)
    .map(({ latency_ms }) => latency_ms)
    .sort((a, b) => a - b);
  const max = sorted.at(-1);
  return max === undefined ? undefined : { p50: at(sorted, 0.5), p95: at(sorted, 0.95), max };
}

function at(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0];
  return below + (above - below) * (place - Math.floor(place));
}

/** A prompt for Plotly, which would take some of it for markup. */
export function asText(prompt: string): string {
  const short = prompt.length > LONGEST_LABEL ? `${prompt.slice(0, LONGEST_LABEL - 1)}…` : prompt;
  return short.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
