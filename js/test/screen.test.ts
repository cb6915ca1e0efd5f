// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { statuses } from "../src/protocol.ts";
import { make } from "../src/view/elements.ts";
import { invitationTo, screen } from "../src/view/screen.ts";
import { mainAction } from "../src/view/transport.ts";

describe("a screen without a picture", () => {
  it.each(statuses)("asks for a click on start only where one begins a video: %s", (status) => {
    const begins = status !== "closed" && mainAction(status).label.startsWith("Start");
    expect(invitationTo(status) === "press start").toBe(begins && status !== "recorded");
    expect(invitationTo(status)).not.toBe("");
  });

  it("says what goes on as that changes", () => {
    const signal = new AbortController().signal;
    const events = { snapshot: () => {}, fail: () => {}, theatre: make("div", "") };
    const shown = screen({ width: 160, height: 96 }, undefined, events, signal);
    const words = () => shown.element.querySelector(".ll-invitation")?.textContent;
    shown.follow("idle");
    expect(words()).toBe("press start");
    shown.follow("running");
    expect(words()).toBe("the first picture is on its way");
    shown.follow("running", "Making the first block: 3 s");
    expect(words()).toBe("Making the first block: 3 s");
  });
});
