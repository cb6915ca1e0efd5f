// Keys that steer the player while it has the focus, and the sheet that lists them.

import { make } from "./elements.ts";

/** `repeats`: it acts again and again while the key is held. */
export type Shortcut = {
  key: string;
  name: string;
  says: string;
  act: () => void;
  repeats?: boolean;
};

export type Shortcuts = {
  /** The sheet, which opens and closes itself. */
  sheet: HTMLElement;
};

/** Listen to keys inside of `root`, but to none that is typed, and to none that a part has taken. */
export function shortcuts(
  root: HTMLElement,
  all: readonly Shortcut[],
  signal: AbortSignal,
): Shortcuts {
  const sheet = make("div", "ll-help");
  const list = make("dl", "ll-help-list");
  const help: Shortcut = { key: "?", name: "?", says: "show or hide these keys", act: toggle };
  const known = [...all, help];
  for (const { name, says } of known) {
    list.append(make("dt", "", name), make("dd", "", says));
  }
  sheet.setAttribute("role", "region");
  sheet.setAttribute("aria-label", "Keys");
  sheet.hidden = true;
  sheet.append(make("div", "ll-help-title", "Keys, while the player has the focus"), list);
  // the notebook would take the keys for its own shortcuts
  root.dataset["lmSuppressShortcuts"] = "true";
  root.addEventListener("keydown", take, { signal });
  return { sheet };

  function toggle(): void {
    sheet.hidden = !sheet.hidden;
  }

  function take(event: KeyboardEvent): void {
    if (event.defaultPrevented || isChord(event) || isOthers(event)) {
      return;
    }
    const found = known.find(({ key }) => key === event.key);
    if (event.key === "Escape" && !sheet.hidden) {
      toggle();
    } else if (found !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      press(found, event.repeat);
    }
  }
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
