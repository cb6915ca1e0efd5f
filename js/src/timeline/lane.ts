// The prompts as blocks side by side: drawn, chosen, and taken hold of.

import { make } from "../view/elements.ts";
import { transitionText } from "../view/transition-menu.ts";
import { fraction, percent, type Segment, type Span } from "./geometry.ts";
import { type Grip, gripAt } from "./gesture.ts";
import { segmentLabel } from "./wording.ts";

const TINTS = 5;
const STILL_PX = 3;

export type Drawing = {
  segments: readonly Segment[];
  span: Span;
  selected: number;
  /** What begins before this latent frame is locked. */
  firstFrame: number;
  rate: number;
  madeFrames: number;
};

export type LaneEvents = {
  choose: (index: number) => void;
  type: (index: number) => void;
  /** A block is pulled by this part of the lane's width. */
  pull: (index: number, grip: Grip, part: number) => void;
  letGo: () => void;
  giveUp: () => void;
};

export type Lane = {
  element: HTMLElement;
  draw: (drawing: Drawing) => void;
  focus: () => void;
  readonly focused: boolean;
  /** Let go of what is pulled, without a change. */
  drop: () => void;
};

export function lane(events: LaneEvents, signal: AbortSignal): Lane {
  const element = make("div", "ll-track");
  const list = make("div", "ll-prompts");
  const made = make("div", "ll-made");
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-orientation", "horizontal");
  list.setAttribute("aria-label", "Prompts of the timeline");
  element.append(list, made);
  let drawn: Drawing | undefined;
  let held: { pointer: number; x: number; index: number; grip: Grip; pulls: boolean } | undefined;
  list.addEventListener("pointerdown", take, { signal });
  list.addEventListener("pointermove", pull, { signal });
  list.addEventListener("pointerup", release, { signal });
  list.addEventListener("pointercancel", drop, { signal });
  list.addEventListener("focusin", reach, { signal });
  list.addEventListener("dblclick", (event) => events.type(indexAt(event)), { signal });
  return {
    element,
    draw,
    focus,
    drop,
    get focused() {
      return list.contains(document.activeElement);
    },
  };

  function draw(drawing: Drawing): void {
    drawn = drawing;
    const { segments, span, madeFrames } = drawing;
    while (list.children.length > segments.length) {
      list.lastElementChild?.remove();
    }
    segments.forEach((segment, i) => {
      const each = list.children[i] ?? list.appendChild(make("div", "ll-segment"));
      if (each instanceof HTMLElement) {
        drawSegment(each, segment, drawing);
      }
    });
    made.style.width = percent(fraction(madeFrames, span));
  }

  function focus(): void {
    const chosen = list.querySelector('[aria-selected="true"]');
    if (chosen instanceof HTMLElement) {
      chosen.focus({ preventScroll: true });
    }
  }

  function take(event: PointerEvent): void {
    const target = segmentAt(event);
    if (target === undefined || event.button !== 0) {
      return;
    }
    const { left, width } = target.getBoundingClientRect();
    const index = Number(target.dataset["index"]);
    const grip = gripAt(event.clientX - left, width);
    held = { pointer: event.pointerId, x: event.clientX, index, grip, pulls: false };
    list.setPointerCapture(event.pointerId);
    events.choose(index);
  }

  function pull(event: PointerEvent): void {
    if (held?.pointer !== event.pointerId) {
      hint(event);
      return;
    }
    const moved = event.clientX - held.x;
    held.pulls ||= Math.abs(moved) > STILL_PX;
    if (held.pulls) {
      events.pull(held.index, held.grip, moved / list.clientWidth);
    }
  }

  /** The focus comes to a prompt that is not chosen, or not in sight. */
  function reach({ target }: FocusEvent): void {
    if (target instanceof HTMLElement && target.dataset["index"] !== undefined) {
      const index = Number(target.dataset["index"]);
      if (index !== drawn?.selected || target.dataset["away"] === "true") {
        events.choose(index);
      }
    }
  }

  /** Show at the pointer what it would take hold of. */
  function hint(event: PointerEvent): void {
    const target = segmentAt(event);
    if (target !== undefined) {
      const { left, width } = target.getBoundingClientRect();
      target.dataset["grip"] = gripAt(event.clientX - left, width);
    }
  }

  function release(event: PointerEvent): void {
    if (held?.pointer === event.pointerId) {
      const { pulls } = held;
      held = undefined;
      if (pulls) {
        events.letGo();
      }
    }
  }

  function drop(): void {
    held = undefined;
    events.giveUp();
  }

  /** Which entry lies there; the pointer is captured, so its place counts, not its target. */
  function indexAt(event: MouseEvent): number {
    const target = segmentAt(event);
    return target === undefined ? (drawn?.selected ?? 0) : Number(target.dataset["index"]);
  }

  function segmentAt(event: MouseEvent): HTMLElement | undefined {
    return [...list.children].find((each): each is HTMLElement => {
      const { left, right } = each.getBoundingClientRect();
      return each instanceof HTMLElement && event.clientX >= left && event.clientX < right;
    });
  }
}

function drawSegment(element: HTMLElement, segment: Segment, drawing: Drawing): void {
  const { span, selected, firstFrame, rate } = drawing;
  const left = fraction(segment.begin, span);
  const right = fraction(segment.end, span);
  const chosen = segment.index === selected;
  const locked = segment.begin < firstFrame;
  // not hidden where it is out of sight, or no key would reach it
  element.dataset["away"] = String(segment.end <= span.begin || segment.begin >= span.end);
  element.style.left = percent(left);
  element.style.width = percent(right - left);
  const phase = segment.landed ? "landed" : "planned";
  setData(element, { index: String(segment.index), phase, tint: String(segment.order % TINTS) });
  setData(element, { locked: String(locked) });
  const ramp = fraction(segment.alone, span) - left;
  element.style.setProperty("--ll-ramp", percent(Math.min(1, ramp / (right - left || 1))));
  element.dataset["recache"] = String(segment.transition.recache);
  setAttributes(element, {
    role: "option",
    tabindex: chosen ? "0" : "-1",
    title: `${segment.prompt}\n${transitionText(segment.transition)}${locked ? "\nbegun: it can no longer be changed" : ""}`,
    "aria-selected": String(chosen),
    "aria-label": segmentLabel(segment, locked, rate),
  });
  if (element.textContent !== segment.prompt) {
    element.textContent = segment.prompt;
  }
}

function setData(element: HTMLElement, values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    if (element.dataset[name] !== value) {
      element.dataset[name] = value;
    }
  }
}

function setAttributes(element: HTMLElement, values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    if (element.getAttribute(name) !== value) {
      element.setAttribute(name, value);
    }
  }
}
