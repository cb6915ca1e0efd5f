// The browser's own decoders are the edge here: they give a picture for each one that is not broken.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { samplesIn, tried } from "../src/playback/trial.ts";

const NAME = "avc1.f4000a";
const closed: string[] = [];

class BrowserDecoder {
  static isConfigSupported = async ({ codec }: { codec: string }) => ({
    supported: codec === NAME,
  });
  state = "unconfigured";
  private waiting = 0;
  constructor(private readonly given: { output: (frame: { close: () => void }) => void }) {}
  configure(): void {
    this.state = "configured";
  }
  decode(): void {
    this.waiting += 1;
  }
  async flush(): Promise<void> {
    for (; this.waiting > 0; this.waiting -= 1) {
      this.given.output({ close: () => closed.push("frame") });
    }
  }
  close(): void {
    this.state = "closed";
    closed.push("decoder");
  }
}

async function bitmapOf(source: Blob) {
  if (source.size === 1) {
    throw new Error("broken");
  }
  return { close: () => closed.push("bitmap") };
}

const said = (h264: string | null, ...coded: [codec: string, ...pictures: string[]][]) => [
  {
    width: 160,
    height: 96,
    h264,
    coded: coded.map(([codec, ...pictures]) => ({ codec, pictures: pictures.map(btoa) })),
  },
];

async function trialsOf(samples: unknown) {
  return (await Promise.all(samplesIn(samples).map(tried))).flat();
}

beforeEach(() => {
  closed.length = 0;
  vi.stubGlobal("VideoDecoder", BrowserDecoder);
  vi.stubGlobal("EncodedVideoChunk", class {});
  vi.stubGlobal("createImageBitmap", bitmapOf);
  vi.stubGlobal("isSecureContext", true);
});

afterEach(() => vi.unstubAllGlobals());

it("decodes each codec, says how many pictures came out, and keeps none", async () => {
  expect(await trialsOf(said(NAME, ["h264", "aa", "bb"], ["jpeg", "cc"]))).toEqual([
    { size: "160 x 96", codec: "h264", ok: true, fact: "2 pictures decoded" },
    { size: "160 x 96", codec: "jpeg", ok: true, fact: "1 pictures decoded" },
  ]);
  expect(closed.sort()).toEqual(["bitmap", "decoder", "frame", "frame"]);
});

it("tells what is not offered, and tells what fails in the decoder's words", async () => {
  const trials = await trialsOf(said("avc1.640028", ["h264", "aa"], ["jpeg", "x"]));
  expect(trials.map(({ codec, ok, fact }) => [codec, ok, fact])).toEqual([
    ["h264", false, "not offered by this browser here"],
    ["jpeg", false, "not decoded: Error: broken"],
  ]);
});

it("refuses samples that are none", () => {
  expect(() => samplesIn("x")).toThrow("samples is no list");
  expect(() => samplesIn(said(NAME, ["gif", "aa"]))).toThrow("codec");
});
