// What a recording's player is given: all that is known at once, and pictures when they are asked for.

import type { Plotly } from "../charts/plotly.ts";
import type { CodedBlock } from "../playback/decoder.ts";
import type { BlockRecord, State } from "../protocol.ts";

export type Tape = {
  state: State;
  records: Promise<readonly BlockRecord[]>;
  /** The pictures of a block, as they are coded. */
  block: (block: number) => Promise<CodedBlock>;
  /** A picture as it was made, as a PNG; undefined where only the video is kept. */
  exact: (picture: number) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  plotly: () => Promise<Plotly>;
};
