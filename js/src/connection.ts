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

const PATIENCE_MS = 300;
const LOST = "a click, or the word that it was heard, was lost: if nothing came of it, click again";
/** What a page sends of itself: nobody waits for its effect. The others are controls. */
const unasked: ReadonlySet<Command["type"]> = new Set([
  "credit",
  "attach",
  "leave",
  "look",
  "still",
  "block",
  "asset",
  "read",
  "time",
]);

export type Connection = {
  /** This view's name among all views of all pages. */
  view: string;
  /** The newest that was told. */
  state: () => State;
  send: (command: Command) => void;
};

/** What is told once; states come by a way of their own, and what was heard stays here. */
export type Message = Exclude<PageMessage, StateMessage | { type: "heard" }>;

export type Listener = {
  onMessage: (message: Message) => void;
  /** A state that is newer than all before; it comes as a message and as a trait. */
  onState: (state: State) => void;
  onError: (message: string) => void;
  /** A control that was sent waits for the kernel, in words; "" once all of them are heard. */
  onWait: (words: string) => void;
};

/**
 * Listen to the kernel until the signal; a message that cannot be read is told as an error.
 *
 * A view that takes the place of another one knows a state already, `known`: what is older is left out.
 */
export function connect(
  model: AnyModel,
  signal: AbortSignal,
  listener: Listener,
  known?: State,
): Connection {
  const view = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      listener.onError(error instanceof Error ? error.message : String(error));
    }
  };
  const controls = new Controls(view, {
    waits: (waits) => listener.onWait(waits ? waitingFor(model) : ""),
    lost: () => listener.onError(LOST),
  });
  const now = () => parseState(model.get("page_state"));
  const trait = now();
  let newest = known !== undefined && known.told > trait.told ? known : trait;
  const takeState = (state: State) => {
    if (state.told > newest.told) {
      newest = state;
      listener.onState(state);
    }
  };
  const deliver = (message: PageMessage) => {
    switch (message.type) {
      case "state":
        takeState(message.state);
        break;
      case "heard":
        controls.heard(message);
        break;
      case "time":
        controls.answered(message);
        listener.onMessage(message);
        break;
      default:
        listener.onMessage(message);
    }
  };
  const take = (content: unknown, buffers: unknown) =>
    guarded(() => deliver(parse(content, Array.isArray(buffers) ? buffers : [])));
  const takeTrait = () => guarded(() => takeState(now()));
  model.on("msg:custom", take);
  model.on("change:page_state", takeTrait);
  signal.addEventListener("abort", () => {
    controls.forget();
    model.off("msg:custom", take);
    model.off("change:page_state", takeTrait);
  });
  return {
    view,
    state: () => newest,
    send(command) {
      const asked = { view, number: unasked.has(command.type) ? 0 : controls.sent(command.type) };
      model.send(asked.number === 0 ? command : { ...command, asked });
    },
  };
}

/** The controls that were sent, and which of them the kernel has not come to. */
class Controls {
  private number = 0;
  private readonly open = new Map<number, { type: Command["type"]; sentMs: number }>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly view: string,
    private readonly tell: { waits: (waits: boolean) => void; lost: () => void },
  ) {}

  /** The number of one more control; if nothing is heard of it in time, it waits. */
  sent(type: Command["type"]): number {
    this.timer ??= setTimeout(() => this.tell.waits(true), PATIENCE_MS);
    this.number += 1;
    this.open.set(this.number, { type, sentMs: performance.now() });
    return this.number;
  }

  /** The kernel takes controls in their order, and says so of each: one before it was lost. */
  heard({ view, number }: { view: string; number: number }): void {
    if (view === this.view) {
      this.open.delete(number);
      this.loseThose((other) => other < number);
    }
  }

  /** The kernel has come to a question, so one that was sent before it and not heard was lost. */
  answered({ view, asked_ms }: { view: string; asked_ms: number }): void {
    if (view === this.view) {
      this.loseThose((_, sentMs) => sentMs < asked_ms);
    }
  }

  forget(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.open.clear();
  }

  /**
   * Wait no longer for those of which it is so. An edit is made again by the timeline, of another
   * the user is to hear: then it is true.
   */
  private loseThose(isSo: (number: number, sentMs: number) => boolean): void {
    const lost = [...this.open].filter(([number, { sentMs }]) => isSo(number, sentMs));
    for (const [number] of lost) {
      this.open.delete(number);
    }
    if (this.open.size === 0 && this.timer !== undefined) {
      this.forget();
      this.tell.waits(false);
    }
    if (lost.some(([, { type }]) => type !== "edit")) {
      this.tell.lost();
    }
  }
}

/** Why nothing is heard: the kernel runs a cell, as far as the host tells. */
export function waitingFor(model: AnyModel): string {
  const busy = within(kernelOf(model), "status") === "busy";
  return busy ? "queued until the cell ends" : "waits for the kernel";
}

/** Undefined where the host shows none. */
function kernelOf(model: AnyModel): unknown {
  try {
    return within(model.widget_manager, "kernel");
  } catch {
    return undefined; // marimo has no manager, and throws where it is asked for
  }
}

function within(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
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
