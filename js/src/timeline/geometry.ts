// Where prompts, blocks and the playhead lie on the strip. Pure: latent frames in, fractions out.

import { cut, type Plan, type Transition } from "../protocol.ts";

const PICTURES_PER_LATENT_FRAME = 4;
const SHORTEST_SPAN = 48;
const LONGEST_SPAN = 120;
/** Where the playhead stands in the span that is looked at while that follows it. */
const PLAYHEAD_AT = 0.7;
/** So many latent frames stay in sight after what is made, and before a playhead that glides. */
const MARGIN = 12;
/** Who wants less motion has the span moved by so many latent frames at once. */
const CALM_STEP = 30;
const TICK_STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
const FRAME_STEPS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const MOST_FRAME_TICKS = 16;
const LEAST_OF_PICTURE = 0.6;
const MOST_TICKS = 12;

/** Latent frames, `end` not included. */
export type Span = { begin: number; end: number };

/** `index` is the entry's place in the plan, `order` the segment's among those that are drawn. */
export type Segment = Span & {
  index: number;
  prompt: string;
  transition: Transition;
  /** Where the prompt steers alone, after the transition. */
  alone: number;
  landed: boolean;
  order: number;
};

export type Tick = { seconds: number; frame: number };

/** The latent frame that holds a picture, as a fraction; the first one holds a single picture. */
export function frameOfPicture(picture: number): number {
  return picture < 1 ? picture : (picture - 1) / PICTURES_PER_LATENT_FRAME + 1;
}

/** The first picture of a latent frame. */
export function pictureOfFrame(frame: number): number {
  return frame < 1 ? frame : PICTURES_PER_LATENT_FRAME * (frame - 1) + 1;
}

/** The latent frame at a time in the video, as a fraction. */
export function frameAtSeconds(seconds: number, picturesPerSecond: number): number {
  return frameOfPicture(seconds * picturesPerSecond);
}

/** The stretches that each prompt steers: of several that land on one block, the last one does. */
export function segments(plan: Plan, blockFrames: number, madeBlocks: number): Segment[] {
  const winners = new Map<number, number>();
  for (const [index, entry] of plan.entries()) {
    winners.set(Math.ceil(entry.latent_frame / blockFrames), index);
  }
  const landed = [...winners].map(([block, index]) => ({ block, index }));
  return landed.map(({ block, index }, order) => ({
    index,
    prompt: plan[index]?.prompt ?? "",
    transition: plan[index]?.transition ?? cut,
    begin: block * blockFrames,
    alone: (block + (plan[index]?.transition.blocks ?? 0)) * blockFrames,
    end: (landed[order + 1]?.block ?? Number.POSITIVE_INFINITY) * blockFrames,
    landed: block < madeBlocks,
    order,
  }));
}

/** The latent frames that hold all that is made and planned, and a little more. */
export function neededFrames(plan: Plan, madeFrames: number): number {
  const planned = Math.max(0, ...plan.map((entry) => entry.latent_frame));
  const needed = Math.ceil((Math.max(planned, madeFrames) + MARGIN) / MARGIN) * MARGIN;
  return Math.max(SHORTEST_SPAN, needed);
}

/** What is looked at first: all from the beginning, until that is too much; then the playhead. */
export function visibleSpan(plan: Plan, madeFrames: number, playhead: number, glides = true): Span {
  const needed = neededFrames(plan, madeFrames);
  return needed <= LONGEST_SPAN
    ? { begin: 0, end: needed }
    : followedSpan(playhead, madeFrames, LONGEST_SPAN, glides);
}

/**
 * A span around the playhead: it glides along with it, or is turned like a page now and then.
 *
 * Where a viewer is far behind, what is made ahead stays in sight, and so does where a prompt would
 * land, as long as the playhead does too.
 */
export function followedSpan(
  playhead: number,
  madeFrames: number,
  length: number,
  glides: boolean,
): Span {
  const reach = PLAYHEAD_AT * length;
  const usual = glides ? Math.max(0, playhead - reach) : Math.floor(playhead / reach) * reach;
  const step = glides ? 1 : CALM_STEP;
  const forTheMade = Math.ceil((madeFrames + MARGIN - length) / step) * step;
  const forThePlayhead = glides ? playhead - MARGIN : Math.floor(playhead / step) * step;
  const begin = Math.max(usual, Math.min(forTheMade, forThePlayhead));
  return { begin, end: begin + length };
}

/** Where a latent frame lies in a span: 0 at its left edge, 1 at its right one, and not beyond. */
export function fraction(frame: number, span: Span): number {
  return Math.min(1, Math.max(0, (frame - span.begin) / (span.end - span.begin)));
}

/** A part of a whole, as style sheets have it. */
export function percent(part: number): string {
  return `${(100 * part).toFixed(3)}%`;
}

/** The seconds to be marked on a span, not too many of them. */
export function ticks(span: Span, picturesPerSecond: number): Tick[] {
  const framesPerSecond = picturesPerSecond / PICTURES_PER_LATENT_FRAME;
  const seconds = (span.end - span.begin) / framesPerSecond;
  const step = TICK_STEPS_S.find((each) => seconds / each <= MOST_TICKS) ?? 600;
  const first = Math.ceil(span.begin / framesPerSecond / step) * step;
  const found: Tick[] = [];
  for (let at = first; frameAtSeconds(at, picturesPerSecond) < span.end; at += step) {
    found.push({ seconds: at, frame: frameAtSeconds(at, picturesPerSecond) });
  }
  return found.filter((tick) => tick.frame >= span.begin);
}

/** The first latent frames of blocks to be marked on a span, not too many of them. */
export function frameTicks(span: Span, blockFrames: number): number[] {
  const blocks = (span.end - span.begin) / blockFrames;
  const step =
    blockFrames * (FRAME_STEPS.find((each) => blocks / each <= MOST_FRAME_TICKS) ?? 1024);
  const first = Math.ceil(span.begin / step) * step;
  const count = Math.max(0, Math.ceil((span.end - first) / step));
  return Array.from({ length: count }, (_, index) => first + index * step);
}

/** The blocks of a span whose pictures, `width` parts of it wide, have room if they are cut a little. */
export function blocksToShow(
  span: Span,
  blockFrames: number,
  madeBlocks: number,
  width: number,
): { step: number; blocks: number[] } {
  const room = (LEAST_OF_PICTURE * width * (span.end - span.begin)) / blockFrames;
  const step = Math.max(1, Math.ceil(room));
  const first = Math.ceil(span.begin / blockFrames / step) * step;
  const last = Math.min(madeBlocks, Math.ceil(span.end / blockFrames));
  const count = Math.max(0, Math.ceil((last - first) / step));
  return { step, blocks: Array.from({ length: count }, (_, index) => first + index * step) };
}
