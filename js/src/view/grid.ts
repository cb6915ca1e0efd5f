// A grid of videos that play in step: all of them, or one alone; what each took, and its Python.

import { figuresOf, tileAt } from "../playback/sides.ts";
import type { BlockRecord, Tiles } from "../protocol.ts";
import { make } from "./elements.ts";
import { menu } from "./menu.ts";
import type { Size } from "./screen.ts";
import { caption, copyAllButton, type TileEvents, type TileView } from "./tile-parts.ts";

/** `whole` is the size of a picture that shows all of `tiles`. */
export function gridView(
  tiles: Tiles,
  whole: Size,
  { focus, copy }: TileEvents,
  signal: AbortSignal,
): TileView {
  const overlay = make("div", "ll-tiles ll-captions");
  const bar = make("div", "ll-tile-bar");
  const all = make("button", "ll-button ll-chart-tool", "Show all");
  const hint = make("span", "ll-tile-hint", "a click on a video shows it alone (v: the next one)");
  const cells = tiles.labels.map(cell);
  let alone: number | undefined;
  let shown: BlockRecord | undefined;

  all.type = "button";
  all.addEventListener("click", () => turnTo(undefined), { signal });
  bar.append(copyAllButton(copy, signal), all, hint);
  overlay.append(...cells.map(({ element }) => element));
  choose(undefined);
  return {
    lens: { size, draw },
    overlay,
    bar,
    update(record) {
      if (record !== shown) {
        shown = record;
        for (const [at, { figures }] of cells.entries()) {
          figures.textContent = figuresOf(record.sides[at]);
        }
      }
    },
    follow: () => undefined, // where each lies, and what it is called, stays as it is
    cycle() {
      const next = alone === undefined ? 0 : alone + 1;
      turnTo(next < cells.length ? next : undefined);
    },
  };

  function cell(label: string, at: number) {
    const element = make("div", "ll-cell");
    const pick = make("button", "ll-cell-pick");
    const told = caption(label, "");
    told.title = label;
    const figures = told.lastElementChild ?? told;
    const choices = menu(
      `${label}: what to do with it`,
      () => [
        { label: "Copy as Python: this one alone", run: () => copy(at) },
        alone === undefined
          ? { label: "Show this one alone", run: () => turnTo(at) }
          : { label: "Show all", run: () => turnTo(undefined) },
      ],
      signal,
    );
    pick.type = "button";
    pick.setAttribute("aria-label", `${label}: show it alone, or all again`);
    pick.addEventListener("click", () => turnTo(alone === undefined ? at : undefined), { signal });
    choices.element.classList.add("ll-cell-menu");
    choices.button.classList.add("ll-cell-tool");
    choices.button.textContent = "⋯";
    element.append(pick, told, choices.element);
    return { element, pick, figures };
  }

  function turnTo(next: number | undefined): void {
    choose(next);
    focus();
  }

  function choose(next: number | undefined): void {
    alone = next;
    all.hidden = alone === undefined;
    hint.hidden = !all.hidden;
    overlay.dataset["alone"] = alone === undefined ? "" : String(alone);
    overlay.style.setProperty("--ll-columns", String(alone === undefined ? tiles.columns : 1));
    for (const [at, { element, pick }] of cells.entries()) {
      element.hidden = alone !== undefined && alone !== at;
      pick.setAttribute("aria-pressed", String(alone === at));
    }
  }

  function size(): Size {
    const { width, height } = tileAt(tiles, 0, whole);
    return alone === undefined ? whole : { width, height };
  }

  function draw(context: CanvasRenderingContext2D, pictures: HTMLCanvasElement): void {
    const { x, y, width, height } =
      alone === undefined ? { x: 0, y: 0, ...whole } : tileAt(tiles, alone, whole);
    context.drawImage(pictures, x, y, width, height, 0, 0, width, height);
  }
}
