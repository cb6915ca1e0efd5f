// Why a video is choppy, or that it is not, from what is known of its way from the model to the eye. Pure.

import type { BlockRecord, Codec, Status } from "../protocol.ts";

/** What is summed up: the newest blocks, and what happened in so many milliseconds. */
const BLOCKS = 20;
/** The first blocks of a video, which warm up, say little. */
const FEWEST_BLOCKS = 3;
const WINDOW_MS = 10_000;
/** For so long after a break, what is seen comes of the time before. */
export const SETTLES_MS = 3000;
/** Shares of the video's own rate above which all is well, or nearly. */
const MADE_ENOUGH = 0.98;
const SHOWN_ENOUGH = 0.94;

export type Vitals = {
  status: Status;
  /** False while somebody looks back. */
  live: boolean;
  /** For how long the first block is being made by now; undefined once it is there. */
  first: { ms: number; compiles: boolean } | undefined;
  /** How long somebody has looked at a video that runs, without a break; undefined while nobody looks. */
  lookedMs: number | undefined;
  codec: Codec;
  /** The video's own pictures a second, those made and those drawn. */
  wanted: number;
  made: number;
  /** How many videos are made in step; 0 of a single one. */
  inStep: number;
  shown: number;
  /** Seconds of video that are here and unseen. */
  ahead: number;
  /** Blocks that the page has room for, as the kernel sees it. */
  credits: number;
  /** Of the newest `blocks`, those that were not sent. */
  dropped: number;
  blocks: number;
  /** How often the page ran out of pictures in the last 10 s. */
  dry: number;
  /** What a block takes to be coded in the kernel and decoded here, and how long it plays. */
  encodeMs: number;
  decodeMs: number;
  blockMs: number;
};

export type Diagnosis = { verdict: "smooth" | "choppy" | "still"; words: string };

/** The first of the reasons, from the model to the eye, that explains it. */
export function diagnose(vitals: Vitals): Diagnosis {
  const { status, first, lookedMs, blocks } = vitals;
  if (status !== "running") {
    return { verdict: "still", words: "" };
  }
  if (first !== undefined) {
    return { verdict: "still", words: makingFirst(vitals) };
  }
  if (lookedMs === undefined) {
    return { verdict: "still", words: "Not looked at: nothing is sent" };
  }
  if (lookedMs < SETTLES_MS || blocks < FEWEST_BLOCKS) {
    return { verdict: "still", words: "" };
  }
  const reason = late(vitals) ?? unsent(vitals) ?? undrawn(vitals);
  return reason === undefined
    ? { verdict: "smooth", words: `Smooth: ${figures(vitals)}` }
    : { verdict: "choppy", words: `Choppy: ${reason} (${figures(vitals)})` };
}

/** That the first block is being made, and for how long; "" where it is not. */
export function makingFirst({ status, first }: Pick<Vitals, "status" | "first">): string {
  if (status !== "running" || first === undefined) {
    return "";
  }
  const why = first.compiles
    ? "; the preset compiles at its first use, later blocks are faster"
    : "";
  return `Making the first block: ${Math.floor(first.ms / 1000)} s${why}`;
}

function late({ made, wanted, inStep, encodeMs, blockMs }: Vitals): string | undefined {
  if (made >= MADE_ENOUGH * wanted) {
    return undefined;
  }
  const coding = encodeMs > blockMs / 4 ? `; ${encodeMs.toFixed(0)} ms of each go into coding` : "";
  const out =
    inStep === 0
      ? "take a faster preset, fewer steps or a smaller size"
      : `${inStep} videos are made in turns; look back to see them at ${wanted}`;
  return `blocks are made at ${made.toFixed(1)} pictures/s and play at ${wanted}${coding}: ${out}`;
}

function unsent({ dropped, blocks, decodeMs, blockMs, live, dry }: Vitals): string | undefined {
  if (decodeMs > blockMs) {
    return `this page takes ${decodeMs.toFixed(0)} ms to decode a block that plays ${blockMs.toFixed(0)} ms: try the other codec, or close other tabs`;
  }
  if (dropped > 0) {
    return `${dropped} of the last ${blocks} blocks were not sent, as the page had not answered for those before them: the line or the browser is slow`;
  }
  if (live && dry > 0) {
    return `blocks come unevenly, and the page ran out of them ${times(dry)} in 10 s`;
  }
  return undefined;
}

function undrawn({ live, shown, wanted, ahead }: Vitals): string | undefined {
  return live && shown < SHOWN_ENOUGH * wanted && ahead > 0
    ? `${shown.toFixed(1)} pictures/s are drawn although ${ahead.toFixed(1)} s of them are here: the browser is busy`
    : undefined;
}

function figures({ made, ahead, credits, dropped, decodeMs, codec }: Vitals): string {
  const name = codec === "h264" ? "H.264" : "JPEG";
  return [
    `made at ${made.toFixed(1)} pictures/s`,
    `${ahead.toFixed(1)} s ahead`,
    `room for ${credits} more`,
    `${dropped} lately dropped`,
    `${name} decodes in ${decodeMs.toFixed(0)} ms a block`,
  ].join(", ");
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** Whether a block was not sent although somebody looked. */
export function isDropped({ displayed, credits }: BlockRecord): boolean {
  return !displayed && credits === 0;
}

/** What came lately and what became of it. */
export class Lately {
  private records: BlockRecord[] = [];
  private decodedMs: number[] = [];
  private driedAtMs: number[] = [];
  private codec: Codec = "jpeg";

  constructor(private readonly picturesPerSecond: number) {}

  /** Also the second time: of a block that had no room, and then was sent after all. */
  came(record: BlockRecord): void {
    const others = this.records.filter((each) => each.block !== record.block);
    this.records = [...others, record].slice(-BLOCKS);
  }

  decoded(elapsedMs: number, codec: Codec): void {
    this.decodedMs = [...this.decodedMs, elapsedMs].slice(-BLOCKS);
    this.codec = codec;
  }

  ranDry(nowMs: number): void {
    this.driedAtMs.push(nowMs);
  }

  /** The part of the vitals that is known from here. */
  vitals(
    nowMs: number,
  ): Omit<Vitals, "status" | "live" | "first" | "lookedMs" | "shown" | "ahead"> {
    this.driedAtMs = this.driedAtMs.filter((atMs) => atMs >= nowMs - WINDOW_MS);
    const newest = this.records.at(-1);
    // not the mean: a single block that compiles would be in it for twenty blocks
    const pictureMs = median(
      this.records.map((record) => (record.latency_ms + record.encode_ms) / record.pictures),
    );
    return {
      wanted: this.picturesPerSecond,
      made: pictureMs > 0 ? 1000 / pictureMs : 0,
      inStep: newest?.sides.length ?? 0,
      codec: this.codec,
      credits: newest?.credits ?? 0,
      dropped: this.records.filter(isDropped).length,
      blocks: this.records.length,
      dry: this.driedAtMs.length,
      encodeMs: sum(this.records.map((record) => record.encode_ms)) / this.records.length || 0,
      decodeMs: sum(this.decodedMs) / this.decodedMs.length || 0,
      blockMs: ((newest?.pictures ?? 0) * 1000) / this.picturesPerSecond,
    };
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
