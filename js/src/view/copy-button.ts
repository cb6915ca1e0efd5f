// The button that asks for the Python of what is shown.

import { make } from "./elements.ts";

/** `hint` says which Python that is. */
export function copyButton(hint: string, copy: () => void, signal: AbortSignal): HTMLButtonElement {
  const button = make("button", "ll-button ll-chart-tool", "Copy as Python");
  button.type = "button";
  button.title = hint;
  button.dataset["action"] = "code";
  button.addEventListener("click", copy, { signal });
  return button;
}
