// A view: the parts of the page put together, and each message brought to those that it concerns.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { chartPanel } from "./charts/panel.ts";
import { loadPlotly, sharedPlotly } from "./charts/plotly.ts";
import { connect, expected, type Message } from "./connection.ts";
import { decodable } from "./playback/decoder.ts";
import { isDropped, makingFirst } from "./playback/health.ts";
import { Player, type ShownPicture } from "./playback/player.ts";
import { Way } from "./playback/way.ts";
import {
  type BlockMessage,
  type BlockProfile,
  type BlockRecord,
  type Codec,
  type ExportedMessage,
  type HistoryMessage,
  type Landing,
  parseState,
  type ReadingMessage,
  type State,
  type TimeMessage,
} from "./protocol.ts";
import { kernelTape } from "./recording/kernel-tape.ts";
import { recordingView } from "./recording/view.ts";
import { shared } from "./shared.ts";
import { timelineBoard } from "./timeline/board.ts";
import { handOver } from "./timeline/files.ts";
import { pictureOfFrame } from "./timeline/geometry.ts";
import { keysInWords } from "./timeline/keys.ts";
import { attention } from "./view/attention.ts";
import { branchPanel } from "./view/branches.ts";
import { download, heedDisabled, make } from "./view/elements.ts";
import { errorPanel } from "./view/error-panel.ts";
import { filmBar } from "./view/film-bar.ts";
import { hostNote } from "./view/host.ts";
import { presetsPanel } from "./view/presets/presets-panel.ts";
import { promptBar } from "./view/prompt-bar.ts";
import { type Screen, screen } from "./view/screen.ts";
import { shortcuts } from "./view/shortcuts.ts";
import { statusLine } from "./view/status-line.ts";
import { stills } from "./view/stills.ts";
import { lookBackKeys, stageOf } from "./view/theatre.ts";
import { tileView } from "./view/tiles.ts";
import { transport } from "./view/transport.ts";
import "./widget.css";

const MEASURE_MS = 250;
/** The answer also tells what was lost on the way, so nobody waits longer for that. */
const ASK_TIME_MS = 4000;
const FIRST_ANSWERS = 3;

/** Beside a view that goes with its studio, and would leave a blank; JupyterLab hides the output of one. */
function leaveWord(gone: HTMLElement): void {
  const output = gone.closest<HTMLElement>(".jp-OutputArea-output");
  const place = output !== null && gone.parentElement === output ? output : gone;
  const word = "This studio is closed. Run its cell again to open a new one.";
  place.after(make("div", "longlive ll-closed", word));
}

/** One studio on one page, and all its views there. */
function widget() {
  const company = new Set<Player>();
  return {
    /** A view, and another one in its place where pictures come in another size. */
    render({ model, el, signal }: RenderProps): void {
      signal.addEventListener("abort", () => {
        if (el.querySelector('.longlive[data-status="closed"]') !== null) {
          leaveWord(el);
        }
        el.replaceChildren(); // JupyterLab keeps the element of a view that has gone
      });
      show();

      function show(state?: State, open = false): void {
        if (parseState(model.get("page_state")).status === "recorded") {
          el.replaceChildren(recordingView((events) => kernelTape(model, events, signal), signal));
          return;
        }
        const ends = new AbortController();
        const again = (next: State, opened: boolean) => {
          ends.abort();
          show(next, opened);
        };
        const both = AbortSignal.any([signal, ends.signal]);
        el.replaceChildren(view(model, company, { state, open, again }, both));
      }
    },
  };
}

/** What a view begins with, and how it gives way to one for a state of another size. */
type Beginning = {
  state: State | undefined;
  open: boolean;
  again: (state: State, open: boolean) => void;
};

