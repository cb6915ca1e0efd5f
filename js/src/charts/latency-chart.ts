// The latency of each block, live: it grows point by point, with switches and the real-time line.

import type { BlockRecord } from "../protocol.ts";
import type { Plotly } from "./plotly.ts";
import { asText, blockRange, latencyPoints, realTimeMs, switches } from "./series.ts";
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
  plotly: Promise<Plotly>,
  picturesPerSecond: number,
  signal: AbortSignal,
): LatencyChart {
  const element = document.createElement("div");
  element.className = "ll-chart";
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", "Latency of each block in milliseconds");
  const plot = document.createElement("div");
  plot.className = "ll-plot";
  const note = document.createElement("div");
  note.className = "ll-chart-note";
  note.textContent = "the chart is loading";
  element.append(note, plot);

  let library: Plotly | undefined;
  let all: BlockRecord[] = [];
  let drawn = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const draw = async () => {
    timer = undefined;
    if (library === undefined || signal.aborted) {
      return;
    }
    const fresh = all.slice(drawn);
    drawn = all.length;
    const points = latencyPoints(fresh);
    const marks = latencyPoints(switches(fresh));
    await library.extendTraces(
      plot,
      { x: [points.x, marks.x], y: [points.y, marks.y], text: [points.text, marks.text] },
      [0, 1],
      MOST_POINTS,
    );
    await library.relayout(plot, {
      "xaxis.range": blockRange(all.at(-1)?.block ?? 0),
      ...marksOf(all, picturesPerSecond),
    });
  };
  const drawSoon = () => {
    timer ??= setTimeout(() => void draw(), REDRAW_MS);
  };
  const begin = async () => {
    if (library !== undefined && !signal.aborted) {
      drawn = 0;
      await library.newPlot(plot, traces(), layout(), { displayModeBar: false, responsive: false });
      await draw();
    }
  };

  plotly.then(
    async (loaded) => {
      if (!signal.aborted) {
        library = loaded;
        note.remove();
        await begin();
        element.dataset["ready"] = "true";
      }
    },
    (error: unknown) => {
      note.textContent = `no chart: ${String(error)}`;
    },
  );
  const sizes = new ResizeObserver(() => {
    if (library !== undefined && drawn >= 0 && plot.isConnected && plot.clientWidth > 0) {
      void library.Plots.resize(plot);
    }
  });
  sizes.observe(element);
  const themes = new MutationObserver(() => void begin());
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-name", "class"] });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    sizes.disconnect();
    themes.disconnect();
    library?.purge(plot);
  });
  return {
    element,
    add(records) {
      all = [...all, ...records].slice(-MOST_POINTS);
      drawSoon();
    },
    clear() {
      all = [];
      void begin();
    },
  };

  function traces(): object[] {
    const { accent, warning } = colours(element);
    return [
      {
        x: [],
        y: [],
        text: [],
        mode: "lines+markers",
        line: { color: accent, width: 1.5 },
        marker: { color: accent, size: 4 },
        hovertemplate: "block %{x}: %{y:.0f} ms<br>%{text}<extra></extra>",
      },
      {
        x: [],
        y: [],
        text: [],
        mode: "markers",
        marker: { color: warning, size: 8, symbol: "diamond" },
        hovertemplate: "switch at block %{x}: %{y:.0f} ms<br>%{text}<extra></extra>",
      },
    ];
  }

  function layout(): object {
    const { ink, faint, rule, font } = colours(element);
    const axis = {
      gridcolor: rule,
      zeroline: false,
      linecolor: rule,
      tickfont: { color: faint },
      fixedrange: true,
    };
    return {
      margin: { l: 44, r: 10, t: 26, b: 34 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: font, size: 11, color: ink },
      showlegend: false,
      hovermode: "closest",
      title: {
        text: "latency of a block, ms",
        font: { size: 11, color: faint },
        x: 0,
        xref: "container",
        xanchor: "left",
        y: 1,
        yanchor: "top",
        pad: { l: 8, t: 7 },
      },
      xaxis: {
        ...axis,
        range: blockRange(0),
        showgrid: false,
        title: { text: "block", standoff: 4, font: { color: faint } },
      },
      yaxis: { ...axis, rangemode: "tozero", nticks: 5 },
      shapes: [],
    };
  }

  function marksOf(records: readonly BlockRecord[], rate: number): object {
    const { warning, faint } = colours(element);
    const newest = records.at(-1);
    if (newest === undefined) {
      return { shapes: [], annotations: [] };
    }
    const realTime = realTimeMs(newest, rate);
    const [first] = blockRange(newest.block);
    const inView = switches(records).filter((record) => record.block >= first);
    return {
      shapes: [
        {
          type: "line",
          xref: "paper",
          x0: 0,
          x1: 1,
          y0: realTime,
          y1: realTime,
          line: { color: faint, width: 1, dash: "dash" },
        },
        ...inView.map((record) => ({
          type: "line",
          yref: "paper",
          x0: record.block,
          x1: record.block,
          y0: 0,
          y1: 1,
          line: { color: warning, width: 1, dash: "dot" },
        })),
      ],
      annotations: [
        {
          text: asText("real time"),
          xref: "paper",
          x: 1,
          xanchor: "right",
          y: realTime,
          yanchor: "bottom",
          showarrow: false,
          font: { size: 10, color: faint },
        },
      ],
    };
  }
}
