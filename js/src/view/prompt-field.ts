// A box for a prompt, in which words that the model does not know are underlined.

import { make } from "./elements.ts";
import { marked, remark } from "./marking.ts";

const PATIENCE_MS = 150;

/** Ask the kernel how a prompt is read. */
export type Ask = (prompt: string) => void;

export type PromptField = {
  element: HTMLElement;
  input: HTMLInputElement;
  /** What the kernel says of a prompt; of another one than is typed by now, nothing is shown. */
  mark: (prompt: string, unknown: readonly string[], unread: string) => void;
  /** Put a prompt in. */
  fill: (prompt: string) => void;
};

/** `name` is the class of the box itself. */
export function promptField(
  label: string,
  ask: Ask,
  signal: AbortSignal,
  name = "ll-input",
): PromptField {
  const element = make("div", "ll-prompt-field");
  const underlay = make("div", "ll-underlay");
  const input = make("input", name);
  input.type = "text";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("aria-label", label);
  underlay.setAttribute("aria-hidden", "true");
  element.append(underlay, input);
  let waiting: ReturnType<typeof setTimeout> | undefined;
  input.addEventListener("input", changed, { signal });
  input.addEventListener("scroll", () => (underlay.scrollLeft = input.scrollLeft), { signal });
  signal.addEventListener("abort", () => clearTimeout(waiting));
  return {
    element,
    input,
    mark(prompt, unknown, unread) {
      if (prompt === input.value) {
        show(unknown, unread);
      }
    },
    fill(prompt) {
      input.value = prompt;
      changed();
    },
  };

  function changed(): void {
    show([], "");
    clearTimeout(waiting);
    if (input.value.trim() !== "") {
      waiting = setTimeout(() => ask(input.value), PATIENCE_MS);
    }
  }

  function show(unknown: readonly string[], unread: string): void {
    underlay.replaceChildren(
      ...marked(input.value, unknown).map((part) =>
        make("span", part.unknown ? "ll-unknown" : "", part.text),
      ),
    );
    underlay.scrollLeft = input.scrollLeft;
    input.title = remark(unknown, unread);
  }
}
