// What became of a prompt, in a sentence. Knows no element of the page.

import type { Landing } from "../protocol.ts";

/** That the prompt `lands at ...` or `landed at ...`, and which of the marks gave way to it there. */
export function receiptText(
  { prompt, block }: Landing,
  marks: readonly Landing[],
  place: string,
): string {
  const overtaken = new Set<string>();
  for (const mark of marks) {
    if (mark.block === block && mark.replaced_by === prompt && mark.prompt !== prompt) {
      overtaken.add(mark.prompt);
    }
  }
  if (overtaken.size === 0) {
    return `“${prompt}” ${place}`;
  }
  const others = [...overtaken].map((other) => `“${other}”`).join(", ");
  return `${others} gave way to “${prompt}”, which ${place}`;
}

const PARTS = { text: "reading", "re-cache": "re-cache" };

/** What a switch took of the making of its block: "; took 34 ms (reading 4, re-cache 30)". */
export function tookText(partsMs: Readonly<Record<string, number>>): string {
  const parts = Object.entries(PARTS).flatMap(([part, said]) => {
    const ms = partsMs[part];
    return ms === undefined ? [] : [{ said, ms }];
  });
  if (parts.length === 0) {
    return "";
  }
  const all = parts.reduce((sum, { ms }) => sum + ms, 0);
  const each = parts.map(({ said, ms }) => `${said} ${Math.round(ms)}`).join(", ");
  return `; took ${Math.round(all)} ms (${each})`;
}
