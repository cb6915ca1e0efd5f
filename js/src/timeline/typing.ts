// The box in which the words of a prompt are changed, on top of its block.

import { make } from "../view/elements.ts";
import { type Ask, type PromptField, promptField } from "../view/prompt-field.ts";

export type Typing = {
  element: HTMLElement;
  /** Type at a part of the lane's width; `done` gets the words, and undefined where it is given up. */
  begin: (part: number, words: string, done: (words: string | undefined) => void) => void;
  mark: PromptField["mark"];
};

export function typing(ask: Ask, signal: AbortSignal): Typing {
  const element = make("div", "ll-typing");
  const label = "Words of the prompt: Enter keeps them, Escape gives up";
  const field = promptField(label, ask, signal);
  const { input } = field;
  element.hidden = true;
  element.append(field.element);
  let finish: ((words: string | undefined) => void) | undefined;
  input.addEventListener(
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        end(event.key === "Enter" ? input.value : undefined);
      }
    },
    { signal },
  );
  input.addEventListener("blur", () => end(input.value.trim() === "" ? undefined : input.value), {
    signal,
  });
  return {
    element,
    mark: field.mark,
    begin(part, words, done) {
      end(undefined);
      finish = done;
      field.fill(words);
      element.hidden = false;
      element.style.setProperty("--ll-at", String(part));
      input.focus({ preventScroll: true });
      input.select();
    },
  };

  function end(words: string | undefined): void {
    const done = finish;
    finish = undefined;
    element.hidden = true;
    done?.(words);
  }
}
