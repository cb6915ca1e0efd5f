// What was measured of the blocks in hand; a chart may stand still while more of it comes. Pure.

import type { BlockRecord, PageTimes } from "../protocol.ts";

const MOST_BLOCKS = 10_000;

export class Blocks {
  private rows: BlockRecord[] = [];
  private frozen: readonly BlockRecord[] | undefined;

  /** All of them, the newest 10 000, in order. */
  get all(): readonly BlockRecord[] {
    return this.rows;
  }

  /** Those to be drawn: all, or all that there were when it froze. */
  get shown(): readonly BlockRecord[] {
    return this.frozen ?? this.rows;
  }

  get isFrozen(): boolean {
    return this.frozen !== undefined;
  }

  /** Add records; one of a block that is here already takes its place, what a page measured stays. */
  add(records: readonly BlockRecord[]): void {
    for (const record of records) {
      const at = this.placeOf(record.block);
      const here = this.rows[at];
      if (here?.block === record.block) {
        this.rows[at] = { ...record, page: both(here.page, record.page) };
      } else {
        this.rows.splice(at, 0, record);
      }
    }
    this.rows.splice(0, this.rows.length - MOST_BLOCKS);
  }

  /** A page has measured a block's way to it. */
  measured(block: number, page: PageTimes): void {
    const at = this.placeOf(block);
    const here = this.rows[at];
    if (here?.block === block) {
      this.rows[at] = { ...here, page };
    }
  }

  of(block: number): BlockRecord | undefined {
    const here = this.rows[this.placeOf(block)];
    return here?.block === block ? here : undefined;
  }

  freeze(): void {
    this.frozen = [...this.rows];
  }

  thaw(): void {
    this.frozen = undefined;
  }

  /** Another video begins. */
  clear(): void {
    this.rows = [];
    this.thaw();
  }

  /** Where a block is, or would be. */
  private placeOf(block: number): number {
    let [from, to] = [0, this.rows.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.rows[middle]?.block ?? block) < block) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from;
  }
}

function both(here: PageTimes, came: PageTimes): PageTimes {
  return {
    wire_ms: came.wire_ms ?? here.wire_ms,
    wire_within_ms: came.wire_within_ms ?? here.wire_within_ms,
    decode_ms: came.decode_ms ?? here.decode_ms,
  };
}
