// What was measured as text for a table: the columns of the kernel's `studio.metrics`. Pure.

import type { BlockProfile, BlockRecord } from "../protocol.ts";
import { decodeMs, stepNames } from "./stack.ts";

type Cell = string | number | boolean | null;
type Column = { name: string; of: (record: BlockRecord) => Cell };

/** A row for each block; what is not known is empty. */
export function blocksCsv(records: readonly BlockRecord[]): string {
  const columns = columnsOf(stepNames(records));
  return table([
    columns.map(({ name }) => name),
    ...records.map((record) => columns.map(({ of }) => of(record))),
  ]);
}

/** A row for each part of a profiled block. */
export function profileCsv({ block, parts, gaps_ms }: BlockProfile): string {
  return table([
    ["block", "part", "ms", "gap_ms", "calls"],
    ...parts.map(({ name, ms, gap_ms, calls }) => [block, name, ms, gap_ms, calls]),
    [block, "gaps", gaps_ms, null, null],
  ]);
}

/** A row for each block of each video that was made in step. */
export function sidesCsv(records: readonly BlockRecord[], labels: readonly string[]): string {
  const rows = records.flatMap(({ block, prompt, sides }) =>
    sides.map(({ latency_ms, psnr_db, ssim, equal }, at) => [
      block,
      labels[at] ?? "",
      prompt,
      latency_ms,
      equal ? "inf" : psnr_db,
      ssim,
    ]),
  );
  return table([["block", "side", "prompt", "latency_ms", "psnr_db", "ssim"], ...rows]);
}

function columnsOf(steps: readonly string[]): Column[] {
  const part = (name: string, key: string) => ({
    name,
    of: (record: BlockRecord) => record.parts_ms[key] ?? 0,
  });
  return [
    { name: "block", of: ({ block }) => block },
    { name: "latent_frame", of: ({ latent_frame }) => latent_frame },
    { name: "first_picture", of: ({ first_picture }) => first_picture },
    { name: "pictures", of: ({ pictures }) => pictures },
    { name: "prompt", of: ({ prompt }) => prompt },
    { name: "preset", of: ({ preset }) => preset },
    { name: "switched", of: ({ landed, block }) => landed !== null && block > 0 },
    { name: "displayed", of: ({ displayed }) => displayed },
    { name: "profiled", of: ({ profiled }) => profiled },
    { name: "credits", of: ({ credits }) => credits },
    { name: "latency_ms", of: ({ latency_ms }) => latency_ms },
    part("text_ms", "text"),
    part("recache_ms", "re-cache"),
    part("steps_ms", "steps"),
    ...steps.map((step) => part(`${step.replace(" ", "_")}_ms`, step)),
    part("context_ms", "context"),
    { name: "decode_ms", of: (record) => Number(decodeMs(record).toFixed(3)) },
    part("transfer_ms", "transfer"),
    { name: "encode_ms", of: ({ encode_ms }) => encode_ms },
    { name: "wire_ms", of: ({ page }) => page.wire_ms },
    { name: "wire_within_ms", of: ({ page }) => page.wire_within_ms },
    { name: "page_decode_ms", of: ({ page }) => page.decode_ms },
    { name: "window_frames", of: ({ window }) => window.frames.length },
    { name: "evicted_next_frames", of: ({ window }) => window.evicted_next.length },
    { name: "window_bytes", of: ({ window_bytes }) => window_bytes },
    { name: "host_bytes", of: ({ host_bytes }) => host_bytes },
    { name: "device_bytes", of: ({ device_bytes }) => device_bytes },
    { name: "device_reserved_bytes", of: ({ device_reserved_bytes }) => device_reserved_bytes },
  ];
}

function table(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

function quoted(cell: Cell): string {
  const text = cell === null ? "" : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
