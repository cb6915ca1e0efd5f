// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { cut, parseState, type State } from "../src/protocol.ts";
import { timelineBoard } from "../src/timeline/board.ts";
import type { Wish } from "../src/timeline/editing.ts";
import { layOut, WIDTH_PX } from "./layout.ts";

const RING = "a <b>green</b> ring";
const entry = (latent_frame: number, prompt: string) => ({
  latent_frame,
  prompt,
  transition: cut,
});
const idle: State = {
  ...parseState(fixtures.to_page.state.state),
  status: "idle",
  run: 0,
  made: 0,
  begun: 0,
  revision: 1,
  entries: [entry(0, "a ball"), entry(24, "a star"), entry(36, RING)],
};
/** Pixels of so many latent frames: 48 of them are in sight. */
const px = (frames: number) => (frames / 48) * WIDTH_PX;

function opened(state = idle) {
  const wishes: Wish[] = [];
  const asked: string[] = [];
  const end = new AbortController();
  const board = timelineBoard(
    state,
    {
      edit: (wish) => wishes.push(wish),
      save: () => {},
      open: () => {},
      ask: (prompt) => asked.push(prompt),
      blocks: async () => undefined,
    },
    end.signal,
  );
  document.body.replaceChildren(board.element);
  board.follow(state);
  const find = (selector: string) => {
    const found = board.element.querySelector<HTMLElement>(selector);
    if (found === null) {
      throw new Error(`there is no ${selector}`);
    }
    return found;
  };
  const prompts = find(".ll-prompts");
  const point = (kind: string, x: number, target = prompts) =>
    target.dispatchEvent(new PointerEvent(kind, { clientX: x, button: 0, pointerId: 1 }));
  return {
    board,
    wishes,
    asked,
    end,
    find,
    point,
    prompts: () => [...prompts.children].map((each) => each.textContent),
    plan: () => JSON.parse(board.element.dataset["plan"] ?? "[]"),
    wished: () => wishes.at(-1)?.entries.map((each) => [each.latent_frame, each.prompt]),
    tool: (act: string) => find(`[data-act="${act}"]`),
    note: () => find(".ll-note").textContent,
    press: (key: string, target: Element | null = document.activeElement) =>
      target?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })),
    type: (words: string) => {
      const input = find(".ll-typing input");
      if (input instanceof HTMLInputElement) {
        input.value = words;
      }
      return input;
    },
    accept: () => {
      const { revision, entries } = wishes.at(-1) ?? { revision: 0, entries: [] };
      board.follow({ ...state, revision: revision + 1, entries });
      board.answered(true);
    },
  };
}

let layout: { undo: () => void };
beforeEach(() => {
  layout = layOut();
});
afterEach(() => layout.undo());

describe("the timeline", () => {
  it("shows its prompts side by side as text, each as long as it steers", () => {
    const page = opened();
    expect(page.prompts()).toEqual(["a ball", "a star", RING]);
    expect(page.board.element.querySelector("b")).toBeNull();
    const widths = [...page.find(".ll-prompts").children].map(
      (each) => each.getBoundingClientRect().width,
    );
    expect(widths).toEqual([px(24), px(12), px(12)]);
  });

  it("chooses a prompt by a click, and the next one by a key, and says what it is", () => {
    const page = opened();
    page.point("pointerdown", px(30));
    page.point("pointerup", px(30));
    expect(document.activeElement?.textContent).toBe("a star");
    page.press("ArrowRight");
    expect(document.activeElement?.textContent).toBe(RING);
    expect(page.note()).toBe(`${RING}, from 8.81 s without an end`);
    expect(page.wishes).toEqual([]);
  });

  it("shows where a pulled prompt lands before it is let go, and asks for it then", () => {
    const page = opened();
    page.point("pointerdown", px(30));
    page.point("pointermove", px(30 - 8));
    expect(page.find(".ll-landing").textContent).toBe(
      "“a star” lands at block 5, latent frame 15, 3.56 s",
    );
    expect(page.find(".ll-landing").hidden).toBe(false);
    expect(page.wishes).toEqual([]);
    page.point("pointerup", px(30 - 8));
    expect(page.find(".ll-landing").hidden).toBe(true);
    expect(page.wished()).toEqual([
      [0, "a ball"],
      [15, "a star"],
      [27, RING],
    ]);
  });

  it("leaves all as it was where a pull is given up, or moves by less than a hand shakes", () => {
    const page = opened();
    const before = page.plan();
    page.point("pointerdown", px(30));
    page.point("pointermove", px(20));
    page.press("Escape");
    page.point("pointerup", px(20));
    page.point("pointerdown", px(30));
    page.point("pointermove", px(30) + 2);
    page.point("pointerup", px(30) + 2);
    expect(page.plan()).toEqual(before);
    expect(page.wishes).toEqual([]);
  });

  it("goes back to what the kernel has where that refuses an edit, and says so", () => {
    const page = opened();
    page.tool("delete").click();
    expect(page.prompts()).toEqual(["a star", RING]);
    page.board.answered(false);
    expect(page.prompts()).toEqual(["a ball", "a star", RING]);
    expect(page.note()).toBe("the timeline is as it was");
  });

  it("takes down what it said of a timeline that others have changed since, and nothing else", () => {
    const bare = { ...idle, entries: [entry(0, "a ball")] };
    const page = opened(bare);
    page.board.element.querySelector<HTMLElement>(".ll-segment")?.focus();
    page.press("Delete");
    expect(page.note()).toBe("a timeline needs a prompt: change the words of this one");
    page.board.follow({ ...bare, status: "running", begun: 1 });
    expect(page.note()).toBe("a timeline needs a prompt: change the words of this one");
    page.board.follow({ ...bare, revision: 2, entries: [entry(0, "a star")] });
    expect(page.note()).toBe("");
    page.tool("add").click();
    page.press("Enter", page.type("a ring"));
    const said = page.note();
    page.accept();
    expect(page.note()).toBe(said);
    expect(said).not.toBe("");
  });

  it("follows what others do to it, and takes that back when asked to", () => {
    const page = opened();
    page.board.follow({ ...idle, revision: 2, entries: [entry(0, "from Python")] });
    expect(page.prompts()).toEqual(["from Python"]);
    page.board.act("undo");
    expect(page.wished()?.length).toBe(3);
  });
});

