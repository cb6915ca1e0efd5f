// One small picture of each block that was shown, beneath the prompts.

import { inTime } from "../patience.ts";
import { aspectOf, Decoder, type Picture } from "../playback/decoder.ts";
import type { Take } from "../playback/film.ts";
import type { ShownPicture } from "../playback/player.ts";
import type { Tiles } from "../protocol.ts";
import { make } from "../view/elements.ts";
import { blocksToShow, fraction, percent, type Span } from "./geometry.ts";

const HEIGHT_PX = 40;
const MOST_PICTURES = 600;
const QUALITY = 0.7;

export type Filmstrip = {
  element: HTMLElement;
  /** Keep this picture of its block, if there is none. */
  take: (shown: ShownPicture) => void;
  /** Keep the first picture of a block that is shown only to who looks back. */
  fill: (take: Take) => Promise<void>;
  /** Lay out what is kept over a span. */
  lay: (span: Span, blockFrames: number, madeBlocks: number) => void;
  clear: () => void;
};

/**
 * `bring` is asked for the blocks that are laid out and are not here, one after the other. Of `tiles`
 * the first one is kept.
 */
export function filmstrip(
  h264: string | null,
  tiles: Tiles | null,
  bring: ((block: number) => Promise<void>) | undefined,
  signal: AbortSignal,
): Filmstrip {
  const { columns, rows } = tiles ?? { columns: 1, rows: 1 };
  const element = make("div", "ll-film");
  element.setAttribute("aria-hidden", "true");
  const kept = new Map<number, HTMLImageElement>();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  let aspect = 16 / 9;
  let taken = -1;
  let video = 0;
  let coming = 0;
  const asked = new Set<number>();
  let bringing = false;
  const decoder = new Decoder(h264);
  signal.addEventListener("abort", () => {
    clear();
    decoder.close();
  });
  return { element, take, fill, lay, clear };

  function take({ picture, record: { block } }: ShownPicture): void {
    if (block !== taken && !kept.has(block)) {
      taken = block;
      shrink(picture, block);
    }
  }

  async function fill({ codec, pictures, record: { block } }: Take): Promise<void> {
    if (kept.has(block) || kept.size + coming >= MOST_PICTURES) {
      return;
    }
    const of = video;
    coming += 1;
    // one that cannot be decoded has no thumbnail: the player tells of it when it is looked at
    const decoded = await decoder.decode({ codec, pictures: pictures.slice(0, 1) }).catch(() => []);
    coming -= 1;
    if (of === video) {
      await Promise.all(decoded.map((picture) => shrink(picture, block)));
    }
    for (const picture of decoded) {
      picture.close();
    }
  }

  async function shrink(picture: Picture, block: number): Promise<void> {
    const of = video;
    aspect = (aspectOf(picture) * rows) / columns;
    canvas.height = HEIGHT_PX;
    canvas.width = Math.round(HEIGHT_PX * aspect);
    context?.drawImage(picture, 0, 0, canvas.width * columns, canvas.height * rows);
    const jpeg = await inTime(
      new Promise<Blob | null>((made) => canvas.toBlob(made, "image/jpeg", QUALITY)),
      () => null,
    );
    if (jpeg !== null && of === video) {
      keep(block, jpeg);
    }
  }

  function keep(block: number, jpeg: Blob): void {
    const image = make("img", "ll-thumbnail");
    image.alt = "";
    image.draggable = false;
    image.dataset["block"] = String(block);
    image.src = URL.createObjectURL(jpeg);
    kept.set(block, image);
    if (kept.size > MOST_PICTURES) {
      forget(Math.min(...kept.keys()));
    }
  }

  function lay(span: Span, blockFrames: number, madeBlocks: number): void {
    const width = (element.clientHeight * aspect) / Math.max(1, element.clientWidth);
    const { step, blocks } = blocksToShow(span, blockFrames, madeBlocks, width);
    const shown = Math.min(width, (step * blockFrames) / (span.end - span.begin));
    fetch(blocks);
    const wanted = blocks.flatMap((block) => {
      const image = kept.get(block);
      return image === undefined ? [] : [{ image, at: fraction(block * blockFrames, span) }];
    });
    for (const { image, at } of wanted) {
      image.style.left = percent(at);
      image.style.width = percent(shown);
    }
    const images = wanted.map(({ image }) => image);
    if (
      images.length !== element.children.length ||
      images.some((one, i) => element.children[i] !== one)
    ) {
      element.replaceChildren(...images);
    }
  }

  /** Have one block brought that is missing; each is asked for once. */
  function fetch(blocks: readonly number[]): void {
    const missing = blocks.find((block) => !(kept.has(block) || asked.has(block)));
    if (bring === undefined || missing === undefined || bringing) {
      return;
    }
    asked.add(missing);
    bringing = true;
    bring(missing)
      .catch(() => undefined) // it has no thumbnail: the player tells of it when it is looked at
      .finally(() => {
        bringing = false;
        fetch(blocks);
      });
  }

  function forget(block: number): void {
    const image = kept.get(block);
    if (image !== undefined) {
      URL.revokeObjectURL(image.src);
      kept.delete(block);
    }
  }

  function clear(): void {
    for (const block of [...kept.keys()]) {
      forget(block);
    }
    taken = -1;
    video += 1; // pictures that are on their way belong to the one before
    element.replaceChildren();
  }
}
