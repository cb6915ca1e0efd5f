// Where the pictures are drawn, and all that is done with the picture as a whole.

import { inTime, tooLate } from "../patience.ts";
import type { ShownPicture } from "../playback/player.ts";
import type { Status } from "../protocol.ts";
import { FLOATING } from "./attention.ts";
import { iconButton, make, write } from "./elements.ts";

// Pictures smaller than this are enlarged pixel by pixel, which is honest about what was made.
const SMALL_PX = 400;

const NATIVE = "M2 2h5v1.5H3.5V7H2zM14 14H9v-1.5h3.5V9H14zM5.5 5.5h5v5h-5z";
const FULL =
  "M2 2h4v1.5H3.5V6H2zM10 2h4v4h-1.5V3.5H10zM2 10h1.5v2.5H6V14H2zM12.5 10H14v4h-4v-1.5h2.5z";
const INSET = "M1.5 2.5h13v11h-13zM3 4v8h10V4zM8 8h4v3H8z";
const CAMERA = "M5.5 3h5l1 1.5H14v8.5H2V4.5h2.5zM8 6a2.6 2.6 0 1 0 0 5.2A2.6 2.6 0 0 0 8 6z";

export type Screen = {
  element: HTMLElement;
  tools: HTMLElement;
  /** Say why no picture is there yet: with `waits`, in these words. */
  follow: (status: Status, waits?: string) => void;
  update: (shown: ShownPicture) => void;
  /** Draw the picture on the screen once more, without loss. */
  refine: (exact: ImageBitmap) => void;
  /** The lens shows something else. */
  focus: () => void;
  /** The picture on the screen, as a PNG of what is seen. */
  seen: () => Promise<Blob | null>;
};

export type ScreenEvents = {
  snapshot: () => void;
  fail: (message: string) => void;
  /** What is shown in full. */
  theatre: HTMLElement;
};

export type Size = { width: number; height: number };

/** What of each picture is seen, and in which size. */
export type Lens = {
  size: () => Size;
  draw: (context: CanvasRenderingContext2D, whole: HTMLCanvasElement) => void;
};

/** A screen for pictures of `whole` pixels; without a lens, all of them is seen. */
export function screen(
  whole: Size,
  lens: Lens | undefined,
  { snapshot, fail, theatre }: ScreenEvents,
  signal: AbortSignal,
): Screen {
  const element = make("div", "ll-screen");
  const canvas = make("canvas", "ll-canvas");
  const invitation = make("div", "ll-invitation");
  const exact = make("span", "ll-exact", "exact");
  const tools = make("div", "ll-tools");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The video");
  exact.title = "this very picture, without loss: it was sent again as it stands";
  exact.hidden = true;
  element.append(canvas, invitation, exact);
  const context = canvas.getContext("2d", { alpha: false });
  const behind = make("canvas", "");
  behind.width = whole.width;
  behind.height = whole.height;
  const memory = lens === undefined ? null : behind.getContext("2d", { alpha: false });
  const button = (action: string, label: string, path: string, act: () => void) => {
    const made = iconButton(action, label, path);
    made.addEventListener("click", act, { signal });
    return made;
  };
  const size = button(
    "size",
    "native size: one pixel of the video is one of the page",
    NATIVE,
    () => {
      const native = element.dataset["size"] !== "native";
      element.dataset["size"] = native ? "native" : "fit";
      size.setAttribute("aria-pressed", String(native));
    },
  );
  size.setAttribute("aria-pressed", "false");
  const full = button("fullscreen", "full screen", FULL, () => {
    toggleFullscreen(theatre).catch((error) => fail(`full screen: ${error}`));
  });
  const inset = button(
    "inset",
    "picture in picture: a window of its own, above all others",
    INSET,
    () => {
      floatAbove(canvas, repaint, theatre, signal).catch((error) => fail(whyNotAbove(error)));
    },
  );
  const camera = button(
    "snapshot",
    "save this picture as a PNG, exactly as it was made",
    CAMERA,
    snapshot,
  );
  disableWithout(document.fullscreenEnabled, full, "this page may not fill the screen");
  disableWithout(document.pictureInPictureEnabled, inset, "this browser has no picture in picture");
  tools.append(camera, size, inset, full);
  focus();
  return {
    element,
    tools,
    follow: (status, waits = "") => {
      write(invitation, waits || invitationTo(status));
    },
    update({ picture }) {
      invitation.hidden = true;
      exact.hidden = true;
      paint(picture);
    },
    refine(picture) {
      exact.hidden = false;
      paint(picture);
    },
    focus,
    seen,
  };

  function seen(): Promise<Blob | null> {
    return inTime(new Promise((made) => canvas.toBlob(made, "image/png")), tooLate("its PNG"));
  }

  function paint(picture: CanvasImageSource): void {
    const onto = lens === undefined ? context : memory;
    onto?.drawImage(picture, 0, 0, whole.width, whole.height);
    look();
  }

  /** The same picture once more. */
  function repaint(): void {
    context?.drawImage(canvas, 0, 0);
  }

  function look(): void {
    if (lens !== undefined && context !== null) {
      lens.draw(context, behind);
    }
  }

  function focus(): void {
    const { width, height } = lens?.size() ?? whole;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width; // which empties it
      canvas.height = height;
    }
    canvas.classList.toggle("ll-small", width < SMALL_PX);
    theatre.style.setProperty("--ll-ratio", `${width} / ${height}`);
    element.style.setProperty("--ll-width", `${width}px`);
    element.style.setProperty("--ll-height", `${height}px`);
    look();
  }
}

