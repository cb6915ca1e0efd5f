// How far a sweep is, and below the grid the figures of each of its videos.

import type { SweepState, TileFigures, Tiles } from "../protocol.ts";
import { make } from "../view/elements.ts";

const MIB = 2 ** 20;
const STARTS = "make what is missing, one video after the other; each plays as soon as it is there";
const STOPS = "what is being made is thrown away; all else stays";
const heads: readonly (readonly [string, string])[] = [
  ["video", ""],
  ["ms a block", "median of its blocks"],
  ["ms a picture", "median of its blocks, each by its pictures"],
  [
    "process MiB",
    "the most that the whole process took while it was made: of the GPU, or without one of the host",
  ],
  [
    "PSNR",
    "of each block against the first preset's with the same prompt and seed; the median of those that differ",
  ],
  ["SSIM", "as PSNR"],
];

export type SweepPanel = {
  element: HTMLElement;
  follow: (sweep: SweepState) => void;
  /** What was done with its Python. */
  say: (sentence: string) => void;
};

/** `begin` begins to make what is missing, `hold` ends that. */
export function sweepPanel(
  tiles: Tiles,
  { begin, hold }: { begin: () => void; hold: () => void },
  signal: AbortSignal,
): SweepPanel {
  const element = make("div", "ll-sweep");
  const line = make("div", "ll-sweep-line");
  const button = make("button", "ll-button");
  const told = make("span", "ll-sweep-told");
  const said = make("span", "ll-sweep-said");
  const table = make("table", "ll-sweep-table");
  const head = make("tr", "");
  const rows = tiles.labels.map(row);
  let making = false;

  button.type = "button";
  button.addEventListener("click", () => (making ? hold() : begin()), { signal });
  told.setAttribute("role", "status");
  said.setAttribute("role", "status");
  head.append(
    ...heads.map(([name, hint]) => {
      const cell = make("th", "", name);
      cell.scope = "col";
      cell.title = hint;
      return cell;
    }),
  );
  const [top, body] = [make("thead", ""), make("tbody", "")];
  top.append(head);
  body.append(...rows.map(({ element: each }) => each));
  table.append(top, body);
  line.append(button, told, said);
  element.append(line, table);
  return {
    element,
    follow(sweep) {
      offer(sweep);
      if (told.textContent !== sweep.told) {
        told.textContent = sweep.told;
      }
      for (const [at, figures] of sweep.figures.entries()) {
        rows[at]?.write(inWords(figures));
      }
    },
    say(sentence) {
      said.textContent = sentence;
    },
  };

  function offer(sweep: SweepState): void {
    making = sweep.making;
    button.textContent = making ? "Stop" : "Start";
    button.title = making ? STOPS : STARTS;
    button.hidden = !making && sweep.figures.length === tiles.labels.length;
  }
}

function inWords({ block_ms, picture_ms, process_bytes, equal, psnr_db, ssim }: TileFigures) {
  const ratio = psnr_db === null ? "" : `${psnr_db.toFixed(1)} dB`;
  return [
    block_ms.toFixed(0),
    picture_ms.toFixed(1),
    (process_bytes / MIB).toFixed(0),
    equal ? "equal" : ratio,
    ssim?.toFixed(3) ?? "",
  ];
}

function row(label: string): { element: HTMLElement; write: (told: readonly string[]) => void } {
  const element = make("tr", "");
  const name = make("th", "", label);
  name.scope = "row";
  name.title = label;
  const cells = heads.slice(1).map(() => make("td", ""));
  element.append(name, ...cells);
  return {
    element,
    write(told) {
      for (const [at, cell] of cells.entries()) {
        cell.textContent = told[at] ?? "";
      }
    },
  };
}
