// Decoded pictures of a film, wherever somebody looks at it; a few blocks at a time are held.

import type { Film, Take } from "./film.ts";
import type { Disposable, Shown } from "./jitter-buffer.ts";

const HELD_BLOCKS = 3;

type Held<Picture> = { take: Take; begun: boolean; pictures: Picture[] | undefined };

/**
 * Decodes the block of the picture that is asked for, and the one after it. One at a time, and what was asked for
 * last comes first: a scrub over many blocks leaves no queue behind.
 */
export class Projector<Picture extends Disposable> {
  private held: Held<Picture>[] = [];
  private busy = false;

  constructor(
    private readonly film: Film,
    private readonly decode: (take: Take) => Promise<Picture[]>,
    private readonly fail: (take: Take, error: unknown) => void,
  ) {}

  /** The picture of that number or the nearest one before it; undefined while it is decoded. */
  at(number: number): Shown<Picture> | undefined {
    const take = this.film.find(number);
    if (take === undefined) {
      return undefined;
    }
    const nearest = this.film.nearest(number);
    const next = this.film.after(nearest);
    const { pictures } = this.hold(take);
    if (next !== undefined && pictures !== undefined) {
      this.hold(next);
    }
    const picture = pictures?.[nearest - take.record.first_picture];
    return picture === undefined ? undefined : { picture, record: take.record, number: nearest };
  }

  /** Let go of all pictures. */
  clear(): void {
    for (const { pictures } of this.held) {
      dispose(pictures);
    }
    this.held = [];
  }

  private hold(take: Take): Held<Picture> {
    const found = this.held.find((each) => each.take === take);
    const held = found ?? { take, begun: false, pictures: undefined };
    this.held = [...this.held.filter((each) => each !== held), held];
    while (this.held.length > HELD_BLOCKS) {
      dispose(this.held.shift()?.pictures);
    }
    this.decodeNewest();
    return held;
  }

  private decodeNewest(): void {
    const held = this.held.findLast(({ begun }) => !begun);
    if (this.busy || held === undefined) {
      return;
    }
    held.begun = true;
    this.busy = true;
    this.decode(held.take)
      .then((pictures) => {
        if (this.held.includes(held)) {
          held.pictures = pictures;
        } else {
          dispose(pictures);
        }
      })
      .catch((error) => this.fail(held.take, error))
      .finally(() => {
        this.busy = false;
        this.decodeNewest();
      });
  }
}

function dispose(pictures: readonly Disposable[] | undefined): void {
  for (const picture of pictures ?? []) {
    picture.close();
  }
}
