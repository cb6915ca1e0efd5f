// One small picture of each block that was shown, beneath the prompts.

import { inTime } from "../patience.ts";
import { aspectOf, type CodedBlock, Decoder, type Picture } from "../playback/decoder.ts";
import type { ShownPicture } from "../playback/player.ts";
import type { Tiles } from "../protocol.ts";
import { make } from "../view/elements.ts";
import { blocksToShow, fraction, percent, type Span } from "./geometry.ts";

const HEIGHT_PX = 40;
const MOST_PICTURES = 600;
const QUALITY = 0.7;
const FIRST_WAIT_MS = 1000;
const MOST_WAIT_MS = 60_000;

/** A block as it was coded; undefined while it is not here. */
export type BlocksOnDemand = (block: number) => Promise<CodedBlock | undefined>;

export type Filmstrip = {
  element: HTMLElement;
  /** Keep this picture of its block, if there is none. */
  take: (shown: ShownPicture) => void;
  /** The source has a block that it did not have: it is asked again at once. */
  came: (block: number) => void;
  /** Lay out what is kept over a span, and bring what is missing there. */
  lay: (span: Span, blockFrames: number, madeBlocks: number) => void;
  clear: () => void;
};

/**
 * `source` is asked for the blocks that are laid out and were not shown, one after the other; of each its first
 * picture is kept. One that does not come is asked for again, ever later. Of `tiles` the first one is kept.
 */
export function filmstrip(
  h264: string | null,
  tiles: Tiles | null,
  source: BlocksOnDemand,
  signal: AbortSignal,
): Filmstrip {
  const { columns, rows } = tiles ?? { columns: 1, rows: 1 };
  const element = make("div", "ll-film");
  element.setAttribute("aria-hidden", "true");
  const kept = new Map<number, HTMLImageElement>();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  const decoder = new Decoder(h264);
  let aspect = 16 / 9;
  let taken = -1;
  let video = 0;
  let laid: { span: Span; blockFrames: number; madeBlocks: number } | undefined;
  /** The blocks that have a place in what is laid out. */
  let wanted: readonly number[] = [];
  let bringing = false;
  /** Blocks that did not come: when they are asked for again, and how long that was waited for. */
  const waiting = new Map<number, { againMs: number; waitMs: number }>();
  let waking: ReturnType<typeof setTimeout> | undefined;
  signal.addEventListener("abort", () => {
    clear();
    decoder.close();
  });
  return { element, take, came, lay, clear };

  function take({ picture, record: { block } }: ShownPicture): void {
    if (block !== taken && !kept.has(block)) {
      taken = block;
      putOff(block); // it is on its way
      shrink(picture, block);
    }
  }

  function came(block: number): void {
    waiting.delete(block);
    bringNext();
  }

  /** The picture may be closed at once. */
  async function shrink(picture: Picture, block: number): Promise<void> {
    const of = video;
    aspect = (aspectOf(picture) * rows) / columns;
    canvas.height = HEIGHT_PX;
    canvas.width = Math.round(HEIGHT_PX * aspect);
    context?.drawImage(picture, 0, 0, canvas.width * columns, canvas.height * rows);
    const made = new Promise<void>((done) => {
      const keepIt = (jpeg: Blob | null) => {
        if (jpeg !== null && of === video) {
          keep(block, jpeg);
        }
        done();
      };
      canvas.toBlob(keepIt, "image/jpeg", QUALITY);
    });
    await inTime(made, () => undefined); // one that is late is kept when it comes
  }

  function keep(block: number, jpeg: Blob): void {
    if (kept.has(block)) {
      return;
    }
    const image = make("img", "ll-thumbnail");
    image.alt = "";
    image.draggable = false;
    image.dataset["block"] = String(block);
    image.src = URL.createObjectURL(jpeg);
    kept.set(block, image);
    waiting.delete(block);
    const spare = [...kept.keys()].find((each) => each !== block && !wanted.includes(each));
    if (kept.size > MOST_PICTURES && spare !== undefined) {
      forget(spare);
    }
    arrange();
  }

  function lay(span: Span, blockFrames: number, madeBlocks: number): void {
    laid = { span, blockFrames, madeBlocks };
    arrange();
    bringNext();
  }

  function arrange(): void {
    if (laid === undefined) {
      return;
    }
    const { span, blockFrames, madeBlocks } = laid;
    const width = (element.clientHeight * aspect) / Math.max(1, element.clientWidth);
    const { step, blocks } = blocksToShow(span, blockFrames, madeBlocks, width);
    const shown = Math.min(width, (step * blockFrames) / (span.end - span.begin));
    wanted = blocks;
    const found = blocks.flatMap((block) => {
      const image = kept.get(block);
      return image === undefined ? [] : [{ image, at: fraction(block * blockFrames, span) }];
    });
    for (const { image, at } of found) {
      image.style.left = percent(at);
      image.style.width = percent(shown);
    }
    replace(found.map(({ image }) => image));
  }

  /** Leave alone what lies there already. */
  function replace(images: readonly HTMLImageElement[]): void {
    if (
      images.length !== element.children.length ||
      images.some((one, i) => element.children[i] !== one)
    ) {
      element.replaceChildren(...images);
    }
  }

  /** Bring one block that is missing and due, then the next one; wake up for those that are not due yet. */
  function bringNext(): void {
    clearTimeout(waking);
    if (bringing) {
      return;
    }
    const missing = wanted.filter((block) => !kept.has(block));
    const next = missing.find((block) => dueInMs(block) <= 0);
    if (next === undefined) {
      const soonestMs = Math.min(...missing.map(dueInMs));
      waking = Number.isFinite(soonestMs) ? setTimeout(bringNext, soonestMs) : undefined;
      return;
    }
    bringing = true;
    const of = video;
    bring(next)
      .catch(() => undefined) // the player tells of it when it is looked at
      .finally(() => {
        bringing = false;
        if (of === video && !kept.has(next)) {
          putOff(next);
        }
        bringNext();
      });
  }

  async function bring(block: number): Promise<void> {
    const of = video;
    const coded = await source(block);
    if (coded === undefined || of !== video) {
      return;
    }
    const { codec, pictures } = coded;
    for (const picture of await decoder.decode({ codec, pictures: pictures.slice(0, 1) })) {
      if (of === video) {
        await shrink(picture, block);
      }
      picture.close();
    }
  }

  /** If this block is not here then, ask for it (again) after a wait, each time twice as long as before. */
  function putOff(block: number): void {
    const waitMs = Math.min(MOST_WAIT_MS, 2 * (waiting.get(block)?.waitMs ?? FIRST_WAIT_MS / 2));
    waiting.set(block, { againMs: performance.now() + waitMs, waitMs });
  }

  function dueInMs(block: number): number {
    return (waiting.get(block)?.againMs ?? 0) - performance.now();
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
    laid = undefined;
    wanted = [];
    waiting.clear();
    clearTimeout(waking);
    element.replaceChildren();
  }
}
