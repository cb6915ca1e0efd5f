// Two videos that are made in step, on one screen: side by side, split, or their difference.

import { figuresOf, type Tile, tileAt } from "../playback/sides.ts";
import type { BlockRecord, Tiles } from "../protocol.ts";
import { make } from "./elements.ts";
import type { Size } from "./screen.ts";
import {
  caption as captionOf,
  copyAllButton,
  type TileEvents,
  type TileView,
} from "./tile-parts.ts";

const gains = [1, 2, 4, 8, 16, 32];

export type Look = "side" | "split" | "difference";
const looks: readonly { look: Look; label: string; hint: string }[] = [
  { look: "side", label: "Side by side", hint: "all of them (v: the next look)" },
  { look: "split", label: "Split", hint: "left of the line the first, right of it the other (v)" },
  { look: "difference", label: "Difference", hint: "how far they are apart, colour by colour (v)" },
];

/** `whole` is the size of a picture that shows all of `tiles`. */
export function pairView(
  tiles: Tiles,
  whole: Size,
  { send, focus, copy }: TileEvents,
  signal: AbortSignal,
): TileView {
  const shown = tiles.columns - 1;
  const overlay = make("div", "ll-tiles");
  const bar = make("div", "ll-tile-bar");
  const captions = make("div", "ll-captions");
  const split = make("input", "ll-split");
  const amplify = make("select", "ll-input ll-gain");
  const tile = tileAt(tiles, 0, whole);
  let look: Look = "side";
  let record: BlockRecord | undefined;

  split.type = "range";
  split.max = "100";
  split.step = "0.5";
  split.value = "50";
  split.setAttribute("aria-label", "Where the split is, from the left");
  split.addEventListener("input", focus, { signal });
  split.addEventListener("keydown", keepArrows, { signal });
  amplify.setAttribute("aria-label", "Amplify the difference");
  amplify.title = "how many times as large as it is: from the next block on";
  amplify.append(...gains.map(option));
  amplify.addEventListener("change", () => send({ type: "amplify", gain: Number(amplify.value) }), {
    signal,
  });
  const group = make("div", "ll-looks");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "How to look at them");
  const buttons = looks.map(({ look: name, label, hint }) => {
    const button = make("button", "ll-button ll-chart-tool", label);
    button.type = "button";
    button.title = hint;
    button.dataset["look"] = name;
    button.addEventListener("click", () => turnTo(name), { signal });
    return button;
  });
  group.append(...buttons);
  bar.append(group, amplify, copyAllButton(copy, signal));
  overlay.append(captions, split);
  choose(look);
  return {
    lens: { size, draw },
    overlay,
    bar,
    update(next) {
      if (next.block !== record?.block) {
        record = next;
        caption();
      }
    },
    follow(state) {
      const gain = state.tiles?.gain ?? null;
      if (gain !== null && document.activeElement !== amplify) {
        addGain(gain);
        amplify.value = String(gain);
      }
    },
    cycle() {
      const at = looks.findIndex((one) => one.look === look);
      turnTo(looks[(at + 1) % looks.length]?.look ?? "side");
    },
  };

  /** One that was set in Python may be another than those that are offered. */
  function addGain(gain: number): void {
    if (![...amplify.options].some(({ value }) => value === String(gain))) {
      amplify.append(option(gain));
    }
  }

  function choose(next: Look): void {
    look = next;
    overlay.dataset["look"] = look;
    split.hidden = look !== "split";
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset["look"] === look));
    }
    caption();
  }

  function turnTo(next: Look): void {
    choose(next);
    focus();
  }

  function size(): Size {
    return look === "side"
      ? { width: tile.width * shown, height: tile.height * tiles.rows }
      : { width: tile.width, height: tile.height };
  }

  function draw(context: CanvasRenderingContext2D, all: HTMLCanvasElement): void {
    const put = ({ x, y, width, height }: Tile, to = 0) =>
      context.drawImage(all, x + to, y, width - to, height, to, 0, width - to, height);
    switch (look) {
      case "side": {
        const { width, height } = size();
        context.drawImage(all, 0, 0, width, height, 0, 0, width, height);
        break;
      }
      case "split": {
        const at = Math.round((split.valueAsNumber / 100) * tile.width);
        put(tile);
        put(tileAt(tiles, 1, whole), at);
        rule(context, at);
        break;
      }
      case "difference":
        put(tileAt(tiles, 2, whole));
        break;
      default:
        look satisfies never;
    }
  }

  /** A line that is seen over white and black alike, right of where the split is. */
  function rule(context: CanvasRenderingContext2D, at: number): void {
    const thick = Math.max(1, tile.width / 400);
    for (const [colour, place] of [
      ["#fff", at - thick],
      ["#000", at],
    ] as const) {
      context.fillStyle = colour;
      context.fillRect(place, 0, thick, tile.height);
    }
  }

  function caption(): void {
    const told = tiles.labels.map((label, at) => [label, figuresOf(record?.sides[at])] as const);
    captions.style.setProperty("--ll-columns", String(look === "difference" ? 1 : shown));
    const both = [`difference × ${record?.gain ?? tiles.gain}`, told[1]?.[1] ?? ""] as const;
    const seen = look === "difference" ? [both] : told;
    captions.replaceChildren(...seen.map(([label, figures]) => captionOf(label, figures)));
  }

  /** The arrows move the split, and not the video. */
  function keepArrows(event: KeyboardEvent): void {
    if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") {
      event.stopPropagation();
    }
  }
}

function option(gain: number): HTMLOptionElement {
  const offered = make("option", "", `× ${gain}`);
  offered.value = String(gain);
  return offered;
}
