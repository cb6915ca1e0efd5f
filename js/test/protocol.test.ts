// The same fixtures as tests/unit/test_protocol.py.

import { describe, expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { bytesOf, ProtocolError } from "../src/fields.ts";
import { type Command, cut, parse } from "../src/protocol.ts";

const commands: Record<string, Command> = {
  start: { type: "start" },
  pause: { type: "pause" },
  resume: { type: "resume" },
  stop: { type: "stop" },
  reset: { type: "reset" },
  record: { type: "record" },
  cut: { type: "cut" },
  clip: { type: "clip", view: "12-34", seconds: 30 },
  switch: {
    type: "switch",
    prompt: "eine gelbe Kugel ⭐ <b>",
    transition: { blocks: 4, blend: "slerp", recache: false },
  },
  profile: { type: "profile" },
  credit: {
    type: "credit",
    run: 2,
    block: 8,
    wire_ms: 4.5,
    wire_within_ms: 2,
    decode_ms: 31.25,
    seen_ms: 98765.5,
  },
  "credit of a block whose way is not known": {
    type: "credit",
    run: 2,
    block: 8,
    wire_ms: null,
    wire_within_ms: null,
    decode_ms: null,
    seen_ms: null,
  },
  time: { type: "time", view: "12-34", asked_ms: 5000.25 },
  attach: { type: "attach", view: "12-34", codecs: ["h264", "jpeg"] },
  leave: { type: "leave", view: "12-34" },
  look: { type: "look", view: "12-34", looking: false },
  still: { type: "still", view: "12-34", run: 2, picture: 98 },
  block: { type: "block", view: "12-34", run: 2, block: 3 },
  asset: { type: "asset", name: "plotly" },
  edit: {
    type: "edit",
    view: "12-34",
    revision: 4,
    from_block: 11,
    entries: [{ latent_frame: 33, prompt: "eine gelbe Kugel ⭐ <b>", transition: cut }],
  },
  export: { type: "export", view: "12-34", form: "scope" },
  import: { type: "import", view: "12-34", name: "mine.txt", text: "a red ball" },
  read: { type: "read", view: "12-34", prompt: "a striped zebra" },
  use: { type: "use", preset: "turbo" },
  change: { type: "change", setting: "denoise_steps", value: [1000, 500] },
  seed: { type: "seed", seed: 7 },
  dice: { type: "seed", seed: null },
  cancel: { type: "cancel" },
  lock: { type: "lock", locked: false },
  size: { type: "size", width_px: 96, height_px: 64 },
  amplify: { type: "amplify", gain: 16 },
  code: { type: "code", view: "12-34", tile: null },
  "tile code": { type: "code", view: "12-34", tile: 2 },
  branch: { type: "branch", view: "12-34", run: 2, block: 5, prompt: "a blue star" },
  "branch without a prompt": { type: "branch", view: "12-34", run: 2, block: 5, prompt: null },
  release: { type: "release", view: "12-34", branch: 1 },
  walk: { type: "walk", view: "12-34", branch: 1 },
};

/** Thumbnails travel beside what is told. */
function withoutBytes(name: string, value: unknown): unknown {
  return name === "thumbnail" ? undefined : value;
}

describe("a message from the kernel", () => {
  it.each(Object.entries(fixtures.to_page))("is read without loss: %s", (_, message) => {
    const bytes = new Uint8Array([1, 2, 3]);
    const {
      pictures,
      bytes: file,
      ...fields
    } = { pictures: [], bytes, ...parse(message, [bytes]) };
    expect(JSON.parse(JSON.stringify(fields, withoutBytes))).toEqual(message);
    const carries = message.type === "asset" || ("kept" in message && message.kept);
    expect(file).toEqual(carries || message.type !== "still" ? bytes : undefined);
    const pictured = message.type === "block" || message.type === "opening";
    expect(pictures).toEqual(pictured ? [bytes] : []);
  });

  it.each(Object.entries(fixtures.no_message))("is refused if it is none: %s", (_, message) => {
    expect(() => parse(message)).toThrow(ProtocolError);
  });
});

describe("a command", () => {
  it("is sent as the kernel reads it, each of them", () => {
    expect(commands).toEqual(fixtures.to_kernel);
  });
});

describe("the bytes of a buffer", () => {
  const whole = new Uint8Array([9, 1, 2, 3, 9]);
  const wanted = new Uint8Array([1, 2, 3]);

  it.each([
    ["a DataView", new DataView(whole.buffer, 1, 3)],
    ["a typed array", whole.subarray(1, 4)],
    ["an ArrayBuffer", whole.slice(1, 4).buffer],
  ])("are those that %s shows", (_, buffer) => {
    expect(bytesOf(buffer)).toEqual(wanted);
  });

  it("are missed where there is no buffer", () => {
    expect(() => bytesOf(undefined)).toThrow(ProtocolError);
  });
});
