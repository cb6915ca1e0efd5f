// The scale of the timeline, in seconds and in latent frames. It is pulled to pan.

import { make } from "../view/elements.ts";
import { fraction, frameTicks, percent, type Span, ticks } from "./geometry.ts";

export type RulerEvents = {
  /** The scale is pulled by this part of its width. */
  pan: (part: number) => void;
  /** A place on it is chosen: a part of its width. */
  choose: (part: number) => void;
};

export type Ruler = {
  element: HTMLElement;
  draw: (span: Span, blockFrames: number, picturesPerSecond: number) => void;
};

export function ruler(events: RulerEvents, hint: string, signal: AbortSignal): Ruler {
  const element = make("div", "ll-ruler");
  const seconds = make("div", "ll-seconds");
  const frames = make("div", "ll-latent-frames");
  element.setAttribute("aria-hidden", "true");
  element.title = `seconds; below, latent frames. Pull to pan, ${hint}`;
  element.append(seconds, frames);
  let x: number | undefined;
  element.addEventListener("pointerdown", take, { signal });
  element.addEventListener("pointermove", pull, { signal });
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, () => (x = undefined), { signal });
  }
  element.addEventListener("dblclick", (event) => events.choose(partAt(event)), { signal });
  return { element, draw };

  function take(event: PointerEvent): void {
    x = event.clientX;
    element.setPointerCapture(event.pointerId);
  }

  function pull(event: PointerEvent): void {
    if (x !== undefined) {
      events.pan((x - event.clientX) / element.clientWidth);
      x = event.clientX;
    }
  }

  function partAt(event: MouseEvent): number {
    const { left, width } = element.getBoundingClientRect();
    return (event.clientX - left) / width;
  }

  function draw(span: Span, blockFrames: number, picturesPerSecond: number): void {
    write(
      seconds,
      ticks(span, picturesPerSecond).map(({ seconds: at, frame }) => [`${at} s`, frame]),
      span,
    );
    write(
      frames,
      frameTicks(span, blockFrames).map((frame) => [String(frame), frame]),
      span,
    );
  }
}

/** Ticks by their labels and frames. While the video glides by they only move: to write them takes longer. */
function write(row: HTMLElement, labels: readonly [string, number][], span: Span): void {
  const known = new Map([...row.children].map((tick) => [tick.textContent, tick as HTMLElement]));
  const ticks = labels.map(([label, frame]) => {
    const tick = known.get(label) ?? make("div", "ll-tick", label);
    tick.style.left = percent(fraction(frame, span));
    return tick;
  });
  if (ticks.length !== known.size || ticks.some((tick) => tick.parentElement !== row)) {
    row.replaceChildren(...ticks);
  }
}
