// Elements from code. What they say is always text, never markup.

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  text = "",
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Have an element say this; what it says already is left alone, for to lay out text takes long. */
export function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Until then a browser has begun to save. */
const SAVED_MS = 60_000;
const SVG = "http://www.w3.org/2000/svg";

/** A picture of 16 x 16 from one path. */
export function icon(path: string): SVGElement {
  const element = document.createElementNS(SVG, "svg");
  const shape = document.createElementNS(SVG, "path");
  element.setAttribute("viewBox", "0 0 16 16");
  element.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", path);
  element.append(shape);
  return element;
}

/** A button that is an icon; `label` says what it does. */
export function iconButton(action: string, label: string, path: string): HTMLButtonElement {
  const button = make("button", "ll-button ll-icon");
  button.type = "button";
  button.dataset["action"] = action;
  button.title = label;
  button.setAttribute("aria-label", label);
  button.append(icon(path));
  return button;
}

/** Say whether a button may be pressed. One that may not keeps the focus, which a disabled one loses. */
export function enable(button: HTMLButtonElement, able: boolean): void {
  button.setAttribute("aria-disabled", String(!able));
}

/** Have no button inside of `root` do anything while it may not be pressed. */
export function heedDisabled(root: HTMLElement, signal: AbortSignal): void {
  const heed = (event: Event) => {
    if (event.target instanceof Element && event.target.closest('[aria-disabled="true"]')) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  };
  root.addEventListener("click", heed, { signal, capture: true });
}

/** Have the browser save a file. */
export function download(name: string, content: Blob): void {
  const link = make("a", "");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), SAVED_MS);
}

/** The one of `count` that a key leads to from `at`: back or forth, round and round, or to an end. */
export function nextOf(
  key: string,
  at: number,
  count: number,
  [back, forth]: readonly [string, string],
): number | undefined {
  switch (key) {
    case forth:
      return (at + 1) % count;
    case back:
      return (at + count - 1) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}
