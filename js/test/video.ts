// Blocks of a video for tests: 9 pictures in the first one, 12 in each other.

import type { Take } from "../src/playback/film.ts";
import type { BlockRecord } from "../src/protocol.ts";

export function recordOf(block: number): BlockRecord {
  return {
    block,
    latent_frame: 3 * block,
    first_picture: block === 0 ? 0 : 12 * block - 3,
    pictures: block === 0 ? 9 : 12,
    prompt: "a red ball",
    preset: "reference",
    landed: null,
    latency_ms: 1,
    parts_ms: {},
    encode_ms: 1,
    credits: 1,
    displayed: true,
    window: { window_frames: 12, frames: [], sink: [], opened: [], evicted_next: [] },
    window_bytes: 0,
    host_bytes: 0,
    device_bytes: null,
    device_reserved_bytes: null,
    profiled: false,
    in_full: "",
    alone: false,
    page: { wire_ms: null, wire_within_ms: null, decode_ms: null },
    sides: [],
    gain: null,
  };
}

/** A block as it was coded, `bytes` a picture; the first byte is the number of the picture. */
export function takeOf(block: number, bytes = 1): Take {
  const record = recordOf(block);
  const pictures = Array.from({ length: record.pictures }, (_, index) => {
    const picture = new Uint8Array(bytes);
    picture[0] = record.first_picture + index;
    return picture;
  });
  return { record, codec: "h264", pictures };
}

export class Picture {
  closed = false;
  constructor(readonly number = -1) {}
  close(): void {
    this.closed = true;
  }
}
