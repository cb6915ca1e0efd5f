// What went wrong, or is worth a remark, in a sentence, with the traceback folded below it.

import type { Topic } from "../protocol.ts";
import { make } from "./elements.ts";

export type ErrorPanel = {
  element: HTMLElement;
  show: (message: string, details?: string, topic?: Topic) => void;
  /** Take down what was said of this topic, for it holds no longer; remarks are on prompts. */
  settle: (topic: Topic) => void;
};

/** `dismissed` is called once the user has put it away: the focus is nowhere then. */
export function errorPanel(dismissed: () => void, signal: AbortSignal): ErrorPanel {
  const element = make("div", "ll-errors");
  const message = make("div", "ll-error-message");
  const folded = make("details", "ll-error-details");
  const traceback = make("pre", "ll-traceback");
  const dismiss = make("button", "ll-button ll-quiet", "Dismiss");
  element.hidden = true;
  dismiss.type = "button";
  dismiss.addEventListener(
    "click",
    () => {
      element.hidden = true;
      dismissed();
    },
    { signal },
  );
  folded.append(make("summary", "", "traceback"), traceback);
  element.append(message, dismiss, folded);
  let shown: Topic = "other";
  return {
    element,
    show(text, details = "", topic = "other") {
      shown = topic;
      element.dataset["topic"] = topic;
      message.setAttribute("role", topic === "remark" ? "status" : "alert"); // which interrupts
      message.textContent = text;
      traceback.textContent = details;
      folded.hidden = details === "";
      element.hidden = false;
    },
    settle(topic) {
      if (shown === topic || (shown === "remark" && topic === "prompt")) {
        element.hidden = true;
      }
    },
  };
}
