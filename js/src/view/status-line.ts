// What plays, how well, and why not better.

import { diagnose, type Vitals } from "../playback/health.ts";
import type { State } from "../protocol.ts";
import { make, write } from "./elements.ts";

export type StatusLine = {
  element: HTMLElement;
  update: (state: State) => void;
  /** Say that what was asked for waits, or with "" that nothing does. */
  wait: (words: string) => void;
  measure: (vitals: Vitals, dropped: number) => void;
};

export function statusLine(): StatusLine {
  const element = make("div", "ll-status-line");
  const about = make("span", "ll-about");
  const status = make("span", "ll-status");
  const rate = make("span", "ll-figure");
  const ahead = make("span", "ll-figure");
  const dropped = make("span", "ll-figure");
  rate.title = "pictures shown per second; the video's own rate is 16";
  ahead.title = "how much video has come here and was not seen: from the playhead on";
  dropped.title = "blocks that were made while this page had no room for them: kept, but not shown";
  const waiting = make("span", "ll-waiting");
  status.setAttribute("role", "status");
  waiting.setAttribute("role", "status");
  const figures = make("span", "ll-figures");
  figures.append(rate, ahead, dropped);
  const health = make("span", "ll-health");
  element.append(status, waiting, about, figures, health);
  return {
    element,
    update(state) {
      write(status, state.status);
      status.dataset["status"] = state.status;
      const weights =
        state.weights === "random" ? " · random weights: the pictures mean nothing" : "";
      about.textContent = `${state.model} · ${state.preset} · ${sizeOf(state)}${seedOf(state)}${weights}${state.fallbacks.map((told) => ` · ${told}`).join("")}`;
    },
    wait: (words) => write(waiting, words),
    measure(vitals, blocks) {
      const { verdict, words } = diagnose(vitals);
      health.dataset["verdict"] = verdict;
      write(health, words);
      health.title = words; // where there is little room its end is cut off
      write(rate, `${vitals.shown.toFixed(1)} pictures/s`);
      write(ahead, `${vitals.ahead.toFixed(1)} s ahead`);
      write(dropped, `${blocks} dropped`);
      dropped.dataset["some"] = String(blocks > 0);
    },
  };
}

/** Of one video, and how many there are where they are made in step. */
function sizeOf({ width_px: width, height_px: height, tiles }: State): string {
  return tiles === null
    ? `${width} × ${height}`
    : `${tiles.labels.length} of ${width / tiles.columns} × ${height / tiles.rows}`;
}

/** Nothing where each of several has its own. */
function seedOf({ seed, tiles }: State): string {
  return tiles?.seeded === true ? "" : ` · seed ${seed}`;
}
