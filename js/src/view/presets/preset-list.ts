// The presets, one below the other: what each changes, what it takes here, and what a click does.

import type { Panel, PresetOffer } from "../../panel.ts";
import { make } from "../elements.ts";
import { changesWords, measuredWords, wayWords } from "./wording.ts";

export type PresetList = { element: HTMLElement; update: (panel: Panel) => void };

type Row = { element: HTMLElement; update: (offer: PresetOffer, busy: boolean) => void };

export function presetList(use: (preset: string) => void, signal: AbortSignal): PresetList {
  const element = make("ul", "ll-preset-list");
  element.setAttribute("aria-label", "Presets");
  const rows = new Map<string, Row>();
  return {
    element,
    update({ presets, loading }) {
      for (const [name, gone] of rows) {
        if (!presets.some((offer) => offer.name === name)) {
          gone.element.remove();
          rows.delete(name);
        }
      }
      for (const offer of presets) {
        rowOf(offer.name).update(offer, loading !== null);
      }
    },
  };

  function rowOf(name: string): Row {
    const row = rows.get(name) ?? presetRow(name, use, signal);
    if (!rows.has(name)) {
      rows.set(name, row);
      element.append(row.element);
    }
    return row;
  }
}

function presetRow(name: string, use: (preset: string) => void, signal: AbortSignal): Row {
  const element = make("li", "ll-preset");
  const button = make("button", "ll-button ll-preset-name", name);
  const badge = make("span", "ll-badge", "recommended");
  const way = make("span", "ll-way");
  const figures = make("span", "ll-preset-figures");
  const summary = make("div", "ll-preset-summary");
  const changes = make("div", "ll-preset-changes");
  const why = make("div", "ll-preset-why");
  button.type = "button";
  button.dataset["preset"] = name;
  let usable = false;
  button.addEventListener("click", () => usable && use(name), { signal });
  element.append(button, badge, way, figures, summary, changes, why);
  return {
    element,
    update(offer, busy) {
      usable = !busy && offer.way !== "now" && offer.way !== "refused";
      element.dataset["way"] = offer.way;
      button.setAttribute("aria-disabled", String(!usable));
      button.setAttribute("aria-pressed", String(offer.way === "now"));
      const said = wayWords(offer.way);
      button.setAttribute("aria-label", `Preset ${name}: ${said}. ${offer.why}`);
      button.title = usable ? `make videos under ${name}` : said;
      way.title = offer.why;
      badge.hidden = !offer.recommended;
      way.textContent = said;
      figures.textContent = measuredWords(offer.measured);
      summary.textContent = offer.summary;
      changes.textContent = changesWords(offer.changes);
      why.textContent = offer.why;
      why.hidden = offer.way !== "refused";
    },
  };
}
