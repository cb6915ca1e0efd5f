// The way of a block on the page: keep, decode, buffer, show in time, give the credit back.

import { MOST_S } from "../patience.ts";
import type {
  BlockMessage,
  BlockRecord,
  Codec,
  GoneMessage,
  Landing,
  Opening,
  State,
  Status,
} from "../protocol.ts";
import { beat } from "./beat.ts";
import { Decoder, type Picture } from "./decoder.ts";
import type { Stretch, Take } from "./film.ts";
import { Lately, SETTLES_MS, type Vitals } from "./health.ts";
import { type BufferedBlock, JitterBuffer, type Shown } from "./jitter-buffer.ts";
import { LookBack } from "./look-back.ts";

/** A video that is made hardly faster than it plays runs dry half as often by it as by 120 (docs/log.md). */
export const DELAY_MS = 250;
const ROOM_BLOCKS = 3;
const RATE_WINDOW_MS = 2000;
/** How long the film waits for a missing block while the video runs dry, as it always does on a slow machine. */
const DRY_MS = 3000;
/** How long a picture stands before it is asked for as it was made. */
const STILL_MS = 200;

export type ShownPicture = Shown<Picture>;

/** Where the viewer stands in what is here: with the video as it is made, or back in it. */
export type Place = {
  there: Stretch;
  picture: number;
  live: boolean;
  playing: boolean;
  loop: Stretch | undefined;
};

export type PlayerEvents = {
  /** Draw a picture; `live` unless somebody looks back. */
  draw: (shown: ShownPicture, live: boolean) => void;
  /** The video as it is made has come to another block, whether that is seen or not. */
  come: (live: ShownPicture) => void;
  /** It has come to a block under a new prompt. */
  land: (landing: Landing, record: BlockRecord) => void;
  /** A picture stands still: it may be asked for without loss. */
  stand: (run: number, picture: number) => void;
  /** A block was taken in, and will have been seen at `seenAtMs`, if that is known. */
  credit: (run: number, block: number, seenAtMs?: number) => void;
  /** A block is missing in the film of what was shown. */
  ask: (run: number, block: number) => void;
  /** A block has come that was missing. */
  filled: (take: Take) => void;
  /** A block was decoded, so long after it came. */
  decoded: (run: number, block: number, elapsedMs: number) => void;
  fail: (message: string, codec: Codec) => void;
};

/**
 * Plays one video at a time: the newest run. Draws nothing itself. Whoever looks back leaves the video as it
 * is made running behind, so that the way back to it is none.
 *
 * The players of a page that show the same video are a `company`: one that comes later takes over what another
 * has, and is in step with it.
 */
export class Player {
  private run = -1;
  /** Whatever comes of this block or one before it is not to be played. */
  private newest = -1;
  /** The last block whose first pictures came before the rest. */
  private opening: Opening | undefined;
  /** The block that was asked for and has not come, and when it is asked for again: it may be lost. */
  private asked: { block: number; againMs: number; patienceMs: number } | undefined;
  /** When a missing block was asked for last, or this video was begun. */
  private askedMs = 0;
  private status: Status = "idle";
  private buffer: JitterBuffer<Picture>;
  private readonly decoder: Decoder;
  /** What was shown, to look back at. */
  readonly back: LookBack<Picture>;
  private owed: { run: number; block: number }[] = [];
  /** Blocks that are here and for which no credit was given yet. */
  private readonly held = new Set<number>();
  private shownNumber = -1;
  private shownSinceMs = 0;
  private stood = false;
  private liveBlock = -1;
  /** Blocks that brought a prompt, and that the video as it is made has not come to. */
  private landing: BlockRecord[] = [];
  private lastLanding = -1;
  /** The picture of the video as it is made, -1 before there is one; another is shown to who looks back. */
  liveNumber = -1;
  private lately: Lately;
  /** Undefined while nobody looks. */
  private lookedSinceMs: number | undefined = performance.now();
  private looksBack = false;
  /** Since when the first block is being made, as far as this page knows. */
  private first: { sinceMs: number; compiles: boolean } | undefined;
  private drawnAtMs: number[] = [];

