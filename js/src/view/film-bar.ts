// The bar below the screen: where the viewer stands in what is here, and the ways back and forth.

import type { Place } from "../playback/player.ts";
import { enable, iconButton, make, write } from "./elements.ts";

const BACK = "M10.5 3v10L4 8zM3 3h1.5v10H3z";
const FORTH = "M5.5 3v10L12 8zM11.5 3H13v10h-1.5z";
const PLAY = "M4 2.5v11l9-5.5z";
const STAND = "M4 2.5h3v11H4zM9 2.5h3v11H9z";
const ROUND = "M4 4h6V2l4 3-4 3V6H5.5v3H4zM12 12H6v2l-4-3 4-3v2h4.5V7H12z";

export type FilmBarEvents = {
  seek: (picture: number) => void;
  step: (by: 1 | -1) => void;
  playOrStand: () => void;
  loop: () => void;
  /** To the video as it is made; none of a recording. */
  goLive?: () => void;
};

export type FilmBar = { element: HTMLElement; update: (place: Place | undefined) => void };

export function filmBar(
  picturesPerSecond: number,
  events: FilmBarEvents,
  signal: AbortSignal,
): FilmBar {
  const element = make("div", "ll-film-bar");
  const back = iconButton("back", "one picture back (,)", BACK);
  const play = iconButton("play-back", "play on from here", PLAY);
  const forth = iconButton("forth", "one picture forth (.)", FORTH);
  const track = make("input", "ll-scrub");
  const time = make("span", "ll-time");
  const loop = iconButton(
    "loop",
    "play the last 3 s round and round (l); [ and ] set its ends",
    ROUND,
  );
  const live = make("button", "ll-button ll-live", "Live");
  const on = (target: HTMLElement, kind: string, act: () => void) =>
    target.addEventListener(kind, act, { signal });
  element.setAttribute("role", "group");
  const { goLive } = events;
  const label = goLive ? "Look back while the video goes on" : "The recording";
  element.setAttribute("aria-label", label);
  track.type = "range";
  track.value = "0";
  track.step = "1";
  track.setAttribute("aria-label", "Picture that is shown");
  live.type = "button";
  live.dataset["action"] = "live";
  on(back, "click", () => events.step(-1));
  on(forth, "click", () => events.step(1));
  on(play, "click", events.playOrStand);
  on(loop, "click", events.loop);
  on(live, "click", () => goLive?.());
  live.hidden = goLive === undefined;
  on(track, "input", () => events.seek(track.valueAsNumber));
  element.append(back, play, forth, track, time, loop, live);
  update(undefined);
  return { element, update };

  function update(place: Place | undefined): void {
    for (const control of [back, play, forth, track, loop]) {
      control.disabled = place === undefined;
    }
    const follows = place?.live ?? true;
    enable(live, !follows);
    live.title = follows ? "this is the video as it is made" : "to the video as it is made";
    element.dataset["live"] = String(follows);
    loop.setAttribute("aria-pressed", String(place?.loop !== undefined));
    if (place !== undefined) {
      follow(place);
    }
  }

  function follow({ there, picture, live: follows, playing, loop: round }: Place): void {
    const seconds = (number: number) => (number / picturesPerSecond).toFixed(2);
    const share = (number: number) =>
      `${((100 * (number - there.first)) / Math.max(1, there.last - there.first)).toFixed(2)}%`;
    track.min = String(there.first);
    track.max = String(there.last);
    track.value = String(picture);
    track.setAttribute("aria-valuetext", `${seconds(picture)} seconds`);
    track.style.setProperty("--ll-from", share(round?.first ?? there.first));
    track.style.setProperty("--ll-to", share(round?.last ?? there.first));
    write(time, `${seconds(picture)} / ${seconds(there.last)} s`);
    sayWhatClickDoes(play, playing, follows);
  }
}

/** Written only when it changes: pictures come far oftener. */
function sayWhatClickDoes(play: HTMLElement, playing: boolean, follows: boolean): void {
  const onBehind = follows ? ", while the video goes on behind" : "";
  const title = playing ? `stand on this picture${onBehind}` : "play on from here";
  if (play.title !== title) {
    play.title = title;
    play.setAttribute("aria-label", title);
    play.querySelector("path")?.setAttribute("d", playing ? STAND : PLAY);
  }
}
