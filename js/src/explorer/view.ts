// The explorer of trade-offs: its menus, a chart, the presets as a list, and what a click does.

import { type Plot, placeOf, plot } from "../charts/plot.ts";
import { noteWhile, type Plotly } from "../charts/plotly.ts";
import { tabs } from "../charts/tabs.ts";
import { colours } from "../charts/theme.ts";
import { make } from "../view/elements.ts";
import { themed } from "./figure.ts";
import type { Drawn, Explored, Row, Wish } from "./state.ts";

const TABS: readonly { name: Drawn; tab: string; label: string }[] = [
  { name: "trade", tab: "Trade-off", label: "Time of a block against pictures, a dot a preset" },
  { name: "waterfall", tab: "Waterfall", label: "What each optimisation gives" },
  { name: "roofline", tab: "Roofline", label: "How near each part is to what the device can do" },
];
const QUALITIES: Readonly<Record<string, string>> = {
  psnr: "PSNR of the worst block",
  ssim: "SSIM of the worst block",
  judge: "what a judge finds",
};

export type Explorer = {
  element: HTMLElement;
  update: (state: Explored) => void;
  /** Something went wrong on the page. */
  say: (words: string) => void;
};

export function explorer(
  first: Explored,
  loading: Promise<Plotly>,
  send: (wish: Wish) => void,
  signal: AbortSignal,
): Explorer {
  const element = make("div", "ll-frame ll-explorer-frame");
  const bar = make("div", "ll-chart-bar");
  const chart = make("div", "ll-chart ll-explorer-chart");
  const loadingNote = noteWhile(loading);
  const note = make("p", "ll-explorer-note");
  const said = make("p", "ll-explorer-said");
  const presets = make("ul", "ll-preset-list");
  const code = make("pre", "ll-explorer-code");
  const cases = menu("Measured", (value) => choose({ case: value }));
  const qualities = menu("Pictures by", (value) => choose({ quality: value }));
  let state = first;
  let shown: Drawn = "trade";
  let drawing: Plot | undefined;
  let listed = "";

  chart.id = `ll-explorer-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  chart.setAttribute("role", "tabpanel");
  chart.tabIndex = 0;
  said.setAttribute("role", "status");
  const choice = tabs("Charts", TABS, chart, show, signal);
  bar.append(choice.element, qualities.element, cases.element);
  chart.append(loadingNote);
  element.append(bar, chart, note, said, presets, code);
  const themes = new MutationObserver(() => void draw());
  themes.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
  signal.addEventListener("abort", () => themes.disconnect());
  loading.then(begin, () => undefined); // the note says why there is none
  choice.choose(shown);
  return { element, update, say };

  function begin(plotly: Plotly): void {
    if (signal.aborted) {
      return;
    }
    drawing = plot(plotly, { choose: clicked, zoom: () => undefined }, signal);
    loadingNote.replaceWith(drawing.element);
    void draw();
  }

  function update(next: Explored): void {
    state = next;
    fill();
  }

  function show(name: Drawn): void {
    shown = name;
    element.dataset["chart"] = name;
    const label = TABS.find((one) => one.name === name)?.label ?? "";
    chart.setAttribute("aria-description", label);
    fill();
  }

  function fill(): void {
    cases.fill(
      state.cases.map((name) => [name, name]),
      state.case,
    );
    qualities.fill(
      state.qualities.map((name) => [name, QUALITIES[name] ?? name]),
      state.quality,
    );
    qualities.element.hidden = shown !== "trade";
    note.textContent = state.charts[shown].note;
    say(state.said);
    code.textContent = state.code;
    code.hidden = state.code === "";
    list();
    void draw();
  }

  async function draw(): Promise<void> {
    const { figure } = state.charts[shown];
    chart.hidden = figure === null;
    if (drawing === undefined || figure === null || signal.aborted) {
      return;
    }
    await drawing.draw(themed(figure, colours(element)));
    chart.dataset["drawn"] = shown;
  }

  function list(): void {
    const { presets: rows, preset, present, live } = state;
    const wanted = JSON.stringify([rows, preset, present, live]);
    if (wanted === listed) {
      return; // a new list would lose the focus
    }
    listed = wanted;
    const focused = document.activeElement;
    const name =
      focused instanceof HTMLElement && presets.contains(focused)
        ? focused.dataset["preset"]
        : undefined;
    presets.replaceChildren(...rows.map((row) => entry(row)));
    if (name !== undefined) {
      presets.querySelector<HTMLElement>(`[data-preset=${CSS.escape(name)}]`)?.focus();
    }
  }

  function entry({ name, figures, changes, best }: Row): HTMLElement {
    const item = make("li", "ll-preset");
    const button = make("button", "ll-button ll-preset-name", name);
    button.type = "button";
    button.dataset["preset"] = name;
    button.setAttribute("aria-pressed", String(name === state.preset));
    button.title = state.live ? "make the studio's video under it" : "show how to load it";
    button.addEventListener("click", () => take(name));
    item.dataset["best"] = String(best);
    item.dataset["way"] = name === state.present ? "now" : "";
    item.append(button);
    if (name === state.present) {
      item.append(make("span", "ll-badge", "in use"));
    }
    if (best) {
      item.append(make("span", "ll-way", "no other beats it"));
    }
    const told = figures.filter((figure) => figure !== "").join(", ");
    item.append(
      make("span", "ll-preset-figures", told),
      make("span", "ll-preset-changes", changes.join(", ")),
    );
    return item;
  }

  function clicked(told: unknown): void {
    const row = shown === "trade" ? state.presets[placeOf(told) ?? -1] : undefined;
    if (row !== undefined) {
      take(row.name);
    }
  }

  function take(preset: string): void {
    send({ type: "take", preset });
  }

  function choose(changed: { case?: string; quality?: string }): void {
    const { case: label, quality, preset } = state;
    send({ type: "choose", case: label, quality, preset, ...changed });
  }

  function say(words: string): void {
    if (said.textContent !== words) {
      said.textContent = words;
    }
  }

  function menu(label: string, chosen: (value: string) => void) {
    const whole = make("label", "ll-explorer-menu", `${label} `);
    const select = make("select", "ll-input");
    whole.append(select);
    select.addEventListener("change", () => chosen(select.value), { signal });
    return {
      element: whole,
      fill(options: readonly (readonly [string, string])[], value: string): void {
        const shape = JSON.stringify(options);
        if (select.dataset["options"] !== shape) {
          select.dataset["options"] = shape;
          select.replaceChildren(...options.map(optionOf));
        }
        select.value = value;
        whole.hidden = options.length < 2;
      },
    };
  }
}

function optionOf([value, words]: readonly [string, string]): HTMLOptionElement {
  const option = make("option", "", words);
  option.value = value;
  return option;
}
