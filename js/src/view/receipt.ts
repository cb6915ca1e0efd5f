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
