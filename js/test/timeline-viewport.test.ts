import { describe, expect, it } from "vitest";
import { cut } from "../src/protocol.ts";
import { blocksToShow, frameTicks } from "../src/timeline/geometry.ts";
import {
  atFirst,
  lookOf,
  revealing,
  spanOf,
  type Viewport,
  zoomed,
} from "../src/timeline/viewport.ts";

const plan = [
  { latent_frame: 0, prompt: "ball", transition: cut },
  { latent_frame: 200, prompt: "star", transition: cut },
];
const there = { plan, madeFrames: 150, playhead: 140, glides: true };
const look = (view: Viewport, act: Parameters<typeof lookOf>[0]): Viewport => {
  const next = lookOf(act, view, spanOf(view, there), there);
  if (next === undefined) {
    throw new Error(`${act} is about something else`);
  }
  return next;
};

describe("the part of the timeline that is looked at", () => {
  it("follows the playhead at first", () => {
    expect(spanOf(atFirst, there)).toEqual({ begin: 56, end: 176 });
    expect(spanOf(atFirst, { ...there, playhead: 150 }).begin).toBe(66);
  });

  it("follows it at any zoom", () => {
    const span = spanOf(look(atFirst, "zoom in"), there);
    expect(span.end - span.begin).toBe(80);
    expect(spanOf(look(atFirst, "zoom in"), { ...there, playhead: 150 }).begin).toBe(
      span.begin + 10,
    );
  });

  it("keeps what is made ahead in sight of who is far behind, at any zoom", () => {
    for (const glides of [true, false]) {
      const behind = { ...there, playhead: there.madeFrames - 30, glides };
      const { begin, end } = spanOf({ ...atFirst, length: 48 }, behind);
      expect(begin).toBeLessThanOrEqual(behind.playhead);
      expect(end).toBeGreaterThan(there.madeFrames);
    }
  });

  it("is turned like a page where less motion is wanted, with the playhead in it", () => {
    const calm = { ...there, glides: false };
    const begins = [1, 80, 90, 167, 169].map((playhead) => {
      const { begin, end } = spanOf(atFirst, { ...calm, playhead });
      expect(begin <= playhead && playhead < end).toBe(true);
      return begin;
    });
    expect(begins).toEqual([0, 60, 84, 84, 168]);
    const { begin } = spanOf(look(atFirst, "zoom in"), calm);
    expect(spanOf(look(atFirst, "zoom in"), { ...calm, playhead: 150 }).begin).toBe(begin);
  });

  it("is all of it, once that is asked for", () => {
    expect(spanOf(look(atFirst, "fit"), there)).toEqual({ begin: 0, end: 216 });
  });

  it("stays where it was pulled to, until it follows again", () => {
    const left = look(atFirst, "pan left");
    expect(spanOf(left, { ...there, playhead: 150 })).toEqual({ begin: 0, end: 120 });
    expect(left.following).toBe(false);
    expect(spanOf(look(left, "follow"), there).begin).toBe(56);
    expect(look(look(left, "follow"), "follow").following).toBe(false);
  });

  it("keeps a place under the pointer as it zooms", () => {
    const view = { begin: 100, length: 100, following: false };
    const span = spanOf(view, there);
    const closer = spanOf(zoomed(view, span, 2, 125), there);
    expect(closer).toEqual({ begin: 112.5, end: 162.5 });
  });

  it("is never less than some blocks, and never before the beginning", () => {
    const view = { begin: 3, length: 20, following: false };
    expect(zoomed(view, spanOf(view, there), 9, 5).length).toBe(12);
    expect(zoomed(view, spanOf(view, there), 0.2, 20).begin).toBe(0);
  });

  it("moves to show a prompt that is chosen, and only then", () => {
    const view = { begin: 100, length: 120, following: false };
    const span = spanOf(view, there);
    expect(revealing(view, span, 150)).toBe(view);
    expect(spanOf(revealing(view, span, 80), there)).toEqual({ begin: 50, end: 170 });
    expect(spanOf(revealing(view, span, 230), there)).toEqual({ begin: 200, end: 320 });
  });

  it("is not what other acts are about", () => {
    expect(lookOf("split", atFirst, spanOf(atFirst, there), there)).toBeUndefined();
  });
});

describe("marks on the timeline", () => {
  it("are at the beginnings of blocks, and not too many", () => {
    expect(frameTicks({ begin: 4, end: 20 }, 3)).toEqual([6, 9, 12, 15, 18]);
    expect(frameTicks({ begin: 0, end: 120 }, 3)).toEqual([0, 12, 24, 36, 48, 60, 72, 84, 96, 108]);
  });
});

describe("pictures of blocks", () => {
  it("are those that were made, as many as there is room for", () => {
    const shown = (begin: number, end: number, made: number, width: number) =>
      blocksToShow({ begin, end }, 3, made, width).blocks;
    expect(shown(0, 48, 5, 1 / 16)).toEqual([0, 1, 2, 3, 4]);
    expect(shown(0, 48, 5, 1 / 10)).toEqual([0, 1, 2, 3, 4]);
    expect(shown(0, 48, 16, 1 / 8)).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
    expect(shown(20, 44, 99, 1 / 4)).toEqual([8, 10, 12, 14]);
  });
});
