// Plotly, which comes from the kernel once a page, and only when a chart is wanted.

import { inTime, tooLate, whenLate } from "../patience.ts";
import { make } from "../view/elements.ts";

/** An element that holds a plot, and tells what is done to it. */
export type Plotted = HTMLElement & { on: (event: string, act: (told: unknown) => void) => void };

export type Plotly = {
  /** Draws it, or brings what is drawn up to date. */
  react: (element: HTMLElement, data: object[], layout: object, config: object) => Promise<Plotted>;
  toImage: (
    figure: { data: object[]; layout: object },
    options: { format: "png"; width: number; height: number; scale: number },
  ) => Promise<string>;
  purge: (element: HTMLElement) => void;
  Plots: { resize: (element: HTMLElement) => Promise<unknown> };
};

declare global {
  // One for all widgets of a page: studios and explorers have each their own copy of this module.
  var longlivePlotly: Promise<Plotly> | undefined;
}

/**
 * The page's Plotly; `fetch` brings it where no other view has asked for it yet. A view that asked
 * may go before it comes, or its kernel may be silent: then each of those that wait asks in its turn.
 */
export async function sharedPlotly(fetch: () => Promise<Plotly>): Promise<Plotly> {
  for (let others = globalThis.longlivePlotly; others !== undefined; others = besides(others)) {
    try {
      return await inTime(others, tooLate("another view"));
    } catch {
      // its view has gone, or hears nothing
    }
  }
  const own = fetch();
  globalThis.longlivePlotly = own;
  try {
    return await own;
  } catch (error) {
    if (globalThis.longlivePlotly === own) {
      globalThis.longlivePlotly = undefined;
    }
    throw error;
  }
}

/** What another view has asked for since, if one has. */
function besides(before: Promise<Plotly>): Promise<Plotly> | undefined {
  const now = globalThis.longlivePlotly;
  return now === before ? undefined : now;
}

/** What stands in the place of a chart until Plotly is there, or in words why it is not. */
export function noteWhile(loading: Promise<Plotly>): HTMLElement {
  const note = make("div", "ll-chart-note", "the chart is loading");
  whenLate(loading, () => {
    note.textContent = "the chart is loading, and waits for the kernel";
  });
  loading.catch((error: unknown) => {
    note.textContent = `no chart: ${String(error)}`;
  });
  return note;
}

/** Run the source as a module, so that a Plotly that the page has of its own stays as it was. */
export async function loadPlotly(source: Uint8Array<ArrayBuffer>): Promise<Plotly> {
  const wrapped = new Blob(
    [
      "const module = { exports: {} }; const before = window.Plotly; (function () {",
      source,
      "\n}).call(window); window.Plotly = before; export default module.exports;",
    ],
    { type: "text/javascript" },
  );
  const address = URL.createObjectURL(wrapped);
  try {
    const loaded: { default: Plotly } = await import(address);
    return loaded.default;
  } finally {
    URL.revokeObjectURL(address);
  }
}
