// The charts of a video, one at a time: they grow as blocks come, and know which one is shown.

import type { BlockProfile, BlockRecord, PageTimes, Tiles } from "../protocol.ts";
import { download, make, write } from "../view/elements.ts";
import { Blocks } from "./blocks.ts";
import { blocksCsv, profileCsv, sidesCsv } from "./csv.ts";
import type { Drawing, Figure, LegendEntry, View } from "./drawing.ts";
import { kernelsChart } from "./kernels-chart.ts";
import { latencyChart } from "./latency-chart.ts";
import { memoryChart } from "./memory-chart.ts";
import { partsChart } from "./parts-chart.ts";
import { blockOf, type Plot, plot } from "./plot.ts";
import { noteWhile, type Plotly } from "./plotly.ts";
import { profileReadout, readoutOf, sidesReadout } from "./readout.ts";
import { blockRange, MOST_DRAWN, type Range, wholeRange, within, zoomed } from "./series.ts";
import { psnrChart, sidesChart, ssimChart } from "./sides-charts.ts";
import { tabs } from "./tabs.ts";
import { colours } from "./theme.ts";
import { windowChart } from "./window-chart.ts";

const REDRAW_MS = 250;
const LIGHT_MS = 80;
const recorded = [latencyChart, partsChart];
const live = [...recorded, windowChart, memoryChart, kernelsChart];
const likeness = [psnrChart, ssimChart];

export type ChartEvents = {
  /** Show the pictures of a block; what is returned says why that cannot be. */
  seek: (record: BlockRecord) => string | undefined;
  /** Have the next block profiled; nobody can in a recording, which knows latencies and parts alone. */
  profile?: () => void;
  /** What files are called, up to what is in them. */
  name: () => string;
};

export type ChartPanel = {
  element: HTMLElement;
  /** Add what was measured; of a block that is here already, the later word holds. */
  add: (records: readonly BlockRecord[]) => void;
  /** This page has measured a block's way to it. */
  measured: (block: number, page: PageTimes) => void;
  profiled: (profile: BlockProfile) => void;
  /** A picture of that block is shown. */
  light: (block: number) => void;
  /** Another video begins. */
  clear: () => void;
};

/** Those that have something to show: of a recording nobody knows the memory. */
function drawingsOf(tiles: Tiles | null, measured: boolean): readonly Drawing[] {
  if (tiles === null) {
    return measured ? live : recorded;
  }
  const inStep = [sidesChart, ...(tiles.compared ? likeness : [])];
  return measured ? [...inStep, memoryChart] : inStep;
}