function view(
  model: AnyModel,
  company: Set<Player>,
  beginning: Beginning,
  signal: AbortSignal,
): HTMLElement {
  const root = make("div", "longlive");
  heedDisabled(root, signal);
  const errors = errorPanel(() => theatre.focus({ preventScroll: true }), signal);
  const plotlySource = expected<Uint8Array<ArrayBuffer>>(signal);
  const connection = connect(
    model,
    signal,
    {
      onMessage: take,
      onState: follow,
      onError: errors.show,
      onWait: (words) => status.wait(words),
    },
    beginning.state,
  );
  const { send } = connection;
  let state = connection.state();
  let shown: ShownPicture | undefined;
  let received = 0;
  let editedMs = 0;
  let plain = false;
  let decodes: readonly Codec[] = [];
  /** Whether the kernel has answered that it knows this view. */
  let attached = false;
  /** Undefined before it is known. */
  let looking: boolean | undefined;

  const theatre = make("div", "ll-theatre");
  const size = { width: state.width_px, height: state.height_px };
  const tiles =
    state.tiles === null
      ? undefined
      : tileView(
          state.tiles,
          size,
          {
            send: (command) => send(command),
            focus: () => display.focus(),
            copy: (tile) => send({ type: "code", view: connection.view, tile }),
          },
          signal,
        );
  const display: Screen = screen(
    size,
    tiles?.lens,
    { snapshot: () => exact.save(`${state.model}-${state.run}`), fail: errors.show, theatre },
    signal,
  );
  const exact = stills(display, {
    ask: (picture) => send({ type: "still", view: connection.view, run: state.run, picture }),
    shown: () => shown?.number,
    shows: (picture) => shown?.number === picture,
    refined: (picture) => {
      root.dataset["exact"] = String(picture);
    },
    fail: errors.show,
  });
  const status = statusLine();
  const buttons = transport(send, connection.view, signal);
  const ask = (prompt: string) => send({ type: "read", view: connection.view, prompt });
  const prompts = promptBar(
    (prompt, transition) => send({ type: "switch", prompt, transition }),
    ask,
    signal,
  );
  const timeline = timelineBoard(
    state,
    {
      edit: (wish) => {
        editedMs = performance.now();
        send({ type: "edit", view: connection.view, ...wish });
      },
      save: (form) => send({ type: "export", view: connection.view, form }),
      open: (name, text) => send({ type: "import", view: connection.view, name, text }),
      ask,
      blocks: async (block) => player.played(block),
    },
    signal,
  );
  const rate = state.pictures_per_second;
  const plotly = sharedPlotly(async () => {
    const source = plotlySource.wait();
    send({ type: "asset", name: "plotly" });
    return loadPlotly(await source);
  });
  const charts = chartPanel(
    rate,
    state.tiles,
    plotly,
    {
      seek: (record) => back.goTo(record),
      profile: () => send({ type: "profile" }),
      name: () => `${state.model}-${state.run}`,
    },
    signal,
  );
  const way = new Way();
  const player = new Player(
    rate,
    state.h264,
    company,
    {
      draw,
      land,
      stand: (run, picture) => send({ type: "still", view: connection.view, run, picture }),
      credit,
      ask: (run, block) => send({ type: "block", view: connection.view, run, block }),
      come: timeline.come,
      filled: ({ record }) => timeline.came(record.block),
      decoded,
      fail,
    },
    signal,
  );

  const { back } = player;
  const film = filmBar(
    rate,
    {
      seek: (picture) => back.seek(picture),
      step: (by) => back.step(by),
      playOrStand: () => player.playOrStand(),
      loop: () => back.loop(),
      goLive: () => back.leave(),
    },
    signal,
  );
  const keys = shortcuts(
    root,
    [theatre, buttons.element],
    [
      { key: " ", name: "space", says: "start, hold, go on", act: startOrHold },
      ...lookBackKeys(back),
      { key: "r", name: "r", says: "record, or end it", act: buttons.record },
      ...(tiles === undefined
        ? []
        : [{ key: "v", name: "v", says: "look at them in the next way", act: tiles.cycle }]),
      ...(tiles === undefined
        ? [{ key: "b", name: "b", says: "branch from here", act: () => branches?.begin() }]
        : []),
      { key: "End", name: "End", says: "to the video as it is made", act: () => back.leave() },
      { key: "z", name: "z", says: "undo on the timeline", act: () => timeline.act("undo") },
      { key: "Z", name: "shift + z", says: "redo there", act: () => timeline.act("redo") },
    ],
    [{ title: "Keys, while the timeline has the focus", keys: keysInWords }],
    signal,
  );
  keys.sheet.append(hostNote());
  const stage = stageOf(theatre, display, film.element, keys.sheet, charts.element);
  if (tiles !== undefined) {
    display.element.append(tiles.overlay);
    display.element.after(tiles.bar);
  }
  const presets = presetsPanel(send, beginning.open, signal);
  const branches =
    tiles === undefined ? branchPanel(send, connection.view, ask, signal) : undefined;
  const controls = make("div", "ll-controls");
  controls.append(buttons.element, prompts.element);
  const frame = make("div", "ll-frame");
  frame.append(status.element, stage, timeline.element, controls, prompts.receipt, errors.element);
  if (branches !== undefined) {
    frame.append(branches.element, presets.progress, presets.element);
  }
  root.append(frame);
  root.dataset["frame"] = "-1";
  root.dataset["prompt"] = "";
  root.dataset["landed"] = "";
  const measuring = setInterval(measure, MEASURE_MS);
  const askingTime = setInterval(() => {
    sayWhetherLooking(); // once more, for it may have been lost
    askTime();
  }, ASK_TIME_MS);
  signal.addEventListener("abort", () => {
    clearInterval(measuring);
    clearInterval(askingTime);
  });
  follow(state);
  measure();
  decodable(state.h264)
    .then(attach)
    .catch((error) => errors.show(String(error)));
  const leave = () => {
    attached = false;
    send({ type: "leave", view: connection.view });
  };
  signal.addEventListener("abort", leave);
  addEventListener("pagehide", leave, { signal });
  return root;

  function attach(codecs: Codec[]): void {
    if (!signal.aborted) {
      decodes = codecs;
      send({ type: "attach", view: connection.view, codecs });
      attention(theatre, look, signal);
      askTime();
    }
  }

  function askTime(): void {
    send({ type: "time", view: connection.view, asked_ms: performance.now() });
  }

  /** Blocks come in their order, so those that were left out are lost. */
  function mindGap({ run, record }: BlockMessage): void {
    if (run === state.run && record.block > state.made) {
      catchUp();
    }
  }

  function takeTime(message: TimeMessage): void {
    const { asked_ms, kernel_ms, run, owed } = message;
    if (way.heard(asked_ms, kernel_ms, performance.now()) < FIRST_ANSWERS) {
      askTime();
    }
    if (!attached) {
      attachAgain();
    } else if (isBehind(message)) {
      catchUp();
    } else if (asked_ms > editedMs) {
      timeline.heardSince();
    }
    player.settle(run, owed);
  }

  /** Whether the kernel has told of more than has come here. */
  function isBehind({ told, run, newest }: TimeMessage): boolean {
    return told > state.told || (run === state.run && newest >= state.made);
  }

  /** Messages were lost: attached anew, this view is told the state, what was made and the newest block. */
  function catchUp(): void {
    attachAgain();
    askTime(); // credits were lost too
  }

  function attachAgain(): void {
    if (decodes.length > 0) {
      send({ type: "attach", view: connection.view, codecs: plain ? ["jpeg"] : decodes });
      sayWhetherLooking(); // whoever attaches counts as looking
    }
  }

  function sayWhetherLooking(): void {
    if (looking !== undefined) {
      send({ type: "look", view: connection.view, looking });
    }
  }

  function look(now: boolean): void {
    looking = now;
    sayWhetherLooking();
    root.dataset["looking"] = String(looking);
    player.look(looking);
    if (looking) {
      askTime(); // while nobody looked, credits may have been lost
    }
  }

  function fail(message: string, codec: Codec): void {
    if (codec === "jpeg") {
      errors.show(message);
    } else if (!plain) {
      plain = true;
      errors.show(`${message}; from here on this view asks for JPEGs`);
      attachAgain();
    }
  }

  function take(message: Message): void {
    const to = "view" in message ? message.view : null;
    if (to === null || to === connection.view) {
      takeOwn(message);
    }
  }

  function takeOwn(message: Message): void {
    switch (message.type) {
      case "block":
        takeBlock(message);
        break;
      case "opening":
        if (decodes.includes(message.codec)) {
          player.open(message);
        }
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
      case "notice":
        prompts.say(message.message);
        break;
      case "clip":
        download(message.name, new Blob([message.bytes], { type: "video/mp4" }));
        break;
      case "still":
        if (message.run === state.run) {
          exact.take(message);
        }
        break;
      case "gone":
        player.lose(message);
        break;
      case "time":
        takeTime(message);
        break;
      case "profile":
        takeProfile(message.run, message.profile);
        break;
      case "asset":
        plotlySource.came(message.bytes);
        break;
      case "edited":
        takeAnswer(message.accepted);
        break;
      case "reading":
        takeReading(message);
        break;
      case "exported":
        takeFile(message);
        break;
      case "tree":
        branches?.update(message);
        break;
      case "panel":
        presets.update(message.panel);
        break;
      default:
        message satisfies never;
    }
  }

  function takeBlock(message: BlockMessage): void {
    if (message.view === null) {
      mindGap(message);
      count(message);
    }
    if (decodes.includes(message.codec)) {
      way.came(message.run, message.record.block, message.sent_ms, performance.now());
      player.take(message);
    } else if (decodes.length > 0) {
      // coded before the kernel heard what this view decodes: the room for it is free again
      credit(message.run, message.record.block);
    }
  }

  function decoded(run: number, block: number, elapsedMs: number): void {
    way.decoded(run, block, elapsedMs);
    if (run === state.run) {
      charts.measured(block, way.of(run, block));
    }
  }

  function credit(run: number, block: number, seenAtMs?: number): void {
    const seen = seenAtMs === undefined ? null : way.kernelMs(seenAtMs);
    send({ type: "credit", run, block, seen_ms: seen, ...way.of(run, block) });
  }

  function takeAnswer(accepted: boolean): void {
    timeline.answered(accepted);
    if (accepted) {
      errors.settle("prompt");
    }
  }

  function takeReading({ prompt, unknown, unread }: ReadingMessage): void {
    prompts.mark(prompt, unknown, unread);
    branches?.field.mark(prompt, unknown, unread);
    timeline.mark(prompt, unknown, unread);
  }

  async function takeFile({ form, name, text }: ExportedMessage): Promise<void> {
    timeline.say(await handOver(form, name, text));
  }

  function takeHistory({ run, records }: HistoryMessage): void {
    attached = true;
    if (run === state.run) {
      charts.add(records);
    }
  }

  function takeProfile(run: number, profile: BlockProfile): void {
    if (run === state.run) {
      charts.profiled(profile);
    }
  }

  function startOrHold(): void {
    if (back.review === undefined) {
      buttons.press();
    } else {
      back.playOrStand();
    }
  }

  function follow(next: State): void {
    if (!isOfSize(next, state)) {
      beginning.again(next, presets.element.open);
      return;
    }
    if (next.run !== state.run) {
      charts.clear();
      shown = undefined;
      received = 0;
      root.dataset["landed"] = "";
      prompts.say(""); // what was said of a prompt was said of another video
    }
    state = next;
    player.follow(state);
    status.update(state);
    display.follow(state.status, makingFirst(player.vitals));
    buttons.update(state);
    prompts.update(state);
    timeline.follow(state);
    presets.follow(state);
    tiles?.follow(state);
    branches?.follow(state);
    root.dataset["preset"] = state.preset;
    root.dataset["status"] = state.status;
    root.dataset["run"] = String(state.run);
    root.dataset["dropped"] = String(state.dropped);
    root.dataset["codec"] = state.codec;
    root.dataset["recording"] = state.recording ?? "";
  }

  function count({ record, run, begun }: BlockMessage): void {
    if (run !== state.run) {
      return;
    }
    received += record.displayed ? 1 : 0;
    root.dataset["blocks"] = String(received);
    if (record.block < state.made) {
      return; // late: it was counted when it came without pictures
    }
    state = {
      ...state,
      made: record.block + 1,
      begun: Math.max(state.begun, begun),
      dropped: state.dropped + (isDropped(record) ? 1 : 0),
    };
    root.dataset["dropped"] = String(state.dropped);
    charts.add([record]);
    timeline.follow(state);
  }

  function draw(next: ShownPicture, live: boolean): void {
    const { record, number } = next;
    shown = next;
    display.update(next);
    if ("sides" in record) {
      tiles?.update(record);
    }
    branches?.shown(record.block, live);
    film.update(player.place);
    timeline.show(next);
    charts.light(record.block);
    root.dataset["frame"] = String(number);
    root.dataset["live"] = String(live);
    root.dataset["exact"] = "";
    root.dataset["prompt"] = record.prompt;
  }

  function land(landing: Landing, record: BlockRecord): void {
    root.dataset["landed"] = landing.prompt;
    prompts.landed(landing, state.marks, record, record.first_picture / rate);
  }

  function measure(): void {
    const { vitals } = player;
    status.measure(vitals, state.dropped);
    display.follow(state.status, makingFirst(vitals));
    film.update(player.place);
    root.dataset["queue"] = String(player.waiting);
  }

  /** From where the video is to the first picture that the prompt will have steered. */
  function secondsUntil(landing: Landing): number {
    const first = pictureOfFrame(landing.lands_at);
    return player.liveNumber < 0 ? 0 : (first - player.liveNumber) / rate;
  }
}

function isOfSize(one: State, other: State): boolean {
  return one.width_px === other.width_px && one.height_px === other.height_px;
}

export default shared(widget);
