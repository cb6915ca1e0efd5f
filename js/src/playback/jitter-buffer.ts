// Blocks that have arrived, in whatever rhythm, as one even stream of pictures. Pure: it draws
// nothing, and callers say what time it is.

import type { Begun, BlockRecord } from "../protocol.ts";
import { MediaClock } from "./media-clock.ts";

/** A part of a picture that nobody sees. */
const A_MOMENT = 1e-6;

export type Disposable = { close: () => void };

/** A block, or its first pictures. */
export type BufferedBlock<Picture> = { record: Begun | BlockRecord; pictures: Picture[] };

/** A picture to be shown, and where it stands in its block and in the video. */
export type Shown<Picture> = { picture: Picture; record: Begun | BlockRecord; number: number };

type Waiting<Picture> = BufferedBlock<Picture> & { begin: number };

/**
 * After a start, and after running dry, pictures flow again once `delayMs` has passed since the
 * next block came: so a block that is a little late does not stop the video each time. The first pictures of a
 * block that came before the rest play on what flows, and set nothing in motion: until then the first one stands.
 */
export class JitterBuffer<Picture extends Disposable> {
  private readonly clock: MediaClock;
  private blocks: Waiting<Picture>[] = [];
  private end = 0;
  private flowsAtMs: number | null = null;
  private held = false;

  constructor(
    picturesPerSecond: number,
    private readonly delayMs: number,
    private readonly ranDry: (nowMs: number) => void = () => undefined,
  ) {
    this.clock = new MediaClock(picturesPerSecond);
  }

  /** The blocks that are here, the one on the screen not counted. */
  get waiting(): number {
    return Math.max(0, this.blocks.length - 1);
  }

  /** Take in the first pictures of a block. */
  open(block: BufferedBlock<Picture>, nowMs: number): void {
    this.settle(nowMs);
    this.append(block);
  }

  /** Take in a block; of one that was opened those pictures stay that are here. */
  push(block: BufferedBlock<Picture>, nowMs: number): void {
    this.settle(nowMs);
    const last = this.blocks.at(-1);
    if (last?.record.block === block.record.block) {
      this.complete(last, block);
    } else {
      this.append(block);
    }
    if (!this.clock.running && !this.held) {
      this.flowsAtMs ??= nowMs + this.delayMs;
    }
  }

  /** Where the video is, in its own pictures, fractions counted; undefined before the first one came. */
  place(nowMs: number): number | undefined {
    const position = this.settle(nowMs);
    const block = this.blocks[0];
    return block === undefined ? undefined : block.record.first_picture + position - block.begin;
  }

  /** Be where another one is that shows the same video, if the pictures for that are here. */
  keepStep(place: number, nowMs: number): void {
    const own = this.place(nowMs);
    const block = this.blocks[0];
    if (own === undefined || block === undefined || Math.abs(place - own) < 1) {
      return;
    }
    const position = block.begin + place - block.record.first_picture;
    if (position < this.end) {
      this.clock.moveTo(position, nowMs);
      this.flowsAtMs = this.held ? null : nowMs;
    }
  }

  /** The picture to be shown now, undefined before the first one came. */
  at(nowMs: number): Shown<Picture> | undefined {
    const position = this.settle(nowMs);
    const block = this.blocks[0];
    const index = block === undefined ? 0 : Math.max(0, Math.floor(position - block.begin));
    const picture = block?.pictures[index];
    return block === undefined || picture === undefined
      ? undefined
      : { picture, record: block.record, number: block.record.first_picture + index };
  }

  /** How long until another picture is due, if nothing is done meanwhile. */
  nextMs(nowMs: number): number {
    const position = this.settle(nowMs);
    if (this.clock.running) {
      return this.clock.leftMs(Math.floor(position) + 1, nowMs);
    }
    return this.flowsAtMs === null ? Number.POSITIVE_INFINITY : this.flowsAtMs - nowMs;
  }

  /** Seconds of video that came and were not seen. */
  aheadSeconds(nowMs: number): number {
    return this.clock.leftMs(this.end, nowMs) / 1000;
  }

  /** When a block that is here will have been seen if nothing stops it; undefined while all stands. */
  seenAtMs(block: number, nowMs: number): number | undefined {
    this.settle(nowMs);
    const here = this.blocks.find(({ record }) => record.block === block);
    const flowsAtMs = this.clock.running ? nowMs : this.flowsAtMs;
    return here === undefined || flowsAtMs === null
      ? undefined
      : flowsAtMs + this.clock.leftMs(here.begin + here.pictures.length, nowMs);
  }

  /** Stand still on the present picture, until `goOn`. */
  hold(nowMs: number): void {
    this.settle(nowMs);
    this.held = true;
    // at `end` itself, the next block to come would move the picture on
    this.clock.hold(nowMs, Math.max(0, this.end - A_MOMENT));
    this.flowsAtMs = null;
  }

  goOn(nowMs: number): void {
    if (this.held) {
      this.held = false;
      this.flowsAtMs = nowMs;
    }
  }

  /**
   * Stand still, and let go of the pictures that were not begun. They go on counting as ahead: they
   * were made, and nobody has seen them.
   */
  clearAhead(nowMs: number): void {
    this.hold(nowMs);
    const [present, ...ahead] = this.blocks;
    for (const block of ahead) {
      dispose(block.pictures);
    }
    this.blocks = present === undefined ? [] : [present];
  }

  /** Forget everything. */
  clear(): void {
    for (const block of this.blocks) {
      dispose(block.pictures);
    }
    this.blocks = [];
  }

  private append(block: BufferedBlock<Picture>): void {
    this.blocks.push({ ...block, pictures: [...block.pictures], begin: this.end });
    this.end += block.pictures.length;
  }

  private complete(opened: Waiting<Picture>, { record, pictures }: BufferedBlock<Picture>): void {
    const here = opened.pictures.length;
    dispose(pictures.slice(0, here));
    opened.record = record;
    opened.pictures.push(...pictures.slice(here));
    this.end += pictures.length - here;
  }

  /** Bring all up to this moment, however long nobody asked; the position on the screen. */
  private settle(nowMs: number): number {
    this.flow(nowMs);
    if (this.clock.running && this.clock.at(nowMs) >= this.end) {
      this.clock.hold(nowMs, this.end);
      this.ranDry(nowMs);
    }
    const position = this.clock.at(nowMs, this.end - 1);
    this.dropSeen(position);
    return position;
  }

  private flow(nowMs: number): void {
    if (this.held || this.clock.running || this.flowsAtMs === null || nowMs < this.flowsAtMs) {
      return;
    }
    if (this.clock.at(nowMs) < this.end) {
      this.clock.start(this.flowsAtMs);
      this.flowsAtMs = null;
    }
  }

  private dropSeen(position: number): void {
    let first = this.blocks[0];
    while (first !== undefined && position >= first.begin + first.pictures.length) {
      dispose(first.pictures);
      this.blocks.shift();
      first = this.blocks[0];
    }
  }
}

function dispose(pictures: readonly Disposable[]): void {
  for (const picture of pictures) {
    picture.close();
  }
}
