// The timeline: prompts on a ruler of seconds, what is made, and where the viewer stands.

import type { Plan, State } from "../protocol.ts";
import {
  fraction,
  frameOfPicture,
  type Segment,
  type Span,
  segments,
  ticks,
  visibleSpan,
} from "./geometry.ts";

const TINTS = 5;

export type Strip = {
  element: HTMLElement;
  /** Show a plan in this state, with the viewer at picture number `shown`, -1 before the first one. */
  update: (state: State, plan: Plan, shown: number) => void;
};

export function timelineStrip(): Strip {
  const element = division("ll-timeline");
  const ruler = division("ll-ruler");
  const track = division("ll-track");
  const prompts = division("ll-prompts");
  const made = division("ll-made");
  const playhead = division("ll-playhead");
  ruler.setAttribute("aria-hidden", "true");
  playhead.setAttribute("aria-hidden", "true");
  prompts.setAttribute("role", "list");
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Timeline of prompts");
  track.append(made, prompts);
  element.append(ruler, track, playhead);

  let drawn: { state: State; plan: Plan; begin: number; end: number } | undefined;
  return {
    element,
    update(state, plan, shown) {
      const frame = frameOfPicture(Math.max(0, shown));
      const madeFrames = state.made * state.block_frames;
      const span = visibleSpan(plan, madeFrames, frame);
      if (
        drawn?.state !== state ||
        drawn.plan !== plan ||
        drawn.begin !== span.begin ||
        drawn.end !== span.end
      ) {
        drawn = { state, plan, ...span };
        const found = segments(plan, state.block_frames, state.made);
        prompts.replaceChildren(...found.flatMap((each) => segmentElement(each, span)));
        ruler.replaceChildren(
          ...ticks(span, state.pictures_per_second).map(({ seconds, frame: at }) =>
            tickElement(`${seconds} s`, fraction(at, span)),
          ),
        );
        made.style.width = percent(fraction(madeFrames, span));
      }
      playhead.style.left = percent(fraction(frame, span));
      playhead.hidden = shown < 0;
    },
  };
}

function segmentElement(segment: Segment, span: Span): HTMLElement[] {
  const left = fraction(segment.begin, span);
  const right = fraction(segment.end, span);
  if (segment.end <= span.begin || segment.begin >= span.end) {
    return [];
  }
  const element = division("ll-segment");
  element.setAttribute("role", "listitem");
  element.dataset["phase"] = segment.landed ? "landed" : "planned";
  element.dataset["tint"] = String(segment.order % TINTS);
  element.style.left = percent(left);
  element.style.width = percent(right - left);
  element.title = `${segment.prompt}\n${segment.landed ? "landed" : "lands"} at latent frame ${segment.begin}`;
  element.textContent = segment.prompt;
  return [element];
}

function tickElement(label: string, at: number): HTMLElement {
  const element = division("ll-tick");
  element.style.left = percent(at);
  element.textContent = label;
  return element;
}

function division(name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  return element;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(3)}%`;
}
