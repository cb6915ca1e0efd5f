import { describe, expect, it } from "vitest";
import type { Landing } from "../src/protocol.ts";
import { notLandedText, receiptText, takenText, tookText } from "../src/view/receipt.ts";

function landing(prompt: string, block: number, replacedBy: string | null = null): Landing {
  const frame = 3 * block;
  return { prompt, asked_at: frame, lands_at: frame, block, replaced_by: replacedBy };
}

const ball = landing("a blue ball spins", 22);
const square = landing("a red square moves left", 22, "a blue ball spins");
const star = landing("a star", 22, "a blue ball spins");

describe("the receipt of a prompt", () => {
  it("says where the prompt lands, or landed", () => {
    expect(receiptText(ball, [ball], "lands at block 22")).toBe(
      "“a blue ball spins” lands at block 22",
    );
  });

  it("says which prompt gave way to it", () => {
    expect(receiptText(ball, [landing("a sea", 0), square, ball], "lands at block 22")).toBe(
      "“a red square moves left” gave way to “a blue ball spins”, which lands at block 22",
    );
  });

  it("names all of them, and the same words only once", () => {
    const again = landing("a blue ball spins", 22, "a blue ball spins");
    expect(receiptText(ball, [square, star, square, again, ball], "landed at block 22")).toBe(
      "“a red square moves left”, “a star” gave way to “a blue ball spins”, which landed at block 22",
    );
  });

  it("leaves out what gave way on another block", () => {
    expect(receiptText(ball, [landing("a sea", 7, "a lake"), ball], "landed")).toBe(
      "“a blue ball spins” landed",
    );
  });
});

describe("the receipt of a prompt that never lands", () => {
  const marks = [landing("a sea", 0), square, ball];
  const failed = { status: "failed", made: 21, marks, tiles: null } as const;

  it("says why, and where it comes again", () => {
    expect(notLandedText(ball, { ...failed, marks: [ball] })).toBe(
      "“a blue ball spins” did not land: the video failed at block 21. It stays on the timeline at " +
        "block 22: a branch without a prompt of its own comes to it there, and so does a new video.",
    );
  });

  it("names no branch where there is none", () => {
    const left = "It stays on the timeline at block 22: a new video comes to it there.";
    const tiles = { columns: 2, rows: 1, labels: [], gain: null, seeded: true, compared: false };
    expect(notLandedText(ball, { ...failed, made: 0 })).toContain(`failed at block 0. ${left}`);
    expect(notLandedText(ball, { ...failed, tiles })).toContain(`failed at block 21. ${left}`);
    const stopped = { ...failed, status: "stopped" } as const;
    expect(notLandedText(ball, stopped)).toContain(`the video was stopped at block 21. ${left}`);
  });

  it("names those that gave way to it", () => {
    expect(notLandedText(ball, failed)).toContain(
      "“a red square moves left” gave way to “a blue ball spins”, which did not land: the video",
    );
  });

  it("says nothing of a prompt that was taken from the timeline or moved", () => {
    expect(notLandedText(ball, { ...failed, marks: [star] })).toBe("");
    expect(notLandedText(ball, { ...failed, marks: [{ ...ball, block: 25 }] })).toBe("");
  });

  it("says nothing while it may land, or where its block was made", () => {
    for (const status of ["running", "paused", "done", "idle", "closed"] as const) {
      expect(notLandedText(ball, { ...failed, status })).toBe("");
    }
    expect(notLandedText(ball, { ...failed, made: 23 })).toBe("");
  });
});

describe("what a prompt was taken as", () => {
  it("is said where it left something unsaid", () => {
    expect(takenText({ in_full: "a blue ball bounces", alone: false })).toBe(
      "; taken as “a blue ball bounces”",
    );
    expect(takenText({ in_full: "", alone: false })).toBe("");
    expect(takenText({ in_full: "", alone: true })).toContain("not understood");
  });
});

describe("what a switch took", () => {
  it("is the reading of the prompt and the re-cache, of all that its block took", () => {
    expect(tookText({ text: 4.4, "re-cache": 30.2, steps: 250 })).toBe(
      "; took 35 ms (reading 4, re-cache 30)",
    );
    expect(tookText({ "re-cache": 30.2 })).toBe("; took 30 ms (re-cache 30)");
  });

  it("is not said where it is not known", () => {
    expect(tookText({ steps: 250 })).toBe("");
  });
});
