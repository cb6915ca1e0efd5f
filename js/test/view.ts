// What there is to draw, for tests of charts.

import type { View } from "../src/charts/drawing.ts";
import { blockRange } from "../src/charts/series.ts";
import type { BlockRecord } from "../src/protocol.ts";

export function viewOf(records: readonly BlockRecord[], given: Partial<View> = {}): View {
  const look = {
    ground: "white",
    ink: "black",
    faint: "grey",
    rule: "silver",
    accent: "blue",
    warning: "orange",
    font: "sans-serif",
  };
  const range = blockRange(records.at(-1)?.block ?? 0);
  const known = { records, inRange: records, range, lit: undefined, profile: undefined };
  return { ...known, picturesPerSecond: 16, labels: [], look, ...given };
}
