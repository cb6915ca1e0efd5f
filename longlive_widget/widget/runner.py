"""The worker thread that owns a running video, and the verbs of its run from other threads.

Its parts are public: the `plan` that steers it, the `delivery` of its blocks to the views, the
`profiling` of some of them, and the `outbox` for all that the page is told. Knows neither Jupyter
nor the page: whoever builds a runner gives it `send`.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from longlive_widget.engine.branches import EVERY_BLOCKS
from longlive_widget.engine.changeover import changeover
from longlive_widget.engine.watch import Abandoned
from longlive_widget.errors import ManifestError, SessionError, whole_number
from longlive_widget.geometry import pictures_before
from longlive_widget.presets import Preset
from longlive_widget.runs.manifest import NOTHING_MADE
from longlive_widget.timeline import CUT, Timeline, Transition
from longlive_widget.widget.archive import Archive
from longlive_widget.widget.branching import STATE_BYTES, Branching, Kept
from longlive_widget.widget.courier import GOODBYE_S, Courier, Errand
from longlive_widget.widget.delivery import Coded, Delivery
from longlive_widget.widget.ensemble import gain_of, sides_of, tiles_of
from longlive_widget.widget.forks import close_in_forks
from longlive_widget.widget.outbox import Outbox, Send, let_go
from longlive_widget.widget.pace import Pace
from longlive_widget.widget.plan import Plan
from longlive_widget.widget.profiling import Profiling
from longlive_widget.widget.protocol import BlockRecord, Credit, State, Status, Unseen, WantedCodec
from longlive_widget.widget.recorder import Take
from longlive_widget.widget.video import Video

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Block, Session
    from longlive_widget.runs.logbook import Logbook
    from longlive_widget.runs.manifest import Manifest
    from longlive_widget.widget.gauges import Gauges

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Stretch:
    """Blocks that were asked for together: a number of them, or an endless stream with a pace."""

    blocks: "Iterator[Block]"
    pace: Pace | None
    finished: Future[None]


class Runner:
    """One video at a time, made block by block on a thread of its own.

    A verb that finds all as it would leave it does nothing, so `stop` always may be called; one
    that cannot do its work is a `SessionError`.

    Every verb returns at once and may be called from any thread; what it tells the page is sent
    from a second thread, in the order of the verbs. A block that is being made when the video is
    paused is finished and shown; one that is being made at a stop ends with its present step and is
    thrown away.

    Making blocks never waits for showing them. While nobody looks, and with `when_unseen` on
    "pause", a live video is held until somebody does. `hears_s` passes while pages can be heard;
    None says that they always can.
    """

    def __init__(
        self,
        engine: "Engine",
        timeline: Timeline,
        seed: int,
        send: Send,
        *,
        codec: WantedCodec = "auto",
        when_unseen: Unseen = "go on",
        branch_bytes: int = STATE_BYTES,
        every_blocks: int = EVERY_BLOCKS,
        clock_s: Callable[[], float] = time.monotonic,
        hears_s: Callable[[], float] | None = None,
    ) -> None:
        self.branching = Branching(branch_bytes, every_blocks)
        self._turning = threading.Lock()
        self._turner: Courier | None = None
        self._making = False
        self._video = Video(engine, seed)
        self._changed = self._video.changed
        self.seed_locked = True
        self._seed_is_fresh = True
        self._clock_s = clock_s
        self._when_unseen = when_unseen
        self._waits_for_view = False
        self._gauges: Gauges | None = None
        self._stretch: Stretch | None = None
        self._logbook: Logbook | None = None
        self._callbacks: tuple[Callable[[Block], None], ...] = ()
        self.outbox = Outbox(send, self._changed, self.state)
        self.plan = Plan(timeline, self._video, self.outbox)
        self.delivery = Delivery(
            codec, self._video, self.outbox, self._mind_who_looks, clock_s, hears_s or clock_s
        )
        self.profiling = Profiling(self._video, self.outbox, self.delivery)
        self._archive = Archive(self._video, self.outbox)
        self._thread = threading.Thread(target=self._work, name="longlive-runner", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        close_in_forks(self)

    def _clear(self) -> None:
        self._logbook = None
        self._video.made = 0
        self.plan.clear()
        self.delivery.clear()

    @property
    def status(self) -> Status:
        """What is going on."""
        return self._video.status

    @property
    def seed(self) -> int:
        """That of this video, or of the one to come; see `use` and `seed_locked`."""
        return self._video.about.seed

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height of the pictures; None for the model's own."""
        return self._video.size_px

    @property
    def place(self) -> tuple[int, int]:
        """The number of the video, and of its block, that begins next."""
        with self._changed:
            return self._video.run + (self._video.session is None), self._video.begun

    @property
    def session(self) -> "Session | None":
        """What makes this video, to ask it how; None where none goes on."""
        with self._changed:
            return self._video.session

    def manifest(self) -> "Manifest":
        """What this video was made by and of, so far; a hash of each picture.

        Where nothing was made yet, it is a `ManifestError`; where the studio is closed, it is a
        `SessionError`.
        """
        with self._changed:
            self.require_open()
            logbook = self._logbook
        if logbook is None:
            raise ManifestError(NOTHING_MADE)
        return logbook.manifest()

    def state(self) -> State:
        """What a view must know to draw itself."""
        recording = self._archive.recording
        with self._changed:
            return replace(
                self._video.about,
                told=self.outbox.told,
                status=self._video.status,
                run=self._video.run,
                made=self._video.made,
                dropped=self.delivery.dropped,
                recording=None if recording is None else recording.name,
                h264=self.delivery.audience.h264,
                codec=self.delivery.audience.codec,
                marks=self.plan.marks,
                begun=self._video.begun,
                revision=self.plan.revision,
                entries=self.plan.entries,
            )

    def start(self) -> None:
        """Begin a video, or go on with one that is paused or done; live, at its own rate."""
        with self._changed:
            if self.status == "running":
                return
            if self.status == "paused" and self._stretch is not None:
                if self._stretch.pace is not None:
                    self._stretch.pace.go_on(self._clock_s())
            else:
                session = self._session_to_go_on()
                self._stretch = Stretch(self._blocks_of(session), Pace(), _promise())
            self._become("running")
            self._hold_unseen()

    def make(self, blocks: int) -> Future[None]:
        """Begin a video, or go on with one, for that many blocks and as fast as they come.

        Returns:
            What is done once the page has been told of the last block, or of the error that ended
            them.

        Raises:
            SessionError: the count is no whole number from 1 up, a video is running or paused, or
                the studio is closed.
        """
        blocks = whole_number("number of blocks", blocks, SessionError, least=1)
        with self._changed:
            if self.status in {"running", "paused"}:
                raise SessionError(f"a video is {self.status}: stop() it before run()")
            session = self._session_to_go_on()
            self._stretch = Stretch(self._blocks_of(session, blocks), None, _promise())
            self._become("running")
            return self._stretch.finished

    def pause(self) -> None:
        """Hold the video; nothing happens if it is held already.

        Raises:
            SessionError: nothing is running, or the studio is closed.
        """
        with self._changed:
            self.require_open()
            if self.status == "paused":
                self._waits_for_view = False
                return
            if self.status != "running":
                raise SessionError(f"nothing is running, the video is {self.status}: start() it")
            if self._stretch is not None and self._stretch.pace is not None:
                self._stretch.pace.hold(self._clock_s())
            self._become("paused")

    def resume(self) -> None:
        """Go on after a pause; nothing happens if the video is running already.

        Raises:
            SessionError: nothing is paused, or the studio is closed.
        """
        with self._changed:
            self.require_open()
            if self.status not in {"paused", "running"}:
                raise SessionError(f"nothing is paused, the video is {self.status}: start() it")
            self.start()

    def stop(self) -> None:
        """End the video, if there is one; the next start begins a new one on the same timeline."""
        with self._changed:
            if self._video.session is None:
                return
            self._become("stopped")
            self._end(None)

    def reset(self) -> None:
        """Begin a new video at once, live, whose timeline is the prompt that steers this one.

        A prompt that is to land on the next block counts as such.

        Raises:
            SessionError: no video has begun, or the studio is closed.
        """
        with self._changed:
            self.require_open()
            if self._video.session is None:
                raise SessionError(f"there is no video to reset, it is {self.status}: start() it")
            prompt = self.plan.prompt
            self.stop()
            self.plan.follow(Timeline.of(prompt))
            self.outbox.tell_state()
            self.start()

    def use(
        self,
        engine: "Engine",
        seed: int,
        size_px: tuple[int, int] | None,
        *,
        fresh_seed: bool = False,
    ) -> None:
        """Make videos with these: the present one from its next block on, if it can go on so.

        Else it begins anew if it plays, and ends if it does not. While `seed_locked` is false, a
        video whose seed was used already begins with one that is drawn; a `fresh_seed` was not.
        What is kept of a video that has ended goes with its size.

        Where a `make` goes on that would have to begin anew, where pictures of another size are
        being recorded, and in a closed studio, it is a `SessionError`, and all is as it was.
        """
        engine.geometry_at(size_px)  # or say why that is no size
        with self._changed:
            self.require_open()
            session = self._video.session
            as_before = (seed, size_px) == (self.seed, self.size_px)
            goes_on = session is None or (as_before and not engine.why_not_take_over(session))
            resized = size_px != self.size_px
            if resized or not goes_on:
                self._require_may_begin_anew(resized=resized)
            unused = session is None and self._seed_is_fresh
            self._seed_is_fresh = fresh_seed or unused or not goes_on
            self._video.make_with(engine, seed, size_px)
            self.delivery.fit()
            if session is not None and goes_on:
                engine.take_over(session)
                if self._gauges is not None:
                    self._gauges.engine = engine
            elif session is not None:
                played = self.status == "running"
                self.stop()
                if played:
                    self.start()
            if resized and self._video.session is None:
                self._clear()
            self.outbox.tell_state()

    def require_may_take(self, preset: Preset) -> None:
        """Make sure, before it is loaded, that `use` would take this preset now.

        Where it would not, it is the same `SessionError`.
        """
        with self._changed:
            self.require_open()
            session = self._video.session
            if session is not None and not changeover(session.preset, preset).goes_on:
                self._require_may_begin_anew(resized=False)

    def _require_may_begin_anew(self, *, resized: bool) -> None:
        if self.status == "running" and not self._is_live():
            raise SessionError("run() is making blocks, and this needs a new video: wait for it")
        if resized and self._archive.recording is not None:
            raise SessionError(
                f"{str(self._archive.recording)!r} is being recorded, and a file has one size: "
                "cut() it first"
            )

    def branch(self, block: int, prompt: str | None, transition: Transition = CUT) -> int:
        """Leave the video at a past block for another one, and go there; returns its number.

        It goes on from the beginning of that block, under `prompt` or on the same timeline, and is
        done so far: `start` goes on with it. A live video is held meanwhile, whose block in the
        making is finished first; blocks that lie after the last kept state are made again. Waits
        for all of that; where it fails, the video goes on as it was.

        Where there is no video to leave, `make` goes on, the block was not made yet, the video went
        on under another preset before it or has ended meanwhile, or this is the thread that makes
        blocks, it is a `SessionError`.
        """
        with self._leaving() as parent:
            block = whole_number("block", block, SessionError, least=0, most=self._video.made)
            gauges = _gauges_of(self._video.engine)
            made = self.branching.branch(parent, block, prompt, transition, gauges)
            gauges.parts_ms()  # those of blocks that were made again are of no new one
            with self._changed:
                self._require_left(parent)
                kept = self.branching.add(made, parent, gauges)
                self._take_up(kept)
        return kept.number

    def walk(self, number: int) -> None:
        """Go to a video of the tree, and have it done so far: `start` goes on with it.

        A live video is held first. One that does not exist is a `SessionError`, and so is what is
        one for `branch`.
        """
        with self._leaving() as parent, self._changed:
            kept = self.branching.numbered(number)
            self._require_left(parent)
            if kept is not parent:
                self._take_up(kept)

    def release(self, number: int) -> None:
        """Let go of a video of the tree, and of all that have left it.

        One that does not exist, the present one, one that it has left, and any while a branch is
        being made, are a `SessionError`.
        """
        if not self._turning.acquire(blocking=False):
            raise SessionError("a branch is being made: wait for it")
        try:
            with self._changed:
                self.require_open()
                self.branching.release(number)
        finally:
            self._turning.release()
        self.tell_tree()

    @contextmanager
    def _leaving(self) -> Iterator[Kept]:
        """Inside, the video is held, and all that is known of it is kept.

        One at a time. A live video goes on after it, unless another one is the present by then.
        """
        if threading.current_thread() is self._thread:
            raise SessionError("blocks are made on this thread: branch from another one")
        if not self._turning.acquire(blocking=False):
            raise SessionError("a branch is being made: wait for it")
        played, parent = self.status == "running", self.branching.present
        try:
            self.branching.branching = True
            self.tell_tree()
            yield self._left()
        finally:
            self.branching.branching = False
            self._turning.release()
            with self._changed:
                if played and self.branching.present is parent and self.status == "paused":
                    self.start()
            self.tell_tree()

    def _left(self) -> Kept:
        """Hold the video, and keep what is known of it once its block in the making is there."""
        with self._changed:
            self.require_open()
            if self._video.session is None or self.branching.present is None:
                raise SessionError(f"there is no video to leave, it is {self.status}: start() one")
            if self._stretch is not None and self._stretch.pace is None:
                raise SessionError("run() is making blocks: wait for it")
            if self.status == "running":
                self.pause()
            self._changed.wait_for(lambda: not self._making)
            if self.branching.present is None:
                raise SessionError("the video has ended meanwhile: start() it")
            self.branching.leave(self.delivery.delivered, self.plan.asked, self._video.made)
            return self.branching.present

    def _require_left(self, parent: Kept) -> None:
        """That video is still the present one, and nothing was made of it meanwhile."""
        if self._video.session is not parent.session or self.status == "running" or self._making:
            raise SessionError("the video went on or has ended meanwhile: try once more")

    def _take_up(self, kept: Kept) -> None:
        """Show a video of the tree in the place of the one that was left, under the same preset."""
        self._video.engine.take_over(kept.session)
        self._finish_stretch(None)
        self.branching.take_up(kept)
        self._video.begin(kept.session)
        self._video.made = kept.made
        self._gauges, self._logbook = kept.gauges, kept.logbook
        self._gauges.engine = self._video.engine
        self.plan.take_up(kept.session.timeline, kept.landings, kept.session.next_block)
        self._become("done")
        self.delivery.take_up(kept.delivered)

    def tell_tree(self) -> None:
        """Have all views told which videos have left each other."""
        with self._changed:
            message, thumbnails = self.branching.message()
            self.outbox.say(message, thumbnails)

    def turn(self, act: Callable[[], object], view: str) -> None:
        """Branch or walk for a view, without waiting for it: an error is told there."""
        with self._changed:
            self.require_open()
            self._turner = self._turner or Courier("longlive-branches")
            self._turner.put(lambda: _done(act), partial(self.outbox.tell, view=view))

    def record(self, path: str | Path | None = None, *, lossless: bool = False) -> Path:
        """Write each block from the next one on; returns where it will be.

        A path without an ending is a folder for this video and its manifest. Else it is an MP4
        file; without a path, one in the present folder that is called after the time. A place where
        nothing can be is an `OutputError`, a recording that goes on or a closed studio a
        `SessionError`.
        """
        with self._changed:
            self.require_open()
            return self._archive.record(path, lossless=lossless)

    def cut(self) -> "Future[Path]":
        """End the recording, if it has not ended by itself; returns where it is, once written.

        Where nothing was recorded since the last cut, it is a `SessionError`.
        """
        return self._archive.cut()

    def clip(self, view: str, seconds: int) -> None:
        """Send a view the last `seconds` of the video as an MP4 file, once it is written.

        Where nothing was made yet, it is a `SessionError`.
        """
        run, shots = self.delivery.lately(seconds)
        self._archive.clip(view, run, shots)

    def on_block(self, callback: "Callable[[Block], None]") -> None:
        """Call it with each block from now on, on the worker's thread, once the block was sent.

        A block that is recorded is in the file by then. The next block waits for the call. An error
        is told, and the video goes on.
        """
        with self._changed:
            self._callbacks = (*self._callbacks, callback)

    def credit(self, credit: Credit) -> None:
        """A page has taken in a block: there is room for another, and its viewer is known better.

        That of another video than the present one counts for nothing.
        """
        self.delivery.credit(credit.run, credit.block, credit.times)
        with self._changed:
            pace = None if self._stretch is None else self._stretch.pace
            if pace is not None and credit.seen_ms is not None and credit.run == self._video.run:
                seen_s = credit.seen_ms / 1e3
                pace.seen(credit.block, seen_s, credit.times.way_s, self._clock_s())
                self._changed.notify_all()

    def _mind_who_looks(self) -> None:
        """Go on with a video that waits for a view; pause a live one that nobody sees."""
        if self.delivery.audience.looking and self._waits_for_view:
            self.resume()
        else:
            self._hold_unseen()

    def _hold_unseen(self) -> None:
        """Pause a live video that no view sees, if that is wanted."""
        unseen = not self.delivery.audience.expected
        if unseen and self._when_unseen == "pause" and self._is_live():
            self.pause()
            self._waits_for_view = True

    def _is_live(self) -> bool:
        stretch = self._stretch
        return self.status == "running" and stretch is not None and stretch.pace is not None

    def close(self) -> None:
        """End all threads; the block in the making is thrown away. A second time does nothing.

        Waits 5 s at most: what takes longer, as a block on a slow machine or the end of a large
        recording, is left to end by itself.
        """
        until_s = time.monotonic() + GOODBYE_S
        with self._changed:
            if self.status == "closed":
                return
            self._clear()
            self._video.let_go()
            self._callbacks = ()
            self._become("closed")
            self._end(None)
        self._archive.close(_left(until_s))
        if threading.current_thread() is not self._thread:
            self._thread.join(_left(until_s))
        self.profiling.close(_left(until_s))
        if self._turner is not None:
            self._turner.close(_left(until_s))
        self.outbox.close(_left(until_s))
        atexit.unregister(self.close)

    def close_in_fork(self) -> None:
        """This process was forked, and has none of the threads: the studio is closed here."""
        self._video.status = "closed"
        self._video.let_go()
        atexit.unregister(self.close)

    @property
    def changed(self) -> threading.Condition:
        """The lock of the video."""
        return self._changed

    def require_open(self) -> None:
        """Nothing, unless the studio is closed: that is a `SessionError`."""
        self._video.require_open()

    def _session_to_go_on(self) -> "Session":
        engine = self._video.engine
        if self.status == "failed":
            self._end(None)
        if self._video.session is None:
            self._gauges = _gauges_of(engine)
            if not (self.seed_locked or self._seed_is_fresh):
                self._video.draw_seed()
            self._seed_is_fresh = False
            self._clear()
            session = self._new_session(engine, self._gauges)
            self._video.begin(session)
            present = self.branching.present
            self._logbook = None if present is None else present.logbook
            self.plan.begin()
            return session
        return self._video.session

    def _blocks_of(self, session: "Session", count: int | None = None) -> "Iterator[Block]":
        return session.blocks(count, early=partial(self.delivery.open, self._video.run))

    def _new_session(self, engine: "Engine", gauges: "Gauges") -> "Session":
        if tiles_of(engine) is not None:  # a tree is of one engine, and so is a manifest
            return engine.session(self.plan.timeline, self.seed, watch=gauges)
        return self.branching.begin(
            engine, self.plan.timeline, self.seed, self.size_px, gauges, self.delivery.delivered
        )

    def _end(self, error: Exception | None) -> None:
        """Let go of the session, and of whoever waits for its blocks; no step begins any more."""
        if self._gauges is not None:
            self._gauges.abandon()
        self._video.session = self._gauges = None
        self.branching.end()
        self.tell_tree()
        self._finish_stretch(error)

    def _finish_stretch(self, error: Exception | None) -> None:
        """Whoever waits for the stretch hears of it after the page has heard of its blocks."""
        stretch, self._stretch = self._stretch, None
        if stretch is None:
            return
        if error is None:
            self.outbox.then(lambda: stretch.finished.set_result(None))
        else:
            self.outbox.then(lambda: stretch.finished.set_exception(error))

    def _become(self, status: Status) -> None:
        self._video.status = status
        self._waits_for_view = False
        self._changed.notify_all()
        self.outbox.tell_state()

    def _work(self) -> None:
        while (stretch := self._next_stretch()) is not None:
            session, gauges = self._video.session, self._gauges
            if session is not None and gauges is not None and self.profiling.due():
                profiled = partial(self._make_one, stretch, profiled=True)
                self.profiling.make(session, gauges, profiled)
            else:
                self._make_one(stretch, nullcontext())
            with self._changed:
                self._making = False
                self.delivery.leave_out()
                self._changed.notify_all()

    def _next_stretch(self) -> Stretch | None:
        """The stretch whose next block is due, once there is one; None when all is over."""
        with self._changed:
            while self.status != "closed":
                self._hold_unseen()  # a view may have died without a word
                stretch = self._stretch
                if self.status != "running" or stretch is None:
                    self._changed.wait()
                    continue
                wait_s = 0.0 if stretch.pace is None else stretch.pace.wait_s(self._clock_s())
                if wait_s <= 0:
                    self._making = True
                    return stretch
                self._changed.wait(wait_s)
        return None

    def _make_one(
        self,
        stretch: Stretch,
        around: AbstractContextManager[object],
        *,
        profiled: bool = False,
    ) -> "Block | None":
        """Make the next block, and show it; None if there was none, or it is no longer wanted."""
        begun_s = self._clock_s()
        try:
            with around:
                block = next(stretch.blocks, None)
            latency_ms = 1e3 * (self._clock_s() - begun_s)
            coded = None if block is None else self.delivery.coded(block)
        except Abandoned:
            return None
        except BaseException as error:  # whatever it is, nobody else would tell of it
            log.exception("a block could not be made")
            self._fail(stretch, _to_be_told(error, "a block"))
            return None
        with self._changed:
            if self._stretch is not stretch:
                return None
            if block is None or coded is None:
                self._become("done")
                self._finish_stretch(None)
                return None
            written = self._show(block, coded, latency_ms, profiled=profiled)
            if stretch.pace is not None:
                now_s = self._clock_s()
                stretch.pace.made(block.index, len(block.frames), begun_s, now_s)
        self._call_back(block, written)
        return block

    def _call_back(self, block: "Block", written: Errand) -> None:
        """Call with the block once it is written."""
        if self._callbacks:
            written()
        for callback in self._callbacks:
            try:
                callback(block)
            except BaseException as error:  # the thread goes on, and makes the next block
                log.exception("a callback for blocks failed")
                self.outbox.tell(_to_be_told(error, "a callback for blocks"))

    def _fail(self, stretch: Stretch, error: Exception) -> None:
        with self._changed:
            if self._stretch is not stretch:
                return
            made = self._video.made
            kept = made > 0 and self.branching.present is not None
            if kept:
                error.add_note(
                    f"The video is kept up to there: branch({made}) goes on with block {made}, "
                    "start() begins a new one."
                )
            self.outbox.tell(error)
            self._become("failed")
            if kept:
                self.tell_tree()
                self._finish_stretch(error)
            else:
                self._end(error)
        let_go(error)

    def _show(self, block: "Block", coded: Coded, latency_ms: float, *, profiled: bool) -> Errand:
        """Keep a block and have it sent once it is written; returns what waits for that."""
        session, gauges, logbook = self._video.session, self._gauges, self._logbook
        assert session is not None and gauges is not None
        memory = gauges.memory()
        record = BlockRecord(
            block=block.index,
            latent_frame=block.latent_frame,
            first_picture=pictures_before(block.latent_frame),
            pictures=len(block.frames),
            prompt=block.prompt,
            preset=block.preset.name,
            landed=block.landed,
            latency_ms=round(latency_ms, 3),
            parts_ms=gauges.parts_ms(),
            encode_ms=round(coded.encode_ms, 3),
            credits=coded.credits,
            displayed=bool(coded.buffers),
            window=block.window,
            window_bytes=session.window_bytes,
            host_bytes=memory.host_bytes,
            device_bytes=memory.device_bytes,
            device_reserved_bytes=memory.device_reserved_bytes,
            profiled=profiled,
            in_full=block.in_full if block.in_full != block.prompt else "",
            alone=block.alone,
            sides=sides_of(block),
            gain=gain_of(block),
        )
        self._video.made += 1
        values = session, block.index, coded.hashes, record.latency_ms, record.parts_ms
        page = None if logbook is None else logbook.add(*values)
        shot = self.delivery.keep(block, coded, record)
        written = self._archive.keep(Take(self._video.run, shot, page))
        self.outbox.then(written)
        self.delivery.send(coded, record)
        if self.branching.made(block):
            self.tell_tree()
        return written


def _gauges_of(engine: "Engine") -> "Gauges":
    from longlive_widget.widget.gauges import Gauges  # loads torch, as the engine has

    return Gauges(engine)


def _to_be_told(error: BaseException, what: str) -> Exception:
    """The error itself, if it is one; what would end a thread unseen is told of `what` it ended."""
    if isinstance(error, Exception):
        return error
    told = SessionError(f"{what} was ended by {error!r}: raise an Exception, or call stop()")
    told.__cause__ = error
    return told


def _left(until_s: float) -> float:
    return max(0.0, until_s - time.monotonic())


def _done(act: Callable[[], object]) -> None:
    act()


def _promise() -> Future[None]:
    """A future that whoever awaits it cannot cancel: the video is ended by `stop`."""
    promise: Future[None] = Future()
    promise.set_running_or_notify_cancel()
    return promise
