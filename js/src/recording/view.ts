// A recording on the page: the parts of the studio that look, and none that steer.

import { chartPanel } from "../charts/panel.ts";
import { type CodedBlock, Decoder } from "../playback/decoder.ts";
import type { ShownPicture } from "../playback/player.ts";
import type { BlockRecord, State } from "../protocol.ts";
import { timelineBoard } from "../timeline/board.ts";
import { handOver } from "../timeline/files.ts";
import { pictureOfFrame } from "../timeline/geometry.ts";
import { copyButton } from "../view/copy-button.ts";
import { heedDisabled, make } from "../view/elements.ts";
import { errorPanel } from "../view/error-panel.ts";
import { filmBar } from "../view/film-bar.ts";
import { screen } from "../view/screen.ts";
import { shortcuts } from "../view/shortcuts.ts";
import { statusLine } from "../view/status-line.ts";
import { stills } from "../view/stills.ts";
import { lookBackKeys, stageOf } from "../view/theatre.ts";
import { tileView } from "../view/tiles.ts";
import { sweepPanel } from "./sweep-panel.ts";
import type { Kernel, Tape, TapeEvents } from "./tape.ts";
import { TapePlayer } from "./tape-player.ts";

const MEASURE_MS = 250;

/** `open` gives the tape, and tells what goes wrong with it, or is long in coming. */
export function recordingView(
  open: (events: TapeEvents) => Tape,
  signal: AbortSignal,
): HTMLElement {
  const root = make("div", "longlive");
  heedDisabled(root, signal);
  const theatre = make("div", "ll-theatre");
  const errors = errorPanel(() => theatre.focus({ preventScroll: true }), signal);
  const status = statusLine();
  const tape = open({ fail: errors.show, wait: status.wait });
  let { state } = tape;
  const rate = state.pictures_per_second;
  let shown: ShownPicture | undefined;

  const size = { width: state.width_px, height: state.height_px };
  const { kernel } = tape;
  const growing = state.sweep === null ? undefined : kernel;
  const tiles =
    state.tiles === null || growing === undefined
      ? undefined
      : tileView(
          state.tiles,
          size,
          { send: growing.send, focus: () => display.focus(), copy: growing.copy },
          signal,
        );
  const sweep =
    state.tiles === null || growing === undefined
      ? undefined
      : sweepPanel(
          state.tiles,
          {
            begin: () => growing.send({ type: "start" }),
            hold: () => growing.send({ type: "stop" }),
          },
          signal,
        );
  const display = screen(
    size,
    tiles?.lens,
    { snapshot: () => exact.save(state.model), fail: errors.show, theatre },
    signal,
  );
  const exact = stills(display, {
    ask: (picture) => void bring(picture),
    shown: () => shown?.number,
    shows: (picture) => player.shows(picture),
    refined: (picture) => {
      root.dataset["exact"] = String(picture);
    },
    fail: errors.show,
  });
  const timeline = timelineBoard(
    state,
    {
      seek: (frame) => back.seek(pictureOfFrame(frame)),
      blocks: made,
      tool: copyTool(kernel, signal),
    },
    signal,
  );
  const charts = chartPanel(
    rate,
    state.tiles,
    tape.plotly(),
    { seek: (record) => back.goTo(record), name: () => state.model },
    signal,
  );
  const decoder = new Decoder(state.h264);
  const player = new TapePlayer(
    rate,
    {
      fetch: tape.block,
      decode: (block) => decoder.decode(block),
      close: () => decoder.close(),
    },
    { draw, stand: (picture) => void bring(picture), fail: errors.show },
    signal,
  );
  const { back } = player;
  const playOrStand = () => player.playOrStand();
  const film = filmBar(
    rate,
    {
      seek: (picture) => back.seek(picture),
      step: (by) => back.step(by),
      playOrStand,
      loop: () => back.loop(),
    },
    signal,
  );
  const keys = shortcuts(
    root,
    [theatre],
    [
      { key: " ", name: "space", says: "play, or stand", act: playOrStand },
      ...lookBackKeys(back),
      ...(tiles === undefined
        ? []
        : [{ key: "v", name: "v", says: "look at them in the next way", act: tiles.cycle }]),
    ],
    [],
    signal,
  );
  const stage = stageOf(theatre, display, film.element, keys.sheet, charts.element);
  const frame = make("div", "ll-frame");
  // a sweep has as many timelines as prompts, and all of them are one entry
  frame.append(status.element, stage, sweep?.element ?? timeline.element, errors.element);
  if (tiles !== undefined) {
    display.element.append(tiles.overlay);
    display.element.after(tiles.bar);
  }
  root.append(frame);
  root.dataset["frame"] = "-1";
  root.dataset["status"] = state.status;
  status.update(state);
  display.follow(state.status);
  timeline.follow(state);
  const measuring = setInterval(measure, MEASURE_MS);
  signal.addEventListener("abort", () => clearInterval(measuring));
  follow(state);
  kernel?.listen({
    onState: follow,
    onRecords: take,
    onCode: async ({ name, text }) => (sweep ?? timeline).say(await handOver("python", name, text)),
  });
  tape.records.then(take, (error) => errors.show(String(error)));
  return root;

  function follow(next: State): void {
    state = next;
    if (next.sweep !== null) {
      sweep?.follow(next.sweep);
      root.dataset["made"] = String(next.sweep.figures.length);
    }
  }

  function take(records: readonly BlockRecord[]): void {
    player.load(records, state.codec);
    if (growing !== undefined && shown === undefined) {
      player.playRound(); // somebody waits for the first of them
    }
    charts.add(records);
    root.dataset["blocks"] = String(records.length);
  }

  function draw(next: ShownPicture): void {
    shown = next;
    display.update(next);
    if ("sides" in next.record) {
      tiles?.update(next.record);
    }
    film.update(player.place);
    timeline.show(next);
    charts.light(next.record.block);
    root.dataset["frame"] = String(next.number);
    root.dataset["prompt"] = next.record.prompt;
    root.dataset["exact"] = "";
  }

  function measure(): void {
    film.update(player.place);
    root.dataset["playing"] = String(player.place?.playing ?? false);
  }

  async function bring(picture: number): Promise<void> {
    try {
      const bytes = await tape.exact(picture);
      const { run } = state;
      exact.take({ type: "still", view: "", run, picture, kept: bytes !== undefined, bytes });
    } catch (error) {
      errors.show(String(error));
    }
  }

  async function made(block: number): Promise<CodedBlock | undefined> {
    const records = await tape.records;
    return records.some((one) => one.block === block) ? tape.block(block) : undefined;
  }
}

/** Where a kernel is, it knows the cell that makes this video. */
function copyTool(kernel: Kernel | undefined, signal: AbortSignal): HTMLElement | undefined {
  const hint = "the cell that makes a studio of this video, from its beginning";
  return kernel && copyButton(hint, () => kernel.copy(null), signal);
}