export function chartPanel(
  picturesPerSecond: number,
  tiles: Tiles | null,
  loading: Promise<Plotly>,
  events: ChartEvents,
  signal: AbortSignal,
): ChartPanel {
  const element = make("div", "ll-charts");
  const bar = make("div", "ll-chart-bar");
  const chart = make("div", "ll-chart");
  const loadingNote = noteWhile(loading);
  const legend = make("div", "ll-legend");
  const readout = make("div", "ll-readout");
  const note = make("div", "ll-chart-note");
  const tools = make("div", "ll-chart-tools");
  const freeze = tool(
    "freeze",
    "Freeze",
    "hold the charts still; the video goes on, and nothing is lost",
  );
  const reset = tool("reset-zoom", "Reset", "back to the newest blocks (0, or a double click)");
  const png = tool("png", "PNG", "save this chart as a picture");
  const csv = tool("csv", "CSV", "save what was measured of all blocks in hand as a table");
  const profile = tool(
    "profile-next",
    "Profile next block",
    "two blocks get slower by it: the profiler begins with one, and takes the other apart",
  );
  const blocks = new Blocks();
  const labels = tiles?.labels ?? [];
  const drawings = drawingsOf(tiles, events.profile !== undefined);
  let drawing: Drawing = tiles === null ? latencyChart : sidesChart;
  let drawn: Plot | undefined;
  let range: Range | undefined;
  let lit: number | undefined;
  let found: BlockProfile | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Number.POSITIVE_INFINITY;

  chart.id = `ll-chart-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  chart.setAttribute("role", "tabpanel");
  chart.tabIndex = 0;
  note.setAttribute("role", "status");
  profile.classList.add("ll-chart-action");
  const choice = tabs("Charts", drawings, chart, show, signal);
  tools.append(freeze, reset, png, csv);
  bar.append(choice.element, tools);
  chart.append(loadingNote, legend, readout, profile);
  element.append(bar, chart, note);
  on(freeze, () => setFrozen(!blocks.isFrozen));
  on(reset, () => zoom(undefined));
  on(png, () => savePng().catch((error: unknown) => say(`no picture: ${String(error)}`)));
  on(csv, saveCsv);
  on(profile, askForProfile);
  chart.addEventListener("keydown", press, { signal });
  const themes = new MutationObserver(() => schedule(0));
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    themes.disconnect();
  });
  loading.then(begin, () => undefined); // the note says why there is none
  choice.choose(drawing.name);
  setFrozen(false);
  zoom(undefined);
  return {
    element,
    add(records) {
      blocks.add(records);
      schedule(REDRAW_MS);
    },
    measured(block, page) {
      blocks.measured(block, page);
      schedule(REDRAW_MS);
    },
    profiled(profile) {
      found = profile;
      say("");
      schedule(0);
    },
    light,
    clear() {
      blocks.clear();
      found = undefined;
      lit = undefined;
      setFrozen(false);
      zoom(undefined);
    },
  };

  function begin(plotly: Plotly): void {
    if (signal.aborted) {
      return;
    }
    drawn = plot(plotly, { choose: (told) => seekAt(blockOf(told)), zoom }, signal);
    loadingNote.replaceWith(drawn.element);
    schedule(0);
  }

  function show(name: Drawing["name"]): void {
    drawing = drawings.find((one) => one.name === name) ?? drawing;
    element.dataset["chart"] = name;
    const keys = drawing.overBlocks ? "; left and right go to the block before and after" : "";
    chart.setAttribute("aria-description", `${drawing.label}${keys}`);
    profile.hidden = name !== "kernels";
    reset.hidden = freeze.hidden = !drawing.overBlocks;
    freeze.hidden ||= events.profile === undefined; // nothing comes that would move them
    say("");
    schedule(0);
  }

  /** Draw after so long, unless that is to be sooner already. */
  function schedule(afterMs: number): void {
    const wanted = performance.now() + afterMs;
    if (wanted < due) {
      clearTimeout(timer);
      due = wanted;
      timer = setTimeout(() => void draw(), afterMs);
    }
  }

  async function draw(): Promise<void> {
    due = Number.POSITIVE_INFINITY;
    write(readout, told());
    if (drawn === undefined || signal.aborted) {
      return;
    }
    const figure = figureNow();
    explain(figure.legend);
    await drawn.draw(figure);
    chart.dataset["ready"] = "true";
    chart.dataset["lit"] = String(lit ?? "");
    chart.dataset["blocks"] = String(blocks.shown.length);
  }

  function light(block: number): void {
    if (block !== lit) {
      lit = block;
      schedule(LIGHT_MS);
    }
  }

  function figureNow(): Figure {
    return drawing.figure(viewNow());
  }

  function viewNow(): View {
    const records = blocks.shown;
    const seen = rangeNow();
    const inRange = within(records, seen).slice(-MOST_DRAWN);
    const look = colours(element);
    return { records, inRange, range: seen, lit, profile: found, picturesPerSecond, labels, look };
  }

  function rangeNow(): Range {
    const newest = blocks.shown.at(-1)?.block ?? 0;
    return (
      range ?? (events.profile === undefined ? wholeRange(blocks.shown, lit) : blockRange(newest))
    );
  }

  function zoom(to: Range | undefined): void {
    range = to;
    reset.disabled = to === undefined;
    element.dataset["zoomed"] = String(to !== undefined);
    schedule(0);
  }

  function setFrozen(frozen: boolean): void {
    if (frozen) {
      blocks.freeze();
    } else {
      blocks.thaw();
    }
    freeze.setAttribute("aria-pressed", String(frozen));
    element.dataset["frozen"] = String(frozen);
    schedule(0);
  }

  function seekAt(block: number | undefined): void {
    if (block !== undefined) {
      seek(block);
    }
  }

  function seek(block: number): void {
    const record = blocks.of(block);
    const why = record === undefined ? "" : events.seek(record);
    if (why === undefined) {
      light(block); // before its picture is there, so that the next key goes on from here
    }
    say(why ?? "");
  }

  function press(event: KeyboardEvent): void {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey);
    if (plain && event.target === chart && drawing.overBlocks && pressed(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** Whether the chart does something of its own with a key. */
  function pressed(key: string): boolean {
    const newest = blocks.shown.at(-1)?.block ?? 0;
    const middle = lit ?? newest;
    switch (key) {
      case "ArrowLeft":
        seek(middle - 1);
        return true;
      case "ArrowRight":
        seek(middle + 1);
        return true;
      case "+":
        zoom(zoomed(rangeNow(), middle, "in", newest));
        return true;
      case "-":
        zoom(zoomed(rangeNow(), middle, "out", newest));
        return true;
      case "0":
        zoom(undefined);
        return true;
      default:
        return false;
    }
  }

  function askForProfile(): void {
    events.profile?.();
    say("two blocks are profiled as soon as they are made");
  }

  async function savePng(): Promise<void> {
    if (drawn !== undefined) {
      const picture = await drawn.picture(figureNow(), colours(element).ground);
      download(`${events.name()}-${drawing.name}.png`, picture);
    }
  }

  function saveCsv(): void {
    if (labels.length > 0) {
      save("sides", sidesCsv(blocks.all, labels));
    } else if (drawing.name === "kernels" && found !== undefined) {
      save("kernels", profileCsv(found));
    } else {
      save("blocks", blocksCsv(blocks.all));
    }
  }

  function save(what: string, text: string): void {
    download(`${events.name()}-${what}.csv`, new Blob([text], { type: "text/csv" }));
  }

  function told(): string {
    const record = lit === undefined ? undefined : blocks.of(lit);
    if (labels.length > 0) {
      return sidesReadout(record, labels);
    }
    return drawing.overBlocks ? readoutOf(record) : profileReadout(found);
  }

  function explain(entries: readonly LegendEntry[]): void {
    const key = entries.map(({ label }) => label).join();
    if (legend.dataset["entries"] === key) {
      return;
    }
    legend.dataset["entries"] = key;
    legend.replaceChildren(
      ...entries.map(({ label, colour }) => {
        const entry = make("span", "", label);
        entry.style.setProperty("--ll-part", colour);
        return entry;
      }),
    );
  }

  function say(text: string): void {
    write(note, text);
  }

  function on(button: HTMLElement, act: () => void): void {
    button.addEventListener("click", act, { signal });
  }
}

function tool(action: string, label: string, hint: string): HTMLButtonElement {
  const button = make("button", "ll-button ll-chart-tool", label);
  button.type = "button";
  button.title = hint;
  button.dataset["action"] = action;
  return button;
}
