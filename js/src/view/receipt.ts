// What became of a prompt, in a sentence. Knows no element of the page.

import type { BlockRecord, Landing, State } from "../protocol.ts";

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

/** Why a prompt that was to land there never does in this video, and what comes of it; "" while it may. */
export function notLandedText(
  landing: Landing,
  { status, made, marks, tiles }: Pick<State, "status" | "made" | "marks" | "tiles">,
): string {
  const stands = marks.some(
    ({ prompt, block }) => prompt === landing.prompt && block === landing.block,
  );
  if (!stands || landing.block < made || (status !== "failed" && status !== "stopped")) {
    return "";
  }
  const ended = status === "failed" ? "the video failed" : "the video was stopped";
  const branches = status === "failed" && made > 0 && tiles === null;
  const next = branches
    ? "a branch without a prompt of its own comes to it there, and so does a new video"
    : "a new video comes to it there";
  const what = receiptText(landing, marks, `did not land: ${ended} at block ${made}`);
  return `${what}. It stays on the timeline at block ${landing.block}: ${next}.`;
}

/** What a prompt was taken as, where it left something unsaid or was not understood; "" if neither. */
export function takenText({ in_full, alone }: Pick<BlockRecord, "in_full" | "alone">): string {
  if (alone) {
    return "; taken as it stands, without what was said before: it is not understood as a change of that";
  }
  return in_full === "" ? "" : `; taken as “${in_full}”`;
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
