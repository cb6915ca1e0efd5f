// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { errorPanel } from "../src/view/error-panel.ts";

it("a remark looks like none of the errors, and goes with the next prompt that is taken", () => {
  const { element, show, settle } = errorPanel(() => {}, new AbortController().signal);
  const message = element.querySelector(".ll-error-message");
  show("the painter ran out of paint");
  expect([element.dataset["topic"], message?.getAttribute("role")]).toEqual(["other", "alert"]);
  settle("prompt");
  expect(element.hidden).toBe(false);
  show("prompt 'a zebra' is taken without 'zebra'", "", "remark");
  expect([element.dataset["topic"], message?.getAttribute("role")]).toEqual(["remark", "status"]);
  settle("prompt");
  expect(element.hidden).toBe(true);
});
