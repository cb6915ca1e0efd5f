import { describe, expect, it } from "vitest";
import { MediaClock } from "../src/playback/media-clock.ts";

describe("a media clock", () => {
  it("stands until it is started", () => {
    expect(new MediaClock(16).at(5000)).toBe(0);
  });

  it("moves by 16 pictures a second, from whenever it was started", () => {
    const clock = new MediaClock(16);
    clock.start(700);
    expect(clock.at(700)).toBe(0);
    expect(clock.at(1700)).toBe(16);
    expect(clock.at(1731.25)).toBe(16.5);
  });

  it("does not begin again when it is started twice", () => {
    const clock = new MediaClock(16);
    clock.start(0);
    clock.start(1000);
    expect(clock.at(1000)).toBe(16);
  });

  it("goes on from where it was held", () => {
    const clock = new MediaClock(16);
    clock.start(0);
    clock.hold(500);
    expect(clock.at(9000)).toBe(8);
    clock.start(9000);
    expect(clock.at(9500)).toBe(16);
  });

  it("says how long it has to run until it is somewhere", () => {
    const clock = new MediaClock(16);
    expect(clock.leftMs(8, 5000)).toBe(500);
    clock.start(5000);
    expect(clock.leftMs(8, 5100)).toBe(400);
    expect(clock.leftMs(8, 9000)).toBe(0);
  });

  it("is held at a limit however late it is asked", () => {
    const clock = new MediaClock(16);
    clock.start(0);
    expect(clock.at(5000, 12)).toBe(12);
    clock.hold(5000, 12);
    expect(clock.at(6000)).toBe(12);
  });
});
