// A row of tabs, one of which is chosen: by mouse, or by the arrow keys.

import { make, nextOf } from "../view/elements.ts";

export type Tabs<Name extends string> = { element: HTMLElement; choose: (name: Name) => void };

/** `panel` is what the tabs show, `chosen` hears of each choice. */
export function tabs<Name extends string>(
  label: string,
  all: readonly { name: Name; tab: string }[],
  panel: HTMLElement,
  chosen: (name: Name) => void,
  signal: AbortSignal,
): Tabs<Name> {
  const element = make("div", "ll-tabs");
  const buttons = all.map(({ name, tab }) => {
    const button = make("button", "ll-tab", tab);
    button.type = "button";
    button.id = `${panel.id}-${name}`;
    button.dataset["chart"] = name;
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", panel.id);
    button.addEventListener("click", () => choose(name), { signal });
    return button;
  });
  element.setAttribute("role", "tablist");
  element.setAttribute("aria-label", label);
  element.append(...buttons);
  element.addEventListener("keydown", press, { signal });
  return { element, choose };

  function choose(name: Name): void {
    for (const button of buttons) {
      const is = button.dataset["chart"] === name;
      button.setAttribute("aria-selected", String(is));
      button.tabIndex = is ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `${panel.id}-${name}`);
    chosen(name);
  }

  function press(event: KeyboardEvent): void {
    const at = buttons.findIndex((button) => button.contains(document.activeElement));
    const to = nextTab(event.key, at, buttons.length);
    const next = to === undefined ? undefined : buttons[to];
    if (next !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      next.focus();
      next.click();
    }
  }
}

/** The tab that a key goes to, of so many; undefined if it goes to none. */
export function nextTab(key: string, at: number, count: number): number | undefined {
  return nextOf(key, at, count, ["ArrowLeft", "ArrowRight"]);
}
