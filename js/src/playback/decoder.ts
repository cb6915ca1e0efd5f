// Coded blocks into pictures that can be drawn. Knows no time and no element of the page.

import type { Codec } from "../protocol.ts";

export type CodedBlock = { codec: Codec; pictures: readonly Uint8Array<ArrayBuffer>[] };

/** What this page can decode, the best first; `h264` is what browsers call the kernel's. */
export async function decodable(h264: string | null): Promise<Codec[]> {
  if (h264 === null || !isSecureContext || !("VideoDecoder" in globalThis)) {
    return ["jpeg"];
  }
  const { supported } = await VideoDecoder.isConfigSupported(configuration(h264));
  return supported ? ["h264", "jpeg"] : ["jpeg"];
}

/** Decodes blocks in the order in which they are asked for, each one without those before it. */
export class Decoder {
  private video: VideoDecoder | undefined;
  private output: (frame: VideoFrame) => void = (frame) => frame.close();
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly h264: string | null) {}

  /** The pictures in their order; close each one when it has been drawn for the last time. */
  decode(block: CodedBlock): Promise<ImageBitmap[]> {
    const decoded = this.last.then(() => this.begin(block));
    this.last = decoded.catch(() => undefined);
    return decoded;
  }

  /** Let go of the browser's decoder. */
  close(): void {
    if (this.video !== undefined && this.video.state !== "closed") {
      this.video.close();
    }
  }

  private begin({ codec, pictures }: CodedBlock): Promise<ImageBitmap[]> {
    switch (codec) {
      case "jpeg":
        return Promise.all(
          pictures.map((jpeg) => createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }))),
        );
      case "h264":
        return this.decodeH264(pictures);
      default:
        return codec satisfies never;
    }
  }

  private async decodeH264(units: readonly Uint8Array<ArrayBuffer>[]): Promise<ImageBitmap[]> {
    const video = this.opened();
    const drawn: Promise<ImageBitmap>[] = [];
    this.output = (frame) => drawn.push(drawable(frame));
    try {
      units.forEach((data, index) => {
        const type = index === 0 ? "key" : "delta";
        video.decode(new EncodedVideoChunk({ type, timestamp: index, data }));
      });
      await video.flush();
      if (drawn.length !== units.length) {
        throw new Error(`${units.length} pictures were sent, and ${drawn.length} came out`);
      }
      return await Promise.all(drawn);
    } catch (error) {
      for (const picture of drawn) {
        picture.then((bitmap) => bitmap.close()).catch(() => undefined);
      }
      throw error;
    }
  }

  /** The browser's decoder; an error closes it, and then there is a new one. */
  private opened(): VideoDecoder {
    if (this.h264 === null) {
      throw new Error("H.264 came from a kernel that makes none");
    }
    if (this.video === undefined || this.video.state === "closed") {
      this.video = new VideoDecoder({
        output: (frame) => this.output(frame),
        error: () => undefined, // flush tells it too
      });
      this.video.configure(configuration(this.h264));
    }
    return this.video;
  }
}

/** A copy of a frame, so that the browser's decoder gets its own back at once: it has only a few. */
async function drawable(frame: VideoFrame): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(frame);
  } finally {
    frame.close();
  }
}

function configuration(h264: string): VideoDecoderConfig {
  return { codec: h264, optimizeForLatency: true };
}
