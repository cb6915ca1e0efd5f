// Edits of a timeline, from one plan to the next. Pure: knows neither the page nor the kernel, which
// judges each plan once more.

import { cut, type Entry, type Plan, type Transition } from "../protocol.ts";

/** What an edit must keep to: blocks of `blockFrames` latent frames, and none before `firstOpen`. */
export type Terms = { blockFrames: number; firstOpen: number };

/** The plan that an edit makes, and the place of the edited entry in it; or why there is none. */
export type Edit = { plan: Plan; index: number } | { refused: string };

export type Edge = "begin" | "end";

/** The block on which an entry lands that starts at a latent frame. */
export function blockOf(frame: number, { blockFrames }: Terms): number {
  return Math.ceil(frame / blockFrames);
}

/** The first latent frame of the block that is nearest, of those that can still be changed. */
export function snapped(frame: number, terms: Terms): number {
  return Math.max(Math.round(frame / terms.blockFrames), terms.firstOpen) * terms.blockFrames;
}

export function isOpen(entry: Entry, terms: Terms): boolean {
  return blockOf(entry.latent_frame, terms) >= terms.firstOpen;
}

export function samePlan(one: Plan, other: Plan): boolean {
  return one.length === other.length && one.every((entry, i) => sameEntry(entry, other[i]));
}

/** A new prompt, from the nearest block on. */
export function added(plan: Plan, terms: Terms, frame: number, prompt: string): Edit {
  if (prompt.trim() === "") {
    return refusal("an empty prompt says nothing: write what the video should show");
  }
  const latentFrame = snapped(frame, terms);
  const there = plan.find(
    (entry) => blockOf(entry.latent_frame, terms) * terms.blockFrames === latentFrame,
  );
  if (there !== undefined) {
    return refusal(
      `${quoted(there)} begins on that block already: change its words, or choose another`,
    );
  }
  const index = plan.filter((entry) => entry.latent_frame < latentFrame).length;
  const entry = { latent_frame: latentFrame, prompt: prompt.trim(), transition: cut };
  return { plan: [...plan.slice(0, index), entry, ...plan.slice(index)], index };
}

/** Other words for an entry. */
export function retyped(plan: Plan, terms: Terms, index: number, prompt: string): Edit {
  return changed(plan, terms, index, (entry) =>
    prompt.trim() === ""
      ? refusal("an empty prompt says nothing: write what the video should show")
      : { plan: replaced(plan, index, { ...entry, prompt: prompt.trim() }), index },
  );
}

/** Another way for an entry to take over. */
export function takingOver(plan: Plan, terms: Terms, index: number, transition: Transition): Edit {
  return changed(plan, terms, index, (entry) =>
    index === 0
      ? refusal("the first prompt has none to take over from")
      : { plan: replaced(plan, index, { ...entry, transition }), index },
  );
}

/** The plan without an entry; the prompt before it goes on instead. */
export function deleted(plan: Plan, terms: Terms, index: number): Edit {
  return changed(plan, terms, index, () => {
    const [first, ...rest] = [...plan.slice(0, index), ...plan.slice(index + 1)];
    if (first === undefined) {
      return refusal("a timeline needs a prompt: change the words of this one");
    }
    const kept =
      index === 0 ? [{ ...first, latent_frame: 0, transition: cut }, ...rest] : [first, ...rest];
    return { plan: kept, index: Math.min(index, kept.length - 1) };
  });
}

/** One block out of an entry and the next one, with the first one's words. */
export function merged(plan: Plan, terms: Terms, index: number): Edit {
  const edit = plan[index + 1] === undefined ? undefined : deleted(plan, terms, index + 1);
  if (edit === undefined) {
    return refusal("nothing comes after this prompt that could be merged with it");
  }
  return "refused" in edit ? edit : { plan: edit.plan, index };
}

/** Two entries of the same words, the second one from the block that is nearest on. */
export function split(plan: Plan, terms: Terms, index: number, frame: number): Edit {
  const entry = plan[index];
  const latentFrame = snapped(frame, terms);
  if (entry === undefined) {
    return refusal("there is no such prompt");
  }
  const begins = blockOf(entry.latent_frame, terms) * terms.blockFrames;
  const ends = plan[index + 1]?.latent_frame ?? Number.POSITIVE_INFINITY;
  if (latentFrame <= begins || latentFrame >= ends) {
    return refusal(`${quoted(entry)} cannot be split there: each part needs a block of its own`);
  }
  return added(plan, terms, latentFrame, entry.prompt);
}

/** One edge of an entry at the nearest block, as far as its neighbours leave room. */
export function resized(plan: Plan, terms: Terms, index: number, edge: Edge, frame: number): Edit {
  const moving = edge === "begin" ? index : index + 1;
  if (moving >= plan.length) {
    return refusal("the last prompt has no end: it steers until another one comes");
  }
  return changed(plan, terms, moving, (entry) =>
    moving === 0 ? firstStays() : { plan: replaced(plan, moving, at(entry, frame)), index },
  );

  function at(entry: Entry, wanted: number): Entry {
    const { least, most } = room(plan, terms, moving, moving + 1);
    return { ...entry, latent_frame: within(snapped(wanted, terms), least, most) };
  }
}

