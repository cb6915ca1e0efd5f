// Where a video stands, in its own pictures. Knows no picture and no timer: callers say what time it is.

/** A position that moves at `picturesPerSecond` while it runs, and never by itself past a limit. */
export class MediaClock {
  private position = 0;
  private since: number | null = null;

  constructor(private readonly picturesPerSecond: number) {}

  get running(): boolean {
    return this.since !== null;
  }

  /** The position in pictures, fractions counted, but never behind `limit`. */
  at(nowMs: number, limit: number = Number.POSITIVE_INFINITY): number {
    if (this.since === null) {
      return Math.min(this.position, limit);
    }
    const moved = ((nowMs - this.since) / 1000) * this.picturesPerSecond;
    return Math.min(this.position + Math.max(0, moved), limit);
  }

  /** How long it has to run until it is there, 0 if it is past it. */
  leftMs(position: number, nowMs: number): number {
    return (1000 * Math.max(0, position - this.at(nowMs))) / this.picturesPerSecond;
  }

  start(nowMs: number): void {
    this.since ??= nowMs;
  }

  /** Go on, or stand, from another position. */
  moveTo(position: number, nowMs: number): void {
    this.position = position;
    this.since = this.since === null ? null : nowMs;
  }

  /** Stand still, at most at `limit`. */
  hold(nowMs: number, limit: number = Number.POSITIVE_INFINITY): void {
    this.position = this.at(nowMs, limit);
    this.since = null;
  }
}
