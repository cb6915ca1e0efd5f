// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { enable, heedDisabled, make } from "../src/view/elements.ts";
import { shortcuts } from "../src/view/shortcuts.ts";

/** A studio with a player and a bar of something else, in a notebook that has keys of its own. */
function opened() {
  const done: string[] = [];
  const notebooks: string[] = [];
  const { signal } = new AbortController();
  const [root, player, bar] = [make("div", ""), make("div", ""), make("div", "")];
  const [inPlayer, inBar, field] = [make("button", ""), make("button", ""), make("input", "")];
  player.append(inPlayer, field);
  bar.append(inBar);
  root.append(player, bar);
  const { sheet } = shortcuts(
    root,
    [player],
    [
      { key: "r", name: "r", says: "record", act: () => done.push("record") },
      { key: " ", name: "space", says: "start", act: () => done.push("start") },
      { key: ",", name: ",", says: "back", act: () => done.push("back"), repeats: true },
    ],
    [{ title: "Others", keys: [{ name: "a", says: "add a prompt" }] }],
    signal,
  );
  player.append(sheet);
  document.body.replaceChildren(root);
  document.body.onkeydown = ({ key }) => notebooks.push(key);
  const press = (target: HTMLElement, key: string, more: KeyboardEventInit = {}) => {
    target.focus();
    const init = { key, bubbles: true, cancelable: true, ...more };
    target.dispatchEvent(new KeyboardEvent("keydown", init));
  };
  return { root, sheet, inPlayer, inBar, field, done, notebooks, press };
}

describe("a key", () => {
  it("of the player works in the player alone", () => {
    const { done, press, inPlayer, inBar } = opened();
    press(inBar, "r");
    expect(done).toEqual([]);
    press(inPlayer, "r");
    expect(done).toEqual(["record"]);
  });

  it("is left to who types, and to the button that it presses", () => {
    const { done, press, inPlayer, field } = opened();
    press(field, "r");
    press(inPlayer, " ");
    expect(done).toEqual([]);
  });

  it("that is held acts again only where that is wanted", () => {
    const { done, press, inPlayer } = opened();
    press(inPlayer, "r", { repeat: true });
    press(inPlayer, ",", { repeat: true });
    expect(done).toEqual(["back"]);
  });

  it("never reaches the notebook, but together with ctrl or cmd it does", () => {
    const { notebooks, press, inPlayer, inBar, field } = opened();
    for (const target of [inPlayer, inBar, field]) {
      press(target, "x");
    }
    expect(notebooks).toEqual([]);
    press(inBar, "s", { ctrlKey: true });
    expect(notebooks).toEqual(["s"]);
  });
});

describe("the sheet of keys", () => {
  it("comes from anywhere, is read at once, and brings back to where one was", () => {
    const { sheet, press, inBar } = opened();
    press(inBar, "?");
    expect(document.activeElement).toBe(sheet);
    expect(sheet.textContent).toContain("add a prompt");
    press(sheet, "Escape");
    expect([sheet.hidden, document.activeElement]).toEqual([true, inBar]);
  });
});

describe("a button that may not be pressed", () => {
  it("does nothing and keeps the focus, until it may be", () => {
    const { root, inBar } = opened();
    let pressed = 0;
    heedDisabled(root, new AbortController().signal);
    inBar.addEventListener("click", () => {
      pressed += 1;
    });
    inBar.focus();
    enable(inBar, false);
    inBar.click();
    expect([pressed, document.activeElement]).toEqual([0, inBar]);
    enable(inBar, true);
    inBar.click();
    expect(pressed).toBe(1);
  });
});
