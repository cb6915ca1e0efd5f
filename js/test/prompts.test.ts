import { describe, expect, it } from "vitest";
import { cut, type Transition } from "../src/protocol.ts";
import { marked, remark } from "../src/view/marking.ts";
import { nextChoice } from "../src/view/menu.ts";
import { recalled, used } from "../src/view/recall.ts";
import { transitionItems, transitionText } from "../src/view/transition-menu.ts";

describe("unknown words", () => {
  const underlined = (prompt: string, unknown: string[]) =>
    marked(prompt, unknown)
      .map(({ text, unknown: is }) => (is ? `<${text}>` : text))
      .join("");

  it("are found wherever they stand, as whole words", () => {
    expect(underlined("a Zebra, and a zebra by zebras", ["Zebra", "zebra"])).toBe(
      "a <Zebra>, and a <zebra> by zebras",
    );
    expect(underlined("Über über überall", ["über"])).toBe("Über <über> überall");
  });

  it("may be any signs", () => {
    expect(underlined("a ball (*) of $5 <b>", ["*", "$"])).toBe("a ball (<*>) of $5 <b>");
  });

  it("leave the prompt as it is", () => {
    const prompt = "  two  zebras [and] a\\b ";
    expect(
      marked(prompt, ["zebras", "\\"])
        .map(({ text }) => text)
        .join(""),
    ).toBe(prompt);
    expect(marked("", ["zebra"])).toEqual([]);
    expect(marked("a ball", [])).toEqual([{ text: "a ball", unknown: false }]);
  });

  it("are told in words too", () => {
    expect(remark(["zebra", "<b>"], "the end")).toBe(
      "not known here: “zebra”, “<b>”; too long: “the end” is left out",
    );
    expect(remark([], "")).toBe("");
  });
});

describe("prompts that were used", () => {
  it("are each there once, the newest first", () => {
    expect(used(["ball", "star", "ball", "sea"])).toEqual(["sea", "ball", "star"]);
    expect(used(Array.from({ length: 50 }, (_, i) => String(i)))[0]).toBe("49");
    expect(used(Array.from({ length: 50 }, (_, i) => String(i))).length).toBe(12);
  });

  it("are gone through with the arrows, and back to what is typed", () => {
    expect([recalled("ArrowUp", -1, 2), recalled("ArrowUp", 1, 2)]).toEqual([0, 1]);
    expect([recalled("ArrowDown", 1, 2), recalled("ArrowDown", 0, 2)]).toEqual([0, -1]);
    expect([recalled("ArrowUp", -1, 0), recalled("a", 0, 2)]).toEqual([-1, undefined]);
  });
});

describe("a menu", () => {
  it("is gone through with the arrows, around its ends", () => {
    expect([nextChoice("ArrowDown", 2, 3), nextChoice("ArrowUp", 0, 3)]).toEqual([0, 2]);
    expect([nextChoice("Home", 2, 3), nextChoice("End", 0, 3)]).toEqual([0, 2]);
    expect(nextChoice("x", 0, 3)).toBeUndefined();
  });
});

describe("how a prompt takes over", () => {
  const now = { blocks: 4, blend: "slerp", recache: true } as const;

  it("is chosen from a list on which it is ticked", () => {
    const chosen: Transition[] = [];
    const items = transitionItems(now, (next) => chosen.push(next));
    const labels = items.map((item) => ("label" in item ? item.label : ""));
    expect(labels.filter((label) => label.startsWith("✓"))).toEqual([
      "✓ over 4 blocks, blended",
      "✓ on the arc (slerp)",
      "✓ re-cached under the new prompt",
    ]);
    for (const item of items) {
      if ("run" in item && /cut|to see/.test(item.label)) {
        item.run();
      }
    }
    expect(chosen).toEqual([
      { ...now, blocks: 0 },
      { ...now, recache: false },
    ]);
  });

  it("is told in words", () => {
    expect(transitionText(cut)).toBe("a cut");
    expect(transitionText({ ...now, recache: false })).toBe(
      "over 4 blocks on the arc, without re-cache",
    );
  });
});
