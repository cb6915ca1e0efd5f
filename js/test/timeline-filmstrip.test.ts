// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type BlocksOnDemand, filmstrip } from "../src/timeline/filmstrip.ts";
import { layOut } from "./layout.ts";
import { recordOf } from "./video.ts";

const picture = { width: 160, height: 96, close: () => {} } as unknown as ImageBitmap;
const shown = (block: number, nth = 0) => ({
  picture,
  record: recordOf(block),
  number: recordOf(block).first_picture + nth,
});
const SPAN = { begin: 0, end: 48 };

const coded = { codec: "jpeg", pictures: [new Uint8Array(1)] } as const;

/** A strip, and the blocks whose pictures lie on it from left to right. */
function opened(source: BlocksOnDemand = async () => undefined) {
  const end = new AbortController();
  const strip = filmstrip(null, null, source, end.signal);
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
    HTMLCanvasElement.prototype.toBlob = (made) => queueMicrotask(() => made(new Blob(["jpeg"])));
    vi.stubGlobal("createImageBitmap", async () => picture);
  });
  afterEach(() => {
    layout.undo();
    vi.unstubAllGlobals();
  });

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

  it("brings what is laid out and was not shown, one block at a time", async () => {
    const asked: number[] = [];
    let come = () => {};
    const strip = opened(async (block) => {
      asked.push(block);
      await new Promise<void>((resolved) => {
        come = resolved;
      });
      return coded;
    });
    strip.take(shown(1));
    strip.lay({ begin: 0, end: 12 }, 3, 4);
    await settled();
    expect([asked, strip.blocks()]).toEqual([[0], ["1"]]);
    for (const _ of [0, 2, 3]) {
      come();
      await settled();
    }
    expect([asked, strip.blocks()]).toEqual([
      [0, 2, 3],
      ["0", "1", "2", "3"],
    ]);
  });

  it("asks again for what did not come or could not be decoded, ever later", async () => {
    vi.useFakeTimers();
    const asked: number[] = [];
    const strip = opened(async (block) => {
      asked.push(block);
      if (asked.length === 1) {
        throw new Error("the kernel is gone");
      }
      return asked.length < 4 ? undefined : coded;
    });
    strip.lay({ begin: 0, end: 12 }, 3, 1);
    const times: number[] = [];
    for (let second = 0; second < 9; second += 0.5) {
      await vi.advanceTimersByTimeAsync(500);
      times.push(asked.length);
    }
    vi.useRealTimers();
    expect(times).toEqual([1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4]);
    expect(strip.blocks()).toEqual(["0"]);
  });

  it("asks at once for what has come, and waits for nothing that is not laid out", async () => {
    const here = new Set<number>();
    const asked: number[] = [];
    const strip = opened(async (block) => {
      asked.push(block);
      return here.has(block) ? coded : undefined;
    });
    strip.lay({ begin: 0, end: 12 }, 3, 2);
    await settled();
    for (const block of [1, 7]) {
      here.add(block);
      strip.came(block);
    }
    await settled();
    expect([asked, strip.blocks()]).toEqual([[0, 1, 1], ["1"]]);
  });

  it("keeps a picture that is made late", async () => {
    vi.useFakeTimers();
    let made = () => {};
    HTMLCanvasElement.prototype.toBlob = (take) => {
      made = () => take(new Blob(["jpeg"]));
    };
    const strip = opened(async () => coded);
    strip.lay({ begin: 0, end: 12 }, 3, 1);
    await vi.advanceTimersByTimeAsync(5500);
    expect(strip.blocks()).toEqual([]);
    made();
    strip.lay({ begin: 0, end: 12 }, 3, 1);
    vi.useRealTimers();
    expect(strip.blocks()).toEqual(["0"]);
  });

  it("keeps 600 pictures, and brings one again that was let go when it is laid out", async () => {
    const asked: number[] = [];
    const strip = opened(async (block) => {
      asked.push(block);
      return coded;
    });
    for (const block of Array.from({ length: 601 }).keys()) {
      strip.take(shown(block));
    }
    await settled();
    expect(freed).toHaveBeenCalledTimes(1);
    strip.lay({ begin: 0, end: 12 }, 3, 601);
    await settled();
    expect([asked, strip.blocks()]).toEqual([[0], ["0", "1", "2", "3"]]);
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
