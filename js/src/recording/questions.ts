// What was asked of the kernel and has not come. Knows no message.

import { eachSecond, MOST_S } from "../patience.ts";

type Question = { ask: () => void; openS: number; againS: number };

/**
 * Asks, and asks again after 5 s, 10 s, 20 s and so on, for what was sent may be lost; ever less often, for it may
 * be that the line is slow, or that the kernel runs a cell.
 */
export class Questions {
  private readonly open = new Map<Promise<unknown>, Question>();
  private late = false;

  /** `tell` is called with whether something has been waited for so long, each time that changes. */
  constructor(
    private readonly tell: (late: boolean) => void,
    signal: AbortSignal,
  ) {
    const end = eachSecond(() => this.tick());
    signal.addEventListener("abort", end);
  }

  /** Ask until the answer is there, or wanted no longer. */
  put(answer: Promise<unknown>, ask: () => void): void {
    this.open.set(answer, { ask, openS: 0, againS: MOST_S });
    const end = () => this.forget(answer);
    answer.then(end, end);
    ask();
  }

  /** It is wanted no longer. */
  forget(answer: Promise<unknown>): void {
    if (this.open.delete(answer)) {
      this.say();
    }
  }

  private tick(): void {
    for (const question of this.open.values()) {
      question.openS += 1;
      if (question.openS === question.againS) {
        question.againS *= 2;
        question.ask();
      }
    }
    this.say();
  }

  private say(): void {
    const late = [...this.open.values()].some(({ openS }) => openS >= MOST_S);
    if (late !== this.late) {
      this.late = late;
      this.tell(late);
    }
  }
}
