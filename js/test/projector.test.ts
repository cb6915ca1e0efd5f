import { beforeEach, describe, expect, it } from "vitest";
import type { CodedBlock } from "../src/playback/decoder.ts";
import { Film } from "../src/playback/film.ts";
import { Projector } from "../src/playback/projector.ts";
import { Picture, takeOf } from "./video.ts";

const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("a projector", () => {
  let film: Film;
  let made: Picture[][];
  let failed: number[];
  let projector: Projector<Picture>;
  const decode = async ({ pictures }: CodedBlock) => {
    const decoded = pictures.map((picture) => new Picture(picture[0]));
    made.push(decoded);
    return decoded;
  };
  const shownAt = async (number: number) => {
    projector.at(number);
    await settled();
    return projector.at(number);
  };

  beforeEach(() => {
    film = new Film(10_000);
    for (const block of [0, 1, 2, 3, 4, 5]) {
      film.add(takeOf(block));
    }
    made = [];
    failed = [];
    projector = new Projector(film, decode, ({ record }) => failed.push(record.block));
  });

  it("shows nothing while a block is decoded, and then its pictures", async () => {
    expect(projector.at(10)).toBeUndefined();
    await settled();
    expect(projector.at(10)).toMatchObject({ number: 10, picture: { number: 10 } });
  });

  it("has the next block decoded before it is wanted, each one once", async () => {
    await shownAt(10);
    await settled();
    expect(made).toHaveLength(2);
    expect(projector.at(21)?.picture.number).toBe(21);
    await shownAt(20);
    expect(made).toHaveLength(3);
  });

  it("decodes what was asked for last, and leaves out what a scrub has passed by", async () => {
    for (const number of [2, 10, 22, 34, 46, 58]) {
      projector.at(number);
    }
    await settled();
    expect(projector.at(58)?.picture.number).toBe(58);
    expect(made.map((pictures) => pictures[0]?.number)).not.toContain(9);
    expect(made.map((pictures) => pictures[0]?.number)).not.toContain(21);
  });

  it("keeps open what it shows and closes what it has left", async () => {
    for (const number of [2, 50, 2, 30, 2, 40]) {
      const shown = await shownAt(number);
      await settled();
      expect(shown?.picture).toMatchObject({ number, closed: false });
    }
    const open = made.flat().filter(({ closed }) => !closed);
    expect(open.length).toBeLessThanOrEqual(36);
    projector.clear();
    expect(made.flat().every(({ closed }) => closed)).toBe(true);
  });

  it("closes pictures that come when nobody wants them any more", async () => {
    projector.at(10);
    projector.clear();
    await settled();
    expect(made.flat().every(({ closed }) => closed)).toBe(true);
  });

  it("says which block could not be decoded", async () => {
    projector = new Projector(
      film,
      () => Promise.reject(new Error("broken")),
      ({ record }) => failed.push(record.block),
    );
    expect(await shownAt(10)).toBeUndefined();
    expect(failed).toEqual([1]);
  });
});