/** An entry from the nearest block on, as long as before, as far as its neighbours leave room. */
export function moved(plan: Plan, terms: Terms, index: number, frame: number): Edit {
  return changed(plan, terms, index, (entry) => {
    if (index === 0) {
      return firstStays();
    }
    const next = plan[index + 1];
    const length = next === undefined ? 0 : next.latent_frame - entry.latent_frame;
    const { least, most } = room(plan, terms, index, index + 2);
    const begin = within(snapped(frame, terms), least, most - length);
    const plainly = replaced(plan, index, { ...entry, latent_frame: begin });
    const both = next && replaced(plainly, index + 1, { ...next, latent_frame: begin + length });
    return { plan: both ?? plainly, index };
  });
}

/**
 * An entry in the place of another one; each keeps its length. The last one has none: where it moves
 * forward, it takes the length of the one that is last then.
 */
export function reordered(plan: Plan, terms: Terms, index: number, to: number): Edit {
  return changed(plan, terms, Math.min(index, to), (first) => {
    if (plan[Math.max(index, to)] === undefined) {
      return refusal("there is no prompt on that side to change places with");
    }
    const from = Math.min(index, to);
    const order = plan.map((entry, i) => ({ entry, length: lengthOf(plan, i) })).slice(from);
    const [taken] = order.splice(index - from, 1);
    order.splice(to - from, 0, ...(taken === undefined ? [] : [taken]));
    return { plan: [...plan.slice(0, from), ...laidOut(order, first.latent_frame)], index: to };
  });
}

/**
 * What a drag makes of a plan that would have an entry begin at `frame`: a move, and a change of
 * places once it covers half of a neighbour, or begins after the last one.
 */
export function dragged(plan: Plan, terms: Terms, index: number, frame: number): Edit {
  const before = plan.findIndex(
    (entry, i) => i < index && isOpen(entry, terms) && frame < middle(plan, i),
  );
  if (before >= 0) {
    return reordered(plan, terms, index, before);
  }
  const ends = frame + lengthOf(plan, index);
  const after = plan.reduce((found, each, i) => (i > index && covers(each, i) ? i : found), -1);
  return after >= 0 ? reordered(plan, terms, index, after) : moved(plan, terms, index, frame);

  function covers(other: Entry, i: number): boolean {
    return i === plan.length - 1 ? frame > other.latent_frame : ends > middle(plan, i);
  }
}

type Piece = { entry: Entry; length: number };

function laidOut(pieces: readonly Piece[], begin: number): Entry[] {
  const spare = pieces[pieces.length - 1]?.length ?? 0;
  let next = begin;
  return pieces.map(({ entry, length }) => {
    const latentFrame = next;
    next += Number.isFinite(length) ? length : spare;
    return { ...entry, latent_frame: latentFrame, ...(latentFrame === 0 && { transition: cut }) };
  });
}

function lengthOf(plan: Plan, index: number): number {
  const ends = plan[index + 1]?.latent_frame ?? Number.POSITIVE_INFINITY;
  return ends - (plan[index]?.latent_frame ?? 0);
}

function middle(plan: Plan, index: number): number {
  return (plan[index]?.latent_frame ?? 0) + lengthOf(plan, index) / 2;
}

/** Where the start of an entry may be, when the one at `until` is the next that stays. */
function room(
  plan: Plan,
  terms: Terms,
  index: number,
  until: number,
): { least: number; most: number } {
  const { blockFrames, firstOpen } = terms;
  const before = plan[index - 1];
  const after = plan[until];
  const least = before === undefined ? 0 : blockOf(before.latent_frame, terms) + 1;
  return {
    least: Math.max(least, firstOpen) * blockFrames,
    most: after ? (blockOf(after.latent_frame, terms) - 1) * blockFrames : Number.POSITIVE_INFINITY,
  };
}

function within(frame: number, least: number, most: number): number {
  return Math.max(least, Math.min(frame, most));
}

function changed(plan: Plan, terms: Terms, index: number, edit: (entry: Entry) => Edit): Edit {
  const entry = plan[index];
  if (entry === undefined) {
    return refusal("there is no prompt on that side");
  }
  return isOpen(entry, terms)
    ? edit(entry)
    : refusal(`${quoted(entry)} has begun: it can no longer be changed`);
}

function replaced(plan: Plan, index: number, entry: Entry): Plan {
  return plan.map((each, i) => (i === index ? entry : each));
}

function sameEntry(one: Entry, other: Entry | undefined): boolean {
  return (
    one.latent_frame === other?.latent_frame &&
    one.prompt === other.prompt &&
    sameTransition(one.transition, other.transition)
  );
}

function sameTransition(one: Transition, other: Transition): boolean {
  return one.blocks === other.blocks && one.blend === other.blend && one.recache === other.recache;
}

function firstStays(): Edit {
  return refusal("the first prompt begins at 0 s, and stays there");
}

function refusal(sentence: string): Edit {
  return { refused: sentence };
}

function quoted(entry: Entry): string {
  return `“${entry.prompt}”`;
}
