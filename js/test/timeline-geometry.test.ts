import { describe, expect, it } from "vitest";
import { cut, type Entry } from "../src/protocol.ts";
import {
  fraction,
  frameAtSeconds,
  frameOfPicture,
  pictureOfFrame,
  segments,
  ticks,
  visibleSpan,
} from "../src/timeline/geometry.ts";

const mark = (prompt: string, block: number): Entry => ({
  prompt,
  latent_frame: 3 * block,
  transition: cut,
});

describe("a picture's latent frame", () => {
  it.each([
    [0, 0],
    [1, 1],
    [5, 2],
    [9, 3],
    [21, 6],
  ])("of picture %i is %i, as the first one is a picture of its own", (picture, frame) => {
    expect(frameOfPicture(picture)).toBe(frame);
    expect(pictureOfFrame(frame)).toBe(picture);
  });

  it("is found from the time too", () => {
    expect(frameAtSeconds(9 / 16, 16)).toBe(3);
  });
});

describe("segments", () => {
  it("reach from each prompt to the next one, and the last one has no end", () => {
    const found = segments([mark("ball", 0), mark("star", 8)], 3, 3);
    expect(found.map(({ prompt, begin, end }) => [prompt, begin, end])).toEqual([
      ["ball", 0, 24],
      ["star", 24, Number.POSITIVE_INFINITY],
    ]);
    expect(found.map(({ landed }) => landed)).toEqual([true, false]);
  });

  it("belong to the last one of several prompts on a block", () => {
    const found = segments(
      [mark("ball", 0), { prompt: "star", latent_frame: 22, transition: cut }, mark("cube", 8)],
      3,
      9,
    );
    expect(found.map(({ prompt, index }) => [prompt, index])).toEqual([
      ["ball", 0],
      ["cube", 2],
    ]);
  });
});

describe("the visible span", () => {
  it("shows a plan from its beginning to beyond its last prompt", () => {
    expect(visibleSpan([mark("ball", 0)], 0, 0)).toEqual({ begin: 0, end: 48 });
    expect(visibleSpan([mark("ball", 0), mark("star", 20)], 0, 0)).toEqual({ begin: 0, end: 72 });
  });

  it("follows the playhead when the video is long, and never shows what is before it", () => {
    expect(visibleSpan([mark("ball", 0)], 600, 590)).toEqual({ begin: 506, end: 626 });
    expect(visibleSpan([mark("ball", 0), mark("star", 200)], 6, 3).begin).toBe(0);
  });

  it("shows where a prompt would land to a viewer who is far behind, and keeps the playhead", () => {
    for (const glides of [true, false]) {
      const far = visibleSpan([mark("ball", 0), mark("star", 129)], 129, 93, glides);
      expect(far.begin).toBeLessThan(93);
      expect(far.end).toBeGreaterThan(129 + 6);
      const { begin, end } = visibleSpan([mark("ball", 0)], 5000, 95, glides);
      expect(begin).toBeLessThanOrEqual(95);
      expect(begin).toBeGreaterThan(60);
      expect(end - begin).toBe(120);
    }
  });

  it("glides without a jump when a viewer falls behind", () => {
    const begins = Array.from({ length: 120 }, (_, more) => {
      return visibleSpan([mark("ball", 0)], 120 + more, 110).begin;
    });
    const steps = begins.slice(1).map((begin, at) => begin - (begins[at] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(1);
    expect(Math.min(...steps)).toBe(0);
    expect(begins.at(-1)).toBe(98);
  });

  it("does not jump when it begins to follow", () => {
    const before = visibleSpan([mark("ball", 0)], 108, 100);
    const after = visibleSpan([mark("ball", 0)], 111, 100);
    expect(Math.abs(after.begin - before.begin)).toBeLessThan(18);
    expect(after.end - after.begin).toBe(before.end - before.begin);
  });
});

describe("ticks", () => {
  it("are whole seconds in their place, and not too many", () => {
    const span = { begin: 0, end: 48 };
    const found = ticks(span, 16);
    expect(found.map(({ seconds }) => seconds)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(found[1]?.frame).toBe(4.75);
    expect(ticks({ begin: 0, end: 120 }, 16).length).toBeLessThanOrEqual(16);
    expect(ticks({ begin: 506, end: 626 }, 16).every(({ frame }) => frame >= 506)).toBe(true);
  });
});

describe("a fraction", () => {
  it("stays within the strip", () => {
    const span = { begin: 10, end: 20 };
    expect([0, 10, 15, 20, Number.POSITIVE_INFINITY].map((frame) => fraction(frame, span))).toEqual(
      [0, 0, 0.5, 1, 1],
    );
  });
});
