// What all views of several videos have: a name with figures over each, and the Python that makes them.

import type { BlockRecord, Command, State } from "../protocol.ts";
import { copyButton } from "./copy-button.ts";
import { make } from "./elements.ts";
import type { Lens } from "./screen.ts";

export type TileView = {
  lens: Lens;
  /** What lies over the screen: names and figures, and what is done with a tile. */
  overlay: HTMLElement;
  bar: HTMLElement;
  /** A picture of this block is shown. */
  update: (record: BlockRecord) => void;
  follow: (state: State) => void;
  /** Look at them in the next way. */
  cycle: () => void;
};

export type TileEvents = {
  send: (command: Command) => void;
  /** The lens shows something else. */
  focus: () => void;
  /** The Python that makes this is wanted, or that of one tile alone. */
  copy: (tile: number | null) => void;
};

export function copyAllButton(copy: TileEvents["copy"], signal: AbortSignal): HTMLButtonElement {
  return copyButton("the cell that makes this, as it is now", () => copy(null), signal);
}

export function caption(label: string, figures: string): HTMLElement {
  const element = make("div", "ll-caption");
  element.append(make("strong", "", label), make("span", "", figures));
  return element;
}
