// One view's line to its model in the kernel. Knows the host's model, but no element of the page.

import type { AnyModel } from "@anywidget/types";
import {
  type Command,
  type PageMessage,
  parse,
  parseState,
  type State,
  type StateMessage,
} from "./protocol.ts";

export type Connection = {
  /** This view's name among all views of all pages. */
  view: string;
  state: () => State;
  send: (command: Command) => void;
};

/** What is told once; states come by a way of their own. */
export type Message = Exclude<PageMessage, StateMessage>;

export type Listener = {
  onMessage: (message: Message) => void;
  /** A state that is newer than all before; it comes as a message and as a trait. */
  onState: (state: State) => void;
  onError: (message: string) => void;
};

/** Listen to the kernel until the signal; a message that cannot be read is told as an error. */
export function connect(model: AnyModel, signal: AbortSignal, listener: Listener): Connection {
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      listener.onError(error instanceof Error ? error.message : String(error));
    }
  };
  const now = () => parseState(model.get("page_state"));
  let newest = now().told;
  const takeState = (state: State) => {
    if (state.told > newest) {
      newest = state.told;
      listener.onState(state);
    }
  };
  const take = (content: unknown, buffers: unknown) =>
    guarded(() => {
      const message = parse(content, Array.isArray(buffers) ? buffers : []);
      if (message.type === "state") {
        takeState(message.state);
      } else {
        listener.onMessage(message);
      }
    });
  const takeTrait = () => guarded(() => takeState(now()));
  model.on("msg:custom", take);
  model.on("change:page_state", takeTrait);
  signal.addEventListener("abort", () => {
    model.off("msg:custom", take);
    model.off("change:page_state", takeTrait);
  });
  return {
    view: crypto.getRandomValues(new Uint32Array(2)).join("-"),
    state: now,
    send: (command) => model.send(command),
  };
}

export type Expected<T> = {
  /** What the next `came` brings; rejected once the view has gone, whichever is first. */
  wait: () => Promise<T>;
  came: (value: T) => void;
};

/** Something that the kernel brings later, for as long as the view is there. */
export function expected<T>(signal: AbortSignal): Expected<T> {
  let resolve: (value: T) => void = () => {};
  return {
    wait: () =>
      new Promise((resolved, rejected) => {
        const gone = () => rejected(new Error("the view was closed"));
        if (signal.aborted) {
          gone();
        }
        resolve = resolved;
        signal.addEventListener("abort", gone);
      }),
    came: (value) => resolve(value),
  };
}
