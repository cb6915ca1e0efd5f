// A chart that grows block by block while a video is made: what all of them share.

import type { BlockRecord } from "../protocol.ts";
import type { Plotly } from "./plotly.ts";
import { type Colours, colours } from "./theme.ts";

const MOST_POINTS = 500;
const REDRAW_MS = 250;

/** What one chart shows of the records, in Plotly's words. */
export type Drawing = {
  /** For those who cannot see it. */
  label: string;
  /** What the colours mean: Plotly's own legend would take half of the chart. */
  legend?: readonly { label: string; colour: string }[];
  /** The traces, all of them empty. */
  traces: (look: Colours) => object[];
  layout: (look: Colours) => object;
  /** Values for `extendTraces`: of each kind a list for each trace. */
  points: (records: readonly BlockRecord[]) => Record<string, unknown[][]>;
  /** What moves as blocks come. */
  marks: (records: readonly BlockRecord[], look: Colours) => object;
};

export type LiveChart = {
  element: HTMLElement;
  /** Add what was measured, oldest first. */
  add: (records: readonly BlockRecord[]) => void;
  clear: () => void;
};

/** Charts of the same records, one below the other. */
export function liveCharts(
  drawings: readonly Drawing[],
  loading: Promise<Plotly>,
  signal: AbortSignal,
): LiveChart {
  const charts = drawings.map((drawing) => liveChart(drawing, loading, signal));
  const element = division("ll-charts");
  element.append(...charts.map((chart) => chart.element));
  return {
    element,
    add(records) {
      for (const chart of charts) {
        chart.add(records);
      }
    },
    clear() {
      for (const chart of charts) {
        chart.clear();
      }
    },
  };
}

/** One chart; it keeps what is added before Plotly has come, and draws it then. */
function liveChart(drawing: Drawing, loading: Promise<Plotly>, signal: AbortSignal): LiveChart {
  const element = division("ll-chart");
  const plot = division("ll-plot");
  const note = division("ll-chart-note");
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", drawing.label);
  note.textContent = "the chart is loading";
  element.append(note, plot, legend(drawing.legend ?? []));

  let plotly: Plotly | undefined;
  let all: BlockRecord[] = [];
  let pending: BlockRecord[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const drawPending = async () => {
    timer = undefined;
    if (plotly === undefined || signal.aborted) {
      return;
    }
    const look = colours(element);
    const every = drawing.traces(look).map((_, index) => index);
    const points = drawing.points(pending);
    pending = [];
    await plotly.extendTraces(plot, points, every, MOST_POINTS);
    await plotly.relayout(plot, drawing.marks(all, look));
  };
  const drawAnew = async () => {
    if (plotly === undefined || signal.aborted) {
      return;
    }
    const look = colours(element);
    pending = [...all];
    await plotly.newPlot(plot, drawing.traces(look), drawing.layout(look), {
      displayModeBar: false,
    });
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

function legend(colours: readonly { label: string; colour: string }[]): HTMLElement {
  const element = division("ll-legend");
  for (const { label, colour } of colours) {
    const entry = document.createElement("span");
    entry.style.setProperty("--ll-part", colour);
    entry.textContent = label;
    element.append(entry);
  }
  return element;
}

function division(name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  return element;
}
