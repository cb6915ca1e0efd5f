import type { AnyModel } from "@anywidget/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { connect } from "../src/connection.ts";
import { type Command, parseState, type State } from "../src/protocol.ts";

/** A host's model with the two ways on which a state comes. */
function host(kernel: string) {
  const sent: { asked?: { view: string; number: number } }[] = [];
  const listeners = new Map<string, (...values: unknown[]) => void>();
  let trait: unknown = { ...fixtures.to_page.state.state, told: 3, run: 1 };
  const model = {
    get: () => trait,
    on: (name: string, listener: () => void) => listeners.set(name, listener),
    off: (name: string) => listeners.delete(name),
    send: (command: object) => sent.push(command),
    get widget_manager() {
      if (kernel === "marimo's") {
        throw new Error("widget_manager not supported in marimo");
      }
      return { kernel: { status: kernel } };
    },
  } as unknown as AnyModel;
  const state = (told: number, run: number) => ({ ...fixtures.to_page.state.state, told, run });
  return {
    model,
    listeners,
    sent,
    /** The kernel has come to a control of this page, or of another one. */
    hears: (control: number, view = sent[control]?.asked?.view) =>
      listeners.get("msg:custom")?.({ type: "heard", view, number: control + 1 }, []),
    /** The kernel answers a question of that time. */
    answers: (asked_ms: number, view: string) =>
      listeners.get("msg:custom")?.({ ...fixtures.to_page.time, asked_ms, view }, []),
    message: (told: number, run: number) =>
      listeners.get("msg:custom")?.({ type: "state", state: state(told, run) }, []),
    trait: (told: number, run: number) => {
      trait = state(told, run);
      listeners.get("change:page_state")?.();
    },
  };
}

function connected(kernel = "idle", known?: State) {
  const page = host(kernel);
  const waits: string[] = [];
  const runs: number[] = [];
  const errors: string[] = [];
  const end = new AbortController();
  const listener = {
    onMessage: () => {},
    onState: (state: State) => runs.push(state.run),
    onError: (message: string) => errors.push(message),
    onWait: (words: string) => waits.push(words),
  };
  const { send, state, view } = connect(page.model, end.signal, listener, known);
  return { ...page, runs, errors, waits, end, send, view, first: state() };
}

describe("a connection", () => {
  it("tells each state once, whichever way is first", () => {
    const page = connected();
    page.message(4, 2);
    page.trait(4, 2);
    page.trait(5, 3);
    page.message(5, 3);
    expect(page.runs).toEqual([2, 3]);
  });

  it("leaves a state out that a newer one has overtaken", () => {
    const page = connected();
    page.message(6, 2);
    page.trait(5, 1);
    page.message(2, 0);
    expect(page.runs).toEqual([2]);
  });

  it("begins with the state that a view before it was told, unless the trait is newer", () => {
    const known = (told: number) => parseState({ ...fixtures.to_page.state.state, told, run: 7 });
    const page = connected("idle", known(9));
    expect(page.first.run).toBe(7);
    page.trait(8, 2);
    page.message(9, 3);
    page.message(10, 4);
    expect(page.runs).toEqual([4]);
    expect(connected("idle", known(2)).first.run).toBe(1);
  });

  it("tells a state that cannot be read as an error, and hears nothing once it has ended", () => {
    const page = connected();
    page.listeners.get("msg:custom")?.({ type: "state", state: {} }, []);
    expect(page.errors).toEqual(["told is no number: undefined"]);
    page.end.abort();
    expect(page.listeners.size).toBe(0);
  });
});

describe("a control that was sent", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("waits if the kernel is not heard of in time, until it is", () => {
    const page = connected("busy");
    page.send({ type: "pause" });
    vi.advanceTimersByTime(299);
    expect(page.waits).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(page.waits).toEqual(["queued until the cell ends"]);
    page.hears(0);
    expect(page.waits.at(-1)).toBe("");
  });

  it.each(["idle", "marimo's"])("waits for any other kernel too: %s", (kernel) => {
    const page = connected(kernel);
    page.send({ type: "pause" });
    vi.advanceTimersByTime(300);
    expect(page.waits).toEqual(["waits for the kernel"]);
  });

  it("does not wait if the kernel is heard of at once, nor once the page has gone", () => {
    const page = connected("busy");
    page.send({ type: "pause" });
    page.hears(0);
    page.send({ type: "resume" });
    page.end.abort();
    vi.advanceTimersByTime(1000);
    expect(page.waits).toEqual([""]);
  });

  it("waits on where only one before it was heard, or one of another view", () => {
    const page = connected("busy");
    page.send({ type: "pause" });
    page.send({ type: "resume" });
    page.hears(0);
    page.hears(1, "another view");
    vi.advanceTimersByTime(300);
    expect(page.waits).toEqual(["queued until the cell ends"]);
  });

  it("is told to be lost once the kernel answers what it was asked after it", () => {
    const page = connected();
    page.send({ type: "pause" });
    vi.advanceTimersByTime(300);
    page.answers(performance.now() - 300, page.view);
    page.answers(performance.now(), "another view");
    expect(page.errors).toEqual([]);
    page.answers(performance.now(), page.view);
    page.answers(performance.now(), page.view);
    expect(page.errors).toEqual([
      "a click, or the word that it was heard, was lost: if nothing came of it, click again",
    ]);
    expect(page.waits).toEqual(["waits for the kernel", ""]);
  });

  it.each([
    ["told to be lost", { type: "pause" }, 1],
    ["made again", { type: "edit", revision: 0, from_block: 0, entries: [] }, 0],
  ] as const)("is %s as soon as a later one is heard", (_, lost, told) => {
    const page = connected();
    page.send({ view: page.view, ...lost } as Command);
    page.send({ type: "resume" });
    page.send({ type: "stop" });
    page.hears(1);
    vi.advanceTimersByTime(300);
    expect(page.errors.length).toBe(told);
    expect(page.waits).toEqual(["waits for the kernel"]);
    page.hears(2);
    page.answers(performance.now(), page.view);
    expect(page.errors.length).toBe(told);
    expect(page.waits.at(-1)).toBe("");
  });

  it("is not lost where it was heard, nor told of where the timeline makes it again", () => {
    const page = connected();
    page.send({ type: "pause" });
    page.hears(0);
    vi.advanceTimersByTime(300);
    page.answers(performance.now(), page.view);
    page.send({ type: "edit", view: page.view, revision: 0, from_block: 0, entries: [] });
    vi.advanceTimersByTime(300);
    page.answers(performance.now(), page.view);
    expect(page.errors).toEqual([]);
    expect(page.waits.at(-1)).toBe("");
  });

  it("is a click at Copy as Python too", () => {
    const page = connected("busy");
    page.send({ type: "code", view: "12-34", tile: null });
    vi.advanceTimersByTime(300);
    expect(page.waits).toEqual(["queued until the cell ends"]);
  });

  it("is not what a page sends of itself", () => {
    const page = connected("busy");
    page.send({ type: "look", view: "12-34", looking: true });
    vi.advanceTimersByTime(300);
    expect(page.waits).toEqual([]);
    expect(page.sent).toEqual([{ type: "look", view: "12-34", looking: true }]);
  });
});
