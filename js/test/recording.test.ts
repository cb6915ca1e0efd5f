// @vitest-environment happy-dom
import type { AnyModel } from "@anywidget/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { wholeRange } from "../src/charts/series.ts";
import type { CodedBlock, Picture as Drawn } from "../src/playback/decoder.ts";
import {
  type BlockRecord,
  type Command,
  cut,
  parseState,
  type State,
  type TileFigures,
} from "../src/protocol.ts";
import { embeddedTape } from "../src/recording/embedded-tape.ts";
import { kernelTape } from "../src/recording/kernel-tape.ts";
import { sweepPanel } from "../src/recording/sweep-panel.ts";
import { TapePlayer } from "../src/recording/tape-player.ts";
import { timelineBoard } from "../src/timeline/board.ts";
import { layOut, WIDTH_PX } from "./layout.ts";
import { Picture, recordOf, takeOf } from "./video.ts";

const PICTURE_MS = 62.5;
/** Let all that is settled be heard of. */
const settled = () => new Promise((resolve) => setTimeout(resolve));
/** Keeps what a tape tells. */
const telling = (told: string[]) => ({
  fail: (message: string) => told.push(message),
  wait: (words: string) => told.push(words),
});

describe("the player of a recording", () => {
  let nowMs = 0;
  let drawn: number[] = [];
  let stood: number[] = [];
  let fetched: number[] = [];
  let frames: (() => void)[] = [];
  let end: AbortController;
  let player: TapePlayer;
  /** The browser draws, once everything that was asked for is here. */
  const tick = async (times = 3) => {
    for (let round = 0; round < times; round += 1) {
      const due = frames;
      frames = [];
      for (const act of due) {
        act();
      }
      await settled();
    }
  };
  const later = async (pictures: number) => {
    nowMs += pictures * PICTURE_MS;
    await tick();
  };
  const source = {
    fetch: async (block: number) => {
      fetched.push(block);
      return takeOf(block);
    },
    decode: async ({ pictures }: CodedBlock) =>
      pictures.map((picture) => new Picture(picture[0]) as unknown as Drawn),
    close: () => {},
  };

  beforeEach(() => {
    nowMs = 1000;
    [drawn, stood, fetched, frames] = [[], [], [], []];
    end = new AbortController();
    vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    vi.stubGlobal("requestAnimationFrame", (act: () => void) => frames.push(act));
    player = new TapePlayer(
      16,
      source,
      {
        draw: ({ number }) => drawn.push(number),
        stand: (picture) => stood.push(picture),
        fail: (message) => {
          throw new Error(message);
        },
      },
      end.signal,
    );
  });
  afterEach(() => {
    end.abort();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("stands on its first picture, and has fetched no more than that and the next block", async () => {
    player.load([0, 1, 2, 3].map(recordOf), "h264");
    await tick();
    expect(drawn).toEqual([0]);
    expect(fetched).toEqual([0, 1]);
    expect(player.place).toEqual({
      there: { first: 0, last: 44 },
      picture: 0,
      live: false,
      playing: false,
      loop: undefined,
    });
    expect(stood).toEqual([]);
    await later(4);
    expect(stood).toEqual([0]);
  });

  it("does not say that it stands while the picture to stand on is on its way", async () => {
    player.load([0, 1, 2, 3].map(recordOf), "h264");
    await tick();
    const coming: (() => void)[] = [];
    const { fetch } = source;
    source.fetch = (block) => new Promise((come) => coming.push(() => come(fetch(block))));
    player.back.seek(40);
    await later(8);
    expect([drawn.at(-1), stood]).toEqual([0, []]);
    source.fetch = fetch;
    for (const come of coming) {
      come();
    }
    await tick();
    await later(8);
    expect([drawn.at(-1), stood]).toEqual([40, [40]]);
  });

  it("plays to its end, stands there, and begins anew where it is played again", async () => {
    player.load([0, 1].map(recordOf), "h264");
    await tick();
    player.playOrStand();
    await later(5);
    expect([drawn.at(-1), player.place?.playing]).toEqual([5, true]);
    await later(30);
    expect([drawn.at(-1), player.place?.playing]).toEqual([20, false]);
    player.playOrStand();
    await tick();
    expect([drawn.at(-1), player.place?.playing]).toEqual([0, true]);
  });

  it("stays where its viewer is as more comes on the tape, and shows that at once", async () => {
    player.load([0, 1].map(recordOf), "h264");
    await tick();
    player.back.seek(4);
    await tick();
    expect(drawn.at(-1)).toBe(4);
    drawn = [];
    fetched = [];
    player.load([0, 1].map(recordOf), "h264");
    await tick();
    expect([drawn, fetched, player.place?.playing]).toEqual([[4], [0, 1], false]);
    player.playRound();
    await later(10);
    player.load([0, 1].map(recordOf), "h264");
    await tick();
    expect([drawn.at(-1), player.place?.playing]).toEqual([10, true]);
    expect(player.place?.loop).toEqual({ first: 0, last: 20 });
    await later(12);
    expect(drawn.at(-1)).toBe(1);
  });

  it("stands on what has come on the tape once it is drawn, not on what was there before", async () => {
    player.load([0, 1].map(recordOf), "h264");
    await tick();
    expect([drawn, player.shows(0)]).toEqual([[0], true]);
    const coming: (() => void)[] = [];
    const { fetch } = source;
    source.fetch = (block) => new Promise((come) => coming.push(() => come(fetch(block))));
    player.load([0, 1].map(recordOf), "h264");
    player.playRound();
    await tick();
    player.playOrStand();
    await later(8);
    expect([drawn, stood, player.shows(0)]).toEqual([[0], [], false]);
    source.fetch = fetch;
    for (const come of coming) {
      come();
    }
    await tick();
    expect([drawn, stood, player.shows(0)]).toEqual([[0, 0], [], true]);
    await later(4);
    expect(stood).toEqual([0]);
  });

  it("goes anywhere at once, also in a recording that begins in the middle of a video", async () => {
    player.load([7, 8, 9].map(recordOf), "h264");
    await tick();
    expect(drawn).toEqual([recordOf(7).first_picture]);
    player.back.seek(recordOf(9).first_picture + 3);
    await tick();
    expect(drawn.at(-1)).toBe(recordOf(9).first_picture + 3);
    player.back.step(-1);
    await tick();
    expect(drawn.at(-1)).toBe(recordOf(9).first_picture + 2);
  });
});

describe("a tape that lies with the kernel", () => {
  const sent: { type: string; block?: number }[] = [];
  let hear: (content: unknown, buffers?: unknown) => void = () => {};
  const model = {
    get: () => ({ ...fixtures.to_page.state.state, status: "recorded" }),
    on: (name: string, act: typeof hear) => {
      hear = name === "msg:custom" ? act : hear;
    },
    off: () => {},
    send: (command: { type: string }) => sent.push(command),
  } as unknown as AnyModel;

  it("asks once for each block, gives the one that came, and tells why one does not come", async () => {
    const errors: string[] = [];
    const end = new AbortController();
    vi.stubGlobal("isSecureContext", false);
    const tape = kernelTape(model, telling(errors), end.signal);
    tape.records.catch(() => undefined); // the view is closed before they come
    await settled();
    const view = (sent[0] as { view?: string } | undefined)?.view;
    expect(sent[0]?.type).toBe("attach");
    const { block } = fixtures.to_page;
    const number = block.record.block;
    const coming = [tape.block(number), tape.block(number)];
    expect(sent.slice(1)).toEqual([{ type: "block", view, run: tape.state.run, block: number }]);
    hear({ ...block, view }, [new Uint8Array([7])]);
    expect((await Promise.all(coming)).map(({ pictures }) => pictures[0]?.[0])).toEqual([7, 7]);

    const gone = tape.block(99);
    hear({ type: "failure", message: "it is damaged", details: "", topic: "other", view });
    await expect(gone).rejects.toThrow("it is damaged");
    expect(errors).toEqual(["it is damaged"]);
    tape.block(99).catch(() => undefined);
    expect(sent.filter((each) => each.block === 99).length).toBe(2);
    end.abort();
    expect(sent.at(-1)?.type).toBe("leave");
    vi.unstubAllGlobals();
  });

  it("asks again for what has not come in 5 s, ever less often, and says that it waits", async () => {
    vi.useFakeTimers();
    const told: string[] = [];
    const end = new AbortController();
    vi.stubGlobal("isSecureContext", false);
    sent.length = 0;
    const tape = kernelTape(model, telling(told), end.signal);
    await vi.advanceTimersByTimeAsync(0);
    const view = (sent[0] as { view?: string } | undefined)?.view;
    const times = (type: string) => sent.filter((each) => each.type === type).length;
    const { block } = fixtures.to_page;
    const number = block.record.block;
    const coming = tape.block(number);
    const still = tape.exact(7);
    await vi.advanceTimersByTimeAsync(4999);
    expect([times("attach"), times("block"), times("still")]).toEqual([1, 1, 1]);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect([times("attach"), times("block"), times("still")]).toEqual([2, 2, 2]);
    expect(told).toEqual(["waits for the kernel"]);

    hear({ ...block, view }, [new Uint8Array([7])]);
    expect((await coming).pictures[0]?.[0]).toBe(7);
    const history = { type: "history", view, run: tape.state.run, records: [] };
    hear(history);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([times("attach"), times("block"), times("still")]).toEqual([2, 2, 4]);
    const again = tape.block(number);
    hear(history); // the answer to what was asked again
    hear({ ...block, view }, [new Uint8Array([8])]);
    expect((await again).pictures[0]?.[0]).toBe(8);
    expect(told).toEqual(["waits for the kernel"]);
    hear({ ...fixtures.to_page.still, view, picture: 7 }, [new Uint8Array([5])]);
    await still;
    expect(told).toEqual(["waits for the kernel", ""]);
    tape.block(99);
    const before = sent.length;
    end.abort();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.slice(before).map(({ type }) => type)).toEqual(["leave"]);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("brings its Python, and tells why there is none while its blocks come all the same", async () => {
    const told: string[] = [];
    const end = new AbortController();
    vi.stubGlobal("isSecureContext", false);
    sent.length = 0;
    const tape = kernelTape(model, telling(told), end.signal);
    tape.records.catch(() => undefined); // the view is closed before they come
    await settled();
    const view = (sent[0] as { view?: string } | undefined)?.view;
    tape.kernel?.listen({
      onState: () => {},
      onRecords: () => {},
      onCode: ({ text }) => told.push(text),
    });
    tape.kernel?.copy(null);
    expect(sent.at(-1)).toMatchObject({ type: "code", view, tile: null });
    hear({ type: "exported", view, form: "python", name: "recording.py", text: "x = 1" });

    const { block } = fixtures.to_page;
    const coming = tape.block(block.record.block);
    hear({ type: "failure", message: "no cell says it", details: "", topic: "code", view });
    expect(told).toEqual(["x = 1", "no cell says it"]);
    hear({ ...block, view }, [new Uint8Array([7])]);
    expect((await coming).pictures[0]?.[0]).toBe(7);
    end.abort();
    vi.unstubAllGlobals();
  });
});

describe("a tape on which more videos come", () => {
  const growing = fixtures.to_page["state of videos in step"].state;
  const sent: Command[] = [];
  let state = { ...growing, status: "recorded", run: 1 };
  let hear: (content: unknown, buffers?: unknown) => void = () => {};
  const model = {
    get: () => state,
    on: (name: string, act: typeof hear) => {
      hear = name === "msg:custom" ? act : hear;
    },
    off: () => {},
    send: (command: Command) => sent.push(command),
  } as unknown as AnyModel;

  it("is asked for each block again, and tells of states, records and code", async () => {
    const end = new AbortController();
    vi.stubGlobal("isSecureContext", false);
    const tape = kernelTape(model, telling([]), end.signal);
    await settled();
    const view = (sent[0] as { view?: string } | undefined)?.view;
    const heard: string[] = [];
    tape.kernel?.listen({
      onState: (next) => heard.push(next.sweep?.told ?? ""),
      onRecords: (records) => heard.push(`${records.length} records`),
      onCode: ({ text }) => heard.push(text),
    });
    const history = { type: "history", view, run: 1, records: [] };
    hear(history);
    expect(await tape.records).toEqual([]);
    const { block } = fixtures.to_page;
    const number = block.record.block;
    const coming = tape.block(number);
    state = { ...state, run: 2, told: state.told + 1 };
    hear({ type: "state", state });
    hear({ ...block, view, run: 1 }, [new Uint8Array([6])]);
    hear({ ...history, run: 2 });
    const again = tape.block(number);
    hear({ ...block, view, run: 2 }, [new Uint8Array([7])]);
    expect((await again).pictures[0]?.[0]).toBe(7);
    expect(await Promise.race([coming, Promise.resolve("not yet")])).toBe("not yet");
    tape.kernel?.copy(3);
    expect(sent.at(-1)).toMatchObject({ type: "code", view, tile: 3 });
    hear({ type: "exported", view, form: "python", name: "sweep.py", text: "x = 1" });
    expect(heard).toEqual(["2 of 4 videos are made", "0 records", "x = 1"]);
    end.abort();
    vi.unstubAllGlobals();
  });

  it("says below the grid how far it is, what was measured, and begins or ends the making", () => {
    const asked: string[] = [];
    const { tiles, sweep } = parseState(growing);
    if (tiles === null || sweep === null) {
      throw new Error("this is no sweep");
    }
    const panel = sweepPanel(
      tiles,
      { begin: () => asked.push("begin"), hold: () => asked.push("hold") },
      new AbortController().signal,
    );
    const button = panel.element.querySelector("button");
    const read = () =>
      [...panel.element.querySelectorAll("tbody tr")].map((row) =>
        [...row.children].map(({ textContent }) => textContent),
      );
    panel.follow({ ...sweep, making: false, figures: sweep.figures.slice(0, 1) });
    button?.click();
    expect(read()).toEqual([
      ["reference", "411", "34.2", "700", "", ""],
      ["turbo <b>", "", "", "", "", ""],
    ]);
    panel.follow(sweep);
    button?.click();
    expect(asked).toEqual(["begin", "hold"]);
    expect(read()[1]).toEqual(["turbo <b>", "302", "25.2", "700", "31.5 dB", "0.970"]);
    expect(panel.element.querySelector("[role=status]")?.textContent).toBe(sweep.told);
    const equal = { ...sweep.figures[0], equal: true, ssim: 1 } as TileFigures;
    panel.follow({ ...sweep, making: false, figures: [equal, equal] });
    expect(button?.hidden).toBe(true);
    expect(read()[1]?.slice(4)).toEqual(["equal", "1.000"]);
  });
});

describe("a tape that lies in its page", () => {
  const base64 = (...bytes: number[]) => btoa(String.fromCharCode(...bytes));
  const said = {
    state: { ...fixtures.to_page.state.state, status: "recorded" },
    records: [recordOf(3)],
    places: [{ block: 3, offsets: [1, 8], lengths: [7, 5] }],
    parameters: base64(0, 0, 0, 1, 103),
  };
  // 9 is none of it; two pictures, the first of which has two parts
  const video = base64(9, 0, 0, 0, 1, 50, 0, 0, 0, 0, 0, 1, 60);

  it("cuts each picture out of the video, the first one with what a decoder needs before it", async () => {
    const whole = { ...said, places: [{ block: 3, offsets: [1, 8], lengths: [5, 5] }] };
    const { tape, video: file } = embeddedTape(whole, `\n${video}\n`);
    const { pictures } = await tape.block(3);
    expect(pictures.map((picture) => [...picture])).toEqual([
      [0, 0, 0, 1, 103, 0, 0, 0, 1, 50],
      [0, 0, 0, 1, 60],
    ]);
    expect([file.size, file.type]).toEqual([13, "video/mp4"]);
    expect(await tape.exact(0)).toBeUndefined();
    await expect(tape.block(4)).rejects.toThrow("this block is not in the video");
  });

  it("refuses a picture that ends within one of its parts", async () => {
    await expect(embeddedTape(said, video).tape.block(3)).rejects.toThrow(
      "a part of a picture does not fit in its 2 bytes",
    );
    expect(() => embeddedTape({ ...said, places: [3] }, video)).toThrow("a place is no object");
  });
});

describe("the timeline of a recording", () => {
  const entry = (latent_frame: number, prompt: string) => ({
    latent_frame,
    prompt,
    transition: cut,
  });
  const state: State = {
    ...parseState(fixtures.to_page.state.state),
    status: "recorded",
    made: 16,
    begun: 0,
    entries: [entry(0, "a ball"), entry(24, "a <b>star</b>")],
  };

  it("goes where a prompt begins, follows what is shown, and takes no edit", () => {
    const layout = layOut();
    const end = new AbortController();
    const seen: number[] = [];
    const blocks = async () => undefined;
    const board = timelineBoard(state, { seek: (frame) => seen.push(frame), blocks }, end.signal);
    document.body.replaceChildren(board.element);
    board.follow(state);
    const list = board.element.querySelector<HTMLElement>(".ll-prompts");
    const chosen = () => list?.querySelector('[aria-selected="true"]')?.textContent;
    const point = (x: number) =>
      list?.dispatchEvent(new PointerEvent("pointerdown", { clientX: x, button: 0, pointerId: 1 }));
    point(0.9 * WIDTH_PX);
    expect([seen, chosen()]).toEqual([[24], "a <b>star</b>"]);
    const picture = { width: 160, height: 96, close: () => {} } as unknown as ImageBitmap;
    board.show({ picture, record: recordOf(1), number: 12 });
    expect(chosen()).toBe("a ball");
    for (const key of ["Delete", "a", "s", "Enter"]) {
      list?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      expect(board.element.querySelector(".ll-note")?.textContent).toBe(
        "this is a recording: it can be looked at, not changed",
      );
    }
    expect(board.element.querySelector<HTMLElement>(".ll-typing")?.hidden).toBe(true);
    const tools = [...board.element.querySelectorAll<HTMLElement>("[data-act]")];
    expect(tools.map((tool) => tool.dataset["act"])).toEqual([
      "zoom out",
      "zoom in",
      "fit",
      "follow",
    ]);
    end.abort();
    layout.undo();
  });
});

describe("the charts of a recording", () => {
  it("show all of it, or what is around the viewer where that is too much", () => {
    const records = (count: number): BlockRecord[] =>
      Array.from({ length: count }, (_, index) => recordOf(index + 5));
    expect(wholeRange(records(40), undefined)).toEqual([4.4, 44.6]);
    expect(wholeRange(records(1), undefined)).toEqual([4.4, 8.6]);
    const [from, to] = wholeRange(records(1000), 700);
    expect(from).toBeLessThan(700);
    expect(to).toBeGreaterThan(700);
    expect(to - from).toBeLessThan(70);
  });
});
