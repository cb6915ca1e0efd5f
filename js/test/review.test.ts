import { beforeEach, describe, expect, it } from "vitest";
import { Review } from "../src/playback/review.ts";

const THERE = { first: 0, last: 99 };
const PICTURE_MS = 62.5;

describe("a look back", () => {
  let review: Review;
  const at = (pictures: number, there = THERE) => review.at(pictures * PICTURE_MS, there);
  beforeEach(() => {
    review = new Review(16, 40);
  });

  it("stands on its picture, however long", () => {
    expect([at(0), at(500)]).toEqual([40, 40]);
  });

  it("plays on from there at the video's rate, and stands where it is held", () => {
    review.play(0, THERE);
    expect(at(5.5)).toBe(45);
    review.hold(7.5 * PICTURE_MS, THERE);
    expect([at(8), at(90)]).toEqual([47, 47]);
    review.play(100 * PICTURE_MS, THERE);
    expect(at(101.5)).toBe(48);
  });

  it("goes to a picture, and plays on from it if it played", () => {
    review.seek(10, 0);
    expect(at(50)).toBe(10);
    review.play(50 * PICTURE_MS, THERE);
    review.seek(70, 60 * PICTURE_MS);
    expect(at(62.5)).toBe(72);
  });

  it("never leaves what there is, whatever is asked for", () => {
    review.seek(-7, 0);
    expect(at(0)).toBe(0);
    review.seek(40, 0);
    review.play(0, THERE);
    expect(at(1, { first: 60, last: 99 })).toBe(60);
    expect(at(500)).toBe(99);
  });

  it("waits at the end for what comes, and plays that at the video's rate too", () => {
    review.play(0, THERE);
    expect(at(500)).toBe(99);
    const longer = { first: 0, last: 111 };
    expect([at(501.5, longer), at(505.5, longer), at(900, longer)]).toEqual([100, 104, 111]);
  });

  it("plays a stretch round and round, from its first picture to its last", () => {
    review.repeat({ first: 20, last: 24 }, 0, THERE);
    expect([0, 1, 4, 5, 9, 10, 52].map((each) => at(each + 0.5))).toEqual([
      20, 21, 24, 20, 24, 20, 22,
    ]);
  });

  it("stands inside of its stretch when it is held, and goes round again when it plays on", () => {
    review.repeat({ first: 20, last: 24 }, 0, THERE);
    review.hold(7.5 * PICTURE_MS, THERE);
    expect(at(50)).toBe(22);
    review.play(50 * PICTURE_MS, THERE);
    expect(at(53.5)).toBe(20);
  });

  it("plays on beyond the stretch once it is to be repeated no longer", () => {
    review.repeat({ first: 20, last: 24 }, 0, THERE);
    review.repeat(undefined, 3.5 * PICTURE_MS, THERE);
    expect(review.loop).toBeUndefined();
    expect(at(7.5)).toBe(27);
  });

  it("repeats what is left of a stretch whose begin is gone", () => {
    review.repeat({ first: 20, last: 24 }, 0, THERE);
    const seen = [0, 1, 2, 3].map((each) => at(each + 0.5, { first: 23, last: 99 }));
    expect(new Set(seen)).toEqual(new Set([23, 24]));
  });
});
