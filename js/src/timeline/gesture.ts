// What a pointer takes hold of, and what pulling at it makes of the plan. Pure.

import type { Plan } from "../protocol.ts";
import { dragged, type Edge, type Edit, resized, type Terms } from "./plan.ts";

const EDGE_PX = 8;

export type Grip = "whole" | Edge;

/** What lies under a pointer at `offset` pixels from the left of a block that is `width` wide. */
export function gripAt(offset: number, width: number): Grip {
  const edge = Math.min(EDGE_PX, width / 4);
  if (offset < edge) {
    return "begin";
  }
  return offset > width - edge ? "end" : "whole";
}

/** The plan once entry `index` of it is pulled by some latent frames. */
export function pulled(plan: Plan, terms: Terms, index: number, grip: Grip, frames: number): Edit {
  const begin = plan[index]?.latent_frame ?? 0;
  switch (grip) {
    case "whole":
      return dragged(plan, terms, index, begin + frames);
    case "begin":
      return resized(plan, terms, index, grip, begin + frames);
    case "end":
      return resized(plan, terms, index, grip, (plan[index + 1]?.latent_frame ?? 0) + frames);
    default:
      return grip satisfies never;
  }
}

/** Of the plan that was pulled: the entry that lands elsewhere now. */
export function landingEntry(index: number, grip: Grip): number {
  return grip === "end" ? index + 1 : index;
}