  constructor(
    private readonly picturesPerSecond: number,
    h264: string | null,
    private readonly company: Set<Player>,
    private readonly events: PlayerEvents,
    private readonly signal: AbortSignal,
  ) {
    company.add(this);
    this.lately = new Lately(picturesPerSecond);
    this.decoder = new Decoder(h264);
    this.back = new LookBack(picturesPerSecond, new Decoder(h264), {
      from: () => this.shownNumber,
      fail: (take, error) => this.fail(take, error),
    });
    this.buffer = this.freshBuffer();
    beat((nowMs) => {
      this.show(nowMs);
      return this.back.review === undefined ? this.buffer.nextMs(nowMs) : 0;
    }, signal);
    signal.addEventListener("abort", () => {
      company.delete(this);
      this.buffer.clear();
      this.decoder.close();
      this.back.close();
    });
  }

  /** Blocks that are here and were not begun. */
  get waiting(): number {
    return this.buffer.waiting;
  }

  /** Somebody looks, or nobody any more; what happened while nobody did says nothing. */
  look(looking: boolean): void {
    this.lookedSinceMs = looking ? performance.now() : undefined;
    this.lately = new Lately(this.picturesPerSecond);
  }

  /** After a break, what was drawn before it says nothing. */
  private settleAnew(): void {
    if (this.lookedSinceMs !== undefined) {
      this.lookedSinceMs = performance.now();
    }
  }

  private lookedMs(nowMs: number): number | undefined {
    return this.lookedSinceMs === undefined ? undefined : nowMs - this.lookedSinceMs;
  }

  /** How the video does on its way to the eye; pictures shown are those of the last two seconds. */
  get vitals(): Vitals {
    const nowMs = performance.now();
    this.drawnAtMs = this.drawnAtMs.filter((atMs) => atMs >= nowMs - RATE_WINDOW_MS);
    return {
      ...this.lately.vitals(nowMs),
      status: this.status,
      live: this.back.review === undefined,
      first: this.first && { ms: nowMs - this.first.sinceMs, compiles: this.first.compiles },
      lookedMs: this.lookedMs(nowMs),
      shown: (this.drawnAtMs.length * 1000) / RATE_WINDOW_MS,
      ahead: this.buffer.aheadSeconds(nowMs),
    };
  }

  /** Where the viewer stands; undefined before a picture is shown. */
  get place(): Place | undefined {
    const there = this.back.film.stretch;
    if (there === undefined || this.shownNumber < 0) {
      return undefined;
    }
    const { review } = this.back;
    return {
      there,
      picture: this.shownNumber,
      live: review === undefined,
      playing: review?.playing ?? this.status === "running",
      loop: review?.loop,
    };
  }

  /** A block that is here and that the video as it is made has come to. */
  played(block: number): Take | undefined {
    const take = this.back.film.get(block);
    return take && take.record.first_picture <= this.liveNumber ? take : undefined;
  }

  /** Stand on the picture that is shown if it moves, live or not, or play on from there. */
  playOrStand(): void {
    if (this.back.review === undefined && this.place?.playing === true) {
      this.back.stand();
    } else {
      this.back.playOrStand();
    }
  }

  /** Hold, go on or begin anew, as the kernel says. */
  follow(state: State): void {
    if (state.run !== this.run) {
      this.begin(state.run);
    }
    if (state.status === this.status) {
      return;
    }
    this.status = state.status;
    this.first =
      state.status === "running" && state.made === 0 && this.newest < 0
        ? { sinceMs: performance.now(), compiles: state.compiles }
        : undefined;
    this.settleAnew();
    const nowMs = performance.now();
    switch (state.status) {
      case "paused":
        this.buffer.hold(nowMs);
        this.show(nowMs); // or one more picture would be drawn after the page says that it is held
        break;
      case "running":
      case "done":
      case "failed":
        this.buffer.goOn(nowMs);
        break;
      case "idle":
      case "stopped":
      case "closed":
      case "recorded":
        this.buffer.clearAhead(nowMs);
        this.show(nowMs);
        break;
      default:
        state.status satisfies never;
    }
  }

  /** Take in a block; one that has come before, or that belongs to another video, is left out. */
  take({ run, record, codec, pictures, view, given }: BlockMessage): void {
    const take = { record, codec, pictures };
    if (run !== this.run) {
      this.events.credit(run, record.block);
      return;
    }
    if (this.newest < 0) {
      this.join();
    }
    if (record.block === this.asked?.block) {
      this.asked = undefined;
    }
    if (view !== null && record.block <= this.newest) {
      this.fillWith(take);
      this.events.credit(run, record.block);
    } else {
      this.takeNew(take, given);
    }
  }

