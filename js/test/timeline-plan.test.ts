import { describe, expect, it } from "vitest";
import { cut, type Plan } from "../src/protocol.ts";
import {
  added,
  blockOf,
  deleted,
  dragged,
  type Edit,
  merged,
  moved,
  reordered,
  resized,
  retyped,
  samePlan,
  snapped,
  split,
  takingOver,
} from "../src/timeline/plan.ts";

const terms = { blockFrames: 3, firstOpen: 0 };
const running = { blockFrames: 3, firstOpen: 5 };

/** A plan from "ball 0, star 12": a word and its latent frame. */
function plan(text: string): Plan {
  return text.split(", ").map((each) => {
    const [prompt = "", frame = ""] = each.split(" ");
    return { latent_frame: Number(frame), prompt, transition: cut };
  });
}

/** The plan of an edit in the same words, the edited entry marked; or why it was refused. */
function told(edit: Edit): string {
  return "refused" in edit
    ? edit.refused
    : edit.plan
        .map((e, i) => `${i === edit.index ? "*" : ""}${e.prompt} ${e.latent_frame}`)
        .join(", ");
}

const four = plan("ball 0, star 12, cube 24, ring 36");

describe("a place on the timeline", () => {
  it("lands on the first block that begins at it or after it", () => {
    expect([0, 1, 3, 4, 22].map((frame) => blockOf(frame, terms))).toEqual([0, 1, 1, 2, 8]);
  });

  it("snaps to the nearest block, but to none that is locked", () => {
    expect([4, 5, 22.4].map((frame) => snapped(frame, terms))).toEqual([3, 6, 21]);
    expect(snapped(4, running)).toBe(15);
  });
});

describe("a new prompt", () => {
  it("begins at the nearest block", () => {
    expect(told(added(four, terms, 17, " hoop "))).toBe(
      "ball 0, star 12, *hoop 18, cube 24, ring 36",
    );
    expect(told(added(four, terms, 99, "hoop"))).toMatch(/ring 36, \*hoop 99$/);
  });

  it("is refused where another one begins, and where it is empty", () => {
    expect(told(added(four, terms, 13, "hoop"))).toMatch(/“star” begins on that block already/);
    expect(told(added(four, terms, 17, "  "))).toMatch(/says nothing/);
  });

  it("never lands in the past", () => {
    expect(told(added(four, running, 0, "hoop"))).toBe(
      "ball 0, star 12, *hoop 15, cube 24, ring 36",
    );
  });
});

describe("other words", () => {
  it("leave the place as it is", () => {
    expect(told(retyped(four, terms, 1, "heart "))).toBe("ball 0, *heart 12, cube 24, ring 36");
    expect(told(retyped(four, terms, 1, " "))).toMatch(/says nothing/);
  });
});

describe("a deleted prompt", () => {
  it("leaves its time to the one before it", () => {
    expect(told(deleted(four, terms, 2))).toBe("ball 0, star 12, *ring 36");
    expect(told(deleted(four, terms, 3))).toBe("ball 0, star 12, *cube 24");
  });

  it("leaves its time to the next one where it was the first", () => {
    expect(told(deleted(four, terms, 0))).toBe("*star 0, cube 24, ring 36");
  });

  it("is never the only one", () => {
    expect(told(deleted(plan("ball 0"), terms, 0))).toMatch(/a timeline needs a prompt/);
  });
});

describe("prompts that are merged", () => {
  it("have the words of the first one", () => {
    expect(told(merged(four, terms, 1))).toBe("ball 0, *star 12, ring 36");
    expect(told(merged(four, terms, 3))).toMatch(/nothing comes after/);
  });

  it("may have begun, if the second one has not", () => {
    expect(told(merged(four, running, 1))).toBe("ball 0, *star 12, ring 36");
    expect(told(merged(four, running, 0))).toMatch(/“star” has begun/);
  });
});

describe("a prompt that is split", () => {
  it("goes on in a second one from the nearest block on", () => {
    expect(told(split(four, terms, 1, 19))).toBe("ball 0, star 12, *star 18, cube 24, ring 36");
    expect(told(split(four, terms, 3, 50))).toMatch(/ring 36, \*ring 51/);
  });

  it("leaves each part a block", () => {
    expect(told(split(four, terms, 1, 13))).toMatch(/cannot be split there/);
    expect(told(split(four, terms, 1, 23))).toMatch(/cannot be split there/);
  });

  it("may have begun", () => {
    expect(told(split(four, running, 1, 13))).toMatch(/star 12, \*star 15/);
  });
});

