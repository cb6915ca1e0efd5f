import { beforeEach, describe, expect, it } from "vitest";
import { Film } from "../src/playback/film.ts";
import { takeOf } from "./video.ts";

describe("a film", () => {
  let film: Film;
  beforeEach(() => {
    film = new Film(1000);
  });

  const appendAll = (blocks: number[], bytes = 1) => {
    for (const block of blocks) {
      film.add(takeOf(block, bytes));
    }
  };
  const blockAt = (picture: number) => film.find(picture)?.record.block;

  it("has nothing before a block came", () => {
    expect(film.stretch).toBeUndefined();
    expect(film.find(3)).toBeUndefined();
    expect(film.beside(3, 1)).toBe(3);
  });

  it("finds the block of each picture", () => {
    appendAll([0, 1, 2]);
    expect(film.stretch).toEqual({ first: 0, last: 32 });
    expect([0, 8, 9, 20, 21, 32, 99].map(blockAt)).toEqual([0, 0, 1, 1, 2, 2, 2]);
    expect(film.after(20)?.record.block).toBe(2);
    expect(film.after(21)).toBeUndefined();
  });

  it("steps from picture to picture, over the edge of a block, and stays at the ends", () => {
    appendAll([0, 1]);
    expect([film.beside(8, 1), film.beside(9, -1)]).toEqual([9, 8]);
    expect([film.beside(0, -1), film.beside(20, 1)]).toEqual([0, 20]);
  });

  it("steps over blocks that never came, and shows the last picture before them", () => {
    appendAll([0, 1, 4]);
    expect(film.nearest(30)).toBe(20);
    expect([film.beside(20, 1), film.beside(45, -1), film.beside(30, 1)]).toEqual([45, 20, 45]);
  });

  it("leaves out a block that is not wanted, and has room for it again", () => {
    appendAll([0, 1, 2], 20);
    film.forget(1);
    film.forget(7);
    expect([9, 20].map(blockAt)).toEqual([0, 0]);
    film.add(takeOf(3, 40));
    expect(film.stretch).toEqual({ first: 0, last: 44 });
  });

  it("forgets the oldest blocks where there is no room, but never the newest", () => {
    appendAll([0, 1, 2, 3], 40);
    expect(film.stretch).toEqual({ first: 21, last: 44 });
    expect([film.nearest(0), blockAt(0)]).toEqual([21, 2]);
    film.add(takeOf(4, 400));
    expect(film.stretch).toEqual({ first: 45, last: 56 });
  });

  it("names the newest block that is missing, until it is here or cannot come", () => {
    expect(film.gap).toBeUndefined();
    appendAll([3, 5]);
    expect(film.gap).toBe(4);
    appendAll([4]);
    expect(film.gap).toBe(2);
    expect([35, 47, 60].map(blockAt)).toEqual([3, 4, 5]);
    film.lose(1);
    expect(film.gap).toBe(2);
    appendAll([2]);
    expect(film.gap).toBeUndefined();
    expect([2, 1].map((block) => film.get(block)?.record.block)).toEqual([2, undefined]);
  });

  it("does not want what it had no room for", () => {
    appendAll([2, 3], 40);
    appendAll([1], 40);
    expect(film.stretch).toEqual({ first: 21, last: 44 });
    expect(film.gap).toBeUndefined();
  });
});
