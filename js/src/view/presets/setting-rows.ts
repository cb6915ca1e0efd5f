// Every single setting of the present preset, each to be changed alone.

import type { Panel, SettingOffer, Value, ValueOffer } from "../../panel.ts";
import { make } from "../elements.ts";
import { numberIn, settingName, shownValue, stepsIn, wayWords } from "./wording.ts";

export type SettingRows = { element: HTMLElement; update: (panel: Panel) => void };

type Change = (setting: string, value: Value) => void;
type Control = {
  element: HTMLElement;
  update: (offer: SettingOffer, busy: boolean) => void;
};
type Row = Control;

export function settingRows(change: Change, signal: AbortSignal): SettingRows {
  const element = make("div", "ll-settings");
  const rows = new Map<string, Row>();
  return {
    element,
    update({ settings, loading }) {
      for (const offer of settings) {
        const row = rows.get(offer.name) ?? settingRow(offer, change, signal);
        if (!rows.has(offer.name)) {
          rows.set(offer.name, row);
          element.append(row.element);
        }
        row.update(offer, loading !== null);
      }
    },
  };
}

function settingRow(offer: SettingOffer, change: Change, signal: AbortSignal): Row {
  const element = make("div", "ll-setting");
  const name = make("span", "ll-setting-name", settingName(offer.name));
  const tells = make("span", "ll-setting-tells");
  const control = controlOf(offer, change, signal);
  control.element.dataset["setting"] = offer.name;
  control.element.setAttribute("aria-label", settingName(offer.name));
  element.append(name, control.element, tells);
  return {
    element,
    update(next, busy) {
      control.update(next, busy);
      const isReference = shownValue(next.value) === shownValue(next.reference);
      element.dataset["changed"] = String(!isReference);
      const reference = isReference ? "" : `; reference: ${shownValue(next.reference)}`;
      tells.textContent = `${tellsOf(next)}; ${next.picture}${reference}`;
    },
  };
}

/** What another value takes, as far as it is the same for all of them. */
function tellsOf(offer: SettingOffer): string {
  const others = offer.offers.filter(({ way }) => way !== "now");
  const only = others.length === 1 ? others[0] : undefined;
  if (only?.way === "refused") {
    return `${wayWords("refused")}: ${only.why}`;
  }
  return wayWords(only?.way ?? offer.way);
}

function controlOf(offer: SettingOffer, change: Change, signal: AbortSignal): Control {
  switch (offer.kind) {
    case "switch":
      return toggle(change, signal);
    case "choice":
      return choice(change, signal);
    case "number":
      return field(change, numberIn, "numeric", signal);
    case "steps":
      return field(change, stepsIn, "text", signal);
    default:
      return offer.kind satisfies never;
  }
}

function toggle(change: Change, signal: AbortSignal): Control {
  const element = make("button", "ll-toggle");
  element.type = "button";
  element.setAttribute("role", "switch");
  let other: ValueOffer | undefined;
  let name = "";
  const press = () => other !== undefined && change(name, other.value);
  element.addEventListener("click", press, { signal });
  return {
    element,
    update(offer, busy) {
      name = offer.name;
      const next = offer.offers.find(({ way }) => way !== "now");
      other = busy || next?.way === "refused" ? undefined : next;
      element.setAttribute("aria-checked", String(offer.value));
      element.setAttribute("aria-disabled", String(other === undefined));
    },
  };
}

function choice(change: Change, signal: AbortSignal): Control {
  const element = make("select", "ll-entry");
  let shown: SettingOffer | undefined;
  element.addEventListener(
    "change",
    () => {
      const wanted = shown?.offers[element.selectedIndex];
      if (shown !== undefined && wanted !== undefined) {
        change(shown.name, wanted.value);
      }
      select();
    },
    { signal },
  );
  return {
    element,
    update(offer, busy) {
      shown = offer;
      element.disabled = busy;
      element.replaceChildren(...offer.offers.map(optionOf));
      select();
    },
  };

  /** Show what is so, whatever was chosen: the kernel says when that is another. */
  function select(): void {
    element.selectedIndex = shown?.offers.findIndex(({ way }) => way === "now") ?? -1;
  }
}

function optionOf({ value, way, why }: ValueOffer): HTMLOptionElement {
  const words = way === "now" ? "" : ` (${wayWords(way)})`;
  const option = make("option", "", `${shownValue(value)}${words}`);
  option.disabled = way === "refused";
  option.title = why;
  return option;
}

function field(
  change: Change,
  read: (text: string) => Value,
  mode: string,
  signal: AbortSignal,
): Control {
  const element = make("input", "ll-entry ll-number");
  element.type = "text";
  element.inputMode = mode;
  element.autocomplete = "off";
  element.dataset["kind"] = mode;
  let name = "";
  let said = "";
  const take = () => {
    if (element.value.trim() !== said) {
      change(name, read(element.value));
    }
  };
  element.addEventListener("change", take, { signal });
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape") {
        element.value = said;
      }
    },
    { signal },
  );
  return {
    element,
    update(offer, busy) {
      name = offer.name;
      const next = offer.value === null ? "" : shownValue(offer.value);
      if (next !== said || document.activeElement !== element) {
        element.value = next;
      }
      said = next;
      element.readOnly = busy;
      element.placeholder = offer.value === null ? "none" : "";
    },
  };
}
