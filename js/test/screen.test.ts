// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { statuses } from "../src/protocol.ts";
import { make } from "../src/view/elements.ts";
import { invitationTo, screen } from "../src/view/screen.ts";
import { mainAction } from "../src/view/transport.ts";

describe("a screen without a picture", () => {
  it.each(statuses)("asks for a click on start only where one begins a video: %s", (status) => {
    const begins = status !== "closed" && mainAction(status).label.startsWith("Start");
    expect(invitationTo(status).startsWith("press start")).toBe(begins && status !== "recorded");
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

describe("picture in picture", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    Reflect.deleteProperty(document, "pictureInPictureEnabled");
  });

  /** What is said where the browser opens no window. */
  async function told(error: Error): Promise<string> {
    Object.defineProperty(document, "pictureInPictureEnabled", { value: true, configurable: true });
    HTMLCanvasElement.prototype.captureStream = () => new MediaStream();
    HTMLVideoElement.prototype.requestPictureInPicture = () => Promise.reject(error);
    vi.spyOn(HTMLVideoElement.prototype, "play").mockResolvedValue();
    const fail = vi.fn<(message: string) => void>();
    const events = { snapshot: () => {}, fail, theatre: make("div", "") };
    const size = { width: 160, height: 96 };
    const shown = screen(size, undefined, events, new AbortController().signal);
    shown.tools.querySelector<HTMLButtonElement>("[data-action=inset]")?.click();
    await vi.waitFor(() => expect(fail).toHaveBeenCalled());
    return fail.mock.calls[0]?.[0] ?? "";
  }

  it("that the browser refuses is told of in a sentence that says what to do", async () => {
    const refused = new DOMException("Must be handling a user gesture", "NotAllowedError");
    expect(await told(refused)).toMatch(/only right after a click, so click once more/);
    expect(await told(new Error("no room"))).toBe(
      "picture in picture did not open, click once more (no room)",
    );
  });
});
