// Coded blocks into pictures that can be drawn. Knows neither the time of the video nor an element of the page.

import { inTime, tooLate } from "../patience.ts";
import type { Codec } from "../protocol.ts";

/** What is drawn; close it when that was done for the last time. */
export type Picture = ImageBitmap | VideoFrame;

/** How much wider than high it is to be seen: a video frame may be coded in more lines. */
export function aspectOf(picture: Picture): number {
  return "displayWidth" in picture
    ? picture.displayWidth / picture.displayHeight
    : picture.width / picture.height;
}

export type CodedBlock = { codec: Codec; pictures: readonly Uint8Array<ArrayBuffer>[] };

/** What this page can decode, the best first; `h264` is what browsers call the kernel's. */
export async function decodable(h264: string | null): Promise<Codec[]> {
  if (h264 === null || !isSecureContext || !("VideoDecoder" in globalThis)) {
    return ["jpeg"];
  }
  const asked = VideoDecoder.isConfigSupported(configuration(h264));
  const { supported } = await inTime<VideoDecoderSupport>(asked, () => ({ supported: false }));
  return supported ? ["h264", "jpeg"] : ["jpeg"];
}

/** Decodes blocks in the order in which they are asked for, each one without those before it. */
export class Decoder {
  private video: VideoDecoder | undefined;
  private output: (frame: VideoFrame) => void = (frame) => frame.close();
  private last: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(private readonly h264: string | null) {}

  /** The pictures in their order. */
  decode(block: CodedBlock): Promise<Picture[]> {
    const decoded = this.last.then(() => this.begin(block));
    this.last = decoded.catch(() => undefined);
    return decoded;
  }

  /** Let go of the browser's decoder; nothing is decoded any more. */
  close(): void {
    this.closed = true;
    if (this.video !== undefined && this.video.state !== "closed") {
      this.video.close();
    }
  }

  private begin({ codec, pictures }: CodedBlock): Promise<Picture[]> {
    if (this.closed) {
      throw new Error("the view is gone");
    }
    switch (codec) {
      case "jpeg":
        return inTime(
          Promise.all(
            pictures.map((jpeg) => createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }))),
          ),
          tooLate("its JPEGs"),
        );
      case "h264":
        return this.decodeH264(pictures);
      default:
        return codec satisfies never;
    }
  }

  private async decodeH264(units: readonly Uint8Array<ArrayBuffer>[]): Promise<VideoFrame[]> {
    const video = this.opened();
    const frames: VideoFrame[] = [];
    this.output = (frame) => frames.push(frame);
    try {
      units.forEach((data, index) => {
        const type = index === 0 ? "key" : "delta";
        video.decode(new EncodedVideoChunk({ type, timestamp: index, data }));
      });
      await inTime(video.flush(), () => {
        video.close(); // or what it gives later would be pictures of another block
        return tooLate("its H.264")();
      });
      if (frames.length !== units.length) {
        throw new Error(`${units.length} pictures were sent, and ${frames.length} came out`);
      }
      return frames;
    } catch (error) {
      for (const frame of frames) {
        frame.close();
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

/** In software, for hardware has few frames, and stands still while all of them are kept. */
function configuration(h264: string): VideoDecoderConfig {
  return { codec: h264, optimizeForLatency: true, hardwareAcceleration: "prefer-software" };
}
