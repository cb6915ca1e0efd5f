// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { type FileEvents, fileMenu, handOver } from "../src/timeline/files.ts";

afterEach(() => vi.restoreAllMocks());

function opened() {
  const events: FileEvents = { save: vi.fn(), open: vi.fn(), refuse: vi.fn() };
  const list = fileMenu(events, new AbortController().signal);
  document.body.replaceChildren(list.element);
  const item = (label: string) => {
    list.button.click();
    const found = [...document.querySelectorAll<HTMLElement>("[role=menuitem]")];
    return found.find((each) => each.textContent === label);
  };
  return {
    events,
    item,
    choose: (file: File) => choose(() => item("Open a file …")?.click(), file),
  };
}

/** What a browser does with the file that somebody picks in its window; returns the chooser. */
function choose(ask: () => void, file: File): HTMLInputElement {
  let chooser: HTMLInputElement | undefined;
  vi.spyOn(HTMLInputElement.prototype, "click").mockImplementation(function (
    this: HTMLInputElement,
  ) {
    chooser = this;
  });
  ask();
  if (chooser === undefined) {
    throw new Error("no file was asked for");
  }
  Object.defineProperty(chooser, "files", { value: [file] });
  chooser.dispatchEvent(new Event("change"));
  return chooser;
}

describe("the files of a timeline", () => {
  it("are opened with their names", async () => {
    const { events, choose } = opened();
    choose(new File(["a ball"], "mine.txt"));
    await vi.waitFor(() => expect(events.open).toHaveBeenCalledWith("mine.txt", "a ball"));
    expect(events.refuse).not.toHaveBeenCalled();
  });

  it("of more than a MiB are refused and not read", async () => {
    const { events, choose } = opened();
    const large = new File([new Uint8Array(2 ** 20 + 1)], "video.mp4");
    const read = vi.spyOn(large, "text");
    choose(large);
    await vi.waitFor(() =>
      expect(events.refuse).toHaveBeenCalledWith(
        "video.mp4 has over 1048576 bytes: is it a timeline?",
      ),
    );
    expect(read).not.toHaveBeenCalled();
    expect(events.open).not.toHaveBeenCalled();
  });

  it("are asked for in the form of the line that was chosen", () => {
    const { events, item } = opened();
    item("LongLive's JSONL")?.click();
    item("Copy as Python")?.click();
    expect(vi.mocked(events.save).mock.calls).toEqual([["longlive"], ["python"]]);
  });
});

describe("a text from the kernel", () => {
  it("is saved under its name, and Python is copied", async () => {
    const saved = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
    const copied = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    expect(await handOver("yaml", "mine.yaml", "- a ball")).toBe("saved as mine.yaml");
    expect(saved).toHaveBeenCalledOnce();
    expect(copied).not.toHaveBeenCalled();
    expect(await handOver("python", "", "Timeline.of()")).toMatch(/copied as Python/);
    expect(copied).toHaveBeenCalledWith("Timeline.of()");
  });

  it("is shown where the browser lets nothing be copied", async () => {
    vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("not allowed"));
    expect(await handOver("python", "", "Timeline.of()")).toMatch(/this is it: Timeline.of\(\)$/);
  });
});
