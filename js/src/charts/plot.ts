// One plot on the page: drawn by Plotly as often as may be, and what is done to it.

import { inTime, tooLate } from "../patience.ts";
import { make } from "../view/elements.ts";
import type { Figure } from "./drawing.ts";
import type { Plotly } from "./plotly.ts";
import type { Range } from "./series.ts";

/** A saved chart has room for Plotly's own legend; on the page it is ours, and smaller. */
const png = { format: "png", width: 900, height: 450, scale: 2 } as const;
const withLegend = { showlegend: true, legend: { x: 1.07, traceorder: "normal" } };

export type PlotEvents = {
  /** Somebody has clicked at what Plotly tells of. */
  choose: (told: unknown) => void;
  /** Somebody has zoomed; undefined is back to where it was. */
  zoom: (range: Range | undefined) => void;
};

export type Plot = {
  element: HTMLElement;
  draw: (figure: Figure) => Promise<void>;
  /** What is drawn as a PNG, over `ground`. */
  picture: (figure: Figure, ground: string) => Promise<Blob>;
};

export function plot(plotly: Plotly, events: PlotEvents, signal: AbortSignal): Plot {
  const element = make("div", "ll-plot");
  let listened = false;
  const sizes = new ResizeObserver(() => {
    if (listened && element.clientWidth > 0) {
      void plotly.Plots.resize(element);
    }
  });
  sizes.observe(element);
  signal.addEventListener("abort", () => {
    sizes.disconnect();
    plotly.purge(element);
  });
  return { element, draw, picture };

  async function draw({ data, layout }: Figure): Promise<void> {
    const config = { displayModeBar: false, doubleClick: false };
    const plotted = await plotly.react(element, data, layout, config);
    if (!listened) {
      listened = true;
      plotted.on("plotly_click", events.choose);
      plotted.on("plotly_relayout", (told) => zoom(rangeOf(told)));
      plotted.on("plotly_doubleclick", () => events.zoom(undefined));
    }
  }

  function zoom(range: Range | undefined): void {
    if (range !== undefined) {
      events.zoom(range);
    }
  }

  async function picture({ data, layout, legend }: Figure, ground: string): Promise<Blob> {
    const over = { paper_bgcolor: ground, plot_bgcolor: ground };
    const whole = { ...layout, ...over, ...(legend.length > 0 ? withLegend : {}) };
    const drawn = plotly.toImage({ data, layout: whole }, png);
    const address = await inTime(drawn, tooLate("its PNG"));
    const [, coded = ""] = address.split(",");
    const bytes = Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  }
}

/** The block that was clicked at, if Plotly tells of one. */
export function blockOf(told: unknown): number | undefined {
  return wholeOf(told, "x");
}

/** The place of what was clicked at among all that are drawn, where each dot says its own. */
export function placeOf(told: unknown): number | undefined {
  return wholeOf(told, "customdata");
}

function wholeOf(told: unknown, name: string): number | undefined {
  const points = field(told, "points");
  const value = Array.isArray(points) ? field(points[0], name) : undefined;
  return typeof value === "number" && Number.isInteger(value) ? value : undefined;
}

/** The range that was zoomed to, if that is what Plotly tells of. */
export function rangeOf(told: unknown): Range | undefined {
  const [from, to] = [field(told, "xaxis.range[0]"), field(told, "xaxis.range[1]")];
  return typeof from === "number" && typeof to === "number" ? [from, to] : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
