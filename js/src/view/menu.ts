// A button that opens a list of things to choose from.

import { make, nextOf } from "./elements.ts";

export type Item = { label: string; run: () => void } | { heading: string };

export type Menu = {
  element: HTMLElement;
  button: HTMLButtonElement;
  /** Write on the button. Its name begins with that, so that whoever speaks to it is understood. */
  write: (text: string) => void;
};

/** `items` are asked for whenever the list opens. */
export function menu(label: string, items: () => readonly Item[], signal: AbortSignal): Menu {
  const element = make("div", "ll-menu");
  const button = make("button", "ll-button");
  const list = make("div", "ll-menu-list");
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-haspopup", "menu");
  list.setAttribute("role", "menu");
  list.setAttribute("aria-label", label);
  element.append(button, list);
  button.addEventListener("click", () => (list.hidden ? open() : close()), { signal });
  element.addEventListener("keydown", press, { signal });
  element.addEventListener("focusout", leave, { signal });
  close();
  return { element, button, write };

  function write(text: string): void {
    button.textContent = text;
    button.setAttribute("aria-label", `${text}: ${label}`);
  }

  function open(): void {
    list.replaceChildren(...items().map(row));
    list.hidden = false;
    button.setAttribute("aria-expanded", "true");
    choices()[0]?.focus();
  }

  function close(): void {
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
  }

  function row(item: Item): HTMLElement {
    if ("heading" in item) {
      const heading = make("div", "ll-menu-heading", item.heading);
      heading.setAttribute("role", "presentation");
      return heading;
    }
    const choice = make("button", "ll-menu-item", item.label);
    choice.type = "button";
    choice.tabIndex = -1;
    choice.setAttribute("role", "menuitem");
    choice.addEventListener("click", () => {
      button.focus();
      close();
      item.run();
    });
    return choice;
  }

  function choices(): HTMLElement[] {
    return [...list.querySelectorAll("button")];
  }

  function press(event: KeyboardEvent): void {
    event.stopPropagation();
    const all = choices();
    const at = all.findIndex((choice) => choice.contains(document.activeElement));
    const next = nextChoice(event.key, at, all.length);
    if (list.hidden || (next === undefined && event.key !== "Escape")) {
      return;
    }
    event.preventDefault();
    if (next === undefined) {
      button.focus();
      close();
    } else {
      all[next]?.focus();
    }
  }

  function leave(event: FocusEvent): void {
    if (!(event.relatedTarget instanceof Node && element.contains(event.relatedTarget))) {
      close();
    }
  }
}

/** The choice that a key goes to, of so many; undefined if it goes to none. */
export function nextChoice(key: string, at: number, count: number): number | undefined {
  return nextOf(key, at, count, ["ArrowUp", "ArrowDown"]);
}