  private takeNew(take: Take, given: number): void {
    const { record, pictures } = take;
    this.lately.came(record);
    this.first = undefined;
    if (record.landed !== null && record.block > this.lastLanding) {
      this.lastLanding = record.block;
      this.landing.push(record);
    }
    if (pictures.length === 0) {
      return;
    }
    const whole = given === 0 ? take : this.completed(take, given);
    if (record.block <= this.newest) {
      this.events.credit(this.run, record.block); // it came before, for this view alone
    } else if (whole === undefined) {
      this.events.credit(this.run, record.block); // it is not here, and is to come as a whole
      this.request(record.block, performance.now());
    } else {
      this.back.film.add(whole);
      this.play(whole);
    }
  }

  /** Take in the first pictures of a block, to be seen where the video has run dry, or has just begun. */
  open(opening: Opening): void {
    const { run, block } = opening;
    if (run !== this.run) {
      return;
    }
    if (this.newest < 0) {
      this.join();
    }
    if (block <= this.newest) {
      return;
    }
    this.opening = opening;
    this.first = undefined;
    this.newest = block - 1; // one before it comes back into the film alone
    this.decoder
      .decode(opening)
      .then((decoded) => this.put(run, { record: opening, pictures: decoded }))
      .catch(() => undefined); // the whole block cannot be decoded either, and that is told
  }

  /** A block with the first pictures that came before; undefined where these did not come here. */
  private completed(take: Take, given: number): Take | undefined {
    const { opening } = this;
    return opening?.block === take.record.block && opening.pictures.length === given
      ? { ...take, pictures: [...opening.pictures, ...take.pictures] }
      : undefined;
  }

  /** Give the credit again for blocks that are not here: they or their credits were lost. */
  settle(run: number, blocks: readonly number[]): void {
    for (const block of blocks) {
      if (run === this.run && !this.held.has(block)) {
        this.events.credit(run, block);
      }
    }
  }

  private play(take: Take): void {
    const { run } = this;
    this.held.add(take.record.block);
    this.newest = take.record.block;
    const cameMs = performance.now();
    this.decoder
      .decode(take)
      .then((decoded) => {
        const elapsedMs = performance.now() - cameMs;
        this.lately.decoded(elapsedMs, take.codec);
        this.events.decoded(run, take.record.block, elapsedMs);
        this.put(run, { record: take.record, pictures: decoded });
        this.owed.push({ run, block: take.record.block });
        this.payBack();
      })
      .catch((error) => {
        this.miss(run, take.record.block);
        this.fail(take, error);
      });
  }

  /** Take over what another player of this video has, the block on its screen first. */
  private join(): void {
    const leader = this.leader();
    for (const take of leader?.back.film.from(0) ?? []) {
      this.back.film.add(take);
      this.events.filled(take);
    }
    for (const take of leader?.back.film.from(leader.liveBlock) ?? []) {
      this.play(take);
    }
  }

  /** The first player of the company that shows this video, unless that is this one. */
  private leader(): Player | undefined {
    const first = [...this.company].find((one) => one.run === this.run && one.liveBlock >= 0);
    return first === this ? undefined : first;
  }

  /** A block that this view wanted is gone, and with it those before it. */
  lose({ run, block }: GoneMessage): void {
    if (run === this.run) {
      this.asked = undefined;
      this.back.film.lose(block);
    }
  }

  private fillWith(take: Take): void {
    if (this.back.film.get(take.record.block) === undefined) {
      this.back.film.add(take);
      this.events.filled(take);
    }
  }

  /** Ask for one block that is missing in the film: seldom, while the video itself comes too slowly. */
  private fill(nowMs: number): void {
    const { asked } = this;
    const { gap } = this.back.film;
    const dry = this.status === "running" && this.buffer.waiting === 0;
    if (dry && nowMs - this.askedMs < DRY_MS) {
      return;
    }
    if (asked === undefined && gap !== undefined) {
      this.request(gap, nowMs);
    } else if (asked !== undefined && nowMs >= asked.againMs) {
      this.request(asked.block, nowMs, 2 * asked.patienceMs);
    }
  }

  private request(block: number, nowMs: number, patienceMs = 1000 * MOST_S): void {
    this.asked = { block, againMs: nowMs + patienceMs, patienceMs };
    this.askedMs = nowMs;
    this.events.ask(this.run, block);
  }

  /** A block that cannot be decoded gives its room back, and may come again in another codec. */
  private miss(run: number, block: number): void {
    if (run === this.run) {
      if (block === this.newest && block + 1 !== this.opening?.block) {
        this.newest = block - 1; // one before it comes back into the film alone
      }
      this.back.film.forget(block);
      this.owed.push({ run, block });
      this.payBack();
    }
  }

