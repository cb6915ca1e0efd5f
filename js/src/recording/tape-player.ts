// Plays a recording: where the viewer stands in it, picture by picture. Draws nothing itself.

import { beat } from "../playback/beat.ts";
import type { CodedBlock, Picture } from "../playback/decoder.ts";
import type { Take } from "../playback/film.ts";
import { LookBack } from "../playback/look-back.ts";
import type { Place, ShownPicture } from "../playback/player.ts";
import type { BlockRecord, Codec } from "../protocol.ts";

/** How long a picture stands before it is asked for as it was made. */
const STILL_MS = 200;

export type TapePlayerEvents = {
  draw: (shown: ShownPicture) => void;
  /** A picture stands still: it may be asked for without loss. */
  stand: (picture: number) => void;
  fail: (message: string) => void;
};

export type BlockSource = {
  fetch: (block: number) => Promise<CodedBlock>;
  decode: (block: CodedBlock) => Promise<Picture[]>;
  close: () => void;
};

/** All of it is on the film from the beginning; what is on the screen is fetched then, and what follows it. */
export class TapePlayer {
  readonly back: LookBack<Picture>;
  private shown: ShownPicture | undefined;
  private shownSinceMs = 0;
  private stood = false;
  /** What is on the screen is of the tape before. */
  private fresh = false;

  constructor(
    picturesPerSecond: number,
    source: BlockSource,
    private readonly events: TapePlayerEvents,
    signal: AbortSignal,
  ) {
    const decode = async ({ record }: Take) => source.decode(await source.fetch(record.block));
    this.back = new LookBack(
      picturesPerSecond,
      { decode, close: source.close },
      {
        from: () => this.shown?.number ?? 0,
        fail: ({ record }, error) => {
          if (!signal.aborted) {
            events.fail(`block ${record.block} cannot be shown: ${error}`);
          }
        },
      },
    );
    beat((nowMs) => {
      this.show(nowMs);
      return this.stood ? Number.POSITIVE_INFINITY : 0;
    }, signal);
    signal.addEventListener("abort", () => this.back.close());
  }

  /** Put it in, and stand on its first picture; or where the viewer was, if it was there before. */
  load(records: readonly BlockRecord[], codec: Codec): void {
    const { place } = this;
    this.back.begin();
    for (const record of records) {
      this.back.film.add({ record, codec, pictures: [] });
    }
    this.back.seek(this.back.film.stretch?.first ?? 0);
    if (place !== undefined) {
      this.goBackTo(place);
    }
    this.fresh = true;
  }

  /** Play all of it round and round. */
  playRound(): void {
    const { stretch } = this.back.film;
    if (stretch !== undefined) {
      this.back.repeat(stretch);
    }
  }

  /** Whether this picture is on the screen, as it is on this tape: not as it was on the one before. */
  shows(picture: number): boolean {
    return !this.fresh && this.shown?.number === picture;
  }

  private goBackTo({ picture, playing, loop }: Place): void {
    if (loop !== undefined) {
      this.back.repeat(loop);
    }
    this.back.seek(picture);
    if (playing !== this.back.review?.playing) {
      this.back.playOrStand();
    }
  }

  /** Where the viewer stands; undefined before a picture is shown. */
  get place(): Place | undefined {
    const { review, film } = this.back;
    const there = film.stretch;
    return review === undefined || there === undefined || this.shown === undefined
      ? undefined
      : {
          there,
          picture: this.shown.number,
          live: false,
          playing: review.playing,
          loop: review.loop,
        };
  }

  /** Play on, from the beginning where it has come to its end; or stand. */
  playOrStand(): void {
    if (this.atEnd() && this.back.review?.playing === false) {
      this.back.seek(this.back.film.stretch?.first ?? 0);
    }
    this.back.playOrStand();
  }

  private atEnd(): boolean {
    const { review, film } = this.back;
    return review?.loop === undefined && this.shown?.number === film.stretch?.last;
  }

  private show(nowMs: number): void {
    const shown = this.back.at(nowMs);
    if (shown !== undefined && (this.fresh || shown.number !== this.shown?.number)) {
      this.fresh = false;
      this.shown = shown;
      this.shownSinceMs = nowMs;
      this.stood = false;
      this.events.draw(shown);
      if (this.atEnd() && this.back.review?.playing === true) {
        this.back.playOrStand(); // it stands on its last picture
      }
    }
    this.stand(nowMs);
  }

  private stand(nowMs: number): void {
    if (this.stood || this.shown === undefined || nowMs - this.shownSinceMs < STILL_MS) {
      return;
    }
    if (this.fresh || !this.back.standsOn(this.shown.number, nowMs)) {
      return; // what it is to stand on is on its way to the screen
    }
    this.stood = true;
    this.events.stand(this.shown.number);
  }
}
