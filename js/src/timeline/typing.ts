// The box in which the words of a prompt are changed, on top of its block.

import { make } from "../view/elements.ts";
import { type Ask, type PromptField, promptField } from "../view/prompt-field.ts";

export type Typing = {
  element: HTMLElement;
  /** Type at a part of the lane's width; `done` gets the words, and undefined where it is given up. */
  begin: (part: number, words: string, done: (words: string | undefined) => void) => void;
  mark: PromptField["mark"];
};

/** `left` is called once a key has ended the typing: the focus is nowhere then. */
export function typing(left: () => void, ask: Ask, signal: AbortSignal): Typing {
  const element = make("div", "ll-typing");
  const label = "Words of the prompt: Enter keeps them, Escape gives up";
  const field = promptField(label, ask, signal);
  const { input } = field;
  element.hidden = true;
  let finish: ((words: string | undefined) => void) | undefined;
  input.addEventListener(
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        end(event.key === "Enter" ? input.value : undefined);
        left();
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
      element.append(field.element);
      element.style.setProperty("--ll-at", String(part));
      input.focus({ preventScroll: true });
      input.select();
    },
  };

  function end(words: string | undefined): void {
    const done = finish;
    if (done === undefined) {
      return; // a box that goes away loses the focus, and ends no second time
    }
    finish = undefined;
    element.hidden = true;
    field.element.remove();
    done(words);
  }
}
