// The blocks of a video that came, as they were coded, within a bound of memory. Pure.

import type { BlockRecord } from "../protocol.ts";
import type { CodedBlock } from "./decoder.ts";

export type Take = CodedBlock & { record: BlockRecord };

/** Numbers of pictures, `last` included. */
export type Stretch = { first: number; last: number };

/** The newest blocks; the oldest go when `limitBytes` is full. Blocks that have not come are gaps. */
export class Film {
  private takes: Take[] = [];
  private bytes = 0;
  /** This block and those before it will not be here again. */
  private lost = -1;

  constructor(private readonly limitBytes: number) {}

  /** From the oldest picture that is kept to the newest one, undefined before one came. */
  get stretch(): Stretch | undefined {
    const [oldest, newest] = [this.takes[0], this.takes.at(-1)];
    return oldest === undefined || newest === undefined
      ? undefined
      : { first: oldest.record.first_picture, last: lastPicture(newest) };
  }

  /** The newest block that is missing before the newest one that is here, if it may still come. */
  get gap(): number | undefined {
    let next = this.takes.at(-1)?.record.block ?? -1;
    for (let at = this.takes.length - 1; at >= 0 && this.takes[at]?.record.block === next; at--) {
      next -= 1;
    }
    return next > this.lost ? next : undefined;
  }

  /** How many later blocks are missing; undefined of a block after the newest one that is here. */
  missingAfter(block: number): number | undefined {
    const newest = this.takes.at(-1)?.record.block ?? -1;
    return block > newest ? undefined : newest - block - this.from(block + 1).length;
  }

  /** The blocks from one on, oldest first. */
  from(block: number): readonly Take[] {
    return this.takes.filter(({ record }) => record.block >= block);
  }

  get(block: number): Take | undefined {
    return this.takes.find(({ record }) => record.block === block);
  }

  /** Keep a block, in its place among the others. */
  add(take: Take): void {
    const at = this.takes.findLastIndex(({ record }) => record.block < take.record.block);
    this.takes.splice(at + 1, 0, take);
    this.bytes += sizeOf(take);
    while (this.bytes > this.limitBytes && this.takes.length > 1) {
      const oldest = this.takes.shift();
      this.bytes -= oldest === undefined ? 0 : sizeOf(oldest);
      this.lose(oldest?.record.block ?? this.lost);
    }
  }

  /** This block and those before it will not come. */
  lose(block: number): void {
    this.lost = Math.max(this.lost, block);
  }

  isLost(block: number): boolean {
    return block <= this.lost;
  }

  /** Leave out a block, if it is here. */
  forget(block: number): void {
    const at = this.takes.findIndex(({ record }) => record.block === block);
    const [gone] = at === -1 ? [] : this.takes.splice(at, 1);
    this.bytes -= gone === undefined ? 0 : sizeOf(gone);
  }

  /** The block that holds a picture; where that never came, the last one before it. */
  find(picture: number): Take | undefined {
    const after = this.takes.findIndex((take) => take.record.first_picture > picture);
    return this.takes[after === -1 ? this.takes.length - 1 : Math.max(0, after - 1)];
  }

  /** The block after the one that holds a picture. */
  after(picture: number): Take | undefined {
    return this.takes.find((take) => take.record.first_picture > picture);
  }

  /** The picture that is one forward or back from another one, over gaps; it stays at the ends. */
  beside(picture: number, by: 1 | -1): number {
    const there = this.nearest(picture);
    const take = this.find(there);
    if (take === undefined) {
      return picture;
    }
    if (by === 1) {
      const next = this.after(there);
      return there < lastPicture(take) ? there + 1 : (next?.record.first_picture ?? there);
    }
    return this.nearest(there - 1);
  }

  /** The picture itself if it is here, else the last one before it, else the oldest. */
  nearest(picture: number): number {
    const take = this.find(picture);
    if (take === undefined) {
      return picture;
    }
    return Math.min(Math.max(picture, take.record.first_picture), lastPicture(take));
  }
}

function lastPicture(take: Take): number {
  return take.record.first_picture + take.record.pictures - 1;
}

function sizeOf(take: Take): number {
  return take.pictures.reduce((sum, picture) => sum + picture.byteLength, 0);
}