/** What stands where the first picture will be. */
export function invitationTo(status: Status): string {
  switch (status) {
    case "idle":
      return "press start";
    case "stopped":
    case "failed":
      return "press start over";
    case "running":
    case "done":
    case "recorded":
      return "the first picture is on its way";
    case "paused":
      return "held before its first picture: press resume";
    case "closed":
      return "this studio is closed: run the cell again";
    default:
      return status satisfies never;
  }
}

function disableWithout(
  ability: boolean | undefined,
  button: HTMLButtonElement,
  why: string,
): void {
  if (ability !== true) {
    button.disabled = true;
    button.title = why;
  }
}

async function toggleFullscreen(element: HTMLElement): Promise<void> {
  if (document.fullscreenElement === element) {
    await document.exitFullscreen();
  } else {
    await element.requestFullscreen();
  }
}

const floating = new WeakMap<HTMLCanvasElement, HTMLVideoElement>();

/** Show what is drawn on a canvas in a window above all others, or no longer. */
async function floatAbove(
  canvas: HTMLCanvasElement,
  repaint: () => void,
  theatre: HTMLElement,
  signal: AbortSignal,
): Promise<void> {
  let video = floating.get(canvas);
  if (video === undefined) {
    video = make("video", "");
    video.muted = true;
    video.srcObject = canvas.captureStream();
    floating.set(canvas, video);
    for (const kind of ["enterpictureinpicture", "leavepictureinpicture"]) {
      const tell = ({ type }: Event) => {
        theatre.dataset["floating"] = String(type === "enterpictureinpicture");
        theatre.dispatchEvent(new Event(FLOATING));
      };
      video.addEventListener(kind, tell, { signal });
    }
    signal.addEventListener("abort", () => {
      if (document.pictureInPictureElement === video) {
        void document.exitPictureInPicture();
      }
    });
  }
  if (document.pictureInPictureElement === video) {
    await document.exitPictureInPicture();
    return;
  }
  const plays = video.play();
  repaint(); // a stream has no picture before one is drawn, and a paused video draws none
  await inTime(plays, tooLate("its first picture"));
  await video.requestPictureInPicture();
}

/** What the browser says of it is for developers. */
function whyNotAbove(error: unknown): string {
  return error instanceof DOMException && error.name === "NotAllowedError"
    ? "picture in picture: the browser allows it only right after a click, so click once more; or the site forbids it"
    : `picture in picture did not open, click once more (${error instanceof Error ? error.message : error})`;
}
