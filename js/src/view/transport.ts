// Start, pause, resume and stop.

import type { Command, Status } from "../protocol.ts";
import { icon, make } from "./elements.ts";

const PLAY = "M4 2.5v11l9-5.5z";
const PAUSE = "M4 2.5h3v11H4zM9 2.5h3v11H9z";
const STOP = "M3.5 3.5h9v9h-9z";

/** `hint` says what a click will do. */
type Main = { label: string; hint: string; path: string; command: Command };

export type Transport = {
  element: HTMLElement;
  update: (status: Status) => void;
  /** Do what a click on the main button would. */
  press: () => void;
};

export function transport(send: (command: Command) => void, signal: AbortSignal): Transport {
  const element = make("div", "ll-transport");
  const main = make("button", "ll-button ll-main");
  const stop = make("button", "ll-button");
  main.type = "button";
  stop.type = "button";
  stop.dataset["action"] = "stop";
  stop.title = "end this video; what was made stays at hand until the next one begins";
  stop.append(icon(STOP), make("span", "", "Stop"));
  element.append(main, stop);
  let now = mainAction("idle");
  main.addEventListener("click", () => send(now.command), { signal });
  stop.addEventListener("click", () => send({ type: "stop" }), { signal });
  return {
    element,
    press: () => main.click(),
    update(status) {
      now = mainAction(status);
      main.dataset["action"] = now.command.type;
      main.replaceChildren(icon(now.path), make("span", "", now.label));
      main.title = now.hint;
      main.disabled = status === "closed";
      stop.disabled = !(status === "running" || status === "paused" || status === "done");
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
        hint: "begin a new video at 0 s: the same timeline and seed, without the prompts that were typed",
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
