// The browser's own decoders are the edge here: each one below does what browsers do, with no pixel.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CodedBlock, Decoder, decodable } from "../src/playback/decoder.ts";

const NAME = "avc1.f4000a";

class Chunk {
  readonly type: string;
  readonly timestamp: number;
  readonly data: Uint8Array;
  constructor({ type, timestamp, data }: { type: string; timestamp: number; data: Uint8Array }) {
    this.type = type;
    this.timestamp = timestamp;
    this.data = data;
  }
}

class Frame {
  static open = 0;
  constructor(readonly value: number) {
    Frame.open += 1;
  }
  close(): void {
    Frame.open -= 1;
  }
}

/** Gives its frames at the flush; a unit of 255 is broken. */
class BrowserDecoder {
  static made: BrowserDecoder[] = [];
  static isConfigSupported = async ({ codec }: { codec: string }) => ({
    supported: codec === NAME,
  });
  state = "unconfigured";
  kinds: string[] = [];
  private waiting: number[] = [];

  constructor(private readonly given: { output: (frame: Frame) => void; error: () => void }) {
    BrowserDecoder.made.push(this);
  }
  configure(): void {
    this.state = "configured";
  }
  decode({ type, data }: Chunk): void {
    this.kinds.push(type);
    this.waiting.push(data[0] ?? -1);
  }
  async flush(): Promise<void> {
    for (const value of this.waiting.splice(0)) {
      await Promise.resolve();
      if (value === 255) {
        this.state = "closed";
        this.given.error();
        throw new Error("broken");
      }
      this.given.output(new Frame(value));
    }
  }
  close(): void {
    this.state = "closed";
  }
}

class Bitmap {
  constructor(readonly value: number) {}
}

async function bitmapOf(source: Blob): Promise<Bitmap> {
  return new Bitmap(new Uint8Array(await source.arrayBuffer())[0] ?? -1);
}

const block = (codec: CodedBlock["codec"], ...values: number[]): CodedBlock => ({
  codec,
  pictures: values.map((value) => new Uint8Array([value])),
});
const values = (pictures: unknown[]) =>
  pictures.map((picture) =>
    picture instanceof Bitmap || picture instanceof Frame ? picture.value : undefined,
  );

beforeEach(() => {
  Frame.open = 0;
  BrowserDecoder.made = [];
  vi.stubGlobal("VideoDecoder", BrowserDecoder);
  vi.stubGlobal("EncodedVideoChunk", Chunk);
  vi.stubGlobal("createImageBitmap", bitmapOf);
  vi.stubGlobal("isSecureContext", true);
});

afterEach(() => vi.unstubAllGlobals());

describe("what a page can decode", () => {
  it("is H.264 first where the browser says so", async () => {
    expect(await decodable(NAME)).toEqual(["h264", "jpeg"]);
  });

  it("is JPEG alone where it does not, or where the kernel makes no H.264", async () => {
    expect(await decodable("avc1.000000")).toEqual(["jpeg"]);
    expect(await decodable(null)).toEqual(["jpeg"]);
  });

  it("is JPEG alone where the browser does not say within 5 s", async () => {
    vi.useFakeTimers();
    const asked = vi.spyOn(BrowserDecoder, "isConfigSupported");
    asked.mockReturnValue(new Promise(() => undefined));
    const known = decodable(NAME);
    await vi.advanceTimersByTimeAsync(5000);
    vi.useRealTimers();
    expect(await known).toEqual(["jpeg"]);
    asked.mockRestore();
  });

  it("is JPEG alone on plain http, whatever else the browser knows", async () => {
    vi.stubGlobal("isSecureContext", false);
    expect(await decodable(NAME)).toEqual(["jpeg"]);
  });
});

describe("a decoder", () => {
  it("gives the pictures in their order, of either codec", async () => {
    const decoder = new Decoder(NAME);
    expect(values(await decoder.decode(block("h264", 1, 2, 3)))).toEqual([1, 2, 3]);
    expect(values(await decoder.decode(block("jpeg", 4, 5)))).toEqual([4, 5]);
  });

  it("begins each block with the picture that is whole, and has the others after it", async () => {
    const decoder = new Decoder(NAME);
    await decoder.decode(block("h264", 1, 2));
    await decoder.decode(block("h264", 3, 4));
    expect(BrowserDecoder.made.map(({ kinds }) => kinds)).toEqual([
      ["key", "delta", "key", "delta"],
    ]);
    expect(Frame.open).toBe(4);
  });

  it("does not mix blocks that are asked for at once", async () => {
    const decoder = new Decoder(NAME);
    const both = [decoder.decode(block("h264", 1, 2)), decoder.decode(block("h264", 3, 4))];
    expect((await Promise.all(both)).map(values)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it("goes on after a block that is broken, and keeps nothing of it", async () => {
    const decoder = new Decoder(NAME);
    const broken = decoder.decode(block("h264", 1, 255));
    const next = decoder.decode(block("h264", 7));
    await expect(broken).rejects.toThrow("broken");
    expect(values(await next)).toEqual([7]);
    expect(Frame.open).toBe(1);
  });

  it("gives up a browser's decoder that says nothing for 5 s, and goes on with another", async () => {
    vi.useFakeTimers();
    const flush = vi.spyOn(BrowserDecoder.prototype, "flush");
    flush.mockReturnValueOnce(new Promise(() => undefined));
    const decoder = new Decoder(NAME);
    const silent = decoder.decode(block("h264", 1)).catch((error: unknown) => String(error));
    const next = decoder.decode(block("h264", 7));
    await vi.advanceTimersByTimeAsync(5000);
    vi.useRealTimers();
    expect(await silent).toBe("Error: its H.264 took over 5 s");
    expect(values(await next)).toEqual([7]);
    expect(BrowserDecoder.made.map(({ state }) => state)).toEqual(["closed", "configured"]);
    flush.mockRestore();
  });

  it("says so where a JPEG does not come within 5 s", async () => {
    vi.useFakeTimers();
    vi.stubGlobal("createImageBitmap", () => new Promise(() => undefined));
    const silent = new Decoder(null).decode(block("jpeg", 1));
    silent.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(5000);
    vi.useRealTimers();
    await expect(silent).rejects.toThrow("its JPEGs took over 5 s");
  });

  it("says so where H.264 came that the kernel said it does not make", async () => {
    await expect(new Decoder(null).decode(block("h264", 1))).rejects.toThrow("makes none");
  });
});
