// What each key does on the timeline. Pure.

export type Act =
  | "previous"
  | "next"
  | "first"
  | "last"
  | "earlier"
  | "later"
  | "shorter"
  | "longer"
  | "swap earlier"
  | "swap later"
  | "type"
  | "add"
  | "split"
  | "merge"
  | "delete"
  | "undo"
  | "redo"
  | "zoom in"
  | "zoom out"
  | "fit"
  | "follow"
  | "pan left"
  | "pan right";

export type Press = {
  key: string;
  shiftKey: boolean;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
};

const acts: Record<string, Act> = {
  ArrowLeft: "previous",
  ArrowRight: "next",
  Home: "first",
  End: "last",
  "shift+ArrowLeft": "earlier",
  "shift+ArrowRight": "later",
  "alt+ArrowLeft": "shorter",
  "alt+ArrowRight": "longer",
  "[": "swap earlier",
  "]": "swap later",
  "alt+[": "swap earlier", // as some keyboards have them
  "alt+]": "swap later",
  "ctrl+alt+[": "swap earlier",
  "ctrl+alt+]": "swap later",
  Enter: "type",
  F2: "type",
  a: "add",
  Insert: "add",
  s: "split",
  m: "merge",
  Delete: "delete",
  Backspace: "delete",
  z: "undo",
  "ctrl+z": "undo",
  "shift+Z": "redo",
  "ctrl+shift+Z": "redo",
  "+": "zoom in",
  "shift++": "zoom in",
  "=": "zoom in",
  "-": "zoom out",
  "0": "fit",
  f: "follow",
  PageUp: "pan left",
  PageDown: "pan right",
};

/** In words, for whoever asks what the keys are. */
export const keysInWords: readonly { name: string; says: string }[] = [
  { name: "← →", says: "choose a prompt" },
  { name: "shift + ← →", says: "move it by a block" },
  { name: "alt + ← →", says: "shorten it, lengthen it" },
  { name: "[ ]", says: "change places with its neighbour" },
  { name: "Enter", says: "change its words" },
  { name: "a", says: "add a prompt" },
  { name: "s", says: "split it" },
  { name: "m", says: "merge it with the next one" },
  { name: "Delete", says: "delete it" },
  { name: "z, shift + z", says: "undo, redo" },
  { name: "+ - 0", says: "zoom, show all" },
  { name: "f", says: "follow the playhead" },
];

/** Those of them that change nothing. */
export const keysToLook = keysInWords.filter(({ name }) => ["← →", "+ - 0", "f"].includes(name));

export function actOf({ key, shiftKey, altKey, ctrlKey, metaKey }: Press): Act | undefined {
  const held = [ctrlKey || metaKey ? "ctrl" : "", altKey ? "alt" : "", shiftKey ? "shift" : ""];
  return acts[[...held.filter(Boolean), key].join("+")];
}