  private fail({ record, codec }: Take, error: unknown): void {
    if (this.signal.aborted) {
      return; // its decoder was closed
    }
    this.events.fail(`block ${record.block} could not be decoded (${codec}): ${error}`, codec);
  }

  private put(run: number, block: BufferedBlock<Picture>): void {
    const still = this.status === "stopped" || this.status === "closed";
    const over = run !== this.run || this.signal.aborted || (still && this.shownNumber >= 0);
    if (over || !this.buffered(block)) {
      for (const picture of block.pictures) {
        picture.close();
      }
    }
  }

  /** Put a block into the buffer, unless the player in whose step this one goes is past it. */
  private buffered(block: BufferedBlock<Picture>): boolean {
    const nowMs = performance.now();
    const place = this.leader()?.buffer.place(nowMs) ?? -1;
    if (place >= block.record.first_picture + block.pictures.length) {
      return false;
    }
    if ("displayed" in block.record) {
      this.buffer.push(block, nowMs);
    } else {
      this.buffer.open(block, nowMs);
    }
    if (place >= 0) {
      this.buffer.keepStep(place, nowMs);
    }
    return true;
  }

  private begin(run: number): void {
    this.buffer.clear();
    this.lately = new Lately(this.picturesPerSecond);
    this.buffer = this.freshBuffer();
    this.back.begin();
    this.run = run;
    this.first = undefined;
    this.settleAnew();
    this.newest = -1;
    this.opening = undefined;
    this.asked = undefined;
    this.askedMs = performance.now();
    this.shownNumber = -1;
    this.liveBlock = -1;
    this.landing = [];
    this.lastLanding = -1;
    this.liveNumber = -1;
    this.owed = [];
    this.held.clear();
    this.status = "idle";
  }

  private freshBuffer(): JitterBuffer<Picture> {
    return new JitterBuffer(this.picturesPerSecond, DELAY_MS, (nowMs) => {
      if ((this.lookedMs(nowMs) ?? 0) >= SETTLES_MS) {
        this.lately.ranDry(nowMs);
      }
    });
  }

  private show(nowMs: number): void {
    const live = this.buffer.at(nowMs);
    this.payBack();
    this.land(live);
    const looking = this.back.review !== undefined;
    if (looking !== this.looksBack) {
      this.looksBack = looking;
      this.settleAnew();
    }
    const shown = looking ? this.back.at(nowMs) : live;
    if (shown !== undefined && shown.number !== this.shownNumber) {
      if (this.shownNumber < 0) {
        this.settleAnew(); // a first block may be long in coming
      }
      this.shownNumber = shown.number;
      this.shownSinceMs = nowMs;
      this.stood = false;
      this.drawnAtMs.push(nowMs);
      this.events.draw(shown, !looking);
    }
    this.stand(nowMs);
    this.fill(nowMs);
  }

  private land(live: ShownPicture | undefined): void {
    if (live === undefined) {
      return;
    }
    this.liveNumber = live.number;
    if (live.record.block !== this.liveBlock) {
      this.liveBlock = live.record.block;
      this.events.come(live);
    }
    // a block that was not displayed may have brought a prompt too
    for (let next = this.landing[0]; next && next.block <= this.liveBlock; next = this.landing[0]) {
      this.landing.shift();
      if (next.landed !== null) {
        this.events.land(next.landed, next);
      }
    }
  }

  /** Say once of a picture that it stands, and not only because the next one is late. */
  private stand(nowMs: number): void {
    if (this.stood || this.shownNumber < 0 || nowMs - this.shownSinceMs < STILL_MS) {
      return;
    }
    const looking = this.back.review !== undefined;
    if (looking ? !this.back.standsOn(this.shownNumber, nowMs) : this.status === "running") {
      return;
    }
    this.stood = true;
    this.events.stand(this.run, this.shownNumber);
  }

  /** A credit goes back when its block has been decoded and there is room for another one. */
  private payBack(): void {
    while (this.owed.length > 0 && this.buffer.waiting < ROOM_BLOCKS) {
      const credit = this.owed.shift();
      if (credit !== undefined) {
        if (credit.run === this.run) {
          this.held.delete(credit.block);
        }
        const seenAtMs = this.buffer.seenAtMs(credit.block, performance.now());
        this.events.credit(credit.run, credit.block, seenAtMs);
      }
    }
  }
}
