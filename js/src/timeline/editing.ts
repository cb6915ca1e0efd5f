// The timeline as the user has it: the kernel's, and the edits that are on their way to it. Knows no
// element of the page.

import type { Plan, State } from "../protocol.ts";
import { edited, type History, historyOf, redone, undone } from "./history.ts";
import { blockOf, isOpen, samePlan, type Terms } from "./plan.ts";

/** What the kernel is asked for: `entries` from block `from_block` on. */
export type Wish = { revision: number; from_block: number; entries: Plan };

/** One edit at a time is under way; of those made meanwhile the newest one follows. */
export class Editing {
  private kernel: Plan = [];
  private revision = -1;
  private terms: Terms = { blockFrames: 1, firstOpen: 0 };
  /** As the kernel has it. */
  private settled: History = historyOf([]);
  private sent: History | undefined;
  private asked: Wish = { revision: -1, from_block: 0, entries: [] };
  private wanted: History | undefined;

  constructor(private readonly send: (wish: Wish) => void) {}

  private get hoped(): History {
    return this.wanted ?? this.sent ?? this.settled;
  }

  /** What to draw. */
  get plan(): Plan {
    return this.hoped.present;
  }

  get undoable(): boolean {
    return undone(this.hoped, this.terms) !== undefined;
  }

  get redoable(): boolean {
    return redone(this.hoped, this.terms) !== undefined;
  }

  /** Take over what the kernel says. A change that was not made here can be undone here too. */
  follow(state: State, terms: Terms): void {
    this.terms = terms;
    if (state.revision === this.revision && samePlan(state.entries, this.kernel)) {
      return;
    }
    const first = this.revision === -1;
    this.kernel = state.entries;
    this.revision = state.revision;
    if (this.sent === undefined) {
      this.settled = first ? historyOf(this.kernel) : edited(this.settled, this.kernel);
    }
  }

  propose(plan: Plan): void {
    if (!samePlan(plan, this.plan)) {
      this.hope(edited(this.hoped, plan));
    }
  }

  /** One edit back; whether there was one. */
  undo(): boolean {
    return this.hope(undone(this.hoped, this.terms));
  }

  /** One undone edit forth; whether there was one. */
  redo(): boolean {
    return this.hope(redone(this.hoped, this.terms));
  }

  /** The kernel's answer to the edit that is under way; its state was told before. */
  answered(accepted: boolean): void {
    const { sent, wanted } = this;
    this.sent = undefined;
    this.wanted = undefined;
    this.settled = edited(accepted && sent ? sent : this.settled, this.kernel);
    if (accepted && wanted) {
      this.hope(wanted);
    }
  }

  /**
   * The kernel has answered what it was asked after the edit that is under way, so that edit or the
   * answer to it was lost. An edit that the kernel does not have is sent again, or the newest one
   * after it; false where it is given up, for the timeline has changed meanwhile.
   */
  unanswered(): boolean {
    if (this.sent === undefined) {
      return true;
    }
    if (this.isTaken) {
      this.answered(true);
      return true;
    }
    const again = this.revision === this.asked.revision ? this.hoped : undefined;
    this.answered(false);
    return this.hope(again);
  }

  /** Whether the kernel has what was asked for. */
  private get isTaken(): boolean {
    const { from_block, entries } = this.asked;
    const coming = this.kernel.filter(
      (entry) => blockOf(entry.latent_frame, this.terms) >= from_block,
    );
    return samePlan(coming, entries);
  }

  /** Whether a prompt was put where a block has begun by now: it would be lost on its way. */
  private isTooLate(plan: Plan): boolean {
    const [oldest] = this.kernel;
    return plan.some(
      (entry) =>
        !isOpen(entry, this.terms) &&
        entry.latent_frame >= (oldest?.latent_frame ?? 0) &&
        !this.kernel.some((known) => known.latent_frame === entry.latent_frame),
    );
  }

  private hope(history: History | undefined): boolean {
    if (history === undefined || this.isTooLate(history.present)) {
      return false;
    }
    if (this.sent !== undefined) {
      this.wanted = history;
      return true;
    }
    this.sent = history;
    this.asked = {
      revision: this.revision,
      from_block: this.terms.firstOpen,
      entries: history.present.filter((entry) => isOpen(entry, this.terms)),
    };
    this.send(this.asked);
    return true;
  }
}
