// The buttons of the timeline: each does what a key does.

import { enable, icon, make } from "../view/elements.ts";
import type { Act } from "./keys.ts";

type Tool = { act: Act; label: string; key: string; path: string };

const edits: readonly Tool[] = [
  {
    act: "undo",
    label: "Undo",
    key: "z",
    path: "M6 3 2 7l4 4V8.5h4a2.5 2.5 0 0 1 0 5H6V15h4a4 4 0 0 0 0-8H6z",
  },
  {
    act: "redo",
    label: "Redo",
    key: "shift + z",
    path: "m10 3 4 4-4 4V8.5H6a2.5 2.5 0 0 0 0 5h4V15H6a4 4 0 0 1 0-8h4z",
  },
  { act: "add", label: "Add a prompt", key: "a", path: "M7 3h2v4h4v2H9v4H7V9H3V7h4z" },
  {
    act: "type",
    label: "Change the words",
    key: "Enter",
    path: "m3 11 7-7 2 2-7 7H3zm8-8 1-1 2 2-1 1z",
  },
  { act: "split", label: "Split", key: "s", path: "M7 2h2v12H7zM1 5h5v6H1zm9 0h5v6h-5z" },
  { act: "merge", label: "Merge with the next", key: "m", path: "M1 5h6v2h2V5h6v6H9V9H7v2H1z" },
  { act: "delete", label: "Delete", key: "Delete", path: "M6 2h4v1h3v1.5H3V3h3zM4 6h8l-.6 8H4.6z" },
];
const looks: readonly Tool[] = [
  { act: "zoom out", label: "Zoom out", key: "-", path: "M3 7h10v2H3z" },
  { act: "zoom in", label: "Zoom in", key: "+", path: "M7 3h2v4h4v2H9v4H7V9H3V7h4z" },
  {
    act: "fit",
    label: "Show all of the timeline",
    key: "0",
    path: "M1 3h2v10H1zm12 0h2v10h-2zM4 8l3-3v2h2V5l3 3-3 3V9H7v2z",
  },
  { act: "follow", label: "Follow the playhead", key: "f", path: "M4 2h8l-3 5v7H7V7z" },
];

export const lookTools: readonly (Tool | "gap")[] = ["gap", ...looks];
export const editTools = [...edits, ...lookTools];

export type Toolbar = {
  element: HTMLElement;
  /** Elements to put among the buttons. */
  gap: HTMLElement;
  update: (able: Partial<Record<Act, boolean>>, follows: boolean) => void;
};

export function toolbar(
  tools: readonly (Tool | "gap")[],
  act: (act: Act) => void,
  signal: AbortSignal,
): Toolbar {
  const element = make("div", "ll-timeline-tools");
  const gap = make("div", "ll-gap");
  element.setAttribute("role", "group");
  const label = tools === lookTools ? "Look at the timeline" : "Edit the timeline";
  element.setAttribute("aria-label", label);
  const buttons = new Map<Act, HTMLButtonElement>();
  for (const tool of tools) {
    if (tool === "gap") {
      element.append(gap);
      continue;
    }
    const button = make("button", "ll-button ll-tool");
    button.type = "button";
    button.title = `${tool.label} (${tool.key})`;
    button.setAttribute("aria-label", tool.label);
    button.dataset["act"] = tool.act;
    button.append(icon(tool.path));
    button.addEventListener("click", () => act(tool.act), { signal });
    buttons.set(tool.act, button);
    element.append(button);
  }
  return {
    element,
    gap,
    update(able, follows) {
      for (const [name, button] of buttons) {
        enable(button, able[name] !== false);
      }
      buttons.get("follow")?.setAttribute("aria-pressed", String(follows));
    },
  };
}
