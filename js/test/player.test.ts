// The player on a screen whose frames are called by hand, and with bitmaps that have no pixel.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { DELAY_MS, Player } from "../src/playback/player.ts";
import {
  type BlockMessage,
  type Opening,
  parseState,
  type State,
  type Status,
} from "../src/protocol.ts";
import { recordOf, takeOf } from "./video.ts";

let due: FrameRequestCallback[];
let end: AbortController;
let decoding: Promise<unknown>;

beforeEach(() => {
  due = [];
  end = new AbortController();
  decoding = Promise.resolve();
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => due.push(callback));
  vi.stubGlobal("createImageBitmap", () => decoding.then(() => ({ close() {} })));
});

afterEach(() => {
  end.abort();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function stateOf(run: number, status: Status): State {
  return { ...parseState(fixtures.to_page.state.state), run, status };
}

function blockOf(run: number, block: number, given = {}): BlockMessage {
  const record = { ...recordOf(block), ...given };
  const pictures = record.displayed ? [...takeOf(block).pictures] : [];
  const sent = { codec: "jpeg", begun: block + 1, sent_ms: 0, view: null, given: 0 } as const;
  return { type: "block", run, record, ...sent, pictures };
}

/** The first pictures of a block, and the rest of it. */
function inParts(run: number, block: number, given = {}): [Opening, BlockMessage] {
  const whole = blockOf(run, block, given);
  const { first_picture, prompt } = whole.record;
  const begun = { block, first_picture, prompt, run, codec: whole.codec };
  return [
    { type: "opening", ...begun, pictures: whole.pictures.slice(0, 4) },
    { ...whole, given: 4, pictures: whole.pictures.slice(4) },
  ];
}

function playing(company = new Set<Player>()) {
  const credits: [number, number][] = [];
  const seenAtMs: (number | undefined)[] = [];
  const drawn: number[] = [];
  const landed: string[] = [];
  const come: number[] = [];
  const asked: number[] = [];
  const filled: number[] = [];
  const decoded: number[] = [];
  const stood: number[] = [];
  const player = new Player(
    16,
    null,
    company,
    {
      draw: ({ number }) => drawn.push(number),
      come: ({ record }) => come.push(record.block),
      land: ({ prompt }) => landed.push(prompt),
      stand: (_, picture) => stood.push(picture),
      credit: (run, block, atMs) => {
        credits.push([run, block]);
        seenAtMs.push(atMs);
      },
      ask: (_, block) => asked.push(block),
      filled: ({ record }) => filled.push(record.block),
      decoded: (_, block) => decoded.push(block),
      fail: () => {},
    },
    end.signal,
  );
  return { player, credits, seenAtMs, drawn, come, landed, asked, filled, decoded, stood };
}

/** Let the blocks that have come be decoded, and the screen draw for so long. */
async function pass(ms: number): Promise<void> {
  for (let now = 0; now < ms; now += 16) {
    await vi.advanceTimersByTimeAsync(16);
    for (const draw of due.splice(0)) {
      draw(performance.now());
    }
  }
}

describe("a player", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "performance"] }));

  it("gives each block that it has taken in back once, as room for another", async () => {
    const { player, credits, drawn } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    player.take(blockOf(1, 1));
    await pass(400);
    expect(credits).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(drawn[0]).toBe(0);
  });

  it("says with the room when the block will have been seen, also to who looks back", async () => {
    const { player, seenAtMs } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    await pass(16);
    const begunMs = performance.now() - 16 + DELAY_MS;
    player.take(blockOf(1, 1));
    await pass(400);
    player.back.seek(2);
    player.take(blockOf(1, 2));
    await pass(100);
    const [first = 0, second = 0, third = 0] = seenAtMs;
    expect(Math.abs(first - begunMs - (9 * 1000) / 16)).toBeLessThan(17);
    expect(second - first).toBeCloseTo(750);
    expect(third - second).toBeCloseTo(750);
  });

  it("says of no block that comes while the video is held when it will have been seen", async () => {
    const { player, seenAtMs } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    await pass(200);
    player.follow(stateOf(1, "paused"));
    player.take(blockOf(1, 1));
    await pass(100);
    expect(seenAtMs.map((atMs) => atMs === undefined)).toEqual([false, true]);
  });

  it("gives the room back of blocks that were lost, and not yet that of those that it holds", async () => {
    const { player, credits } = playing();
    player.follow(stateOf(1, "running"));
    for (const block of [0, 1, 2, 3]) {
      player.take(blockOf(1, block));
    }
    await pass(100);
    const owed = [0, 1, 2, 3].filter((block) => !credits.some(([, given]) => given === block));
    expect(owed).not.toEqual([]);
    credits.length = 0;
    player.settle(1, [...owed, 5]);
    player.settle(2, [7]);
    expect(credits).toEqual([[1, 5]]);
  });

  it("judges by nothing that happened while nobody looked, and by what runs dry later", async () => {
    const { player } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    await pass(100);
    player.look(false);
    expect(player.vitals.lookedMs).toBeUndefined();
    await vi.advanceTimersByTimeAsync(60_000); // a hidden tab draws nothing
    player.look(true);
    player.take(blockOf(1, 80));
    await pass(1500);
    expect(player.vitals).toMatchObject({ dry: 0, blocks: 1 });
    await pass(2000);
    player.take(blockOf(1, 81));
    await pass(1500);
    expect(player.vitals).toMatchObject({ dry: 1, blocks: 2 });
    expect(player.vitals.lookedMs).toBeGreaterThan(4900);
  });

  it("counts how long the first block of a video is being made, until it or its opening comes", async () => {
    const { player } = playing();
    const begin = (run: number, made = 0) =>
      player.follow({ ...stateOf(run, "running"), made, compiles: true });
    begin(1);
    await pass(3000);
    expect(player.vitals.first?.compiles).toBe(true);
    expect(player.vitals.first?.ms).toBeGreaterThan(2900);
    player.take(blockOf(1, 0, { displayed: false }));
    expect(player.vitals.first).toBeUndefined();
    begin(2);
    await pass(100);
    expect(player.vitals.first?.ms).toBeLessThan(200);
    player.open(inParts(2, 0)[0]);
    expect(player.vitals.first).toBeUndefined();
    begin(3, 7);
    expect(player.vitals.first).toBeUndefined();
  });

  it.each<[string, (player: Player) => Promise<void>]>([
    [
      "the first picture of another video, whose first block compiles",
      async (player) => {
        player.follow(stateOf(2, "running"));
        await pass(5000);
        player.take(blockOf(2, 0));
      },
    ],
    [
      "it goes on",
      async (player) => {
        player.follow(stateOf(1, "paused"));
        await pass(5000);
        player.follow(stateOf(1, "running"));
      },
    ],
    [
      "somebody looks back no longer",
      async (player) => {
        player.back.stand();
        await pass(5000);
        player.back.leave();
      },
    ],
  ])("judges by nothing that was drawn before %s", async (_, breaks) => {
    const { player } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    await pass(5000);
    expect(player.vitals.lookedMs).toBeGreaterThan(4500);
    await breaks(player);
    await pass(500);
    expect(player.vitals.lookedMs).toBeLessThan(600);
  });

  it("gives a block of a video that it does not know of back too", async () => {
    const { player, credits, drawn } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(2, 0));
    await pass(100);
    expect(credits).toEqual([[2, 0]]);
    expect(drawn).toEqual([]);
  });

  it("gives a block back whose video was over before it was decoded", async () => {
    const { player, credits, drawn } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    player.follow(stateOf(2, "running"));
    await pass(100);
    expect(credits).toEqual([[1, 0]]);
    expect(drawn).toEqual([]);
  });

  it("gives the room back of a block that comes to all after it came to this view alone", async () => {
    const { player, credits, come } = playing();
    player.follow(stateOf(1, "running"));
    player.take({ ...blockOf(1, 4), view: "1-1" });
    await pass(100);
    credits.length = 0;
    player.take(blockOf(1, 4));
    await pass(100);
    expect(credits).toEqual([[1, 4]]);
    expect(come).toEqual([4]);
  });

  it("plays on where a block turns out late to be one that cannot be decoded", async () => {
    const { player, decoded, filled } = playing();
    player.follow(stateOf(1, "running"));
    decoding = new Promise((_, reject) => setTimeout(() => reject(new Error("damaged")), 50));
    player.take(blockOf(1, 0));
    await pass(16);
    decoding = Promise.resolve();
    player.take(blockOf(1, 1));
    await pass(200);
    player.take({ ...blockOf(1, 1), view: "1-1" });
    player.take({ ...blockOf(1, 0), view: "1-1" });
    await pass(200);
    expect(decoded).toEqual([1]);
    expect(filled).toEqual([0]);
  });

  it("tells each prompt once, as the video comes to it, though its block was not displayed", async () => {
    const { player, landed } = playing();
    const landing = (prompt: string, block: number) => ({
      landed: { prompt, asked_at: 3 * block, lands_at: 3 * block, block, replaced_by: null },
    });
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0, landing("a red ball", 0)));
    player.take(blockOf(1, 1, { displayed: false, ...landing("a blue star", 1) }));
    player.take(blockOf(1, 2, landing("a green square", 2)));
    player.take(blockOf(1, 2, landing("a green square", 2)));
    await pass(300);
    expect(landed).toEqual(["a red ball"]);
    await pass(600);
    expect(landed).toEqual(["a red ball", "a blue star", "a green square"]);
  });

  it("asks for the blocks that it never had, one after the other, back to one that is gone", async () => {
    const { player, asked, filled, credits } = playing();
    const again = (block: number) => ({ ...blockOf(1, block), view: "12-34" });
    player.follow(stateOf(1, "paused"));
    player.take(again(4));
    await pass(50);
    expect(asked).toEqual([3]);
    player.take(again(3));
    player.take(again(3));
    await pass(50);
    expect(asked).toEqual([3, 2]);
    player.lose({ type: "gone", view: "12-34", run: 1, block: 2 });
    await pass(50);
    expect([asked, filled]).toEqual([[3, 2], [3]]);
    expect(credits.filter(([, block]) => block === 3)).not.toEqual([]);
    expect(player.back.film.stretch).toEqual({ first: 33, last: 56 });
  });

  it("asks again for a block that has not come in 5 s, and then ever less often", async () => {
    const { player, asked } = playing();
    const again = (block: number) => ({ ...blockOf(1, block), view: "12-34" });
    player.follow(stateOf(1, "paused"));
    player.take(again(4));
    await pass(4900);
    expect(asked).toEqual([3]);
    await pass(200);
    expect(asked).toEqual([3, 3]);
    await pass(9800);
    expect(asked).toEqual([3, 3]);
    await pass(200);
    expect(asked).toEqual([3, 3, 3]);
    player.take(again(3));
    await pass(50);
    expect(asked).toEqual([3, 3, 3, 2]);
  });

  it("asks for nothing while the video waits for its next block", async () => {
    const { player, asked } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 4));
    await pass(300);
    expect(asked).toEqual([]);
    player.take(blockOf(1, 5));
    await pass(50);
    expect(asked).toEqual([3]);
  });

  it("asks seldom, and asks, where the video always waits for its next block", async () => {
    const { player, asked } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 4));
    await pass(2900);
    expect(asked).toEqual([]);
    await pass(200);
    expect(asked).toEqual([3]);
    player.take({ ...blockOf(1, 3), view: "12-34" });
    await pass(2700);
    expect(asked).toEqual([3]);
    await pass(300);
    expect(asked).toEqual([3, 2]);
  });

  it("does not say that it stands while the picture to stand on is on its way", async () => {
    const { player, stood, drawn } = playing();
    player.follow(stateOf(1, "paused"));
    for (const block of [0, 1, 2, 3]) {
      player.take(blockOf(1, block));
    }
    await pass(600);
    const before = drawn.at(-1);
    expect(stood).toEqual([before]);
    let come = () => {};
    decoding = new Promise<void>((resolved) => {
      come = resolved;
    });
    player.back.seek(40);
    player.back.stand();
    await pass(600);
    expect([drawn.at(-1), stood]).toEqual([before, [before]]);
    come();
    await pass(600);
    expect([drawn.at(-1), stood]).toEqual([40, [before, 40]]);
  });

  it("names a block once the video has come to it", async () => {
    const { player } = playing();
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    player.take(blockOf(1, 1));
    await pass(300);
    expect([0, 1, 2].map((block) => player.played(block)?.record.block)).toEqual([
      0,
      undefined,
      undefined,
    ]);
    await pass(800);
    expect(player.played(1)?.record.block).toBe(1);
  });

  it("joins another that shows the video already, and is in step with it", async () => {
    const company = new Set<Player>();
    const first = playing(company);
    first.player.follow(stateOf(1, "running"));
    for (const block of [0, 1, 2]) {
      first.player.take(blockOf(1, block));
    }
    await pass(1000);
    const second = playing(company);
    second.player.follow(stateOf(1, "running"));
    second.player.take({ ...blockOf(1, 2), view: "12-34" });
    await pass(50);
    expect(second.drawn[0]).toBeGreaterThan(9);
    expect(second.player.liveNumber).toBe(first.player.liveNumber);
    await pass(700);
    expect(second.player.liveNumber).toBe(first.player.liveNumber);
    expect(second.player.back.film.stretch).toEqual({ first: 0, last: 32 });
    expect(second.player.liveNumber).toBeGreaterThan(21);
  });

  it("joins another that is held, on its picture", async () => {
    const company = new Set<Player>();
    const first = playing(company);
    first.player.follow(stateOf(1, "running"));
    first.player.take(blockOf(1, 0));
    first.player.take(blockOf(1, 1));
    await pass(400);
    first.player.follow(stateOf(1, "paused"));
    const second = playing(company);
    second.player.follow(stateOf(1, "paused"));
    second.player.take({ ...blockOf(1, 1), view: "12-34" });
    await pass(400);
    expect(second.drawn).toEqual([first.player.liveNumber]);
  });

  it("shows the first picture of a block before the rest has come, and gives one credit for all", async () => {
    const { player, credits, drawn, come, filled } = playing();
    const landed = { prompt: "a red ball", asked_at: 0, lands_at: 0, block: 0, replaced_by: null };
    const [opening, rest] = inParts(1, 0, { landed });
    player.follow(stateOf(1, "running"));
    player.open(opening);
    await pass(1000);
    expect([drawn, come, credits, player.back.film.stretch]).toEqual([[0], [0], [], undefined]);
    player.take(rest);
    await pass(DELAY_MS + 1000);
    expect(drawn).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect([come, credits, filled]).toEqual([[0], [[1, 0]], []]);
    expect(player.back.film.stretch).toEqual({ first: 0, last: 8 });
  });

  it("tells a prompt whose block was opened as the whole has come, and once", async () => {
    const { player, landed } = playing();
    const landing = { prompt: "a star", asked_at: 3, lands_at: 3, block: 1, replaced_by: null };
    const [opening, rest] = inParts(1, 1, { landed: landing });
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    await pass(1000);
    player.open(opening);
    await pass(100);
    expect([player.liveNumber, landed]).toEqual([9, []]);
    player.take(rest);
    await pass(1500);
    expect(landed).toEqual(["a star"]);
  });

  it("asks for a block whose first pictures it never had, and plays it once it has come whole", async () => {
    const { player, asked, drawn, credits } = playing();
    player.follow(stateOf(1, "running"));
    player.take(inParts(1, 0)[1]);
    await pass(50);
    expect([asked, drawn, credits]).toEqual([[0], [], [[1, 0]]]);
    player.take({ ...blockOf(1, 0), view: "12-34" });
    await pass(50);
    expect(drawn).toEqual([0]);
    expect(credits.length).toBe(2);
  });

  it("plays no block any more that comes after a later one was opened", async () => {
    const { player, drawn, filled, credits } = playing();
    const [opening, rest] = inParts(1, 2);
    player.follow(stateOf(1, "running"));
    player.take(blockOf(1, 0));
    await pass(1000);
    player.open(opening);
    player.take({ ...blockOf(1, 1), view: "12-34" });
    await pass(100);
    player.take(rest);
    await pass(2000);
    expect(drawn).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    ]);
    expect(filled).toEqual([1]);
    expect(credits.map(([, block]) => block)).toEqual([0, 1, 2]);
  });

  it("leaves first pictures out that are of another video, or came too late", async () => {
    const { player, drawn } = playing();
    player.follow(stateOf(2, "running"));
    player.open(inParts(1, 0)[0]);
    player.take(blockOf(2, 1));
    player.open(inParts(2, 1)[0]);
    await pass(1500);
    expect(drawn[0]).toBe(9);
    expect(drawn.length).toBe(12);
  });

  it("stands on the live picture at a click, plays on from it at the next, and the video goes on", async () => {
    const { player, come, drawn } = playing();
    player.follow(stateOf(1, "running"));
    for (const block of [0, 1, 2]) {
      player.take(blockOf(1, block));
    }
    await pass(600);
    expect(player.place).toMatchObject({ live: true, playing: true });
    player.playOrStand();
    const stood = player.place?.picture;
    await pass(1000);
    expect(player.place).toMatchObject({ live: false, playing: false, picture: stood });
    player.playOrStand();
    await pass(500);
    expect(player.place).toMatchObject({ live: false, playing: true });
    expect(drawn.at(-1)).toBeGreaterThan(Number(stood) + 5);
    expect(come).toEqual([0, 1, 2]);
  });

  it("tells each block that the video comes to, though its viewer looks back", async () => {
    const { player, come, drawn } = playing();
    player.follow(stateOf(1, "running"));
    for (const block of [0, 1, 2]) {
      player.take(blockOf(1, block));
    }
    await pass(300);
    player.back.step(-1);
    await pass(1500);
    expect(come).toEqual([0, 1, 2]);
    expect(Math.max(...drawn)).toBeLessThan(9);
  });
});
