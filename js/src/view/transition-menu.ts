// How a prompt takes over, as a list to choose from and in words.

import type { Transition } from "../protocol.ts";
import type { Item } from "./menu.ts";

const BLOCKS = [2, 4, 8];

/** The choices; what holds now is ticked. */
export function transitionItems(
  now: Transition,
  choose: (transition: Transition) => void,
): readonly Item[] {
  const choice = (label: string, change: Partial<Transition>): Item => {
    const next = { ...now, ...change };
    const chosen = Object.entries(change).every(([name, value]) =>
      Object.entries(now).some(([other, held]) => other === name && held === value),
    );
    return { label: `${chosen ? "✓" : "\u2003"} ${label}`, run: () => choose(next) };
  };
  return [
    { heading: "takes over" },
    choice("at once: a cut", { blocks: 0 }),
    ...BLOCKS.map((blocks) => choice(`over ${blocks} blocks, blended`, { blocks })),
    { heading: "blend of both prompts" },
    choice("on the line between them", { blend: "linear" }),
    choice("on the arc (slerp)", { blend: "slerp" }),
    { heading: "memory" },
    choice("re-cached under the new prompt", { recache: true }),
    choice("left as it is, to see what that does", { recache: false }),
  ];
}

/** A transition in words: "a cut", "over 4 blocks on the arc, without re-cache". */
export function transitionText({ blocks, blend, recache }: Transition): string {
  const way = blend === "slerp" ? "arc" : "line";
  const over = blocks === 0 ? "a cut" : `over ${blocks} blocks on the ${way}`;
  return recache ? over : `${over}, without re-cache`;
}

/** A transition in a few signs: "cut", "4 ⌒" on the arc, "4 ⟋" on the line; "*" without re-cache. */
export function shortly({ blocks, blend, recache }: Transition): string {
  const over = blocks === 0 ? "cut" : `${blocks} ${blend === "slerp" ? "⌒" : "⟋"}`;
  return recache ? over : `${over} *`;
}
