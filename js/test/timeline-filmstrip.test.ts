// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { filmstrip } from "../src/timeline/filmstrip.ts";
import { layOut } from "./layout.ts";
import { recordOf } from "./video.ts";

const picture = { width: 160, height: 96, close: () => {} } as unknown as ImageBitmap;
const shown = (block: number, nth = 0) => ({
  picture,
  record: recordOf(block),
  number: recordOf(block).first_picture + nth,
});
const SPAN = { begin: 0, end: 48 };

/** A strip, and the blocks whose pictures lie on it from left to right. */
function opened() {
  const end = new AbortController();
  const strip = filmstrip(null, null, undefined, end.signal);
  const images = () => [...strip.element.querySelectorAll("img")];
  return { ...strip, end, images, blocks: () => images().map((each) => each.dataset["block"]) };
}

/** Let all that is settled be heard of. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("the filmstrip", () => {
  let layout: { undo: () => void };
  let drawn: number;
  const freed = vi.spyOn(URL, "revokeObjectURL");
  beforeEach(() => {
    layout = layOut();
    drawn = 0;
    freed.mockClear();
    HTMLCanvasElement.prototype.getContext = (() => ({
      drawImage: () => {
        drawn += 1;
      },
    })) as unknown as HTMLCanvasElement["getContext"];
    HTMLCanvasElement.prototype.toBlob = (made) => made(new Blob(["jpeg"]));
  });
  afterEach(() => layout.undo());

  it("keeps one picture of each block that was shown, in the place of the block", async () => {
    const strip = opened();
    for (const each of [shown(0), shown(0, 1), shown(1), shown(1, 5), shown(0, 2)]) {
      strip.take(each);
      await settled();
    }
    expect(drawn).toBe(2);
    strip.lay({ begin: 0, end: 12 }, 3, 2);
    expect(strip.blocks()).toEqual(["0", "1"]);
    expect(strip.images().map(({ style }) => style.left)).toEqual(["0.000%", "25.000%"]);
  });

  it("leaves pictures out where there is no room for all of them", async () => {
    const strip = opened();
    for (const block of Array.from({ length: 16 }).keys()) {
      strip.take(shown(block));
    }
    await settled();
    strip.lay(SPAN, 3, 16);
    const wide = strip.blocks().length;
    strip.lay({ begin: 0, end: 480 }, 3, 16);
    expect(wide).toBeGreaterThan(2);
    expect(strip.blocks().length).toBeLessThan(wide);
  });

  it("takes no more blocks in than it keeps pictures, those on their way counted", async () => {
    let asked = 0;
    vi.stubGlobal("createImageBitmap", () => {
      asked += 1;
      return Promise.resolve(picture);
    });
    const strip = opened();
    for (const block of Array.from({ length: 700 }).keys()) {
      strip.fill({ record: recordOf(block), codec: "jpeg", pictures: [new Uint8Array(1)] });
    }
    await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(600));
    await settled();
    await settled();
    vi.unstubAllGlobals();
    expect(asked).toBe(600);
  });

  it("forgets all with the video, those that are on their way too, and frees them", async () => {
    const strip = opened();
    strip.take(shown(0));
    await settled();
    strip.take(shown(1));
    strip.clear();
    await settled();
    strip.lay(SPAN, 3, 4);
    expect(strip.blocks()).toEqual([]);
    expect(freed).toHaveBeenCalledTimes(1);
    strip.take(shown(0));
    await settled();
    strip.end.abort();
    expect(freed).toHaveBeenCalledTimes(2);
  });
});
