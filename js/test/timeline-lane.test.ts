// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cut, type Entry } from "../src/protocol.ts";
import { segments } from "../src/timeline/geometry.ts";
import { type Lane, lane } from "../src/timeline/lane.ts";
import { ruler } from "../src/timeline/ruler.ts";
import { editTools, lookTools, toolbar } from "../src/timeline/toolbar.ts";
import { layOut, WIDTH_PX } from "./layout.ts";

const forever = new AbortController().signal;
const at = (target: EventTarget, kind: string, part: number, more: PointerEventInit = {}) =>
  target.dispatchEvent(
    new PointerEvent(kind, { clientX: part * WIDTH_PX, button: 0, pointerId: 1, ...more }),
  );

let layout: { undo: () => void };
beforeEach(() => {
  layout = layOut();
});
afterEach(() => layout.undo());

describe("the lane of prompts", () => {
  const starts: Entry[] = [0, 24, 60].map((latent_frame) => ({
    latent_frame,
    prompt: `from ${latent_frame}`,
    transition: cut,
  }));

  function drawn(span = { begin: 0, end: 48 }) {
    const [choose, type, pull, letGo, giveUp] = [vi.fn(), vi.fn(), vi.fn(), vi.fn(), vi.fn()];
    const made: Lane = lane({ choose, type, pull, letGo, giveUp }, forever);
    document.body.replaceChildren(made.element);
    const drawing = { span, selected: 0, firstFrame: 3, rate: 16 };
    made.draw({ ...drawing, segments: segments(starts, 3, 1), madeFrames: 3 });
    const list = made.element.querySelector("[role=listbox]") ?? made.element;
    return { made, list, choose, type, pull, letGo, giveUp };
  }

  it("is taken hold of by the first button and by one pointer alone", () => {
    const { list, choose, pull, letGo } = drawn();
    at(list, "pointerdown", 0.75, { button: 2 });
    expect(choose).not.toHaveBeenCalled();
    at(list, "pointerdown", 0.75);
    at(list, "pointermove", 0.25, { pointerId: 2 });
    at(list, "pointerup", 0.25, { pointerId: 2 });
    expect([pull.mock.calls, letGo.mock.calls]).toEqual([[], []]);
    at(list, "pointermove", 0.875);
    at(list, "pointerup", 0.875);
    expect(choose.mock.calls).toEqual([[1]]);
    expect(pull.mock.calls).toEqual([[1, "whole", 0.125]]);
    expect(letGo).toHaveBeenCalledOnce();
  });

  it("changes nothing by a click, and lets go where the host takes the pointer away", () => {
    const { list, pull, letGo, giveUp } = drawn();
    at(list, "pointerdown", 0.75);
    at(list, "pointermove", 0.75 + 3 / WIDTH_PX);
    at(list, "pointerup", 0.75);
    at(list, "pointerdown", 0.75);
    at(list, "pointercancel", 0.75);
    at(list, "pointermove", 0.25);
    expect([pull.mock.calls, letGo.mock.calls]).toEqual([[], []]);
    expect(giveUp).toHaveBeenCalledOnce();
  });

  it("brings a prompt into sight that the focus comes to, and leaves one that is chosen and seen", () => {
    const { list, choose } = drawn();
    const [first, second, away] = list.children;
    for (const each of [first, second, away]) {
      each?.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    }
    expect(choose.mock.calls).toEqual([[1], [2]]);
    const elsewhere = drawn({ begin: 24, end: 72 });
    elsewhere.list.firstChild?.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    expect(elsewhere.choose.mock.calls).toEqual([[0]]);
    const told = [first, second, away].map((each) => each?.getAttribute("tabindex"));
    expect(told).toEqual(["0", "-1", "-1"]);
  });
});

describe("the scale", () => {
  it("pans by as much as it is pulled, from where it was last, until it is let go", () => {
    const [pan, choose] = [vi.fn(), vi.fn()];
    const { element } = ruler({ pan, choose }, "hint", forever);
    at(element, "pointermove", 0.5);
    at(element, "pointerdown", 0.5);
    at(element, "pointermove", 0.25);
    at(element, "pointermove", 0.75);
    at(element, "pointercancel", 0.75);
    at(element, "pointermove", 0);
    expect(pan.mock.calls).toEqual([[0.25], [-0.5]]);
    at(element, "dblclick", 0.25);
    expect(choose.mock.calls).toEqual([[0.25]]);
  });
});

describe("the buttons", () => {
  it("are of the edits and the view, or of the view alone, and each says its key", () => {
    const of = (tools: typeof editTools) => toolbar(tools, vi.fn(), forever).element;
    expect(of(editTools).getAttribute("aria-label")).toBe("Edit the timeline");
    expect(of(editTools).querySelectorAll("button")).toHaveLength(11);
    const looks = toolbar(lookTools, vi.fn(), forever).element;
    expect(looks.getAttribute("aria-label")).toBe("Look at the timeline");
    expect([...looks.querySelectorAll("button")].map(({ title }) => title)).toEqual([
      "Zoom out (-)",
      "Zoom in (+)",
      "Show all of the timeline (0)",
      "Follow the playhead (f)",
    ]);
  });

  it("may be pressed unless it is said that they may not", () => {
    const bar = toolbar(editTools, vi.fn(), forever);
    const told = (act: string, name: string) =>
      bar.element.querySelector(`[data-act="${act}"]`)?.getAttribute(name);
    bar.update({ undo: false, split: true }, true);
    expect(["undo", "split", "redo"].map((act) => told(act, "aria-disabled"))).toEqual([
      "true",
      "false",
      "false",
    ]);
    expect(told("follow", "aria-pressed")).toBe("true");
    bar.update({}, false);
    expect([told("undo", "aria-disabled"), told("follow", "aria-pressed")]).toEqual([
      "false",
      "false",
    ]);
  });
});
