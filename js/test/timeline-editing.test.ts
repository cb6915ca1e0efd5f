import { beforeEach, describe, expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { cut, type Plan, parseState, type State } from "../src/protocol.ts";
import { Editing, type Wish } from "../src/timeline/editing.ts";

const terms = { blockFrames: 3, firstOpen: 0 };
const later = { blockFrames: 3, firstOpen: 2 };
const first = [{ latent_frame: 0, prompt: "ball", transition: cut }];
const second = [...first, { latent_frame: 3, prompt: "star", transition: cut }];
const third = [...first, { latent_frame: 9, prompt: "star", transition: cut }];

function state(revision: number, entries: Plan): State {
  return { ...parseState(fixtures.to_page.state.state), revision, entries };
}

describe("an edit", () => {
  let sent: Wish[];
  let editing: Editing;

  beforeEach(() => {
    sent = [];
    editing = new Editing((wish) => sent.push(wish));
    editing.follow(state(4, first), terms);
  });

  it("is sent with the revision that it was made on, and shown at once", () => {
    editing.propose(second);
    expect(sent).toEqual([{ revision: 4, from_block: 0, entries: second }]);
    expect(editing.plan).toEqual(second);
  });

  it("is not sent where it changes nothing", () => {
    editing.propose([...first]);
    expect(sent).toEqual([]);
    expect(editing.undoable).toBe(false);
  });

  it("asks for what is to come only", () => {
    editing.follow(state(5, second), later);
    editing.propose([...second, { latent_frame: 12, prompt: "cube", transition: cut }]);
    expect(sent[0]?.entries).toEqual([{ latent_frame: 12, prompt: "cube", transition: cut }]);
    expect(sent[0]?.from_block).toBe(2);
  });

  it("waits for the one before it, and the newest one goes", () => {
    editing.propose(second);
    editing.propose(third);
    editing.propose(first);
    expect(sent.length).toBe(1);
    editing.follow(state(5, second), terms);
    expect(editing.plan).toEqual(first);
    editing.answered(true);
    expect(sent[1]).toEqual({ revision: 5, from_block: 0, entries: first });
  });

  it("is taken back when the kernel refuses it, and so are those that wait", () => {
    editing.propose(second);
    editing.propose(third);
    editing.follow(state(5, [{ latent_frame: 0, prompt: "cube", transition: cut }]), terms);
    editing.answered(false);
    expect(editing.plan).toEqual([{ latent_frame: 0, prompt: "cube", transition: cut }]);
    expect(sent.length).toBe(1);
  });

  it("is undone and redone", () => {
    accept(second, 5);
    accept(third, 6);
    expect(editing.undo()).toBe(true);
    confirm(7);
    expect(editing.plan).toEqual(second);
    editing.undo();
    confirm(8);
    expect(editing.plan).toEqual(first);
    expect(editing.undo()).toBe(false);
    expect(editing.redo()).toBe(true);
    confirm(9);
    expect(editing.plan).toEqual(second);
    accept(first, 10);
    expect(editing.redo()).toBe(false);
  });

  it("is undone as far as that has not begun", () => {
    accept(second, 5);
    accept([...second, { latent_frame: 12, prompt: "cube", transition: cut }], 6);
    editing.follow(state(6, editing.plan), later);
    editing.undo();
    confirm(7, later);
    expect(editing.plan).toEqual(second);
    expect(editing.undoable).toBe(false);
  });

  it("is not made where it would lose a prompt that was put where a block has begun by now", () => {
    editing.follow(state(5, third), terms);
    editing.follow(state(5, third), later);
    editing.propose(second);
    expect(sent).toEqual([]);
    expect(editing.plan).toEqual(third);
  });

  it("is undone but for a prompt whose place before has begun", () => {
    editing = new Editing((wish) => sent.push(wish));
    editing.follow(state(5, second), terms);
    editing.propose(third);
    editing.follow(state(6, third), terms);
    editing.answered(true);
    editing.follow(state(6, third), later);
    expect(editing.undoable).toBe(false);
    expect(editing.undo()).toBe(false);
    expect(editing.plan).toEqual(third);
  });

  it("of someone else is undone here too", () => {
    editing.follow(state(5, second), terms);
    editing.undo();
    expect(sent).toEqual([{ revision: 5, from_block: 0, entries: first }]);
  });

  it("gives way to that of another page that the kernel took first, and is made again on top", () => {
    editing.propose(second);
    editing.follow(state(5, third), terms); // the other page's, on the same revision
    expect(editing.plan).toEqual(second);
    editing.answered(false);
    expect(editing.plan).toEqual(third);
    editing.propose(second);
    expect(sent[1]?.revision).toBe(5);
    confirm(6);
    editing.undo();
    confirm(7);
    expect(editing.plan).toEqual(third);
  });

  it("that was lost is sent again, and the newest one made meanwhile in its place", () => {
    editing.propose(second);
    expect(editing.unanswered()).toBe(true);
    expect(sent[1]).toEqual(sent[0]);
    editing.propose(third);
    expect(editing.unanswered()).toBe(true);
    expect(sent[2]).toEqual({ revision: 4, from_block: 0, entries: third });
    confirm(5);
    expect(editing.unanswered()).toBe(true);
    expect(sent.length).toBe(3);
    expect(editing.plan).toEqual(third);
  });

  it("whose answer was lost is not sent again, and those made meanwhile follow", () => {
    editing.propose(second);
    editing.propose(third);
    editing.follow(state(5, second), terms);
    expect(editing.unanswered()).toBe(true);
    expect(sent[1]).toEqual({ revision: 5, from_block: 0, entries: third });
    editing.follow(state(6, third), later);
    expect(editing.unanswered()).toBe(true);
    expect(sent.length).toBe(2);
    expect(editing.plan).toEqual(third);
  });

  it("that was lost is given up where the timeline has changed meanwhile", () => {
    editing.propose(second);
    editing.follow(state(5, third), terms);
    expect(editing.unanswered()).toBe(false);
    expect(sent.length).toBe(1);
    expect(editing.plan).toEqual(third);
  });

  it("that was lost is given up where its block has begun meanwhile", () => {
    editing.propose(second);
    editing.follow(state(4, first), later);
    expect(editing.unanswered()).toBe(false);
    expect(sent.length).toBe(1);
    expect(editing.plan).toEqual(first);
  });

  function accept(plan: Plan, revision: number): void {
    editing.propose(plan);
    confirm(revision);
  }

  function confirm(revision: number, under = terms): void {
    editing.follow(state(revision, editing.plan), under);
    editing.answered(true);
  }
});
