// A run as a page of its own, with no kernel and no network: the player, and the files to be saved.

import { decodable } from "./playback/decoder.ts";
import { embeddedTape } from "./recording/embedded-tape.ts";
import { recordingView } from "./recording/view.ts";
import { download, make } from "./view/elements.ts";

const forever = new AbortController();

function textOf(id: string): string {
  return document.getElementById(id)?.textContent ?? "";
}

async function begin(): Promise<void> {
  const place = document.getElementById("player");
  const { tape, video } = embeddedTape(JSON.parse(textOf("run")), textOf("video"));
  const codecs = await decodable(tape.state.h264);
  place?.replaceChildren(
    codecs.includes("h264") ? recordingView(() => tape, forever.signal) : plainly(video),
  );
  on("save-video", () => download("run.mp4", video));
  on("save-manifest", () =>
    download("run.json", new Blob([textOf("manifest")], { type: "application/json" })),
  );
}

/** The video as any browser shows it, out of step with all else. */
function plainly(video: Blob): HTMLElement {
  const shown = make("video", "plain");
  shown.src = URL.createObjectURL(video);
  shown.controls = true;
  const note = "This browser has no WebCodecs for the player, so here is the video alone.";
  const both = make("div", "");
  both.append(make("p", "", note), shown);
  return both;
}

function on(id: string, act: () => void): void {
  const button = document.getElementById(id);
  button?.addEventListener("click", act);
  button?.removeAttribute("hidden");
}

begin().catch((error: unknown) => {
  document.getElementById("player")?.replaceChildren(make("p", "", `no player: ${String(error)}`));
});
