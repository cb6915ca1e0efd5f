// What each block takes on its way here, over two clocks. Pure: callers say what time it is.

import type { PageTimes } from "../protocol.ts";

const ANSWERS = 12;
const BLOCKS = 64;
const unknown: PageTimes = { wire_ms: null, wire_within_ms: null, decode_ms: null };

/** What the kernel's clock says more than the page's, right to within so much. */
type Offset = { ms: number; withinMs: number };

/**
 * The kernel's clock was read somewhere between a question and its answer, so its offset is known to
 * within half of the time that this took. The quickest of the latest answers says most.
 */
export class Way {
  private answers: Offset[] = [];
  private times = new Map<string, PageTimes>();

  /** The kernel's clock said `kernelMs` after it was asked; returns how many answers are in hand. */
  heard(askedMs: number, kernelMs: number, nowMs: number): number {
    const withinMs = (nowMs - askedMs) / 2;
    const offset = { ms: kernelMs - (askedMs + withinMs), withinMs };
    this.answers = [...this.answers, offset].slice(-ANSWERS);
    return this.answers.length;
  }

  /** A block came that was sent at `sentMs` by the kernel's clock. */
  came(run: number, block: number, sentMs: number, nowMs: number): void {
    const { best } = this;
    if (best !== undefined) {
      const wireMs = Math.max(0, nowMs + best.ms - sentMs);
      this.note(run, block, { wire_ms: round(wireMs), wire_within_ms: round(best.withinMs) });
    }
  }

  decoded(run: number, block: number, tookMs: number): void {
    this.note(run, block, { decode_ms: round(tookMs) });
  }

  of(run: number, block: number): PageTimes {
    return this.times.get(`${run} ${block}`) ?? unknown;
  }

  /** What the kernel's clock says when the page's says `pageMs`; null before it was heard of. */
  kernelMs(pageMs: number): number | null {
    const { best } = this;
    return best === undefined ? null : round(pageMs + best.ms);
  }

  private get best(): Offset | undefined {
    return [...this.answers].sort((a, b) => a.withinMs - b.withinMs)[0];
  }

  private note(run: number, block: number, times: Partial<PageTimes>): void {
    this.times.set(`${run} ${block}`, { ...this.of(run, block), ...times });
    for (const oldest of this.times.keys()) {
      if (this.times.size <= BLOCKS) {
        break;
      }
      this.times.delete(oldest);
    }
  }
}

function round(ms: number): number {
  return Math.round(100 * ms) / 100;
}
