// Plotly, which comes from the kernel once a page, and only when a chart is wanted.

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
  // One for all widgets of a page: each of them brings its own copy of this module.
  var longlivePlotly: Promise<Plotly> | undefined;
}

/**
 * The page's Plotly; `fetch` brings it where no other view has asked for it yet. A view that asked
 * may go before it comes: then each of those that wait asks in its turn.
 */
export async function sharedPlotly(fetch: () => Promise<Plotly>): Promise<Plotly> {
  for (let others = globalThis.longlivePlotly; others !== undefined; ) {
    try {
      return await others;
    } catch {
      others = globalThis.longlivePlotly;
    }
  }
  const own = fetch();
  globalThis.longlivePlotly = own;
  try {
    return await own;
  } catch (error) {
    globalThis.longlivePlotly = undefined;
    throw error;
  }
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