describe("the timeline's buttons", () => {
  it("say whether they can do something, and keep the focus when they no longer can", () => {
    const page = opened();
    expect(page.tool("undo").getAttribute("aria-disabled")).toBe("true");
    page.tool("merge").click();
    page.accept();
    expect(page.tool("undo").getAttribute("aria-disabled")).toBe("false");
    page.tool("undo").focus();
    page.tool("undo").click();
    page.accept();
    expect(page.tool("undo").getAttribute("aria-disabled")).toBe("true");
    expect(document.activeElement).toBe(page.tool("undo"));
  });

  it("do what the keys do, which work on them too; Enter presses them", () => {
    const page = opened();
    page.tool("split").focus();
    page.press("m");
    expect(page.wished()?.length).toBe(2);
    page.accept();
    page.press("Enter");
    expect(page.find(".ll-typing").hidden).toBe(true);
  });

  it("tell that what has begun can no longer be changed", () => {
    const page = opened({ ...idle, status: "running", begun: 3, made: 2 });
    expect(page.tool("type").getAttribute("aria-disabled")).toBe("true");
    page.find(".ll-segment").focus();
    page.press("Delete");
    expect(page.note()).toMatch(/“a ball” has begun: it can no longer be changed/);
    expect(page.wishes).toEqual([]);
  });
});

describe("the words of a prompt", () => {
  it("are added in the middle of the chosen one, and asked about as they are typed", async () => {
    const page = opened();
    page.tool("add").click();
    expect(document.activeElement).toBe(page.find(".ll-typing input"));
    page.type("a zebra").dispatchEvent(new Event("input"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(page.asked).toEqual(["a zebra"]);
    page.board.mark("a zebra", ["zebra"], "");
    expect(page.find(".ll-typing .ll-unknown").textContent).toBe("zebra");
    page.press("Enter");
    expect(page.wished()?.[1]).toEqual([12, "a zebra"]);
    expect(document.activeElement?.textContent).toBe("a zebra");
  });

  it("are changed on a double click and stay as they were after Escape", () => {
    const page = opened();
    page.point("dblclick", px(30));
    page.type("a moon");
    page.press("Escape");
    expect(page.find(".ll-typing").hidden).toBe(true);
    page.point("dblclick", px(30));
    page.type("a moon");
    page.press("Enter");
    expect(page.wished()?.[1]).toEqual([24, "a moon"]);
  });

  it("are kept where the focus goes elsewhere, unless there are none", () => {
    const page = opened();
    page.tool("add").click();
    page.type("  ").dispatchEvent(new FocusEvent("blur"));
    expect(page.wishes).toEqual([]);
    page.tool("add").click();
    page.type("a moon").dispatchEvent(new FocusEvent("blur"));
    expect(page.wished()?.[1]).toEqual([12, "a moon"]);
  });
});

describe("the ruler", () => {
  it("adds a prompt where it is clicked twice", () => {
    const page = opened();
    const ruler = page.find(".ll-ruler");
    page.point("dblclick", px(32), ruler);
    page.type("a moon");
    page.press("Enter");
    expect(page.wished()?.map(([frame]) => frame)).toEqual([0, 24, 33, 36]);
  });

  it("pans as it is pulled, which follows no longer", () => {
    const page = opened({ ...idle, entries: [entry(0, "a ball"), entry(90, "a star")] });
    const ruler = page.find(".ll-ruler");
    const first = () => page.find(".ll-latent-frames").firstElementChild?.textContent;
    expect([first(), page.tool("follow").getAttribute("aria-pressed")]).toEqual(["0", "true"]);
    page.point("pointerdown", 300, ruler);
    page.point("pointermove", 100, ruler);
    page.point("pointerup", 100, ruler);
    expect(Number(first())).toBeGreaterThan(30);
    expect(page.tool("follow").getAttribute("aria-pressed")).toBe("false");
    const held = first();
    page.point("pointermove", 0, ruler);
    expect(first()).toBe(held);
  });

  it("marks seconds and, below them, latent frames in their places", () => {
    const page = opened();
    const seconds = [...page.find(".ll-seconds").children].map((each) => each.textContent);
    expect(seconds.slice(0, 3)).toEqual(["0 s", "1 s", "2 s"]);
    const frames = [...page.find(".ll-latent-frames").children];
    expect(frames.map((each) => each.textContent).slice(0, 3)).toEqual(["0", "3", "6"]);
    expect(frames[2]?.getBoundingClientRect().left).toBe(px(6));
  });
});
