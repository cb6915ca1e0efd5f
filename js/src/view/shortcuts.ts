// Keys that steer the player while it has the focus, and the sheet that lists all keys of the studio.

import { make } from "./elements.ts";

/** A key in words, and what it does. */
export type KeyHelp = { name: string; says: string };

/** `repeats`: it acts again and again while the key is held. */
export type Shortcut = KeyHelp & { key: string; act: () => void; repeats?: boolean };

/** Keys that belong together, and where they are heard. */
export type KeyGroup = { title: string; keys: readonly KeyHelp[] };

export type Shortcuts = {
  /** The sheet, which opens and closes itself. */
  sheet: HTMLElement;
};

/**
 * Listen to keys inside of `places`, but to none that is typed, and to none that a part has taken.
 * The sheet comes from anywhere inside of `root`; it lists `others` too, which are heard elsewhere.
 */
export function shortcuts(
  root: HTMLElement,
  places: readonly HTMLElement[],
  all: readonly Shortcut[],
  others: readonly KeyGroup[],
  signal: AbortSignal,
): Shortcuts {
  const sheet = make("div", "ll-help");
  const help: Shortcut = { key: "?", name: "?", says: "show or hide these keys", act: toggle };
  const own = { title: "Keys, while the player has the focus", keys: [...all, help] };
  let before: Element | null = null;
  sheet.setAttribute("role", "region");
  sheet.setAttribute("aria-label", "Keys");
  sheet.tabIndex = -1;
  sheet.hidden = true;
  sheet.append(...[own, ...others].flatMap(listed));
  root.addEventListener("keydown", take, { signal });
  root.addEventListener("keydown", keep, { signal });
  return { sheet };

  /** Whoever opens it reads it, and is back afterwards where they were. */
  function toggle(): void {
    sheet.hidden = !sheet.hidden;
    if (!sheet.hidden) {
      before = document.activeElement;
      sheet.focus();
    } else if (before instanceof HTMLElement) {
      before.focus();
    }
  }

  /**
   * The notebook would take keys for its own: r has it forget the cell's output, x the cell. An
   * attribute that says so is heeded on the very element that has the focus, not on what is around.
   */
  function keep(event: KeyboardEvent): void {
    if (!(event.ctrlKey || event.metaKey)) {
      event.stopPropagation();
    }
  }

  function take(event: KeyboardEvent): void {
    if (event.defaultPrevented || isChord(event) || isOthers(event)) {
      return;
    }
    const found = heard(event);
    if (event.key === "Escape" && !sheet.hidden) {
      event.preventDefault();
      toggle();
    } else if (found !== undefined) {
      event.preventDefault();
      press(found, event.repeat);
    }
  }

  function heard({ key, target }: KeyboardEvent): Shortcut | undefined {
    const inside = target instanceof Node && places.some((place) => place.contains(target));
    return [...(inside ? all : []), help].find((shortcut) => shortcut.key === key);
  }
}

function listed({ title, keys }: KeyGroup): HTMLElement[] {
  const list = make("dl", "ll-help-list");
  for (const { name, says } of keys) {
    list.append(make("dt", "", name), make("dd", "", says));
  }
  return [make("div", "ll-help-title", title), list];
}

function press({ act, repeats }: Shortcut, held: boolean): void {
  if (!held || repeats === true) {
    act();
  }
}

function isChord({ ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  return ctrlKey || metaKey || altKey;
}

/** Whether the element that has the focus does something of its own with the key. */
function isOthers({ target, key }: KeyboardEvent): boolean {
  if (target instanceof HTMLInputElement) {
    return target.type !== "range";
  }
  if (
    target instanceof HTMLButtonElement ||
    (target instanceof HTMLElement && target.tagName === "SUMMARY")
  ) {
    return key === " " || key === "Enter";
  }
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLElement && target.isContentEditable)
  );
}
