// What a recording's player is given: all that is known at once, and pictures when they are asked for.

import type { Plotly } from "../charts/plotly.ts";
import type { CodedBlock } from "../playback/decoder.ts";
import type { BlockRecord, Command, State } from "../protocol.ts";

export type Tape = {
  state: State;
  records: Promise<readonly BlockRecord[]>;
  /** The pictures of a block, as they are coded. */
  block: (block: number) => Promise<CodedBlock>;
  /** A picture as it was made, as a PNG; undefined where only the video is kept. */
  exact: (picture: number) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  plotly: () => Promise<Plotly>;
  /** What a tape has besides that lies with a kernel. */
  kernel?: Kernel;
};

export type TapeEvents = {
  fail: (message: string) => void;
  /** What was asked for is long in coming, in words; "" once it is there. */
  wait: (words: string) => void;
};

export type Kernel = {
  /** The Python that makes all of it, or one tile alone, is wanted. */
  copy: (tile: number | null) => void;
  send: (command: Command) => void;
  listen: (listener: KernelListener) => void;
};

export type KernelListener = {
  /** More of its videos are made, if they still are. */
  onState: (state: State) => void;
  /** More is on the tape: each block is another one. */
  onRecords: (records: readonly BlockRecord[]) => void;
  onCode: (code: { name: string; text: string }) => void;
};
