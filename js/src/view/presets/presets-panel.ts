// How videos are made: presets, single settings, seed and size; folded until somebody opens it.

import type { Loading, Panel } from "../../panel.ts";
import type { Command, State } from "../../protocol.ts";
import { enable, make } from "../elements.ts";
import { presetList } from "./preset-list.ts";
import { seedAndSize } from "./seed-and-size.ts";
import { settingRows } from "./setting-rows.ts";
import { loadingWords } from "./wording.ts";

const TICK_MS = 500;

export type PresetsPanel = {
  element: HTMLDetailsElement;
  /** What is loading; seen also while the panel is folded. */
  progress: HTMLElement;
  follow: (state: State) => void;
  update: (panel: Panel) => void;
};

export function presetsPanel(
  send: (command: Command) => void,
  open: boolean,
  signal: AbortSignal,
): PresetsPanel {
  const element = make("details", "ll-presets");
  const summary = make("summary", "ll-presets-summary");
  const title = make("span", "ll-presets-title", "How it is made");
  const present = make("span", "ll-presets-present");
  const progress = make("div", "ll-loading");
  const words = make("span", "");
  const bar = make("progress", "ll-loading-bar");
  const cancel = make("button", "ll-button ll-loading-cancel", "Cancel");
  const advice = make("div", "ll-advice");
  const single = make("details", "ll-single");
  const list = presetList((preset) => send({ type: "use", preset }), signal);
  const change = settingRows((setting, value) => send({ type: "change", setting, value }), signal);
  const noise = seedAndSize(send, signal);
  progress.setAttribute("role", "status");
  progress.append(words, bar, cancel);
  cancel.type = "button";
  cancel.dataset["action"] = "cancel-load";
  cancel.title = "leave all as it was; the stage that it is in ends first";
  cancel.addEventListener("click", () => send({ type: "cancel" }), { signal });
  bar.setAttribute("aria-label", "Loading");
  summary.append(title, present);
  single.append(make("summary", "", "Single settings"), change.element);
  const body = make("div", "ll-presets-body");
  body.append(advice, list.element, noise.element, single);
  element.append(summary, body);
  element.open = open;
  element.dataset["lmSuppressShortcuts"] = "true";
  element.addEventListener("keydown", (event) => event.stopPropagation(), { signal });
  let ticking: ReturnType<typeof setInterval> | undefined;
  const stop = () => clearInterval(ticking);
  signal.addEventListener("abort", stop);
  showLoading(null);
  return { element, progress, follow: noise.follow, update };

  function update(panel: Panel): void {
    present.textContent = [
      panel.preset,
      ...recommended(panel).map((name) => `recommended here: ${name}`),
    ].join(" · ");
    advice.textContent = panel.advice;
    advice.hidden = panel.advice === "";
    list.update(panel);
    change.update(panel);
    noise.update(panel);
    stop();
    showLoading(panel.loading);
  }

  function showLoading(loading: Loading | null): void {
    progress.hidden = loading === null;
    element.dataset["loading"] = loading?.stage ?? "";
    if (loading === null) {
      return;
    }
    enable(cancel, !loading.cancelled);
    const since = performance.now() - 1000 * loading.elapsed_s;
    const tick = () => {
      const elapsed_s = (performance.now() - since) / 1000;
      words.textContent = loadingWords(loading, elapsed_s);
      bar.hidden = loading.usual_s === null;
      bar.max = loading.usual_s ?? 1;
      bar.value = Math.min(elapsed_s, bar.max);
    };
    tick();
    ticking = setInterval(tick, TICK_MS);
  }
}

function recommended(panel: Panel): string[] {
  return panel.presets.filter((offer) => offer.recommended).map(({ name }) => name);
}
