// Which part of the timeline is looked at. Pure.

import type { Plan } from "../protocol.ts";
import { followedSpan, neededFrames, type Span, visibleSpan } from "./geometry.ts";
import type { Act } from "./keys.ts";

const SHORTEST = 12;
const LONGEST = 9600;
const ZOOM = 1.5;

/** As long as the timeline needs where `length` is null; from `begin` on unless it is `following`. */
export type Viewport = { begin: number; length: number | null; following: boolean };

export const atFirst: Viewport = { begin: 0, length: null, following: true };

/** What there is to look at, in latent frames. Who wants less motion has nothing that `glides`. */
export type Surroundings = { plan: Plan; madeFrames: number; playhead: number; glides: boolean };

export function spanOf(view: Viewport, surroundings: Surroundings): Span {
  const { plan, madeFrames, playhead, glides } = surroundings;
  const { begin, length, following: follows } = view;
  if (length === null) {
    return visibleSpan(plan, madeFrames, playhead, glides);
  }
  return follows
    ? followedSpan(playhead, madeFrames, length, glides)
    : { begin, end: begin + length };
}

/** Closer by a factor, with one latent frame staying where it is. */
export function zoomed(view: Viewport, span: Span, factor: number, frame: number): Viewport {
  const before = span.end - span.begin;
  const length = Math.min(LONGEST, Math.max(SHORTEST, before / factor));
  const begin = Math.max(0, frame - ((frame - span.begin) * length) / before);
  return { ...view, begin, length };
}

/** Moved by some latent frames; it no longer follows the playhead. */
export function panned(span: Span, frames: number): Viewport {
  return {
    begin: Math.max(0, span.begin + frames),
    length: span.end - span.begin,
    following: false,
  };
}

/** All of the timeline. */
export function fitted(plan: Plan, madeFrames: number): Viewport {
  return { begin: 0, length: neededFrames(plan, madeFrames), following: false };
}

/** With the playhead from now on, or no longer. */
export function following(view: Viewport, span: Span, follows: boolean): Viewport {
  return follows ? { ...view, following: true } : panned(span, 0);
}

/** Moved so that what begins at a latent frame is seen; itself where its beginning is. */
export function revealing(view: Viewport, span: Span, frame: number): Viewport {
  if (frame >= span.begin && frame < span.end) {
    return view;
  }
  return panned(span, frame - (span.end - span.begin) / 4 - span.begin);
}

/** What an act makes of the part that is looked at; undefined where it is about something else. */
export function lookOf(
  act: Act,
  view: Viewport,
  span: Span,
  { plan, madeFrames, playhead }: Surroundings,
): Viewport | undefined {
  const length = span.end - span.begin;
  const middle = view.following ? playhead : span.begin + length / 2;
  switch (act) {
    case "zoom in":
      return zoomed(view, span, ZOOM, middle);
    case "zoom out":
      return zoomed(view, span, 1 / ZOOM, middle);
    case "fit":
      return fitted(plan, madeFrames);
    case "follow":
      return following(view, span, !view.following);
    case "pan left":
      return panned(span, -length / 2);
    case "pan right":
      return panned(span, length / 2);
    default:
      return undefined;
  }
}
