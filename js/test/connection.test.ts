import type { AnyModel } from "@anywidget/types";
import { describe, expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { connect } from "../src/connection.ts";

/** A host's model with the two ways on which a state comes. */
function host() {
  const listeners = new Map<string, (...values: unknown[]) => void>();
  let trait: unknown = { ...fixtures.to_page.state.state, told: 3, run: 1 };
  const model = {
    get: () => trait,
    on: (name: string, listener: () => void) => listeners.set(name, listener),
    off: (name: string) => listeners.delete(name),
    send: () => {},
  } as unknown as AnyModel;
  const state = (told: number, run: number) => ({ ...fixtures.to_page.state.state, told, run });
  return {
    model,
    listeners,
    message: (told: number, run: number) =>
      listeners.get("msg:custom")?.({ type: "state", state: state(told, run) }, []),
    trait: (told: number, run: number) => {
      trait = state(told, run);
      listeners.get("change:page_state")?.();
    },
  };
}

function connected() {
  const page = host();
  const runs: number[] = [];
  const errors: string[] = [];
  const end = new AbortController();
  connect(page.model, end.signal, {
    onMessage: () => {},
    onState: (state) => runs.push(state.run),
    onError: (message) => errors.push(message),
  });
  return { ...page, runs, errors, end };
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

  it("tells a state that cannot be read as an error, and hears nothing once it has ended", () => {
    const page = connected();
    page.listeners.get("msg:custom")?.({ type: "state", state: {} }, []);
    expect(page.errors).toEqual(["told is no number: undefined"]);
    page.end.abort();
    expect(page.listeners.size).toBe(0);
  });
});
