// The timeline: prompts as blocks on a ruler, what is made, where the viewer stands, and all edits.

import type { ShownPicture } from "../playback/player.ts";
import { cut, type Plan, type State } from "../protocol.ts";
import { enable, make } from "../view/elements.ts";
import { type Item, menu } from "../view/menu.ts";
import type { Ask, PromptField } from "../view/prompt-field.ts";
import { shortly, transitionItems } from "../view/transition-menu.ts";
import { chosenBy, editOf, inside } from "./acting.ts";
import { Editing, type Wish } from "./editing.ts";
import { type FileEvents, fileMenu } from "./files.ts";
import { type BlocksOnDemand, filmstrip } from "./filmstrip.ts";
import {
  fraction,
  frameOfPicture,
  percent,
  type Segment,
  type Span,
  segments,
} from "./geometry.ts";
import { type Grip, landingEntry, pulled } from "./gesture.ts";
import { type Act, actOf, keysInWords, keysToLook } from "./keys.ts";
import { lane } from "./lane.ts";
import {
  added,
  blockOf,
  type Edit,
  isOpen,
  retyped,
  samePlan,
  type Terms,
  takingOver,
} from "./plan.ts";
import { ruler } from "./ruler.ts";
import { editTools, lookTools, toolbar } from "./toolbar.ts";
import { typing } from "./typing.ts";
import { atFirst, lookOf, panned, revealing, spanOf, type Viewport, zoomed } from "./viewport.ts";
import { landingText, segmentLabel } from "./wording.ts";

const WHEEL_PX_TO_DOUBLE = 300;

export type Board = {
  element: HTMLElement;
  /** Show the state. */
  follow: (state: State) => void;
  /** The viewer is at this picture. */
  show: (shown: ShownPicture) => void;
  /** The video as it is made has come to a block, which others than this viewer may look at. */
  come: (live: ShownPicture) => void;
  /** A block has come that is shown only to who looks back. */
  came: (block: number) => void;
  /** Take the last edit back, or make one again that was taken back. */
  act: (act: "undo" | "redo") => void;
  /** The kernel's answer to the last edit. */
  answered: (accepted: boolean) => void;
  /** The kernel has answered what it was asked after the last edit. */
  heardSince: () => void;
  /** The kernel says how a prompt is read. */
  mark: PromptField["mark"];
  /** Tell the user something, in the line below. */
  say: (sentence: string) => void;
};

/** What is done to a timeline that may be changed. */
export type Steering = Pick<FileEvents, "save" | "open"> & {
  edit: (wish: Wish) => void;
  ask: Ask;
  blocks: BlocksOnDemand;
};

/** What is done to that of a recording. */
export type Looking = {
  /** Go to a latent frame. */
  seek: (frame: number) => void;
  blocks: BlocksOnDemand;
  /** What else is done with it, among the buttons. */
  tool?: HTMLElement | undefined;
};

/** What is offered where a timeline may be changed, and where it is looked at. */
const toSteer = { tools: editTools, keys: keysInWords, hint: "double-click to add a prompt" };
const toLook = { tools: lookTools, keys: keysToLook, hint: "double-click to go there" };

/** What a pull would make of the plan, over the part that was looked at when it began. */
type Pull = { plan: Plan; span: Span; from: number; grip: Grip; part: number };

