import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CodedBlock } from "../src/playback/decoder.ts";
import { LookBack } from "../src/playback/look-back.ts";
import { Picture, recordOf, takeOf } from "./video.ts";

const PICTURE_MS = 62.5;

describe("somebody who looks back", () => {
  let nowMs = 0;
  let onScreen = 30;
  let made: Picture[] = [];
  let back: LookBack<Picture>;
  const later = (pictures: number) => {
    nowMs += pictures * PICTURE_MS;
  };
  const decoder = {
    decode: async ({ pictures }: CodedBlock) => {
      const decoded = pictures.map((picture) => new Picture(picture[0]));
      made.push(...decoded);
      return decoded;
    },
    close: vi.fn(),
  };
  const shown = async () => {
    // once for the block itself, and once for the one that is decoded ahead
    for (let round = 0; round < 2; round += 1) {
      back.at(nowMs);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return back.at(nowMs)?.number;
  };

  beforeEach(() => {
    nowMs = 1000;
    onScreen = 30;
    made = [];
    vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    back = new LookBack(16, decoder, { from: () => onScreen, fail: () => undefined });
    for (const block of [0, 1, 2, 3, 4, 5]) {
      back.film.add(takeOf(block));
    }
  });

  afterEach(() => vi.restoreAllMocks());

  it("goes to a block and stands on its first picture, or is told why not", async () => {
    expect(back.goTo(recordOf(2))).toBeUndefined();
    expect(await shown()).toBe(recordOf(2).first_picture);
    expect(back.review?.playing).toBe(false);
    back.film.forget(3);
    expect(back.goTo(recordOf(3))).toBe(
      "the pictures of block 3 are being fetched: click once more in a moment",
    );
    back.film.forget(4);
    expect(back.goTo(recordOf(3))).toBe(
      "the pictures of block 3 are being fetched, after those of 1 later block: click once more in a moment",
    );
    expect(back.goTo(recordOf(9))).toBe(
      "the pictures of block 9 were not sent to this page: they are once the player is in sight, or the video goes on",
    );
    back.film.forget(0);
    back.film.lose(0);
    expect(back.goTo(recordOf(0))).toBe(
      "the pictures of block 0 are no longer kept: choose a later block",
    );
    expect(await shown()).toBe(recordOf(2).first_picture);
  });

  it("sees nothing of it before that", async () => {
    expect(await shown()).toBeUndefined();
    expect(made).toEqual([]);
  });

  it("begins at the picture on the screen", async () => {
    back.step(-1);
    expect(await shown()).toBe(29);
    back.step(1);
    back.step(1);
    expect(await shown()).toBe(31);
  });

  it("goes by seconds, and to a picture, and never beyond what came", async () => {
    back.skip(-1);
    expect(await shown()).toBe(14);
    back.seek(50);
    expect(await shown()).toBe(50);
    back.skip(9);
    expect(await shown()).toBe(68);
    back.skip(-1);
    expect(await shown()).toBe(52);
  });

  it("plays on, and stands again to step", async () => {
    back.playOrStand();
    later(5.5);
    expect(await shown()).toBe(35);
    back.step(1);
    later(50);
    expect(await shown()).toBe(36);
    back.playOrStand();
    back.playOrStand();
    later(50);
    expect(await shown()).toBe(36);
  });

  it("loops the three seconds up to the picture, until it is to do so no longer", async () => {
    onScreen = 60;
    back.loop();
    expect(back.review?.loop).toEqual({ first: 13, last: 60 });
    later(48.5);
    expect(await shown()).toBe(13);
    back.loop();
    expect(back.review?.loop).toBeUndefined();
  });

  it("sets the ends of a loop, but none that is empty", async () => {
    back.bound("first");
    expect(back.review?.loop).toEqual({ first: 30, last: 68 });
    back.seek(40);
    back.bound("last");
    expect(back.review?.loop).toEqual({ first: 30, last: 40 });
    back.seek(30);
    back.bound("last");
    expect(back.review?.loop).toEqual({ first: 30, last: 40 });
  });

  it("leaves it without a trace, and a new video has none of the old", async () => {
    back.seek(20);
    await shown();
    back.leave();
    expect(await shown()).toBeUndefined();
    expect(made.every(({ closed }) => closed)).toBe(true);
    back.begin();
    back.seek(20);
    expect(back.review).toBeUndefined();
    back.close();
    expect(decoder.close).toHaveBeenCalled();
  });
});
