import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { beat } from "../src/playback/beat.ts";

const FRAME_MS = 16;

describe("the beat of a view", () => {
  let end: AbortController;
  let due: (() => void)[];
  beforeEach(() => {
    end = new AbortController();
    due = [];
    vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
    vi.stubGlobal("requestAnimationFrame", (act: () => void) => due.push(act));
  });
  afterEach(() => {
    end.abort();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  /** The times at which it was called in so many milliseconds. */
  async function times(ms: number, show: (nowMs: number) => number): Promise<number[]> {
    const beginMs = performance.now();
    const called: number[] = [];
    beat((nowMs) => {
      called.push(nowMs - beginMs);
      return show(nowMs - beginMs);
    }, end.signal);
    for (let now = 0; now < ms; now += FRAME_MS) {
      await vi.advanceTimersByTimeAsync(FRAME_MS);
      for (const act of due.splice(0)) {
        act();
      }
    }
    return called;
  }

  it("is in every frame while something may be due in the next one", async () => {
    expect(await times(80, () => 20)).toEqual([16, 32, 48, 64, 80]);
  });

  it("is in the first frame in which something is due, and in one before it", async () => {
    const picturesMs = (nowMs: number) => 62.5 - (nowMs % 62.5);
    const called = await times(10_000, picturesMs);
    for (let dueMs = 62.5; dueMs < 9900; dueMs += 62.5) {
      expect(called).toContain(Math.ceil(dueMs / FRAME_MS) * FRAME_MS);
    }
    expect(called.length).toBeLessThan(0.55 * (10_000 / FRAME_MS));
  });

  it("looks again after 50 ms where nothing is due", async () => {
    const called = await times(1000, () => Number.POSITIVE_INFINITY);
    expect(called.length).toBeGreaterThan(1000 / (50 + FRAME_MS) - 1);
    expect(called.length).toBeLessThan(1000 / (50 - FRAME_MS));
  });

  it("ends with the view", async () => {
    await times(80, () => 0);
    end.abort();
    for (const act of due.splice(0)) {
      act();
    }
    expect(due).toEqual([]);
  });
});