export function timelineBoard(
  first: State,
  events: Steering | Looking,
  signal: AbortSignal,
): Board {
  const steering = "edit" in events ? events : undefined;
  const looking = "seek" in events ? events : undefined;
  const offered = looking === undefined ? toSteer : toLook;
  const editing = new Editing((wish) => steering?.edit(wish));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let state = first;
  let shown: ShownPicture | undefined;
  const whole = { begin: 0, length: first.made * first.block_frames, following: false };
  let view: Viewport = looking === undefined ? atFirst : whole;
  let selected = 0;
  let pull: Pull | undefined;
  let drawn: Span | undefined;

  const element = make("div", "ll-timeline");
  const field = make("div", "ll-field");
  const note = make("div", "ll-note");
  const playhead = make("div", "ll-playhead");
  const landing = make("div", "ll-landing");
  const words = typing(
    () => prompts.focus(),
    (prompt) => steering?.ask(prompt),
    signal,
  );
  const film = filmstrip(state.h264, state.tiles, events.blocks, signal);
  const tools = toolbar(offered.tools, act, signal);
  const manner = menu("How the chosen prompt takes over", manners, signal);
  const scale = ruler(
    {
      pan: (part) => pan(part * length()),
      choose: (part) => (looking ? looking.seek(frameAt(part)) : add(frameAt(part))),
    },
    offered.hint,
    signal,
  );
  const prompts = lane({ choose: take, type: retype, pull: pullBy, letGo, giveUp }, signal);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Timeline");
  prompts.element.title = offered.keys.map(({ name, says }) => `${name}: ${says}`).join("\n");
  manner.button.classList.add("ll-tool");
  if (steering !== undefined) {
    const file = fileMenu({ ...steering, refuse: (sentence) => say(sentence) }, signal);
    for (const { element: list } of [manner, file]) {
      list.classList.add("ll-menu-up"); // below, the cell's output ends
      tools.gap.append(list);
    }
  }
  if (looking?.tool !== undefined) {
    tools.gap.append(looking.tool);
  }
  note.setAttribute("role", "status");
  note.setAttribute("aria-live", "polite");
  playhead.setAttribute("aria-hidden", "true");
  landing.setAttribute("aria-hidden", "true");
  landing.hidden = true;
  field.append(scale.element, prompts.element, film.element, landing, playhead, words.element);
  element.append(tools.element, field, note);
  element.addEventListener("keydown", press, { signal });
  field.addEventListener("wheel", roll, { signal, passive: false });
  const sized = new ResizeObserver(() => drawMoving());
  sized.observe(field);
  signal.addEventListener("abort", () => sized.disconnect());
  const { mark } = words;
  const { take: come, came } = film;
  return { element, follow, show, come, came, act, answered, heardSince, mark, say };

  function follow(next: State): void {
    if (next.run !== state.run) {
      film.clear();
      shown = undefined;
    }
    state = next;
    const before = editing.plan;
    editing.follow(state, terms());
    if (!samePlan(before, editing.plan)) {
      say(""); // others have changed it: what was said of it was said of another one
    }
    draw();
  }

  function show(next: ShownPicture): void {
    shown = next;
    if (looking !== undefined) {
      selectShown(next);
    }
    drawMoving();
  }

  /** The prompt of a recording that steers what is shown is the one that is chosen. */
  function selectShown({ number }: ShownPicture): void {
    const frame = frameOfPicture(number);
    const now = segmentsNow().findLast(({ begin }) => begin <= frame);
    if (now !== undefined && now.index !== selected) {
      const { focused } = prompts;
      selected = now.index;
      draw();
      if (focused) {
        prompts.focus();
      }
    }
  }

  function answered(accepted: boolean): void {
    editing.answered(accepted);
    if (!accepted) {
      say("the timeline is as it was");
    }
    draw();
  }

  function heardSince(): void {
    if (!editing.unanswered()) {
      say("this edit, or the answer to it, was lost: the timeline is as the kernel has it");
    }
    draw();
  }

  function say(sentence: string): void {
    note.textContent = sentence;
  }

  /** The next block of a running video may begin at any moment: it is not promised to an edit. */
  function terms(): Terms {
    const { status, begun, block_frames } = state;
    return { blockFrames: block_frames, firstOpen: begun + (status === "running" ? 1 : 0) };
  }

  function segmentsNow(): Segment[] {
    return segments(pull?.plan ?? editing.plan, state.block_frames, state.made);
  }

  function surroundings() {
    const playhead = frameOfPicture(Math.max(0, shown?.number ?? 0));
    const madeFrames = state.made * state.block_frames;
    return { plan: editing.plan, madeFrames, playhead, glides: !calm.matches };
  }

  function span(): Span {
    return pull?.span ?? spanOf(view, surroundings());
  }

  function length(): number {
    const { begin, end } = span();
    return end - begin;
  }

  function frameAt(part: number): number {
    return span().begin + part * length();
  }

  /** All of it: the plan, what may be done with it, and the part that is looked at. */
  function draw(): void {
    const plan = editing.plan;
    selected = Math.min(selected, plan.length - 1);
    const entry = plan[selected];
    const locked = entry !== undefined && !isOpen(entry, terms());
    tools.update(
      {
        undo: editing.undoable,
        redo: editing.redoable,
        type: !locked,
        delete: !locked && plan.length > 1,
        merge: selected < plan.length - 1,
      },
      view.following,
    );
    manner.write(shortly(entry?.transition ?? cut));
    enable(manner.button, !locked && selected > 0);
    element.dataset["plan"] = JSON.stringify(plan.map((e) => [e.latent_frame, e.prompt]));
    drawSpan();
    drawMoving();
  }

  function drawSpan(): void {
    drawn = span();
    prompts.draw({
      segments: segmentsNow(),
      span: drawn,
      selected,
      firstFrame: terms().firstOpen * state.block_frames,
      rate: state.pictures_per_second,
      madeFrames: surroundings().madeFrames,
    });
    scale.draw(drawn, state.block_frames, state.pictures_per_second);
  }

  /** What moves with every picture; the part that is looked at too, where it follows. */
  function drawMoving(): void {
    const now = span();
    if (now.begin !== drawn?.begin || now.end !== drawn.end) {
      drawSpan();
    }
    film.lay(now, state.block_frames, state.made);
    const frame = surroundings().playhead;
    playhead.style.left = percent(fraction(frame, now));
    playhead.hidden = shown === undefined || frame < now.begin || frame > now.end;
  }

  /** Choose a prompt; the focus goes with it, if it is on one. */
  function choose(index: number): void {
    const focused = prompts.focused;
    selected = index;
    reveal();
    draw();
    if (focused) {
      prompts.focus();
    }
  }

  /** A pointer takes hold of a prompt. */
  function take(index: number): void {
    goTo(index);
    choose(index);
    prompts.focus();
  }

  /** A recording goes to where a prompt begins. */
  function goTo(index: number): void {
    const segment = segmentsNow().find((one) => one.index === index);
    if (segment !== undefined) {
      looking?.seek(segment.begin);
    }
  }

  function reveal(): void {
    const segment = segmentsNow().find(({ index }) => index === selected);
    if (segment !== undefined) {
      view = revealing(view, span(), segment.begin);
    }
  }

  /** Make an edit, and say where it lands; or say why there is none. */
  function propose(edit: Edit): void {
    say(landingOf(edit));
    if (!("refused" in edit)) {
      editing.propose(edit.plan);
      choose(edit.index);
    }
  }

  function landingOf(edit: Edit): string {
    if ("refused" in edit) {
      return edit.refused;
    }
    const entry = edit.plan[edit.index];
    const block = blockOf(entry?.latent_frame ?? 0, terms());
    return entry === undefined ? "" : landingText(entry, block, state);
  }

  function manners(): readonly Item[] {
    const now = editing.plan[selected]?.transition ?? cut;
    return transitionItems(now, (next) =>
      propose(takingOver(editing.plan, terms(), selected, next)),
    );
  }

  function act(asked: Act): void {
    if (chooses(asked) || looks(asked)) {
      return;
    }
    if (looking !== undefined) {
      say("this is a recording: it can be looked at, not changed");
    } else if (!edits(asked)) {
      changes(asked);
    }
  }

  function chooses(asked: Act): boolean {
    const other = chosenBy(asked, segmentsNow(), selected);
    const segment = segmentsNow().find(({ index }) => index === other);
    if (segment === undefined) {
      return false;
    }
    goTo(segment.index);
    choose(segment.index);
    const locked = segment.begin < terms().firstOpen * state.block_frames;
    say(segmentLabel(segment, locked, state.pictures_per_second));
    return true;
  }

  function edits(asked: Act): boolean {
    const edit = editOf(asked, editing.plan, terms(), selected);
    if (edit !== undefined) {
      propose(edit);
    }
    return edit !== undefined;
  }

  function looks(asked: Act): boolean {
    const fits = looking !== undefined && asked === "fit";
    const look = fits ? whole : lookOf(asked, view, span(), surroundings());
    view = look ?? view;
    draw();
    return look !== undefined;
  }

  function changes(asked: Act): void {
    switch (asked) {
      case "undo":
        say(editing.undo() ? "undone" : "there is nothing to undo");
        break;
      case "redo":
        say(editing.redo() ? "redone" : "there is nothing to redo");
        break;
      case "type":
        retype(selected);
        break;
      case "add":
        add(inside(editing.plan, terms(), selected));
        break;
    }
    draw();
  }

  function retype(index: number): void {
    const entry = editing.plan[index];
    if (entry === undefined || looking !== undefined) {
      return;
    }
    const edit = retyped(editing.plan, terms(), index, entry.prompt);
    if ("refused" in edit) {
      propose(edit);
      return;
    }
    words.begin(fraction(entry.latent_frame, span()), entry.prompt, (typed) => {
      if (typed !== undefined) {
        // the plan may have changed meanwhile, and the entry may have another place in it
        const now = editing.plan.findIndex((each) => each.latent_frame === entry.latent_frame);
        propose(retyped(editing.plan, terms(), now, typed));
      }
    });
  }

  function add(frame: number): void {
    words.begin(fraction(frame, span()), "", (typed) => {
      if (typed !== undefined) {
        propose(added(editing.plan, terms(), frame, typed));
      }
    });
  }

  function pullBy(index: number, grip: Grip, part: number): void {
    if (looking !== undefined) {
      return;
    }
    const over = span();
    const edit = pulled(editing.plan, terms(), index, grip, part * (over.end - over.begin));
    const refused = "refused" in edit;
    const made = refused ? { plan: editing.plan, index } : edit;
    const lands = { plan: made.plan, index: landingEntry(made.index, grip) };
    pull = { plan: made.plan, span: over, from: index, grip, part };
    selected = made.index;
    say(landingOf(refused ? edit : lands));
    landing.hidden = refused;
    landing.textContent = note.textContent;
    landing.style.left = percent(fraction(lands.plan[lands.index]?.latent_frame ?? 0, over));
    draw();
  }

  function letGo(): void {
    if (pull !== undefined) {
      pullBy(pull.from, pull.grip, pull.part); // a block may have begun since the pointer moved
    }
    const made = pull?.plan;
    const at = selected;
    giveUp();
    if (made !== undefined) {
      editing.propose(made);
      choose(at);
    }
  }

  function giveUp(): void {
    selected = pull?.from ?? selected;
    pull = undefined;
    landing.hidden = true;
    draw();
  }

  /** A button of the toolbar keeps Enter to itself: that is how it is pressed. */
  function askedBy(event: KeyboardEvent): Act | "give up" | undefined {
    if (event.key === "Escape" && pull !== undefined) {
      return "give up";
    }
    const presses = event.key === "Enter" && event.target instanceof HTMLButtonElement;
    return presses ? undefined : actOf(event);
  }

  function press(event: KeyboardEvent): void {
    const asked = askedBy(event);
    if (asked === undefined) {
      return;
    }
    event.preventDefault();
    if (asked === "give up") {
      prompts.drop();
    } else {
      act(asked);
    }
  }

  function pan(frames: number): void {
    view = panned(span(), frames);
    draw();
  }

  /** With ctrl, as a pinch comes too, the wheel zooms; sideways it pans; else the page scrolls. */
  function roll(event: WheelEvent): void {
    const sideways = event.deltaX || (event.shiftKey ? event.deltaY : 0);
    if (event.ctrlKey) {
      const { left, width } = field.getBoundingClientRect();
      const factor = 2 ** (-event.deltaY / WHEEL_PX_TO_DOUBLE);
      view = zoomed(view, span(), factor, frameAt((event.clientX - left) / width));
      draw();
    } else if (sideways !== 0) {
      pan((sideways / field.clientWidth) * length());
    } else {
      return;
    }
    event.preventDefault();
  }
}
