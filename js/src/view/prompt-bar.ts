// The box in which a prompt is typed, and the line that says what became of it.

import {
  type BlockRecord,
  cut,
  type Landing,
  type State,
  type Status,
  type Transition,
} from "../protocol.ts";
import { make } from "./elements.ts";
import { type Item, menu } from "./menu.ts";
import { type Ask, promptField } from "./prompt-field.ts";
import { recalled, used } from "./recall.ts";
import { notLandedText, receiptText, takenText, tookText } from "./receipt.ts";
import { shortly, transitionItems, transitionText } from "./transition-menu.ts";

export type PromptBar = {
  element: HTMLElement;
  /** The line below the box; a live region. */
  receipt: HTMLElement;
  update: (state: State) => void;
  /** `marks` are all prompts of the video: those that gave way to this one are named. */
  taken: (landing: Landing, marks: readonly Landing[], inSeconds: number) => void;
  /** The first picture of a block on which `landing` lands is on the screen. */
  landed: (
    landing: Landing,
    marks: readonly Landing[],
    record: BlockRecord,
    atSeconds: number,
  ) => void;
  /** The kernel says how a prompt is read. */
  mark: (prompt: string, unknown: readonly string[], unread: string) => void;
  /** Something else that was done. */
  say: (message: string) => void;
};

/** `submit` gets each prompt that is sent with Enter or with the button, an empty one too. */
export function promptBar(
  submit: (prompt: string, transition: Transition) => void,
  ask: Ask,
  signal: AbortSignal,
): PromptBar {
  const element = make("form", "ll-prompt-bar");
  const field = promptField("Prompt to switch to", ask, signal);
  const button = make("button", "ll-button", "Switch now");
  const receipt = make("div", "ll-receipt");
  const before = menu("Prompts used before, and some to begin with", choices, signal);
  const { input } = field;
  let known: readonly string[] = [];
  let library: readonly string[] = [];
  let at = -1;
  let how = cut;
  let state: State | undefined;
  let promised: Landing | undefined;
  const manner = menu("How the prompt takes over", () => transitionItems(how, decide), signal);
  manner.element.classList.add("ll-menu-up");
  decide(how);
  before.button.append("▾");
  before.element.classList.add("ll-menu-up");
  button.type = "submit";
  button.title = "steer by this prompt from the next block on";
  receipt.setAttribute("role", "status");
  receipt.setAttribute("aria-live", "polite");
  element.append(field.element, before.element, manner.element, button);
  input.addEventListener("keydown", recall, { signal });
  element.addEventListener("submit", send, { signal });
  return {
    element,
    receipt,
    mark: field.mark,
    update(next) {
      const { status, entries, library: offered } = next;
      state = next;
      takeBack();
      known = used(entries.map(({ prompt }) => prompt));
      library = offered;
      const able = steerable(status);
      for (const control of [input, button, before.button, manner.button]) {
        control.disabled = !able;
      }
      input.placeholder = able ? "a prompt to switch to, then Enter" : "start, then steer here";
    },
    say(message) {
      promised = undefined;
      receipt.dataset["phase"] = "done";
      receipt.textContent = message;
    },
    taken(landing, marks, inSeconds) {
      promised = landing;
      const when = inSeconds > 0.05 ? `, in about ${inSeconds.toFixed(1)} s` : "";
      receipt.dataset["phase"] = "taken";
      receipt.textContent = receiptText(landing, marks, `lands at block ${landing.block}${when}`);
      takeBack(); // a state may come before what was told ahead of it
    },
    landed(landing, marks, record, atSeconds) {
      promised = promised !== undefined && promised.block > landing.block ? promised : undefined;
      receipt.dataset["phase"] = "landed";
      const place = `landed at block ${landing.block}, ${atSeconds.toFixed(2)} s`;
      const said = `${receiptText(landing, marks, place)}${takenText(record)}`;
      receipt.textContent = `${said}${tookText(record.parts_ms)}`;
    },
  };

  /** The receipt of a prompt that never lands any more says so. */
  function takeBack(): void {
    const told = promised && state ? notLandedText(promised, state) : "";
    if (told !== "") {
      promised = undefined;
      receipt.dataset["phase"] = "lost";
      receipt.textContent = told;
    }
  }

  function send(event: Event): void {
    event.preventDefault();
    submit(input.value.trim(), how);
    at = -1;
    field.fill("");
  }

  function recall(event: KeyboardEvent): void {
    const next = recalled(event.key, at, known.length);
    if (next !== undefined) {
      event.preventDefault();
      at = next;
      field.fill(known[at] ?? "");
    }
  }

  function choices(): Item[] {
    const choice = (prompt: string): Item => ({ label: prompt, run: () => choose(prompt) });
    return [
      { heading: "used before" },
      ...known.map(choice),
      ...(library.length > 0 ? [{ heading: "to begin with" }, ...library.map(choice)] : []),
    ];
  }

  function decide(next: Transition): void {
    how = next;
    manner.write(shortly(how));
    manner.button.title = `the prompt takes over: ${transitionText(how)}`;
  }

  function choose(prompt: string): void {
    field.fill(prompt);
    input.focus();
  }
}

function steerable(status: Status): boolean {
  return status === "running" || status === "paused" || status === "done";
}
