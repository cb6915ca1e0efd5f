// The way of a block in parts, from its prompt to the page's pictures. Pure.

import type { BlockRecord } from "../protocol.ts";

/** A part of a stack; parts of 0 ms are left out. */
export type Part = { name: string; ms: number };

const stepColours = ["#2f66a8", "#3d7dca", "#5d97dc", "#83b2ea"];
const colours: Record<string, string> = {
  text: "#8a6fc9",
  "re-cache": "#d08a3c",
  steps: "#24507f",
  context: "#a9cbee",
  decode: "#3f9c77",
  transfer: "#8cc4a6",
  rest: "var(--ll-faint)",
  encode: "#b7894f",
  wire: "#c9627d",
  "page decode": "#dda0b1",
};
const labels: Record<string, string> = {
  text: "prompt",
  decode: "decoding",
  transfer: "copying to the host",
  encode: "coding",
  "page decode": "decoding here",
};

/** What each part of a block takes, from the bottom of a stack up; "rest" ends its latency. */
export function stack(record: BlockRecord): Part[] {
  const { parts_ms: parts, page } = record;
  const of = (name: string) => parts[name] ?? 0;
  const single = stepNames([record]).map((name) => ({ name, ms: of(name) }));
  const engine = [
    { name: "text", ms: of("text") },
    { name: "re-cache", ms: of("re-cache") },
    { name: "steps", ms: of("steps") - sum(single) },
    ...single,
    { name: "context", ms: of("context") },
    { name: "decode", ms: decodeMs(record) },
    { name: "transfer", ms: of("transfer") },
  ];
  const whole = [
    ...engine,
    { name: "rest", ms: record.latency_ms - sum(engine) },
    { name: "encode", ms: record.encode_ms },
    { name: "wire", ms: page.wire_ms ?? 0 },
    { name: "page decode", ms: page.decode_ms ?? 0 },
  ];
  return whole.filter(({ ms }) => ms > 0);
}

/** The names of all parts that some blocks have, from the bottom of a stack up. */
export function partNames(records: readonly BlockRecord[]): string[] {
  const present = new Set(records.flatMap(stack).map(({ name }) => name));
  const [first, last] = [Object.keys(colours).slice(0, 3), Object.keys(colours).slice(3)];
  return [...first, ...stepNames(records), ...last].filter((name) => present.has(name));
}

/** "step 1" and so on, as many as any of these blocks has. */
export function stepNames(records: readonly BlockRecord[]): string[] {
  const counts = records.map(
    ({ parts_ms }) => Object.keys(parts_ms).filter((name) => name.startsWith("step ")).length,
  );
  return Array.from({ length: Math.max(0, ...counts) }, (_, index) => `step ${index + 1}`);
}

/** The decoding alone, without the copy to the host. */
export function decodeMs({ parts_ms }: BlockRecord): number {
  return Math.max(0, (parts_ms["decode"] ?? 0) - (parts_ms["transfer"] ?? 0));
}

export function partColour(name: string): string {
  const step = Number(name.replace("step ", ""));
  return colours[name] ?? stepColours[(step - 1) % stepColours.length] ?? "";
}

export function partLabel(name: string): string {
  return labels[name] ?? name;
}

function sum(parts: readonly Part[]): number {
  return parts.reduce((total, { ms }) => total + ms, 0);
}
