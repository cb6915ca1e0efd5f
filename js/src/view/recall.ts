// Prompts that were used before, newest first. Pure.

const MOST = 12;

/** Each prompt once, where it was used last. */
export function used(prompts: readonly string[]): string[] {
  return [...new Set([...prompts].reverse())].slice(0, MOST);
}

/** Goes back and forth through prompts: -1 is what is typed now, 0 the newest one before it. */
export function recalled(key: string, at: number, count: number): number | undefined {
  if (key === "ArrowUp") {
    return Math.min(at + 1, count - 1);
  }
  return key === "ArrowDown" ? Math.max(at - 1, -1) : undefined;
}
