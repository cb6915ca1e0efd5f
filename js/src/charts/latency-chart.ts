// The latency of each block, live: it grows point by point, with switches and the real-time line.

import type { BlockRecord } from "../protocol.ts";
import { layout, marks, traces } from "./latency-layout.ts";
import type { Plotly } from "./plotly.ts";
import { latencyPoints, switches } from "./series.ts";
import { colours } from "./theme.ts";

const MOST_POINTS = 500;
const REDRAW_MS = 250;

export type LatencyChart = {
  element: HTMLElement;
  /** Add what was measured, oldest first. */
  add: (records: readonly BlockRecord[]) => void;
  clear: () => void;
};

/** The chart; it keeps what is added before Plotly has come, and draws it then. */
export function latencyChart(
  loading: Promise<Plotly>,
  picturesPerSecond: number,
  signal: AbortSignal,
): LatencyChart {
  const element = division("ll-chart");
  const plot = division("ll-plot");
  const note = division("ll-chart-note");
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", "Latency of each block in milliseconds");
  note.textContent = "the chart is loading";
  element.append(note, plot);

  let plotly: Plotly | undefined;
  let all: BlockRecord[] = [];
  let pending: BlockRecord[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const drawPending = async () => {
    timer = undefined;
    if (plotly === undefined || signal.aborted) {
      return;
    }
    const line = latencyPoints(pending);
    const diamonds = latencyPoints(switches(pending));
    pending = [];
    const points = {
      x: [line.x, diamonds.x],
      y: [line.y, diamonds.y],
      text: [line.text, diamonds.text],
    };
    await plotly.extendTraces(plot, points, [0, 1], MOST_POINTS);
    await plotly.relayout(plot, marks(all, picturesPerSecond, colours(element)));
  };
  const drawAnew = async () => {
    if (plotly === undefined || signal.aborted) {
      return;
    }
    const look = colours(element);
    pending = [...all];
    await plotly.newPlot(plot, traces(look), layout(look), { displayModeBar: false });
    await drawPending();
  };

  loading.then(
    async (loaded) => {
      plotly = loaded;
      note.remove();
      await drawAnew();
      element.dataset["ready"] = "true";
    },
    (error: unknown) => {
      note.textContent = `no chart: ${String(error)}`;
    },
  );
  const sizes = new ResizeObserver(() => {
    if (element.dataset["ready"] !== undefined && plot.clientWidth > 0) {
      void plotly?.Plots.resize(plot);
    }
  });
  sizes.observe(element);
  const themes = new MutationObserver(() => void drawAnew());
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    sizes.disconnect();
    themes.disconnect();
    plotly?.purge(plot);
  });
  return {
    element,
    add(records) {
      all = [...all, ...records].slice(-MOST_POINTS);
      pending.push(...records);
      timer ??= setTimeout(() => void drawPending(), REDRAW_MS);
    },
    clear() {
      all = [];
      void drawAnew();
    },
  };
}

function division(name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  return element;
}
