// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Typing, typing } from "../src/timeline/typing.ts";

let box: Typing;
const left = vi.fn();
const outside = vi.fn();
const input = () => {
  const found = box.element.querySelector("input");
  if (found === null) {
    throw new Error("nothing is typed");
  }
  return found;
};
const press = (key: string) =>
  input().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

beforeEach(() => {
  vi.resetAllMocks();
  box = typing(left, vi.fn(), new AbortController().signal);
  document.body.replaceChildren(box.element);
  document.body.onkeydown = outside;
});

describe("typing the words of a prompt", () => {
  it("ends once by Enter, though the box loses the focus too, and no key is anyone else's", () => {
    const done = vi.fn();
    box.begin(0.5, "a ball", done);
    expect(document.activeElement).toBe(input());
    input().value = "a star";
    const typed = input();
    press("z");
    press("Enter");
    typed.dispatchEvent(new FocusEvent("blur"));
    expect(done.mock.calls).toEqual([["a star"]]);
    expect(left).toHaveBeenCalledOnce();
    expect(outside).not.toHaveBeenCalled();
    expect([box.element.hidden, box.element.querySelector("input")]).toEqual([true, null]);
  });

  it("gives up by Escape, and where another prompt is typed before it has ended", () => {
    const [first, second] = [vi.fn(), vi.fn()];
    box.begin(0, "a ball", first);
    box.begin(0.5, "a star", second);
    expect(first.mock.calls).toEqual([[undefined]]);
    expect([input().value, second.mock.calls]).toEqual(["a star", []]);
    press("Escape");
    expect(second.mock.calls).toEqual([[undefined]]);
  });

  it("ends as the focus goes elsewhere, which it is not called back for", () => {
    const done = vi.fn();
    box.begin(0, "a ball", done);
    input().value = "  ";
    input().dispatchEvent(new FocusEvent("blur"));
    expect(done.mock.calls).toEqual([[undefined]]);
    expect(left).not.toHaveBeenCalled();
  });
});
