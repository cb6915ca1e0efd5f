// Where somebody stands who looks back while the video goes on. Pure: callers say what time it is.

import type { Stretch } from "./film.ts";
import { MediaClock } from "./media-clock.ts";

/** Stands on a picture, plays on from it, or plays a stretch round and round. */
export class Review {
  private clock: MediaClock;
  private from: number;
  private round: Stretch | undefined;

  constructor(
    private readonly picturesPerSecond: number,
    picture: number,
  ) {
    this.clock = new MediaClock(picturesPerSecond);
    this.from = picture;
  }

  get playing(): boolean {
    return this.clock.running;
  }

  get loop(): Stretch | undefined {
    return this.round;
  }

  /** The picture to be shown of those that there are; at their end it waits for more. */
  at(nowMs: number, there: Stretch): number {
    if (this.round === undefined && this.from + this.clock.at(nowMs) > there.last + 1) {
      this.seek(there.last, nowMs);
    }
    const position = this.from + this.clock.at(nowMs);
    const whole = Math.floor(position);
    if (this.round === undefined || !this.playing) {
      return Math.min(Math.max(whole, there.first), there.last);
    }
    const first = Math.min(Math.max(this.round.first, there.first), there.last);
    const last = Math.min(Math.max(this.round.last, first), there.last);
    const length = last - first + 1;
    const inside = (((whole - first) % length) + length) % length;
    return first + inside;
  }

  /** Go to a picture, and stand there or play on as before. */
  seek(picture: number, nowMs: number): void {
    const playing = this.playing;
    this.clock = new MediaClock(this.picturesPerSecond);
    this.from = picture;
    if (playing) {
      this.clock.start(nowMs);
    }
  }

  play(nowMs: number, there: Stretch): void {
    this.seek(this.at(nowMs, there), nowMs);
    this.clock.start(nowMs);
  }

  hold(nowMs: number, there: Stretch): void {
    this.from = this.at(nowMs, there);
    this.clock = new MediaClock(this.picturesPerSecond);
  }

  /** Play a stretch round and round from its beginning; undefined for no longer. */
  repeat(stretch: Stretch | undefined, nowMs: number, there: Stretch): void {
    if (stretch === undefined) {
      const picture = this.at(nowMs, there);
      this.round = undefined;
      this.seek(picture, nowMs);
      return;
    }
    this.round = stretch;
    this.seek(stretch.first, nowMs);
    this.clock.start(nowMs);
  }
}
