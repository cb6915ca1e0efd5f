// The box in which a prompt is typed, and the line that says what became of it.

import type { Landing, Status } from "../protocol.ts";
import { make } from "./elements.ts";
import { receiptText } from "./receipt.ts";

export type PromptBar = {
  element: HTMLElement;
  /** The line below the box; a live region. */
  receipt: HTMLElement;
  update: (status: Status) => void;
  /** `marks` are all prompts of the video: those that gave way to this one are named. */
  taken: (landing: Landing, marks: readonly Landing[], inSeconds: number) => void;
  landed: (landing: Landing, marks: readonly Landing[], atSeconds: number) => void;
  /** Something else that was done. */
  say: (message: string) => void;
};

/** `submit` gets each prompt that is sent with Enter or with the button, an empty one too. */
export function promptBar(submit: (prompt: string) => void, signal: AbortSignal): PromptBar {
  const element = make("form", "ll-prompt-bar");
  const input = make("input", "ll-input");
  const button = make("button", "ll-button", "Switch");
  const receipt = make("div", "ll-receipt");
  input.type = "text";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("aria-label", "Prompt to switch to");
  // the notebook would take typed letters for its own shortcuts
  input.dataset["lmSuppressShortcuts"] = "true";
  for (const kind of ["keydown", "keypress", "keyup"]) {
    element.addEventListener(kind, (event) => event.stopPropagation(), { signal });
  }
  button.type = "submit";
  receipt.setAttribute("role", "status");
  receipt.setAttribute("aria-live", "polite");
  element.append(input, button);
  element.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      submit(input.value.trim());
      input.value = "";
    },
    { signal },
  );
  return {
    element,
    receipt,
    update(status) {
      const steerable = status === "running" || status === "paused" || status === "done";
      input.disabled = !steerable;
      button.disabled = !steerable;
      input.placeholder = steerable
        ? "a prompt to switch to, then Enter"
        : "start, then steer here";
    },
    say(message) {
      receipt.dataset["phase"] = "done";
      receipt.textContent = message;
    },
    taken(landing, marks, inSeconds) {
      const when = inSeconds > 0.05 ? `, in about ${inSeconds.toFixed(1)} s` : "";
      receipt.dataset["phase"] = "taken";
      receipt.textContent = receiptText(landing, marks, `lands at block ${landing.block}${when}`);
    },
    landed(landing, marks, atSeconds) {
      receipt.dataset["phase"] = "landed";
      const place = `landed at block ${landing.block}, ${atSeconds.toFixed(2)} s`;
      receipt.textContent = receiptText(landing, marks, place);
    },
  };
}
