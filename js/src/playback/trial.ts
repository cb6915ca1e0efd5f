// Whether this browser really decodes what a kernel sends: pictures of each size in each codec.

import { bytesIn, type Fields, list, number, object, oneOf, text } from "../fields.ts";
import { type Codec, codecs } from "../protocol.ts";
import { type CodedBlock, Decoder, decodable } from "./decoder.ts";

/** Pictures of one size; `h264` is what browsers call their H.264, null where there is none. */
export type Sample = { size: string; h264: string | null; blocks: readonly CodedBlock[] };
export type Trial = { size: string; codec: Codec; ok: boolean; fact: string };

export function samplesIn(said: unknown): Sample[] {
  return list({ samples: said }, "samples").map((value) => {
    const fields = object(value, "a sample");
    const blocks = list(fields, "coded").map((one) => blockIn(object(one, "coded pictures")));
    const h264 = fields["h264"] === null ? null : text(fields, "h264");
    const size = `${number(fields, "width")} x ${number(fields, "height")}`;
    return { size, h264, blocks };
  });
}

function blockIn(fields: Fields): CodedBlock {
  const pictures = list(fields, "pictures").map((_, at, all) =>
    bytesIn(text({ picture: all[at] }, "picture")),
  );
  return { codec: oneOf(fields, "codec", codecs), pictures };
}

/** Decode one sample in each of its codecs; what fails is told, and nothing is thrown. */
export async function tried(sample: Sample): Promise<Trial[]> {
  const known = await decodable(sample.h264);
  const found: Trial[] = [];
  for (const block of sample.blocks) {
    const { codec } = block;
    const result = known.includes(codec)
      ? await decoded(block, sample.h264)
      : { ok: false, fact: "not offered by this browser here" };
    found.push({ size: sample.size, codec, ...result });
  }
  return found;
}

async function decoded(block: CodedBlock, h264: string | null) {
  const decoder = new Decoder(h264);
  try {
    const pictures = await decoder.decode(block);
    for (const picture of pictures) {
      picture.close();
    }
    return { ok: true, fact: `${pictures.length} pictures decoded` };
  } catch (error) {
    return { ok: false, fact: `not decoded: ${String(error)}` };
  } finally {
    decoder.close();
  }
}
