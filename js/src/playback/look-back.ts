// Somebody looks back at what was shown, while the video goes on.

import type { BlockRecord } from "../protocol.ts";
import { Film, type Stretch, type Take } from "./film.ts";
import type { Disposable, Shown } from "./jitter-buffer.ts";
import { Projector } from "./projector.ts";
import { Review } from "./review.ts";

const FILM_BYTES = 128 * 2 ** 20;
const LOOP_SECONDS = 3;

export type BlockDecoder<Picture> = {
  decode: (take: Take) => Promise<Picture[]>;
  close: () => void;
};

export type LookBackEvents = {
  /** The number of the picture on the screen, from which somebody begins to look back. */
  from: () => number;
  fail: (take: Take, error: unknown) => void;
};

/** The film of one video after another; `review` is where it is looked at, if it is. */
export class LookBack<Picture extends Disposable> {
  film = new Film(FILM_BYTES);
  review: Review | undefined;
  private projector: Projector<Picture>;

  constructor(
    private readonly picturesPerSecond: number,
    private readonly decoder: BlockDecoder<Picture>,
    private readonly events: LookBackEvents,
  ) {
    this.projector = this.freshProjector();
  }

  /** The picture that is looked at now; undefined while it is decoded, or where none is. */
  at(nowMs: number): Shown<Picture> | undefined {
    const there = this.film.stretch;
    return this.review === undefined || there === undefined
      ? undefined
      : this.projector.at(this.review.at(nowMs, there));
  }

  seek(picture: number): void {
    this.look((review, nowMs) => review.seek(picture, nowMs));
  }

  /** Stand on the first picture of a block, or say why that cannot be. */
  goTo({ block, first_picture: picture }: BlockRecord): string | undefined {
    if (this.film.get(block) !== undefined) {
      this.look((review, nowMs, there) => {
        review.hold(nowMs, there);
        review.seek(picture, nowMs);
      });
      return undefined;
    }
    return `the pictures of block ${block} ${this.whyMissing(block)}`;
  }

  private whyMissing(block: number): string {
    const later = this.film.missingAfter(block);
    if (this.film.isLost(block)) {
      return "are no longer kept: choose a later block";
    }
    if (later === undefined) {
      return "were not sent to this page: they are once the player is in sight, or the video goes on";
    }
    const first =
      later === 0 ? "" : `, after those of ${later} later block${later === 1 ? "" : "s"}`;
    return `are being fetched${first}: click once more in a moment`;
  }

  /** Stand on the picture before or after the present one. */
  step(by: 1 | -1): void {
    this.look((review, nowMs, there) => {
      review.hold(nowMs, there);
      review.seek(this.film.beside(review.at(nowMs, there), by), nowMs);
    });
  }

  /** Go back or forth by seconds. */
  skip(seconds: number): void {
    this.look((review, nowMs, there) => {
      const picture = review.at(nowMs, there) + seconds * this.picturesPerSecond;
      review.seek(Math.min(Math.max(picture, there.first), there.last), nowMs);
    });
  }

  /** Stand on the picture that is looked at, or that is on the screen. */
  stand(): void {
    this.look((review, nowMs, there) => review.hold(nowMs, there));
  }

  /** Play on from the picture that is looked at, or stand there. */
  playOrStand(): void {
    this.look((review, nowMs, there) => {
      if (review.playing) {
        review.hold(nowMs, there);
      } else {
        review.play(nowMs, there);
      }
    });
  }

  /** Play the seconds up to the present picture round and round, or no longer. */
  loop(): void {
    this.look((review, nowMs, there) => {
      const last = review.at(nowMs, there);
      const first = Math.max(there.first, last + 1 - LOOP_SECONDS * this.picturesPerSecond);
      review.repeat(review.loop === undefined ? { first, last } : undefined, nowMs, there);
    });
  }

  /** Play these pictures round and round. */
  repeat(stretch: Stretch): void {
    this.look((review, nowMs, there) => review.repeat(stretch, nowMs, there));
  }

  /** Begin or end the loop at the present picture. */
  bound(end: keyof Stretch): void {
    this.look((review, nowMs, there) => {
      const bounds = { ...(review.loop ?? there), [end]: review.at(nowMs, there) };
      if (bounds.first < bounds.last) {
        review.repeat(bounds, nowMs, there);
      }
    });
  }

  /** Look back no longer. */
  leave(): void {
    this.review = undefined;
    this.projector.clear();
  }

  /** Another video begins. */
  begin(): void {
    this.leave();
    this.film = new Film(FILM_BYTES);
    this.projector = this.freshProjector();
  }

  close(): void {
    this.leave();
    this.decoder.close();
  }

  /** Whether somebody stands on this picture, with no other one on its way to the screen. */
  standsOn(picture: number, nowMs: number): boolean {
    const there = this.film.stretch;
    return (
      this.review?.playing === false &&
      there !== undefined &&
      this.film.nearest(this.review.at(nowMs, there)) === picture
    );
  }

  private look(act: (review: Review, nowMs: number, there: Stretch) => void): void {
    const there = this.film.stretch;
    if (there !== undefined) {
      this.review ??= new Review(this.picturesPerSecond, Math.max(there.first, this.events.from()));
      act(this.review, performance.now(), there);
    }
  }

  private freshProjector(): Projector<Picture> {
    return new Projector(this.film, (take) => this.decoder.decode(take), this.events.fail);
  }
}
