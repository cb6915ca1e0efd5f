// The timeline's way into files and out of them. What they say is the kernel's to know.

import type { Form } from "../protocol.ts";
import { download, make } from "../view/elements.ts";
import { type Item, type Menu, menu } from "../view/menu.ts";

const MOST_BYTES = 2 ** 20;
const OPENED = ".json,.yaml,.yml,.jsonl,.txt";

const saved: readonly (readonly [Form, string])[] = [
  ["json", "JSON"],
  ["yaml", "YAML"],
  ["text", "text, a line for each prompt"],
  ["longlive", "LongLive's JSONL"],
  ["scope", "daydream Scope's JSON"],
];

export type FileEvents = {
  /** The timeline is wanted in a form. */
  save: (form: Form) => void;
  /** A file was chosen. */
  open: (name: string, text: string) => void;
  /** It cannot be opened. */
  refuse: (sentence: string) => void;
};

export function fileMenu(events: FileEvents, signal: AbortSignal): Menu {
  const chooser = make("input", "");
  chooser.type = "file";
  chooser.accept = OPENED;
  chooser.addEventListener("change", () => take(), { signal });
  const list = menu("Files: open, save, copy as Python", items, signal);
  list.write("File");
  list.button.classList.add("ll-tool");
  return list;

  function items(): readonly Item[] {
    return [
      { label: "Open a file …", run: () => chooser.click() },
      { heading: "save as" },
      ...saved.map(([form, label]) => ({ label, run: () => events.save(form) })),
      { heading: "for a cell" },
      { label: "Copy as Python", run: () => events.save("python") },
    ];
  }

  async function take(): Promise<void> {
    const file = chooser.files?.[0];
    if (file === undefined) {
      return;
    }
    if (file.size > MOST_BYTES) {
      events.refuse(`${file.name} has over ${MOST_BYTES} bytes: is it a timeline?`);
    } else {
      events.open(file.name, await file.text());
    }
    chooser.value = ""; // so that the same file may be chosen again
  }
}

/** Give a text to the user: Python to paste, anything else as a file. What was done, in words. */
export async function handOver(form: Form, name: string, text: string): Promise<string> {
  if (form !== "python") {
    download(name, new Blob([text], { type: "text/plain" }));
    return `saved as ${name}`;
  }
  try {
    await navigator.clipboard.writeText(text);
    return "copied as Python: paste it into a cell";
  } catch {
    return `the browser lets nothing be copied from here; this is it: ${text}`;
  }
}
