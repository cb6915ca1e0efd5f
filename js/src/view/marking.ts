// Which parts of a prompt are words that the model does not know. Pure.

export type Part = { text: string; unknown: boolean };

/** The prompt in parts that are known, and parts that are not; joined again they are the prompt. */
export function marked(prompt: string, unknown: readonly string[]): Part[] {
  if (unknown.length === 0) {
    return prompt === "" ? [] : [{ text: prompt, unknown: false }];
  }
  const words = unknown.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const letter = "[\\p{L}\\p{N}_]";
  const pattern = new RegExp(`(?<!${letter})(${words.join("|")})(?!${letter})`, "gu");
  return prompt
    .split(pattern)
    .map((text, index) => ({ text, unknown: index % 2 === 1 }))
    .filter(({ text }) => text !== "");
}

/** What is said of words that will not be read; "" where all are. */
export function remark(unknown: readonly string[], unread: string): string {
  const words = unknown.map((word) => `“${word}”`).join(", ");
  return [words && `not known here: ${words}`, unread && `too long: “${unread}” is left out`]
    .filter(Boolean)
    .join("; ");
}
