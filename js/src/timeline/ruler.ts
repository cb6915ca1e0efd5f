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
    seconds.replaceChildren(
      ...ticks(span, picturesPerSecond).map(({ seconds: at, frame }) =>
        tick(`${at} s`, fraction(frame, span)),
      ),
    );
    frames.replaceChildren(
      ...frameTicks(span, blockFrames).map((frame) => tick(String(frame), fraction(frame, span))),
    );
  }
}

function tick(label: string, at: number): HTMLElement {
  const element = make("div", "ll-tick", label);
  element.style.left = percent(at);
  return element;
}
