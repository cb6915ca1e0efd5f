// A recording that lies in the page itself: its video as the text of an element, and all else as JSON.

import { sharedPlotly } from "../charts/plotly.ts";
import { bytesIn, list, number, numberList, object, ProtocolError, text } from "../fields.ts";
import type { CodedBlock } from "../playback/decoder.ts";
import { parseRecord, parseState } from "../protocol.ts";
import type { Tape } from "./tape.ts";

const START = new Uint8Array([0, 0, 0, 1]);
const LENGTH_BYTES = 4;

/** Where the pictures of a block lie in the video: its first one, and the length of each. */
type Place = { offsets: number[]; lengths: number[] };

export type Embedded = { tape: Tape; video: Blob };

/** `said` is what the page says of the run, `coded` the MP4 file in base64. */
export function embeddedTape(said: unknown, coded: string): Embedded {
  const fields = object(said, "the run");
  const state = parseState(fields["state"]);
  const records = list(fields, "records").map(parseRecord);
  const parameters = bytesIn(text(fields, "parameters"));
  const video = bytesIn(coded);
  const places = new Map(
    list(fields, "places").map((value) => {
      const place = object(value, "a place");
      return [number(place, "block"), placeIn(place)];
    }),
  );
  return {
    video: new Blob([video], { type: "video/mp4" }),
    tape: {
      state,
      records: Promise.resolve(records),
      block: async (block) => codedBlock(video, places.get(block), parameters),
      exact: async () => undefined,
      plotly: () => sharedPlotly(() => Promise.reject(new Error("this page has no Plotly"))),
    },
  };
}

function placeIn(fields: Record<string, unknown>): Place {
  return { offsets: numberList(fields, "offsets"), lengths: numberList(fields, "lengths") };
}

function codedBlock(
  video: Uint8Array<ArrayBuffer>,
  place: Place | undefined,
  parameters: Uint8Array<ArrayBuffer>,
): CodedBlock {
  if (place === undefined) {
    throw new ProtocolError("this block is not in the video");
  }
  const pictures = place.offsets.map((offset, index) =>
    annexB(video.subarray(offset, offset + (place.lengths[index] ?? 0))),
  );
  const [first, ...others] = pictures;
  return {
    codec: "h264",
    pictures: first === undefined ? [] : [joined(parameters, first), ...others],
  };
}

/** A picture as a decoder takes it that knows nothing of files: a start code before each part. */
export function annexB(sample: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const made = sample.slice();
  const view = new DataView(made.buffer);
  for (let at = 0; at < made.length; ) {
    const rest = made.length - at;
    if (rest < LENGTH_BYTES || view.getUint32(at) > rest - LENGTH_BYTES) {
      throw new ProtocolError(`a part of a picture does not fit in its ${rest} bytes`);
    }
    const length = view.getUint32(at);
    made.set(START, at);
    at += LENGTH_BYTES + length;
  }
  return made;
}

function joined(
  one: Uint8Array<ArrayBuffer>,
  other: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
