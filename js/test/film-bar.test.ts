// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { filmBar } from "../src/view/film-bar.ts";

describe("the button of the film bar", () => {
  const events = { seek: () => {}, step: () => {}, playOrStand: () => {}, loop: () => {} };
  const bar = filmBar(16, { ...events, goLive: () => {} }, new AbortController().signal);
  const play = bar.element.querySelector('[data-action="play-back"]');
  const sign = () => play?.querySelector("path")?.getAttribute("d");
  const place = { there: { first: 0, last: 99 }, picture: 40, loop: undefined };
  const at = (live: boolean, playing: boolean) => {
    bar.update({ ...place, live, playing });
    return play?.getAttribute("aria-label");
  };

  it("shows that a click plays on where the picture stands, and that it stands where it moves", () => {
    expect(at(false, false)).toBe("play on from here");
    const toPlay = sign();
    expect(at(false, true)).toBe("stand on this picture");
    const toStand = sign();
    expect(toStand).not.toBe(toPlay);
    expect(at(true, true)).toBe("stand on this picture, while the video goes on behind");
    expect(sign()).toBe(toStand);
    expect(at(true, false)).toBe("play on from here");
    expect(sign()).toBe(toPlay);
  });
});

it("the scrubber stands at its beginning before there is a picture", () => {
  const events = { seek: () => {}, step: () => {}, playOrStand: () => {}, loop: () => {} };
  const { element } = filmBar(16, events, new AbortController().signal);
  expect(element.querySelector("input")?.value).toBe("0");
});
