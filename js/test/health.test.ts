import { describe, expect, it } from "vitest";
import { diagnose, Lately, type Vitals } from "../src/playback/health.ts";
import { recordOf } from "./video.ts";

const WELL: Vitals = {
  status: "running",
  live: true,
  first: undefined,
  lookedMs: 60_000,
  codec: "h264",
  wanted: 16,
  made: 26,
  inStep: 0,
  shown: 16,
  ahead: 1.5,
  credits: 1,
  dropped: 0,
  blocks: 20,
  dry: 0,
  encodeMs: 14,
  decodeMs: 9,
  blockMs: 750,
};
const told = (change: Partial<Vitals>) => diagnose({ ...WELL, ...change });

describe("the diagnosis", () => {
  it("of a video that does well gives its figures", () => {
    expect(told({})).toEqual({
      verdict: "smooth",
      words:
        "Smooth: made at 26.0 pictures/s, 1.5 s ahead, room for 1 more, 0 lately dropped, H.264 decodes in 9 ms a block",
    });
  });

  it("of a video that does not run is none", () => {
    expect(told({ status: "paused", shown: 0 })).toEqual({ verdict: "still", words: "" });
    expect(told({ blocks: 2, made: 4 }).verdict).toBe("still");
  });

  it("of a video whose first block is being made is that, and why it takes so long", () => {
    const first = { ms: 3900, compiles: false };
    expect(told({ first, lookedMs: undefined, blocks: 0 })).toEqual({
      verdict: "still",
      words: "Making the first block: 3 s",
    });
    expect(told({ first: { ...first, compiles: true } }).words).toMatch(
      /3 s; the preset compiles at its first use, later/,
    );
    expect(told({ first, status: "paused" }).words).toBe("");
  });

  it("while nobody looks is that nothing is sent, however badly all went", () => {
    expect(told({ lookedMs: undefined, made: 4, dropped: 3, dry: 2, shown: 0 })).toEqual({
      verdict: "still",
      words: "Not looked at: nothing is sent",
    });
    expect(told({ lookedMs: undefined, status: "paused" }).words).toBe("");
  });

  it("waits for three seconds in which somebody looks", () => {
    expect(told({ lookedMs: 2900, shown: 9 })).toEqual({ verdict: "still", words: "" });
    expect(told({ lookedMs: 3000, shown: 9 }).verdict).toBe("choppy");
  });

  it.each<[string, Partial<Vitals>, RegExp]>([
    [
      "the model is too slow",
      { made: 11.2, shown: 11, dry: 4 },
      /made at 11.2.*play at 16: take a f/,
    ],
    [
      "several are made in turns",
      { made: 4.1, inStep: 4 },
      /play at 16: 4 videos are made in turns; look back to see them at 16/,
    ],
    [
      "coding is too slow",
      { made: 11.2, encodeMs: 300 },
      /play at 16; 300 ms of each go into coding/,
    ],
    [
      "the page decodes too slowly",
      { decodeMs: 900, dropped: 3 },
      /takes 900 ms to decode.*750 ms/,
    ],
    ["the line is slow", { dropped: 3, dry: 1 }, /3 of the last 20 blocks were not sent/],
    ["blocks come unevenly", { dry: 2, shown: 14 }, /ran out of them 2 times in 10 s/],
    ["they did so a single time", { dry: 1 }, /ran out of them once in 10 s/],
    ["the browser is busy", { shown: 12 }, /12.0 pictures\/s are drawn although 1.5 s/],
  ])("says the first reason where %s", (_, change, words) => {
    const { verdict, words: said } = told(change);
    expect(verdict).toBe("choppy");
    expect(said).toMatch(words);
  });

  it("does not mind what is drawn while somebody looks back", () => {
    expect(told({ live: false, shown: 0, dry: 3 }).verdict).toBe("smooth");
  });
});

describe("what happened lately", () => {
  it("is summed up over the newest blocks, coding counted", () => {
    const lately = new Lately(16);
    for (let block = 1; block <= 40; block += 1) {
      const slow = block <= 20;
      lately.came({ ...recordOf(block), latency_ms: slow ? 9000 : 400, encode_ms: 80, credits: 2 });
      lately.decoded(slow ? 900 : 10, "h264");
    }
    expect(lately.vitals(0)).toMatchObject({ made: 25, encodeMs: 80, decodeMs: 10, blocks: 20 });
    expect(lately.vitals(0)).toMatchObject({ credits: 2, blockMs: 750, dropped: 0, codec: "h264" });
  });

  it("one block that compiles makes no slow video", () => {
    const lately = new Lately(16);
    for (let block = 0; block < 8; block += 1) {
      const latency_ms = block === 0 ? 20_000 : 400;
      lately.came({ ...recordOf(block), latency_ms, encode_ms: 80, pictures: 12 });
    }
    expect(lately.vitals(0).made).toBe(25);
  });

  it("counts what was not sent to those who looked, and dry moments for ten seconds", () => {
    const lately = new Lately(16);
    lately.came({ ...recordOf(1), displayed: false, credits: 0 });
    lately.came({ ...recordOf(2), displayed: false, credits: 2 });
    lately.came({ ...recordOf(3), displayed: false, credits: 0 });
    lately.came({ ...recordOf(3), displayed: true, credits: 0 });
    lately.ranDry(1000);
    lately.ranDry(8000);
    expect(lately.vitals(9000)).toMatchObject({ dropped: 1, dry: 2 });
    expect(lately.vitals(12_000).dry).toBe(1);
  });

  it("before anything came is nothing", () => {
    expect(new Lately(16).vitals(0)).toMatchObject({
      made: 0,
      decodeMs: 0,
      encodeMs: 0,
      blocks: 0,
    });
  });
});
