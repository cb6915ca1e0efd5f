// What is said of the timeline. Knows no element of the page.

import { cut, type Entry, type Transition } from "../protocol.ts";
import { transitionText } from "../view/transition-menu.ts";
import { pictureOfFrame, type Segment } from "./geometry.ts";

/** The time at which a latent frame begins, as "5.81 s". */
export function time(frame: number, picturesPerSecond: number): string {
  return `${(pictureOfFrame(frame) / picturesPerSecond).toFixed(2)} s`;
}

/** A segment, for whoever does not see it. */
export function segmentLabel(segment: Segment, locked: boolean, picturesPerSecond: number): string {
  const begin = time(segment.begin, picturesPerSecond);
  const end = Number.isFinite(segment.end)
    ? `to ${time(segment.end, picturesPerSecond)}`
    : "without an end";
  const how = inAddition(segment.transition);
  return `${segment.prompt}, from ${begin} ${end}${how}${locked ? ", begun" : ""}`;
}

/** Where a prompt would land, and how it would take over. */
export function landingText(
  { prompt, transition }: Entry,
  block: number,
  video: { block_frames: number; pictures_per_second: number },
): string {
  const frame = block * video.block_frames;
  const place = `block ${block}, latent frame ${frame}, ${time(frame, video.pictures_per_second)}`;
  return `“${prompt}” lands at ${place}${inAddition(transition)}`;
}

/** What is not said of a plain cut. */
function inAddition(transition: Transition): string {
  const said = transitionText(transition);
  return said === transitionText(cut) ? "" : `, ${said}`;
}
