// What the studio and a recording have in common: the screen with its bar, and the keys to look back.

import { make } from "./elements.ts";
import type { Screen } from "./screen.ts";
import type { Shortcut } from "./shortcuts.ts";

/** What the keys do with a video that is here. */
export type Looking = {
  step: (by: 1 | -1) => void;
  skip: (seconds: number) => void;
  loop: () => void;
  bound: (end: "first" | "last") => void;
};

export function lookBackKeys(back: Looking): Shortcut[] {
  return [
    { key: ",", name: ",", says: "one picture back", act: () => back.step(-1), repeats: true },
    { key: ".", name: ".", says: "one picture forth", act: () => back.step(1), repeats: true },
    {
      key: "ArrowLeft",
      name: "←",
      says: "one second back",
      act: () => back.skip(-1),
      repeats: true,
    },
    {
      key: "ArrowRight",
      name: "→",
      says: "one second forth",
      act: () => back.skip(1),
      repeats: true,
    },
    { key: "l", name: "l", says: "loop the last 3 s, or no longer", act: () => back.loop() },
    { key: "[", name: "[", says: "begin the loop here", act: () => back.bound("first") },
    { key: "]", name: "]", says: "end the loop here", act: () => back.bound("last") },
  ];
}

/** The theatre, which is all that is seen in full screen, beside the charts. */
export function stageOf(
  theatre: HTMLElement,
  { element, tools }: Screen,
  bar: HTMLElement,
  sheet: HTMLElement,
  charts: HTMLElement,
): HTMLElement {
  const stage = make("div", "ll-stage");
  const below = make("div", "ll-below");
  theatre.tabIndex = 0;
  theatre.setAttribute("role", "group");
  theatre.setAttribute("aria-label", "Player; ? lists its keys");
  below.append(bar, tools);
  theatre.append(element, below, sheet);
  stage.append(theatre, charts);
  return stage;
}
