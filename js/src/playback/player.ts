// The way of a block on the page: decode, buffer, show in time, give the credit back.

import type { BlockMessage, Codec, State, Status } from "../protocol.ts";
import { Decoder } from "./decoder.ts";
import { JitterBuffer, type Shown } from "./jitter-buffer.ts";

const DELAY_MS = 120;
const ROOM_BLOCKS = 3;
const RATE_WINDOW_MS = 2000;

export type ShownPicture = Shown<ImageBitmap>;

export type PlayerEvents = {
  draw: (shown: ShownPicture) => void;
  credit: (run: number, block: number) => void;
  fail: (message: string, codec: Codec) => void;
};

/** Plays one video at a time: the newest run. Draws nothing itself. */
export class Player {
  private run = -1;
  private newest = -1;
  private status: Status = "idle";
  private buffer: JitterBuffer<ImageBitmap>;
  private readonly decoder: Decoder;
  private owed: { run: number; block: number }[] = [];
  private shownNumber = -1;
  private drawnAtMs: number[] = [];

  constructor(
    private readonly picturesPerSecond: number,
    h264: string | null,
    private readonly events: PlayerEvents,
    signal: AbortSignal,
  ) {
    this.decoder = new Decoder(h264);
    this.buffer = this.freshBuffer();
    const tick = () => {
      if (!signal.aborted) {
        this.show(performance.now());
        requestAnimationFrame(tick);
      }
    };
    requestAnimationFrame(tick);
    signal.addEventListener("abort", () => {
      this.buffer.clear();
      this.decoder.close();
    });
  }

  /** Blocks that are here and were not begun. */
  get waiting(): number {
    return this.buffer.waiting;
  }

  get aheadSeconds(): number {
    return this.buffer.aheadSeconds(performance.now(), this.picturesPerSecond);
  }

  /** Pictures shown in the last two seconds, per second. */
  get rate(): number {
    const since = performance.now() - RATE_WINDOW_MS;
    this.drawnAtMs = this.drawnAtMs.filter((atMs) => atMs >= since);
    return (this.drawnAtMs.length * 1000) / RATE_WINDOW_MS;
  }

  /** Hold, go on or begin anew, as the kernel says. */
  follow(state: State): void {
    if (state.run !== this.run) {
      this.begin(state.run);
    }
    if (state.status === this.status) {
      return;
    }
    this.status = state.status;
    const nowMs = performance.now();
    switch (state.status) {
      case "paused":
        this.buffer.hold(nowMs);
        this.show(nowMs); // or one more picture would be drawn after the page says that it is held
        break;
      case "running":
      case "done":
      case "failed":
        this.buffer.goOn(nowMs);
        break;
      case "idle":
      case "stopped":
      case "closed":
        this.buffer.clearAhead(nowMs);
        this.show(nowMs);
        break;
      default:
        state.status satisfies never;
    }
  }

  /** Take in a block; one that has come before, or that belongs to an older video, is left out. */
  take(message: BlockMessage): void {
    const { run, record, codec, pictures } = message;
    if (run !== this.run || record.block <= this.newest || pictures.length === 0) {
      return;
    }
    this.newest = record.block;
    this.decoder
      .decode(message)
      .then((decoded) => this.put(message, decoded))
      .catch((error) => {
        this.events.fail(`block ${record.block} could not be decoded (${codec}): ${error}`, codec);
      });
  }

  private put({ run, record }: BlockMessage, pictures: ImageBitmap[]): void {
    if (run !== this.run || this.status === "stopped" || this.status === "closed") {
      for (const picture of pictures) {
        picture.close();
      }
      return;
    }
    this.buffer.push({ record, pictures }, performance.now());
    this.owed.push({ run, block: record.block });
    this.payBack();
  }

  private begin(run: number): void {
    this.buffer.clear();
    this.buffer = this.freshBuffer();
    this.run = run;
    this.newest = -1;
    this.shownNumber = -1;
    this.owed = [];
    this.status = "idle";
  }

  private freshBuffer(): JitterBuffer<ImageBitmap> {
    return new JitterBuffer<ImageBitmap>(this.picturesPerSecond, DELAY_MS);
  }

  private show(nowMs: number): void {
    const shown = this.buffer.at(nowMs);
    this.payBack();
    if (shown !== undefined && shown.number !== this.shownNumber) {
      this.shownNumber = shown.number;
      this.drawnAtMs.push(nowMs);
      this.events.draw(shown);
    }
  }

  /** A credit goes back when its block has been decoded and there is room for another one. */
  private payBack(): void {
    while (this.owed.length > 0 && this.buffer.waiting < ROOM_BLOCKS) {
      const credit = this.owed.shift();
      if (credit !== undefined) {
        this.events.credit(credit.run, credit.block);
      }
    }
  }
}
