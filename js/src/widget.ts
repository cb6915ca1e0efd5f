// A view: the parts of the page put together, and each message brought to those that it concerns.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { latencyChart } from "./charts/latency-chart.ts";
import { liveCharts } from "./charts/live-chart.ts";
import { partsChart } from "./charts/parts-chart.ts";
import { loadPlotly, sharedPlotly } from "./charts/plotly.ts";
import { connect, expected } from "./connection.ts";
import { decodable } from "./playback/decoder.ts";
import { Player, type ShownPicture } from "./playback/player.ts";
import type {
  BlockMessage,
  BlockRecord,
  Codec,
  HistoryMessage,
  Landing,
  PageMessage,
  State,
} from "./protocol.ts";
import { pictureOfFrame } from "./timeline/geometry.ts";
import { timelineStrip } from "./timeline/strip.ts";
import { make } from "./view/elements.ts";
import { errorPanel } from "./view/error-panel.ts";
import { promptBar } from "./view/prompt-bar.ts";
import { screen } from "./view/screen.ts";
import { statusLine } from "./view/status-line.ts";
import { transport } from "./view/transport.ts";
import "./widget.css";

const MEASURE_MS = 250;

function render({ model, el, signal }: RenderProps): void {
  el.append(view(model, signal));
}

function view(model: AnyModel, signal: AbortSignal): HTMLElement {
  const root = make("div", "longlive");
  const errors = errorPanel(signal);
  const plotlySource = expected<Uint8Array<ArrayBuffer>>(signal);
  const connection = connect(model, signal, {
    onMessage: take,
    onState: follow,
    onError: errors.show,
  });
  const { send } = connection;
  let state = connection.state();
  let shown: ShownPicture | undefined;
  let received = 0;

  const display = screen(state.width_px, state.height_px);
  const status = statusLine();
  const buttons = transport(send, signal);
  const prompts = promptBar((prompt) => send({ type: "switch", prompt }), signal);
  const strip = timelineStrip();
  const rate = state.pictures_per_second;
  const plotly = sharedPlotly(async () => {
    const source = plotlySource.wait();
    send({ type: "asset", name: "plotly" });
    return loadPlotly(await source);
  });
  const charts = liveCharts([latencyChart(rate), partsChart(rate)], plotly, signal);
  const player = new Player(
    rate,
    state.h264,
    {
      draw,
      credit: (run, block) => send({ type: "credit", run, block }),
      fail,
    },
    signal,
  );

  const stage = make("div", "ll-stage");
  stage.append(display.element, charts.element);
  const controls = make("div", "ll-controls");
  controls.append(buttons.element, prompts.element);
  const frame = make("div", "ll-frame");
  frame.append(status.element, stage, strip.element, controls, prompts.receipt, errors.element);
  root.append(frame);
  root.dataset["frame"] = "-1";
  root.dataset["prompt"] = "";
  root.dataset["landed"] = "";
  const measuring = setInterval(measure, MEASURE_MS);
  signal.addEventListener("abort", () => clearInterval(measuring));
  follow(state);
  measure();
  decodable(state.h264)
    .then(attach)
    .catch((error) => errors.show(String(error)));
  signal.addEventListener("abort", () => send({ type: "leave", view: connection.view }));
  return root;

  function attach(codecs: Codec[]): void {
    if (!signal.aborted) {
      send({ type: "attach", view: connection.view, codecs });
    }
  }

  function fail(message: string, codec: Codec): void {
    if (codec === "h264") {
      errors.show(`${message}; from here on this view asks for JPEGs`);
      attach(["jpeg"]);
    } else {
      errors.show(message);
    }
  }

  function take(message: PageMessage): void {
    switch (message.type) {
      case "block":
        takeBlock(message);
        break;
      case "state":
        follow(message.state);
        break;
      case "history":
        takeHistory(message);
        break;
      case "receipt":
        errors.settle("prompt");
        prompts.taken(message.landing, state.marks, secondsUntil(message.landing));
        break;
      case "failure":
        errors.show(message.message, message.details, message.topic);
        break;
      case "asset":
        plotlySource.came(message.bytes);
        break;
      default:
        message satisfies never;
    }
  }

  function takeBlock(message: BlockMessage): void {
    if (message.view === null) {
      count(message.record, message.run);
    }
    if (message.view === null || message.view === connection.view) {
      player.take(message);
    }
  }

  function takeHistory({ view: wanting, run, records }: HistoryMessage): void {
    if (wanting === connection.view && run === state.run) {
      charts.clear();
      charts.add(records);
    }
  }

  function follow(next: State): void {
    if (next.run !== state.run) {
      charts.clear();
      shown = undefined;
      received = 0;
      root.dataset["landed"] = "";
    }
    state = next;
    player.follow(state);
    status.update(state);
    buttons.update(state.status);
    prompts.update(state.status);
    strip.update(state, shown?.number ?? -1);
    root.dataset["status"] = state.status;
    root.dataset["run"] = String(state.run);
    root.dataset["dropped"] = String(state.dropped);
    root.dataset["codec"] = state.codec;
  }

  function count(record: BlockRecord, run: number): void {
    if (run !== state.run) {
      return;
    }
    received += record.displayed ? 1 : 0;
    state = {
      ...state,
      made: record.block + 1,
      dropped: state.dropped + (record.displayed ? 0 : 1),
    };
    root.dataset["blocks"] = String(received);
    root.dataset["dropped"] = String(state.dropped);
    charts.add([record]);
    strip.update(state, shown?.number ?? -1);
  }

  function draw(next: ShownPicture): void {
    const { record, number } = next;
    const before = shown?.record.block;
    shown = next;
    display.update(next);
    strip.update(state, number);
    root.dataset["frame"] = String(number);
    root.dataset["prompt"] = record.prompt;
    if (record.block !== before && record.landed !== null) {
      root.dataset["landed"] = record.landed.prompt;
      prompts.landed(record.landed, state.marks, record.first_picture / rate);
    }
  }

  function measure(): void {
    status.measure({ rate: player.rate, aheadSeconds: player.aheadSeconds }, state.dropped);
    root.dataset["queue"] = String(player.waiting);
  }

  /** From the picture on the screen to the first one that the prompt will have steered. */
  function secondsUntil(landing: Landing): number {
    const first = pictureOfFrame(landing.lands_at);
    return shown === undefined ? 0 : (first - shown.number) / rate;
  }
}

export default { render };
