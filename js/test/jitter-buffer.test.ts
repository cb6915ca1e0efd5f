import { beforeEach, describe, expect, it } from "vitest";
import { JitterBuffer } from "../src/playback/jitter-buffer.ts";
import type { BlockRecord } from "../src/protocol.ts";
import { Picture, recordOf } from "./video.ts";

const RATE = 16;
const DELAY_MS = 100;
const BLOCK_MS = 750;

function blockOf(index: number): { record: BlockRecord; pictures: Picture[] } {
  const record = recordOf(index);
  return { record, pictures: Array.from({ length: record.pictures }, () => new Picture()) };
}

describe("a jitter buffer", () => {
  let buffer: JitterBuffer<Picture>;
  const shownAt = (nowMs: number) => buffer.at(nowMs)?.number;

  beforeEach(() => {
    buffer = new JitterBuffer<Picture>(RATE, DELAY_MS);
  });

  it("shows nothing before a block has come", () => {
    expect(buffer.at(50)).toBeUndefined();
  });

  it("shows the first picture at once, and the others in time after a short delay", () => {
    buffer.push(blockOf(0), 1000);
    expect(shownAt(1000)).toBe(0);
    expect(shownAt(1100)).toBe(0);
    expect(shownAt(1100 + 62.5)).toBe(1);
    expect(shownAt(1100 + 8 * 62.5)).toBe(8);
  });

  it("makes one even stream of blocks that come in bursts", () => {
    buffer.push(blockOf(0), 0);
    buffer.push(blockOf(1), 10);
    buffer.push(blockOf(2), 20);
    const seen: (number | undefined)[] = [];
    for (let picture = 0; picture < 33; picture += 1) {
      seen.push(shownAt(DELAY_MS + (picture + 0.5) * 62.5));
    }
    expect(seen).toEqual(Array.from({ length: 33 }, (_, picture) => picture));
  });

  it("hides that a block is late by less than the delay", () => {
    buffer.push(blockOf(0), 0);
    buffer.push(blockOf(1), 9 * 62.5 + 90);
    expect(shownAt(DELAY_MS + 9.5 * 62.5)).toBe(9);
  });

  it("stays on the last picture when it runs dry, and then goes on with the next one", () => {
    buffer.push(blockOf(0), 0);
    expect(shownAt(3000)).toBe(8);
    buffer.push(blockOf(1), 4000);
    expect(shownAt(4000)).toBe(9);
    expect(shownAt(4000 + DELAY_MS + 62.5)).toBe(10);
  });

  it("tells each time that it runs dry, once", () => {
    const dried: number[] = [];
    buffer = new JitterBuffer<Picture>(RATE, DELAY_MS, (nowMs) => dried.push(nowMs));
    buffer.push(blockOf(0), 0);
    [0, DELAY_MS, 600, 700, 3000].map(shownAt);
    expect(dried).toEqual([700]);
    buffer.push(blockOf(1), 4000);
    buffer.push(blockOf(2), 4500);
    [4100, 5500, 9000].map(shownAt);
    expect(dried).toEqual([700, 9000]);
  });

  it("comes to the same picture when nobody asked for a while, as in a hidden tab", () => {
    const polled = new JitterBuffer<Picture>(RATE, DELAY_MS);
    let nowMs = 0;
    const pollUntil = (endMs: number) => {
      for (; nowMs < endMs; nowMs += 1) {
        polled.at(nowMs);
      }
    };
    for (const [index, atMs] of [0, 300, 2500, 2600].entries()) {
      pollUntil(atMs);
      polled.push(blockOf(index), atMs);
      buffer.push(blockOf(index), atMs);
    }
    pollUntil(4000);
    expect(shownAt(4000)).toBe(polled.at(4000)?.number);
    expect(shownAt(4000)).toBe(21 + 22);
  });

  it("holds the picture during a pause, also when blocks come, and goes on from it", () => {
    buffer.push(blockOf(0), 0);
    buffer.push(blockOf(1), 0);
    expect(shownAt(DELAY_MS + 5 * 62.5 + 1)).toBe(5);
    buffer.hold(DELAY_MS + 5 * 62.5 + 1);
    buffer.push(blockOf(2), 1000);
    expect(shownAt(9000)).toBe(5);
    buffer.goOn(9000);
    expect(shownAt(9000 + 62.5)).toBe(6);
    expect(shownAt(9000 + 4.5 * 62.5)).toBe(9);
  });

  it("holds the picture also when it had run dry before the pause", () => {
    buffer.push(blockOf(0), 0);
    expect(shownAt(3000)).toBe(8);
    buffer.hold(3000);
    expect(buffer.aheadSeconds(3000)).toBeCloseTo(0);
    buffer.push(blockOf(1), 3200);
    expect(shownAt(9000)).toBe(8);
    buffer.goOn(9000);
    expect(shownAt(9000 + 0.5 * 62.5)).toBe(9);
  });

  it("says when a block that is here will have been seen", () => {
    expect(buffer.seenAtMs(0, 900)).toBeUndefined();
    buffer.push(blockOf(0), 1000);
    buffer.push(blockOf(1), 1010);
    const firstSeenMs = 1000 + DELAY_MS + 9 * 62.5;
    for (const nowMs of [1010, 1500]) {
      expect(buffer.seenAtMs(0, nowMs)).toBeCloseTo(firstSeenMs);
      expect(buffer.seenAtMs(1, nowMs)).toBeCloseTo(firstSeenMs + BLOCK_MS);
    }
    expect(buffer.seenAtMs(2, 1500)).toBeUndefined();
  });

  it("says that of no block while it stands, and of the next one after it ran dry", () => {
    buffer.push(blockOf(0), 0);
    buffer.push(blockOf(1), 10);
    buffer.hold(500);
    expect(buffer.seenAtMs(1, 600)).toBeUndefined();
    buffer.goOn(9000);
    expect(buffer.seenAtMs(1, 9000)).toBeCloseTo(9000 + DELAY_MS + 9 * 62.5 + BLOCK_MS - 500);
    expect(buffer.seenAtMs(1, 20_000)).toBeUndefined();
    buffer.push(blockOf(2), 20_000);
    expect(buffer.seenAtMs(2, 20_010)).toBeCloseTo(20_000 + DELAY_MS + BLOCK_MS);
  });

  it("says what waits and how many seconds are ahead", () => {
    buffer.push(blockOf(0), 0);
    buffer.push(blockOf(1), 0);
    expect(buffer.waiting).toBe(1);
    expect(buffer.aheadSeconds(0)).toBeCloseTo(21 / 16);
    buffer.at(DELAY_MS);
    expect(buffer.aheadSeconds(DELAY_MS + 1000)).toBeCloseTo(5 / 16);
    expect(buffer.aheadSeconds(DELAY_MS + 9000)).toBe(0);
  });

  it("shows the first picture of a block that was opened, which stands until the rest has come", () => {
    const { record, pictures } = blockOf(0);
    buffer.open({ record, pictures: pictures.slice(0, 1) }, 1000);
    expect([1000, 1900].map(shownAt)).toEqual([0, 0]);
    buffer.push({ record, pictures }, 2000);
    expect([2000, 2100, 2100 + 62.5, 2100 + 8 * 62.5].map(shownAt)).toEqual([0, 0, 1, 8]);
    expect(buffer.aheadSeconds(2100)).toBeCloseTo(9 / RATE);
  });

  it("goes on with the first picture of a block that was opened after it ran dry", () => {
    const { record, pictures } = blockOf(1);
    buffer.push(blockOf(0), 0);
    expect(shownAt(3000)).toBe(8);
    buffer.open({ record, pictures: pictures.slice(0, 4) }, 4000);
    expect([4000, 4900].map(shownAt)).toEqual([9, 9]);
    buffer.push({ record, pictures }, 5000);
    expect([5000, 5100 + 62.5, 5100 + 11 * 62.5].map(shownAt)).toEqual([9, 10, 20]);
  });

  it("plays on over a block that was opened, and runs dry once after it", () => {
    const dried: number[] = [];
    buffer = new JitterBuffer<Picture>(RATE, DELAY_MS, (nowMs) => dried.push(nowMs));
    const { record, pictures } = blockOf(1);
    buffer.push(blockOf(0), 0);
    buffer.open({ record, pictures: pictures.slice(0, 4) }, 300);
    expect(shownAt(DELAY_MS + 10.5 * 62.5)).toBe(10);
    expect([2000, 2100].map(shownAt)).toEqual([12, 12]);
    buffer.push({ record, pictures }, 3000);
    expect([3000, 3000 + DELAY_MS + 62.5].map(shownAt)).toEqual([13, 14]);
    expect(dried).toEqual([2000]);
  });

  it("closes of a block that was opened the pictures that came twice, and no other", () => {
    const [opened, whole] = [blockOf(0), blockOf(0)];
    buffer.open({ ...opened, pictures: opened.pictures.slice(0, 4) }, 0);
    buffer.push(whole, 10);
    expect(whole.pictures.map(({ closed }) => closed)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((at) => at < 4),
    );
    expect(opened.pictures.some(({ closed }) => closed)).toBe(false);
    expect(buffer.waiting).toBe(0);
  });

  it("stays on its picture after a stop and forgets what was ahead", () => {
    const [first, second] = [blockOf(0), blockOf(1)];
    buffer.push(first, 0);
    buffer.push(second, 0);
    expect(shownAt(DELAY_MS + 130)).toBe(2);
    buffer.clearAhead(DELAY_MS + 130);
    expect(shownAt(DELAY_MS + BLOCK_MS * 4)).toBe(2);
    expect(second.pictures.every((picture) => picture.closed)).toBe(true);
    expect(first.pictures.some((picture) => picture.closed)).toBe(false);
  });

  it("says after a stop what was made and not seen, as before it, for nothing has moved", () => {
    for (const index of [0, 1, 2]) {
      buffer.push(blockOf(index), 0);
    }
    const stoppedMs = DELAY_MS + 2.5 * 62.5;
    buffer.hold(stoppedMs);
    const ahead = buffer.aheadSeconds(stoppedMs);
    expect(ahead).toBeCloseTo((33 - 2.5) / RATE);
    buffer.clearAhead(stoppedMs + 500);
    expect(buffer.aheadSeconds(stoppedMs + 9000)).toBe(ahead);
    expect(buffer.waiting).toBe(0);
  });

  it("closes each picture once it can no longer be shown", () => {
    const blocks = [blockOf(0), blockOf(1), blockOf(2)];
    for (const block of blocks) {
      buffer.push(block, 0);
    }
    buffer.at(DELAY_MS);
    buffer.at(DELAY_MS + 22 * 62.5);
    expect(blocks.map((block) => block.pictures[0]?.closed)).toEqual([true, true, false]);
    buffer.clear();
    expect(blocks[2]?.pictures.every((picture) => picture.closed)).toBe(true);
  });
});
