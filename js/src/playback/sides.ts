// Videos that are made in step: what each of them took, and where each lies in a picture. Pure.

import type { SideRecord, Tiles } from "../protocol.ts";

/** A part of a picture, in pixels. */
export type Tile = { x: number; y: number; width: number; height: number };

/** What a block took, and how like it is to what it is held against; "" where there is none. */
export function figuresOf(side: SideRecord | undefined): string {
  if (side === undefined) {
    return "";
  }
  const { latency_ms, psnr_db, ssim, equal } = side;
  const alike = equal ? "equal" : psnr_db === null ? "" : `${psnr_db.toFixed(1)} dB`;
  const looks = equal || ssim === null ? "" : `SSIM ${ssim.toFixed(3)}`;
  return [`${latency_ms.toFixed(0)} ms`, alike, looks].filter(Boolean).join(", ");
}

/** Where video number `at` lies in a picture of that size. */
export function tileAt(
  { columns, rows }: Tiles,
  at: number,
  whole: { width: number; height: number },
): Tile {
  const [width, height] = [whole.width / columns, whole.height / rows];
  return { x: (at % columns) * width, y: Math.floor(at / columns) * height, width, height };
}
