import { describe, expect, it } from "vitest";
import { cut, type Plan } from "../src/protocol.ts";
import { edited, type History, historyOf, redone, undone } from "../src/timeline/history.ts";

const open = { blockFrames: 3, firstOpen: 1 };
const plan = (...starts: number[]): Plan =>
  [0, ...starts].map((latent_frame) => ({
    latent_frame,
    prompt: `from ${latent_frame}`,
    transition: cut,
  }));
const steps = (history: History) => [history.past.length, history.future.length];

describe("the history of a timeline", () => {
  it("goes a step further with each edit, and forgets what was undone", () => {
    const twice = edited(edited(historyOf(plan()), plan(12)), plan(12, 24));
    expect(steps(twice)).toEqual([2, 0]);
    const back = undone(twice, open) ?? twice;
    expect([back.present, ...steps(back)]).toEqual([plan(12), 1, 1]);
    expect(redone(back, open)?.present).toEqual(plan(12, 24));
    expect(steps(edited(back, plan(36)))).toEqual([2, 0]);
  });

  it("takes no step where nothing changes, and then keeps what was undone", () => {
    const back = undone(edited(historyOf(plan(12)), plan(24)), open) ?? historyOf([]);
    expect(steps(edited(back, plan(12)))).toEqual([0, 1]);
  });

  it("keeps the newest 200 plans", () => {
    let history = historyOf(plan());
    for (let edit = 1; edit <= 250; edit += 1) {
      history = edited(history, plan(3 * edit));
    }
    expect(steps(history)).toEqual([200, 0]);
    expect(history.past[0]).toEqual(plan(3 * 50));
  });

  it("passes over edits of what has begun meanwhile, and ends where nothing else is left", () => {
    const begun = { blockFrames: 3, firstOpen: 6 };
    const history = edited(edited(historyOf(plan(24)), plan(12, 24)), plan(12, 30));
    const back = undone(history, begun) ?? history;
    expect([back.present, ...steps(back)]).toEqual([plan(12, 24), 1, 1]);
    expect(undone(back, begun)).toBeUndefined();
    expect(redone(historyOf(plan()), open)).toBeUndefined();
  });
});
