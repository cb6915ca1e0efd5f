import { describe, expect, it } from "vitest";
import { cut } from "../src/protocol.ts";
import { chosenBy, editOf, inside } from "../src/timeline/acting.ts";
import { segments } from "../src/timeline/geometry.ts";
import { gripAt, landingEntry, pulled } from "../src/timeline/gesture.ts";
import { type Act, actOf } from "../src/timeline/keys.ts";
import { landingText, segmentLabel } from "../src/timeline/wording.ts";

const terms = { blockFrames: 3, firstOpen: 0 };
const plan = [
  { latent_frame: 0, prompt: "ball", transition: cut },
  { latent_frame: 22, prompt: "star", transition: cut },
  { latent_frame: 36, prompt: "ring", transition: cut },
];
const press = (key: string, ...held: ("shift" | "alt" | "ctrl" | "meta")[]) =>
  actOf({
    key,
    shiftKey: held.includes("shift"),
    altKey: held.includes("alt"),
    ctrlKey: held.includes("ctrl"),
    metaKey: held.includes("meta"),
  });
const framesAfter = (act: Act, index: number) => {
  const edit = editOf(act, plan, terms, index);
  return edit && "plan" in edit ? edit.plan.map((entry) => entry.latent_frame) : edit?.refused;
};

describe("a key", () => {
  it("chooses, moves and resizes with the arrows", () => {
    expect(press("ArrowRight")).toBe("next");
    expect(press("ArrowRight", "shift")).toBe("later");
    expect(press("ArrowRight", "alt")).toBe("longer");
  });

  it("undoes and redoes, as everywhere", () => {
    expect([press("z"), press("Z", "shift")]).toEqual(["undo", "redo"]);
    expect([press("z", "meta"), press("Z", "ctrl", "shift")]).toEqual(["undo", "redo"]);
  });

  it("works as keyboards have it", () => {
    expect([press("+"), press("+", "shift"), press("[", "ctrl", "alt")]).toEqual([
      "zoom in",
      "zoom in",
      "swap earlier",
    ]);
  });

  it("is left to others where it means nothing here", () => {
    expect([press("s", "ctrl"), press("ArrowRight", "ctrl"), press("Tab")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("an act", () => {
  it("moves by one block, from where a prompt lands", () => {
    expect(framesAfter("earlier", 1)).toEqual([0, 21, 35]);
    expect(framesAfter("later", 1)).toEqual([0, 27, 41]);
    expect(framesAfter("longer", 0)).toEqual([0, 27, 36]);
    expect(framesAfter("shorter", 1)).toEqual([0, 22, 33]);
    expect(framesAfter("longer", 2)).toMatch(/has no end/);
  });

  it("splits in the middle of what is to come", () => {
    expect(framesAfter("split", 0)).toEqual([0, 12, 22, 36]);
    expect(inside(plan, { blockFrames: 3, firstOpen: 6 }, 0)).toBe(21);
    expect(inside(plan, terms, 2)).toBe(60);
  });

  it("merges, deletes and changes places", () => {
    expect(framesAfter("merge", 0)).toEqual([0, 36]);
    expect(framesAfter("delete", 2)).toEqual([0, 22]);
    expect(framesAfter("swap later", 0)).toEqual([0, 14, 36]);
    expect(framesAfter("swap earlier", 0)).toMatch(/no prompt on that side/);
  });

  it("chooses another prompt, and stays at the ends", () => {
    const drawn = segments(plan, 3, 0);
    expect(
      ["previous", "next", "first", "last"].map((act) => chosenBy(act as Act, drawn, 1)),
    ).toEqual([0, 2, 0, 2]);
    expect(chosenBy("previous", drawn, 0)).toBe(0);
    expect(chosenBy("next", drawn, 2)).toBe(2);
    expect(chosenBy("split", drawn, 1)).toBeUndefined();
  });
});

describe("a pointer", () => {
  it("takes hold of an edge near to it, and else of the whole", () => {
    expect([gripAt(3, 100), gripAt(50, 100), gripAt(95, 100)]).toEqual(["begin", "whole", "end"]);
    expect([gripAt(5, 12), gripAt(2, 12)]).toEqual(["whole", "begin"]);
  });

  it("pulls what it holds, and the prompt that lands elsewhere is known", () => {
    const frames = (grip: "whole" | "begin" | "end") => {
      const edit = pulled(plan, terms, 1, grip, 3);
      return "plan" in edit ? edit.plan.map((entry) => entry.latent_frame) : edit.refused;
    };
    expect(frames("begin")).toEqual([0, 24, 36]);
    expect(frames("end")).toEqual([0, 22, 39]);
    expect(frames("whole")).toEqual([0, 24, 38]);
    expect([landingEntry(1, "whole"), landingEntry(1, "end")]).toEqual([1, 2]);
  });
});

describe("what is said", () => {
  it("tells a block's words and times", () => {
    const [ball, , ring] = segments(plan, 3, 0);
    expect(ball && segmentLabel(ball, true, 16)).toBe("ball, from 0.00 s to 5.81 s, begun");
    expect(ring && segmentLabel(ring, false, 16)).toBe("ring, from 8.81 s without an end");
  });

  it("tells how it takes over, unless that is a cut", () => {
    const over = { blocks: 4, blend: "linear", recache: false } as const;
    const [, star] = segments(
      plan.map((entry) => ({ ...entry, transition: over })),
      3,
      0,
    );
    expect(star && segmentLabel(star, false, 16)).toBe(
      "star, from 5.81 s to 8.81 s, over 4 blocks on the line, without re-cache",
    );
    expect(star?.alone).toBe(36);
  });

  it("tells where a prompt lands", () => {
    const video = { block_frames: 3, pictures_per_second: 16 };
    expect(landingText({ latent_frame: 24, prompt: "star", transition: cut }, 8, video)).toBe(
      "“star” lands at block 8, latent frame 24, 5.81 s",
    );
  });
});
