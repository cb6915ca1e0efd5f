// A recording that lies with the kernel, which is asked for each block as it is wanted.

import type { AnyModel } from "@anywidget/types";
import { loadPlotly, sharedPlotly } from "../charts/plotly.ts";
import { connect, expected, type Message, waitingFor } from "../connection.ts";
import { type CodedBlock, decodable } from "../playback/decoder.ts";
import type { BlockRecord, HistoryMessage, Topic } from "../protocol.ts";
import { Questions } from "./questions.ts";
import type { KernelListener, Tape, TapeEvents } from "./tape.ts";

/** A loop goes round in these, and nothing comes twice. */
const KEPT_BLOCKS = 32;

type Answer<T> = { give: (value: T) => void; refuse: (why: Error) => void; promise: Promise<T> };

export function kernelTape(model: AnyModel, { fail, wait }: TapeEvents, signal: AbortSignal): Tape {
  const records = expected<readonly BlockRecord[]>(signal);
  const source = expected<Uint8Array<ArrayBuffer>>(signal);
  const questions = new Questions((late) => wait(late ? waitingFor(model) : ""), signal);
  const blocks = new Map<number, Answer<CodedBlock>>();
  const stills = new Map<number, Answer<Uint8Array<ArrayBuffer> | undefined>>();
  const { view, state, send } = connect(model, signal, {
    onMessage: (message) => {
      if ("view" in message ? message.view === view : true) {
        take(message);
      }
    },
    onState: (next) => listener?.onState(next), // a recording is over: nothing changes any more
    onError: fail,
    onWait: () => undefined,
  });
  const first = state();
  let listener: KernelListener | undefined;
  let taken: number | undefined;
  const coming = records.wait();
  decodable(first.h264)
    .then((codecs) => questions.put(coming, () => send({ type: "attach", view, codecs })))
    .catch((error) => fail(String(error)));
  const leave = () => send({ type: "leave", view });
  signal.addEventListener("abort", leave);
  addEventListener("pagehide", leave, { signal });
  const kernel = { copy, send, listen };
  return { state: first, records: coming, block, exact, plotly, kernel };

  function copy(tile: number | null): void {
    send({ type: "code", view, tile });
  }

  function listen(next: KernelListener): void {
    listener = next;
  }

  function take(message: Message): void {
    switch (message.type) {
      case "history":
        takeRecords(message);
        break;
      case "exported":
        listener?.onCode(message);
        break;
      case "block":
        if (message.run === state().run) {
          blocks.get(message.record.block)?.give(message);
        }
        break;
      case "still":
        stills.get(message.picture)?.give(message.bytes);
        stills.delete(message.picture);
        break;
      case "asset":
        source.came(message.bytes);
        break;
      case "failure":
        refuse(message.message, message.topic);
        break;
      default:
        fail(`a recording has no ${message.type}`);
    }
  }

  /** The first ones, or those of a tape that has grown: what is here of it is no longer right. */
  function takeRecords({ run, records: all }: HistoryMessage): void {
    if (run === taken) {
      return; // they were asked for again, and had come meanwhile
    }
    for (const number of [...blocks.keys()]) {
      drop(number);
    }
    if (taken === undefined) {
      records.came(all);
    } else {
      listener?.onRecords(all);
    }
    taken = run;
  }

  /** Whatever was asked for and has not come, will not: it may be asked for again. */
  function refuse(message: string, topic: Topic): void {
    fail(message);
    if (topic === "code") {
      return; // no picture was asked for by that
    }
    for (const answers of [blocks, stills]) {
      for (const { refuse } of answers.values()) {
        refuse(new Error(message));
      }
      answers.clear();
    }
  }

  function block(number: number): Promise<CodedBlock> {
    const here = blocks.get(number) ?? asked<CodedBlock>();
    if (!blocks.has(number)) {
      questions.put(here.promise, () =>
        send({ type: "block", view, run: state().run, block: number }),
      );
    }
    blocks.delete(number); // and so it is the newest
    blocks.set(number, here);
    for (const oldest of blocks.keys()) {
      if (blocks.size <= KEPT_BLOCKS) {
        break;
      }
      drop(oldest);
    }
    return here.promise;
  }

  function drop(number: number): void {
    const gone = blocks.get(number);
    if (gone !== undefined) {
      questions.forget(gone.promise);
      blocks.delete(number);
    }
  }

  function exact(picture: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const here = stills.get(picture) ?? asked<Uint8Array<ArrayBuffer> | undefined>();
    if (!stills.has(picture)) {
      stills.set(picture, here);
      questions.put(here.promise, () => send({ type: "still", view, run: state().run, picture }));
    }
    return here.promise;
  }

  function plotly() {
    return sharedPlotly(async () => {
      const coming = source.wait();
      send({ type: "asset", name: "plotly" });
      return loadPlotly(await coming);
    });
  }
}

function asked<T>(): Answer<T> {
  let give: (value: T) => void = () => undefined;
  let refuse: (why: Error) => void = () => undefined;
  const promise = new Promise<T>((resolved, rejected) => {
    give = resolved;
    refuse = rejected;
  });
  return { give, refuse, promise };
}
