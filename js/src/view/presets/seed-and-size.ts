// The noise that a video begins with, and the size of its pictures.

import type { Panel } from "../../panel.ts";
import type { Command, State } from "../../protocol.ts";
import { iconButton, make } from "../elements.ts";
import { numberIn } from "./wording.ts";

const DICE =
  "M3.5 2h9A1.5 1.5 0 0 1 14 3.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 2 12.5v-9A1.5 1.5 0 0 1 3.5 2zm0 1.5v9h9v-9zM5 5h2v2H5zm4 0h2v2H9zM5 9h2v2H5zm4 0h2v2H9z";
const LOCKED = "M5 7V5a3 3 0 0 1 6 0v2h1v7H4V7zm1.5 0h3V5a1.5 1.5 0 0 0-3 0z";
const OPEN = "M6.5 7H12v7H4V7h1V4.5a3 3 0 0 1 5.8-1L9.4 4a1.5 1.5 0 0 0-2.9.5z";

export type SeedAndSize = {
  element: HTMLElement;
  follow: (state: State) => void;
  update: (panel: Panel) => void;
};

export function seedAndSize(send: (command: Command) => void, signal: AbortSignal): SeedAndSize {
  const element = make("div", "ll-seed-and-size");
  const seed = numberField("Seed", "ll-seed");
  const lock = iconButton("lock", "", LOCKED);
  const dice = iconButton("dice", "throw the dice: another seed, and a new video", DICE);
  const width = numberField("Width in pixels", "ll-size");
  const height = numberField("Height in pixels", "ll-size");
  const own = make("button", "ll-button", "own size");
  own.type = "button";
  own.dataset["action"] = "own-size";
  let locked = true;
  let now: State | undefined;
  let ownSize: readonly number[] = [];
  const on = (target: HTMLElement, kind: string, act: () => void) =>
    target.addEventListener(kind, act, { signal });
  on(seed, "change", () => {
    const said = numberIn(seed.value);
    if (typeof said === "number" && said !== now?.seed) {
      send({ type: "seed", seed: said });
    } else {
      show();
    }
  });
  on(lock, "click", () => send({ type: "lock", locked: !locked }));
  on(dice, "click", () => send({ type: "seed", seed: null }));
  for (const side of [width, height]) {
    on(side, "change", resize);
  }
  on(own, "click", () => {
    const [width_px, height_px] = ownSize;
    if (width_px !== undefined && height_px !== undefined) {
      send({ type: "size", width_px, height_px });
    }
  });
  const sizes = make("div", "ll-sizes");
  sizes.append(make("span", "", "Size"), width, make("span", "", "×"), height, own);
  const seeds = make("div", "ll-seeds");
  seeds.append(make("span", "", "Seed"), seed, lock, dice);
  const hint = make("span", "ll-setting-tells", "each needs a new video; sides in steps of 16");
  element.append(seeds, sizes, hint);
  return {
    element,
    follow(state) {
      now = state;
      show();
    },
    update(panel) {
      locked = panel.seed_locked;
      ownSize = panel.own_size;
      lock.setAttribute("aria-pressed", String(locked));
      lock.title = locked
        ? "locked: every video begins with this seed"
        : "open: every new video draws a seed of its own";
      lock.setAttribute("aria-label", `Seed ${lock.title}`);
      lock.querySelector("path")?.setAttribute("d", locked ? LOCKED : OPEN);
      show();
    },
  };

  function resize(): void {
    const [width_px, height_px] = [numberIn(width.value), numberIn(height.value)];
    if (typeof width_px === "number" && typeof height_px === "number") {
      send({ type: "size", width_px, height_px });
    } else {
      show();
    }
  }

  function show(): void {
    if (now !== undefined) {
      write(seed, now.seed);
      write(width, now.width_px);
      write(height, now.height_px);
      own.disabled = now.width_px === ownSize[0] && now.height_px === ownSize[1];
    }
  }
}

function write(field: HTMLInputElement, value: number): void {
  if (document.activeElement !== field || numberIn(field.value) === null) {
    field.value = String(value);
  }
}

function numberField(label: string, className: string): HTMLInputElement {
  const field = make("input", `ll-entry ll-number ${className}`);
  field.type = "text";
  field.inputMode = "numeric";
  field.autocomplete = "off";
  field.setAttribute("aria-label", label);
  return field;
}
