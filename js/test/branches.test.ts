// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import type { Command, Node, TreeMessage } from "../src/protocol.ts";
import { parse } from "../src/protocol.ts";
import {
  branchPanel,
  depthOf,
  mayGo,
  nextInTree,
  roomText,
  summaryText,
} from "../src/view/branches.ts";

const node = (number: number, parent: number | null, block: number): Node => ({
  number,
  parent,
  block,
  made: block + 3,
  prompt: `prompt ${number}`,
  frozen: [],
  pictured: false,
  thumbnail: undefined,
});
const NODES = [node(0, null, 0), node(1, 0, 4), node(2, 1, 5), node(3, 0, 2)];
const tree = (more: Partial<TreeMessage> = {}): TreeMessage => ({
  type: "tree",
  nodes: NODES,
  present: 2,
  states: 2,
  state_bytes: 46 * 2 ** 20,
  limit_bytes: 256 * 2 ** 20,
  dropped: 0,
  branching: false,
  left_bytes: 0,
  ...more,
});

function opened() {
  const sent: Command[] = [];
  const panel = branchPanel(
    (command) => sent.push(command),
    "12-34",
    () => {},
    new AbortController().signal,
  );
  document.body.replaceChildren(panel.element);
  const told = parse(fixtures.to_page.state);
  if (told.type === "state") {
    panel.follow(told.state);
  }
  panel.update(tree());
  const find = <Kind extends HTMLElement>(selector: string) => {
    const found = panel.element.querySelector<Kind>(selector);
    if (found === null) {
      throw new Error(`there is no ${selector}`);
    }
    return found;
  };
  const items = () => [...panel.element.querySelectorAll<HTMLElement>(".ll-branch")];
  return { ...panel, sent, find, items };
}

describe("the tree of videos", () => {
  it("goes on with the block that failed, or with the one that is looked back at", () => {
    const { find, sent, follow, shown } = opened();
    const told = parse(fixtures.to_page.state);
    if (told.type !== "state") {
      throw new Error("the fixture is another message");
    }
    const button = find<HTMLButtonElement>("button[type=submit]");
    shown(9, true);
    expect(button.textContent).toBe("Branch from block 9");
    follow({ ...told.state, status: "failed", made: 11 });
    expect(button.textContent).toBe("Branch from block 11");
    button.click();
    shown(9, false);
    expect(button.textContent).toBe("Branch from block 9");
    button.click();
    expect(sent.map((one) => one.type === "branch" && one.block)).toEqual([11, 9]);
  });

  it("lets go of a video that is neither shown nor left by the one that is, by a click or a key", () => {
    const may = (present: number) =>
      NODES.filter((each) => mayGo(each, tree({ present }))).map(({ number }) => number);
    expect([may(2), may(0), may(3)]).toEqual([[3], [1, 2, 3], [1, 2]]);
    const { find, sent, update } = opened();
    find<HTMLElement>("[data-branch='3'] .ll-branch-release").click();
    expect(sent).toEqual([{ type: "release", view: "12-34", branch: 3 }]);
    const press = (key: string) =>
      find("[role=tree]").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    press("Delete"); // the first video, which cannot go
    press("End");
    press("Delete");
    expect(sent.length).toBe(2);
    update(tree({ branching: true }));
    press("Delete");
    expect(sent.length).toBe(2);
  });

  it("says what the windows of videos take that are not shown", () => {
    expect(roomText(tree({ left_bytes: 3 * 2 ** 20 }))).toContain(
      "; windows of videos that are not shown: 3 MiB",
    );
    expect(roomText(tree())).not.toContain("windows");
  });

  it("is walked by keys: down the list, to the parent, to a child, to its ends", () => {
    expect(NODES.map((one) => depthOf(one, NODES))).toEqual([0, 1, 2, 1]);
    expect(nextInTree("ArrowDown", 3, NODES)).toBe(3);
    expect(nextInTree("ArrowUp", 3, NODES)).toBe(2);
    expect(nextInTree("ArrowLeft", 3, NODES)).toBe(0);
    expect(nextInTree("ArrowLeft", 0, NODES)).toBeUndefined();
    expect(nextInTree("ArrowRight", 1, NODES)).toBe(2);
    expect(nextInTree("ArrowRight", 2, NODES)).toBeUndefined();
    expect(nextInTree("End", 0, NODES)).toBe(3);
    expect(nextInTree("x", 0, NODES)).toBeUndefined();
  });

  it("tells how many there are, what is kept to go on from, and what went", () => {
    expect(summaryText(tree())).toBe("4 videos");
    expect(summaryText(tree({ branching: true }))).toBe("a branch is being made");
    expect(roomText(tree())).toBe("2 states are kept to go on from, in 46 of 256 MiB");
    expect(roomText(tree({ dropped: 3 }))).toMatch(/; 3 went for want of room/);
    expect(roomText(tree({ nodes: [] }))).toBe("");
  });

  it("says of each where it left which other one, and which is shown", () => {
    const { items } = opened();
    expect(items().map((item) => item.textContent)).toEqual([
      "from the beginning to 3prompt 0",
      "from block 4 to 7prompt 1",
      "from block 5 onprompt 2",
      "from block 2 to 5prompt 3×",
    ]);
    expect(items().map((item) => item.getAttribute("aria-level"))).toEqual(["1", "2", "3", "2"]);
    expect(items().map((item) => item.getAttribute("aria-selected"))).toEqual([
      "false",
      "false",
      "true",
      "false",
    ]);
  });

  it("goes to the video that is clicked, or chosen by keys, but not to the one that is shown", () => {
    const { items, sent, find } = opened();
    items()[2]?.click();
    expect(sent).toEqual([]);
    items()[1]?.click();
    const press = (key: string) =>
      find(".ll-tree").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    press("End");
    expect(document.activeElement).toBe(items()[3]);
    press("Enter");
    expect(sent).toEqual([
      { type: "walk", view: "12-34", branch: 1 },
      { type: "walk", view: "12-34", branch: 3 },
    ]);
  });

  it("leaves the video that is shown at the block that is shown, with a prompt or without", () => {
    const { shown, field, find, sent, update, begin, element } = opened();
    begin();
    expect(element.open).toBe(true);
    expect(document.activeElement).toBe(field.input);
    shown(6, true);
    expect(find("button[type=submit]").textContent).toBe("Branch from block 6");
    const submit = () => find("form").dispatchEvent(new Event("submit", { cancelable: true }));
    field.fill(" a blue star ");
    submit();
    submit();
    update(tree({ branching: true }));
    submit();
    expect(sent).toEqual([
      { type: "branch", view: "12-34", run: 2, block: 6, prompt: "a blue star" },
      { type: "branch", view: "12-34", run: 2, block: 6, prompt: null },
    ]);
    expect(find("button[type=submit]").getAttribute("aria-disabled")).toBe("true");
  });
});
