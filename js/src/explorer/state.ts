// What the kernel tells of trade-offs, and what may be asked of it.

import { boolean, type Fields, list, number, object, text, texts } from "../fields.ts";

export const drawn = ["trade", "waterfall", "roofline"] as const;
export type Drawn = (typeof drawn)[number];

/** A figure in Plotly's words, null where there is none; `note` says why, or what it leaves open. */
export type Chart = { figure: { data: Fields[]; layout: Fields } | null; note: string };

/** A preset with its time, pictures and memory in words; `best` if no other beats it. */
export type Row = { name: string; figures: string[]; changes: string[]; best: boolean };

export type Explored = {
  told: number;
  cases: string[];
  case: string;
  qualities: string[];
  quality: string;
  presets: Row[];
  /** The one that was chosen last. */
  preset: string;
  /** The one under which the studio makes its video, "" if it is none of these. */
  present: string;
  /** Whether there is a studio. */
  live: boolean;
  said: string;
  code: string;
  charts: Record<Drawn, Chart>;
};

export type Wish =
  | { type: "choose"; case: string; quality: string; preset: string }
  | { type: "take"; preset: string }
  | { type: "asset"; name: "plotly" };

/** What is told; a `ProtocolError` if it is something else. */
export function parseExplored(value: unknown): Explored {
  const fields = object(value, "page_state");
  const charts = object(fields["charts"], "charts");
  return {
    told: number(fields, "told"),
    cases: texts(fields, "cases"),
    case: text(fields, "case"),
    qualities: texts(fields, "qualities"),
    quality: text(fields, "quality"),
    presets: list(fields, "presets").map(parseRow),
    preset: text(fields, "preset"),
    present: text(fields, "present"),
    live: boolean(fields, "live"),
    said: text(fields, "said"),
    code: text(fields, "code"),
    charts: {
      trade: parseChart(charts["trade"]),
      waterfall: parseChart(charts["waterfall"]),
      roofline: parseChart(charts["roofline"]),
    },
  };
}

function parseRow(value: unknown): Row {
  const fields = object(value, "a preset");
  return {
    name: text(fields, "name"),
    figures: texts(fields, "figures"),
    changes: texts(fields, "changes"),
    best: boolean(fields, "best"),
  };
}

function parseChart(value: unknown): Chart {
  const fields = object(value, "a chart");
  const note = text(fields, "note");
  if (fields["figure"] === null) {
    return { figure: null, note };
  }
  const figure = object(fields["figure"], "a figure");
  const data = list(figure, "data").map((trace) => object(trace, "a trace"));
  return { figure: { data, layout: object(figure["layout"], "a layout") }, note };
}
