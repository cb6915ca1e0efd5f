// The line below a chart, which says of the shown block, or of the profile, what the chart draws. Pure.

import { figuresOf } from "../playback/sides.ts";
import type { BlockProfile, BlockRecord } from "../protocol.ts";
import { toldOverhead } from "./kernels-chart.ts";

export function readoutOf(shown: BlockRecord | undefined): string {
  if (shown === undefined) {
    return "";
  }
  const slow = shown.profiled ? ", profiled" : "";
  return `shown: block ${shown.block}, ${shown.latency_ms.toFixed(0)} ms${slow}, “${shown.prompt}”`;
}

/** Of videos that are made in step, what each of them took. */
export function sidesReadout(shown: BlockRecord | undefined, labels: readonly string[]): string {
  if (shown === undefined) {
    return "";
  }
  const sides = labels.map((label, at) => `${label} ${figuresOf(shown.sides[at])}`);
  return `shown: block ${shown.block}: ${sides.join(" · ")}`;
}

export function profileReadout(profile: BlockProfile | undefined): string {
  return profile === undefined ? "" : toldOverhead(profile);
}
