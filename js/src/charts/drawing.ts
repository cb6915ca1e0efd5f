// What a chart is: a figure of what was measured, in Plotly's words.

import type { BlockProfile, BlockRecord } from "../protocol.ts";
import type { Range } from "./series.ts";
import type { Colours } from "./theme.ts";

/** What there is to draw, and in which colours. */
export type View = {
  /** All blocks that are to be drawn, and those of them that are in the range. */
  records: readonly BlockRecord[];
  inRange: readonly BlockRecord[];
  range: Range;
  /** The block of the picture that is shown. */
  lit: number | undefined;
  profile: BlockProfile | undefined;
  picturesPerSecond: number;
  /** What the videos are called that are made in step; none of a single one. */
  labels: readonly string[];
  look: Colours;
};

/** What a colour means: Plotly's own legend would take half of the chart. */
export type LegendEntry = { label: string; colour: string };

export type Figure = { data: object[]; layout: object; legend: readonly LegendEntry[] };

export type Drawing = {
  name: "latency" | "parts" | "window" | "memory" | "kernels" | "sides" | "psnr" | "ssim";
  tab: string;
  /** For those who cannot see it. */
  label: string;
  /** Whether blocks go from left to right: then one can be chosen, and the range zoomed. */
  overBlocks: boolean;
  figure: (view: View) => Figure;
};
