// Undo and redo: plans before and after the present one. Pure.

import type { Plan } from "../protocol.ts";
import { isOpen, samePlan, type Terms } from "./plan.ts";

const MOST_PLANS = 200;

export type History = { past: readonly Plan[]; present: Plan; future: readonly Plan[] };

export function historyOf(plan: Plan): History {
  return { past: [], present: plan, future: [] };
}

/** The history with one plan more; what was undone is gone then. */
export function edited(history: History, plan: Plan): History {
  if (samePlan(history.present, plan)) {
    return { ...history, present: plan };
  }
  return { past: [...history.past, history.present].slice(-MOST_PLANS), present: plan, future: [] };
}

/** One edit back, as far as that can still be changed; undefined if there is none. */
export function undone(history: History, terms: Terms): History | undefined {
  const { past, present, future } = history;
  for (let at = past.length - 1; at >= 0; at -= 1) {
    const plan = onTopOf(present, past[at] ?? [], terms);
    if (!samePlan(plan, present)) {
      return { past: past.slice(0, at), present: plan, future: [present, ...future] };
    }
  }
  return undefined;
}

/** One undone edit forth, as far as that can still be changed; undefined if there is none. */
export function redone(history: History, terms: Terms): History | undefined {
  const { past, present, future } = history;
  for (let at = 0; at < future.length; at += 1) {
    const plan = onTopOf(present, future[at] ?? [], terms);
    if (!samePlan(plan, present)) {
      return { past: [...past, present], present: plan, future: future.slice(at + 1) };
    }
  }
  return undefined;
}

/**
 * What is to come of one plan, after what has begun of another. A prompt whose place there has
 * begun meanwhile stays where it is.
 */
function onTopOf(present: Plan, wanted: Plan, terms: Terms): Plan {
  const begun = present.filter((entry) => !isOpen(entry, terms));
  const coming = wanted.filter((entry) => isOpen(entry, terms));
  const late = wanted.filter(
    (entry) =>
      !isOpen(entry, terms) &&
      !begun.some(({ latent_frame }) => latent_frame === entry.latent_frame),
  );
  const staying = present.filter(
    (entry) =>
      isOpen(entry, terms) &&
      late.some(({ prompt }) => prompt === entry.prompt) &&
      !coming.some(({ latent_frame }) => latent_frame === entry.latent_frame),
  );
  return [
    ...begun,
    ...[...coming, ...staying].sort((one, other) => one.latent_frame - other.latent_frame),
  ];
}
