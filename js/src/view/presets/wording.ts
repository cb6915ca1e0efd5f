// What the presets panel says, and how what is typed there is read. Knows no element of the page.

import type { Loading, Measured, Value, Way } from "../../panel.ts";

const WAYS: Record<Way, string> = {
  now: "in use",
  live: "live at the next block",
  "next video": "needs a new video",
  reload: "needs a reload",
  refused: "not here",
};

/** What a choice does, said before it is made. */
export function wayWords(way: Way): string {
  return WAYS[way];
}

/** The name of a setting as people write it. */
export function settingName(name: string): string {
  return name.replaceAll("_", " ");
}

export function shownValue(value: Value): string {
  switch (typeof value) {
    case "boolean":
      return value ? "on" : "off";
    case "object":
      return value === null ? "none" : value.join(", ");
    default:
      return String(value);
  }
}

/** What a preset changes against the reference. */
export function changesWords(changes: Readonly<Record<string, Value>>): string {
  const said = Object.entries(changes).map(([name, value]) =>
    value === true ? settingName(name) : `${settingName(name)} ${shownValue(value)}`,
  );
  return said.length === 0 ? "every setting as LongLive's own" : said.join(" · ");
}

/** What blocks took on this machine, and where that is known from. */
export function measuredWords(measured: Measured | null): string {
  if (measured === null) {
    return "not measured here";
  }
  const { block_ms, pictures_per_s, blocks, on_record } = measured;
  const from = on_record ? "on record" : "in this studio";
  return `${block_ms.toFixed(0)} ms a block · ${pictures_per_s.toFixed(1)} pictures/s (${blocks} blocks ${from})`;
}

/** What is loading, since when, and how long it will still take, if that is known. */
export function loadingWords(loading: Loading, elapsed_s: number): string {
  const { preset, stage, cancelled } = loading;
  if (cancelled) {
    return `${preset}: cancelled, as soon as this stage is over (${stage})`;
  }
  return `${preset}: ${stage}, ${elapsed_s.toFixed(0)} s; ${leftWords(loading, elapsed_s)}`;
}

/** What is left by the last load of its kind on this machine; nothing is guessed. */
function leftWords({ usual_s }: Loading, elapsed_s: number): string {
  if (usual_s === null) {
    return "how long it takes here is not known yet";
  }
  const left_s = Math.ceil(usual_s - elapsed_s);
  return left_s > 0
    ? `about ${left_s} s left`
    : `longer than the ${usual_s.toFixed(0)} s of last time`;
}

/** The numbers in a text with commas or spaces between; the text itself if it is something else. */
export function stepsIn(text: string): Value {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  return parts.length > 0 && parts.every((part) => /^\d+$/.test(part)) ? parts.map(Number) : text;
}

/** The whole number in a text, null if it is empty; the text itself if it is something else. */
export function numberIn(text: string): Value {
  const said = text.trim();
  if (said === "") {
    return null;
  }
  return /^-?\d+$/.test(said) ? Number(said) : said;
}
