// Start, pause, resume, stop and reset; what becomes a file.

import type { Command, State, Status } from "../protocol.ts";
import { enable, icon, iconButton, make } from "./elements.ts";

const PLAY = "M4 2.5v11l9-5.5z";
const PAUSE = "M4 2.5h3v11H4zM9 2.5h3v11H9z";
const STOP = "M3.5 3.5h9v9h-9z";
const RESET = "M8 2.5V0l4.5 3.5L8 7V4.5a3.8 3.8 0 1 0 3.8 3.8h2A5.8 5.8 0 1 1 8 2.5z";
const RECORD = "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z";
const SAVE = "M7 2h2v6h2.5L8 11.5 4.5 8H7zM3 12.5h10V14H3z";
const CLIP_SECONDS = 30;

/** `hint` says what a click will do. */
type Main = { label: string; hint: string; path: string; command: Command };

export type Transport = {
  element: HTMLElement;
  update: (state: State) => void;
  /** Do what a click on the main button would. */
  press: () => void;
  /** Begin or end a recording. */
  record: () => void;
};

/** `view` is the one that a clip is sent to. */
export function transport(
  send: (command: Command) => void,
  view: string,
  signal: AbortSignal,
): Transport {
  const element = make("div", "ll-transport");
  const main = make("button", "ll-button ll-main");
  const stop = make("button", "ll-button");
  main.type = "button";
  stop.type = "button";
  stop.dataset["action"] = "stop";
  stop.title = "end this video; what was made stays at hand until the next one begins";
  stop.append(icon(STOP), make("span", "", "Stop"));
  const reset = iconButton(
    "reset",
    "a new video at once, which remembers nothing, under the present prompt",
    RESET,
  );
  const record = iconButton("record", "", RECORD);
  const clip = iconButton("clip", `save the last ${CLIP_SECONDS} s as an MP4 file`, SAVE);
  element.append(main, stop, reset, record, clip);
  let now = mainAction("idle");
  main.addEventListener("click", () => send(now.command), { signal });
  let recording = false;
  const toggle = () => send({ type: recording ? "cut" : "record" });
  stop.addEventListener("click", () => send({ type: "stop" }), { signal });
  reset.addEventListener("click", () => send({ type: "reset" }), { signal });
  record.addEventListener("click", toggle, { signal });
  clip.addEventListener("click", () => send({ type: "clip", view, seconds: CLIP_SECONDS }), {
    signal,
  });
  return {
    element,
    press: () => main.click(),
    record: () => record.click(),
    update({ status, recording: path }) {
      now = mainAction(status);
      main.dataset["action"] = now.command.type;
      main.replaceChildren(icon(now.path), make("span", "", now.label));
      main.title = now.hint;
      enable(main, status !== "closed");
      const begun = status === "running" || status === "paused" || status === "done";
      enable(stop, begun);
      enable(reset, begun);
      enable(clip, status !== "idle" && status !== "closed");
      recording = path !== null;
      enable(record, status !== "closed");
      record.setAttribute("aria-pressed", String(recording));
      record.title = recording
        ? `end the recording to ${path} (r)`
        : "record to an MP4 file beside the notebook, from the next block on (r)";
      record.setAttribute("aria-label", record.title);
    },
  };
}

export function mainAction(status: Status): Main {
  switch (status) {
    case "running":
      return {
        label: "Pause",
        hint: "hold the video; the block in the making is finished first",
        path: PAUSE,
        command: { type: "pause" },
      };
    case "paused":
      return {
        label: "Resume",
        hint: "go on where the video is held",
        path: PLAY,
        command: { type: "resume" },
      };
    case "done":
      return {
        label: "Go on",
        hint: "go on with this video after its last block",
        path: PLAY,
        command: { type: "start" },
      };
    case "stopped":
    case "failed":
      return {
        label: "Start over",
        hint: "begin a new video at 0 s: the same timeline and seed, the prompts that were typed among them",
        path: PLAY,
        command: { type: "start" },
      };
    case "idle":
      return {
        label: "Start",
        hint: "begin the video",
        path: PLAY,
        command: { type: "start" },
      };
    case "closed":
    case "recorded":
      return {
        label: "Start",
        hint: "this studio is closed: run the cell again",
        path: PLAY,
        command: { type: "start" },
      };
    default:
      return status satisfies never;
  }
}
