// The edit that a key or a button asks for, of the prompt that is chosen. Pure.

import type { Entry, Plan } from "../protocol.ts";
import type { Segment } from "./geometry.ts";
import type { Act } from "./keys.ts";
import {
  blockOf,
  deleted,
  type Edit,
  merged,
  moved,
  reordered,
  resized,
  split,
  type Terms,
} from "./plan.ts";

const REACH_BLOCKS = 16;

/** Undefined where the act is no edit of what is there. */
export function editOf(act: Act, plan: Plan, terms: Terms, index: number): Edit | undefined {
  const entry = plan[index];
  if (entry === undefined) {
    return undefined;
  }
  const begin = landing(entry, terms);
  const end = endOf(plan, terms, index);
  switch (act) {
    case "earlier":
      return moved(plan, terms, index, begin - terms.blockFrames);
    case "later":
      return moved(plan, terms, index, begin + terms.blockFrames);
    case "shorter":
      return resized(plan, terms, index, "end", end - terms.blockFrames);
    case "longer":
      return resized(plan, terms, index, "end", end + terms.blockFrames);
    case "swap earlier":
      return reordered(plan, terms, index, index - 1);
    case "swap later":
      return reordered(plan, terms, index, index + 1);
    case "split":
      return split(plan, terms, index, inside(plan, terms, index));
    case "merge":
      return merged(plan, terms, index);
    case "delete":
      return deleted(plan, terms, index);
    default:
      return undefined;
  }
}

/** The middle of what is to come of an entry; the last one counts as some blocks long. */
export function inside(plan: Plan, terms: Terms, index: number): number {
  const entry = plan[index];
  const first = terms.firstOpen * terms.blockFrames;
  const begin = Math.max(first, entry === undefined ? 0 : landing(entry, terms));
  const end = endOf(plan, terms, index);
  const until = Number.isFinite(end) ? end : begin + REACH_BLOCKS * terms.blockFrames;
  return (begin + until) / 2;
}

function landing(entry: Entry, terms: Terms): number {
  return blockOf(entry.latent_frame, terms) * terms.blockFrames;
}

function endOf(plan: Plan, terms: Terms, index: number): number {
  const next = plan[index + 1];
  return next === undefined ? Number.POSITIVE_INFINITY : landing(next, terms);
}

/** The prompt that an act chooses instead, of those that are drawn; undefined where it chooses none. */
export function chosenBy(act: Act, drawn: readonly Segment[], index: number): number | undefined {
  const at = drawn.findIndex((segment) => segment.index === index);
  switch (act) {
    case "previous":
      return drawn[Math.max(0, at - 1)]?.index;
    case "next":
      return drawn[Math.min(drawn.length - 1, at + 1)]?.index;
    case "first":
      return drawn[0]?.index;
    case "last":
      return drawn[drawn.length - 1]?.index;
    default:
      return undefined;
  }
}
