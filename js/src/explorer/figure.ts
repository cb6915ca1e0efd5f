// A figure that the kernel has drawn, in the colours of the page. Pure.

import type { Figure } from "../charts/drawing.ts";
import { axis } from "../charts/layout.ts";
import type { Colours } from "../charts/theme.ts";
import type { Fields } from "../fields.ts";

const SMALL = { size: 11 };

/** The figure as the page shows it: no ground of its own, ink and rules of the page. */
export function themed(
  { data, layout }: { data: Fields[]; layout: Fields },
  look: Colours,
): Figure {
  const { height: _, ...own } = layout;
  return {
    data: data.map((trace) => ({ ...trace, ...whiskers(trace, look) })),
    layout: {
      ...own,
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: look.font, size: 11, color: look.ink },
      hoverlabel: { bgcolor: look.ground, bordercolor: look.rule, font: { color: look.ink } },
      hovermode: "closest",
      dragmode: false,
      margin: { l: 56, r: 16, t: 30, b: 44 },
      legend: { orientation: "h", x: 0, y: -0.2, yanchor: "top", itemsizing: "constant" },
      title: {
        ...fieldsOf(own["title"]),
        font: { ...SMALL, color: look.faint },
        x: 0,
        xanchor: "left",
        pad: { l: 8 },
      },
      xaxis: ofPage(own["xaxis"], look),
      yaxis: ofPage(own["yaxis"], look),
    },
    legend: [],
  };
}

function ofPage(own: unknown, look: Colours): object {
  const fields = fieldsOf(own);
  const title = {
    ...fieldsOf(fields["title"]),
    font: { ...SMALL, color: look.faint },
    standoff: 6,
  };
  return { ...fields, ...axis(look), fixedrange: true, automargin: true, title };
}

function whiskers(trace: Fields, look: Colours): object {
  const error = trace["error_x"];
  return error === undefined
    ? {}
    : { error_x: { ...fieldsOf(error), color: look.ink, thickness: 1, width: 3 } };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