describe("an edge", () => {
  it("goes to the nearest block", () => {
    expect(told(resized(four, terms, 1, "begin", 16))).toBe("ball 0, *star 15, cube 24, ring 36");
    expect(told(resized(four, terms, 1, "end", 28))).toBe("ball 0, *star 12, cube 27, ring 36");
  });

  it("leaves its neighbours a block each", () => {
    expect(told(resized(four, terms, 1, "begin", 90))).toBe("ball 0, *star 21, cube 24, ring 36");
    expect(told(resized(four, terms, 1, "begin", 0))).toBe("ball 0, *star 3, cube 24, ring 36");
  });

  it("stays where it has to", () => {
    expect(told(resized(four, terms, 0, "begin", 6))).toMatch(/begins at 0 s/);
    expect(told(resized(four, terms, 3, "end", 60))).toMatch(/has no end/);
    expect(told(resized(four, running, 1, "begin", 18))).toMatch(/“star” has begun/);
    expect(told(resized(four, running, 1, "end", 0))).toBe("ball 0, *star 12, cube 15, ring 36");
  });
});

describe("a moved prompt", () => {
  it("keeps its length", () => {
    expect(told(moved(four, terms, 1, 17))).toBe("ball 0, *star 18, cube 30, ring 36");
    expect(told(moved(four, terms, 3, 44))).toBe("ball 0, star 12, cube 24, *ring 45");
  });

  it("leaves its neighbours a block each", () => {
    expect(told(moved(four, terms, 1, 90))).toBe("ball 0, *star 21, cube 33, ring 36");
    expect(told(moved(four, terms, 1, -9))).toBe("ball 0, *star 3, cube 15, ring 36");
  });

  it("stays where it has begun, and where it is the first", () => {
    expect(told(moved(four, running, 1, 18))).toMatch(/“star” has begun/);
    expect(told(moved(four, terms, 0, 6))).toMatch(/begins at 0 s/);
  });
});

describe("prompts that change places", () => {
  it("take their lengths along", () => {
    const uneven = plan("ball 0, star 6, cube 18, ring 36");
    expect(told(reordered(uneven, terms, 0, 1))).toBe("star 0, *ball 12, cube 18, ring 36");
    expect(told(reordered(uneven, terms, 2, 0))).toBe("*cube 0, ball 18, star 24, ring 36");
  });

  it("have no end when they are last", () => {
    const uneven = plan("ball 0, star 6, ring 36");
    expect(told(reordered(uneven, terms, 2, 1))).toBe("ball 0, *ring 6, star 36");
    expect(told(reordered(uneven, terms, 1, 2))).toBe("ball 0, ring 6, *star 36");
  });

  it("are both to come", () => {
    expect(told(reordered(four, running, 2, 1))).toMatch(/“star” has begun/);
    expect(told(reordered(four, running, 2, 4))).toMatch(/no prompt on that side/);
    expect(told(reordered(four, terms, 0, -1))).toMatch(/no prompt on that side/);
  });
});

describe("how a prompt takes over", () => {
  const over = { blocks: 4, blend: "slerp", recache: false } as const;
  const edit = takingOver(four, terms, 2, over);
  const blended = "plan" in edit ? edit.plan : [];

  it("changes alone, and goes where the prompt goes", () => {
    expect(blended.map(({ transition }) => transition.blocks)).toEqual([0, 0, 4, 0]);
    expect(samePlan(blended, four)).toBe(false);
    const swapped = reordered(blended, terms, 2, 1);
    expect("plan" in swapped && swapped.plan[1]?.transition).toEqual(over);
  });

  it("is at once for a prompt that becomes the first one", () => {
    const swapped = reordered(blended, terms, 2, 0);
    const rest = deleted(blended.slice(1), { ...terms }, 0);
    expect("plan" in swapped && swapped.plan[0]?.transition).toEqual(cut);
    expect("plan" in rest && rest.plan[0]?.transition).toEqual(cut);
  });

  it("is locked with its prompt, and the first one has none", () => {
    expect(told(takingOver(four, terms, 0, over))).toMatch(/has none to take over from/);
    expect(told(takingOver(four, running, 1, over))).toMatch(/“star” has begun/);
  });
});

describe("a drag", () => {
  it("moves a prompt, and has it change places once it covers half of a neighbour", () => {
    expect(told(dragged(four, terms, 1, 15))).toBe("ball 0, *star 15, cube 27, ring 36");
    expect(told(dragged(four, terms, 1, 19))).toBe("ball 0, cube 12, *star 24, ring 36");
    expect(told(dragged(four, terms, 2, 17))).toBe("ball 0, *cube 12, star 24, ring 36");
    expect(told(dragged(four, terms, 2, 33))).toBe("ball 0, star 12, *cube 33, ring 45");
    expect(told(dragged(four, terms, 2, 37))).toBe("ball 0, star 12, ring 24, *cube 36");
    expect(told(dragged(four, terms, 2, 2))).toBe("*cube 0, ball 12, star 24, ring 36");
  });

  it("has no prompt change places with one that has begun", () => {
    expect(told(dragged(four, running, 2, 0))).toBe("ball 0, star 12, *cube 15, ring 27");
  });
});
