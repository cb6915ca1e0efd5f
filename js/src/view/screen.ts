// Where the pictures are drawn.

import type { ShownPicture } from "../playback/player.ts";
import { make } from "./elements.ts";

// Pictures smaller than this are enlarged pixel by pixel, which is honest about what was made.
const SMALL_PX = 400;

export type Screen = {
  element: HTMLElement;
  update: (shown: ShownPicture) => void;
};

/** A screen for pictures of `width` x `height` pixels. */
export function screen(width: number, height: number): Screen {
  const element = make("div", "ll-screen");
  const canvas = make("canvas", "ll-canvas");
  const invitation = make("div", "ll-invitation", "press start");
  canvas.width = width;
  canvas.height = height;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The video");
  canvas.classList.toggle("ll-small", width < SMALL_PX);
  element.style.aspectRatio = `${width} / ${height}`;
  element.append(canvas, invitation);
  const context = canvas.getContext("2d", { alpha: false });
  return {
    element,
    update({ picture }) {
      invitation.hidden = true;
      context?.drawImage(picture, 0, 0, width, height);
    },
  };
}
