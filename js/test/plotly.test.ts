import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Plotly, sharedPlotly } from "../src/charts/plotly.ts";
import { expected } from "../src/connection.ts";

const plotly: Plotly = {
  react: () => Promise.reject(new Error("nothing is drawn here")),
  toImage: async () => "",
  purge: () => undefined,
  Plots: { resize: async () => undefined },
};

/** Views that want Plotly, in the order in which they were opened. */
function openViews(count: number) {
  const asked: number[] = [];
  const views = Array.from({ length: count }, (_, number) => {
    const closing = new AbortController();
    const coming = expected<Plotly>(closing.signal);
    const chart = sharedPlotly(async () => {
      asked.push(number);
      return coming.wait();
    }).catch((error: unknown) => String(error));
    return { chart, close: () => closing.abort(), answer: () => coming.came(plotly) };
  });
  return { views, asked };
}

/** Let all that is settled be heard of. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("the page's Plotly", () => {
  beforeEach(() => {
    globalThis.longlivePlotly = undefined;
  });

  it("is asked for once, however many views want it", async () => {
    const { views, asked } = openViews(3);
    views[0]?.answer();
    expect(await Promise.all(views.map(({ chart }) => chart))).toEqual([plotly, plotly, plotly]);
    expect(asked).toEqual([0]);
  });

  it("is asked for by the next view where the one that asked has gone", async () => {
    const { views, asked } = openViews(3);
    views[0]?.close();
    await settled();
    expect(asked).toEqual([0, 1]);
    views[1]?.answer();
    expect(await Promise.all(views.map(({ chart }) => chart))).toEqual([
      "Error: the view was closed",
      plotly,
      plotly,
    ]);
  });

  it("comes to the last view too where all others went while they waited", async () => {
    const { views } = openViews(3);
    views[1]?.close();
    views[0]?.close();
    await settled();
    views[2]?.answer();
    expect(await views[2]?.chart).toBe(plotly);
  });

  it("is asked for by the next view where that which asked hears nothing for 5 s", async () => {
    vi.useFakeTimers();
    const { views, asked } = openViews(3);
    await vi.advanceTimersByTimeAsync(5000);
    vi.useRealTimers();
    expect(asked).toEqual([0, 1]);
    views[1]?.answer();
    expect(await views[2]?.chart).toBe(plotly);
    views[0]?.close();
    expect(await views[0]?.chart).toBe("Error: the view was closed");
    expect(await globalThis.longlivePlotly).toBe(plotly);
  });

  it("is asked for again by a view that opens after a failure", async () => {
    const first = openViews(1);
    first.views[0]?.close();
    await settled();
    const second = openViews(1);
    second.views[0]?.answer();
    expect(await second.views[0]?.chart).toBe(plotly);
  });
});
