"""The worker thread that owns a running video, and the verbs that steer it from other threads.

The worker computes, a courier carries: it does what the page asks for, and sends what the page is
to know, so that nothing is sent under a lock. Knows messages and how to send one, but neither
Jupyter nor the page: whoever builds a runner gives it `send`.
"""

import atexit
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Protocol

from longlive_widget.engine.watch import Abandoned
from longlive_widget.errors import (
    LongLiveError,
    ManifestError,
    SessionError,
    TimelineError,
    whole_number,
)
from longlive_widget.geometry import PICTURES_PER_SECOND, Geometry, pictures_before
from longlive_widget.runs.manifest import NOTHING_MADE, picture_hashes
from longlive_widget.timeline import (
    CUT,
    Landing,
    Timeline,
    Transition,
    drawn_seed,
    entries_of,
    require_prompt,
)
from longlive_widget.timeline_forms import Form, file_name, timeline_as
from longlive_widget.widget.archive import Archive
from longlive_widget.widget.audience import Audience
from longlive_widget.widget.courier import GOODBYE_S, Courier
from longlive_widget.widget.frame_codec import encode_block, encode_png, h264_name, is_small
from longlive_widget.widget.library import prompts_for
from longlive_widget.widget.pace import Pace
from longlive_widget.widget.protocol import (
    BlockMessage,
    BlockProfile,
    BlockRecord,
    Codec,
    Edit,
    Edited,
    Exported,
    Failure,
    Gone,
    History,
    Notice,
    PageMessage,
    PageTimes,
    PartProfile,
    ProfileMessage,
    Reading,
    Receipt,
    State,
    StateMessage,
    Status,
    Still,
    Time,
    Topic,
    Unseen,
    WantedCodec,
)
from longlive_widget.widget.reel import Reel, Shot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Block, Session
    from longlive_widget.measure.block_time import BlockTrace
    from longlive_widget.runs.logbook import Logbook
    from longlive_widget.runs.manifest import Manifest
    from longlive_widget.widget.gauges import Gauges

CREDITS = 2
HISTORY_BLOCKS = 10_000
PAGE_HISTORY_BLOCKS = 500
MARKS = 200
ERRORS = 100
COMPARED_BLOCKS = 20
CLOSED = "this studio is closed: make a new LongLiveWidget"

log = logging.getLogger(__name__)


class Send(Protocol):
    """Bring a message to the page, with buffers beside it."""

    def __call__(self, message: PageMessage, buffers: Sequence[bytes] = ()) -> None:
        """Bring it; called for one message after the other, on the courier's thread."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Blocks that were asked for together: a number of them, or an endless stream with a pace."""

    blocks: "Iterator[Block]"
    pace: Pace | None
    finished: Future[None]


@dataclass(frozen=True, eq=False)
class Coded:
    """A block's pictures for the page, none where it has no room for them, and the time it took.

    `hashes` are those of its pictures, for the manifest.
    """

    codec: Codec
    buffers: list[bytes]
    encode_ms: float
    hashes: tuple[str, ...]


class Runner:
    """One video at a time, made block by block on a thread of its own.

    A verb that finds all as it would leave it does nothing, so `stop` always may be called; one
    that cannot do its work is a `SessionError`.

    Every verb returns at once and may be called from any thread; what it tells the page is sent
    from a second thread, in the order of the verbs. A block that is being made when the video is
    paused is finished and shown; one that is being made at a stop ends with its present step and is
    thrown away.

    The page has room for `CREDITS` blocks and gives a credit back for each that it has taken in.
    Making blocks never waits for that: without a credit a block is recorded, but not displayed. It
    counts as dropped if somebody looks, unless there is room again before the next one is made.
    While nobody looks, no pictures are sent, and with `when_unseen` on "pause" a live video is held
    until somebody does.
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
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine: Engine | None = engine
        self._timeline = timeline
        self.seed_locked = True
        self._seed_is_fresh = True
        self._size_px: tuple[int, int] | None = None
        self._send = send
        geometry = engine.geometry
        self._audience = Audience(codec, h264_name(geometry.width_px, geometry.height_px))
        self._about = _about(engine, geometry, seed, self._audience)
        self._clock_s = clock_s
        self._changed = threading.Condition(threading.RLock())
        self._status: Status = "idle"
        self._told = 0
        self._run = 0
        self._revision = 0
        self._when_unseen = when_unseen
        self._waits_for_view = False
        self._session: Session | None = None
        self._gauges: Gauges | None = None
        self._profile_wanted = False
        self._reader: threading.Thread | None = None
        self._stretch: Stretch | None = None
        self._clear()
        self._errors: deque[Exception] = deque(maxlen=ERRORS)
        self._courier = Courier()
        self._archive = Archive(lambda: self._about, self._say, self._tell, self._tell_state)
        self._callbacks: tuple[Callable[[Block], None], ...] = ()
        self._thread = threading.Thread(target=self._work, name="longlive-runner", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _clear(self) -> None:
        self._logbook: Logbook | None = None
        self.reel = Reel()
        self._history: deque[BlockRecord] = deque(maxlen=HISTORY_BLOCKS)
        self._asked: tuple[Landing, ...] = self._timeline.landings(self._about.block_frames)
        self._uncredited: set[int] = set()
        self._dropped = 0
        self._made = 0
        self._profile: BlockProfile | None = None

    @property
    def status(self) -> Status:
        """What is going on."""
        return self._status

    @property
    def history(self) -> tuple[BlockRecord, ...]:
        """The measurements of this video's newest 10 000 blocks, oldest first."""
        with self._changed:
            return tuple(self._history)

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What went wrong, oldest first."""
        with self._changed:
            return tuple(self._errors)

    @property
    def landings(self) -> tuple[Landing, ...]:
        """The prompts of this video that have landed, and those that were overtaken there."""
        with self._changed:
            return tuple(landing for landing in self._asked if landing.block < self._made)

    @property
    def prompt(self) -> str:
        """What steers the block that begins next; before a video, the one that it begins with."""
        with self._changed:
            return [mark.prompt for mark in self._asked if mark.block <= self._begun()][-1]

    @property
    def profiled(self) -> BlockProfile | None:
        """The last block of this video that was profiled, if one was."""
        return self._profile

    @property
    def timeline(self) -> Timeline:
        """What this video follows, and the next one too: live switches are in it."""
        return self._timeline

    @property
    def seed(self) -> int:
        """That of this video, or of the one to come; see `use` and `seed_locked`."""
        return self._about.seed

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height of the pictures; None for the model's own."""
        return self._size_px

    @property
    def place(self) -> tuple[int, int]:
        """The number of the video, and of its block, that begins next."""
        with self._changed:
            fresh = self._session is None
            return self._run + fresh, self._begun()

    def manifest(self) -> "Manifest":
        """What this video was made by and of, so far; a hash of each picture.

        Where nothing was made yet, it is a `ManifestError`; where the studio is closed, it is a
        `SessionError`.
        """
        with self._changed:
            self._open_engine()
            logbook = self._logbook
        if logbook is None:
            raise ManifestError(NOTHING_MADE)
        return logbook.manifest()

    def state(self) -> State:
        """What a view must know to draw itself."""
        with self._changed:
            begun = self._begun()
            past = len(self._timeline.before(begun, self._about.block_frames))
            return replace(
                self._about,
                told=self._told,
                status=self._status,
                run=self._run,
                made=self._made,
                dropped=self._dropped,
                codec=self._audience.codec,
                recording=self._archive.recording,
                marks=self._asked[-MARKS:],
                begun=begun,
                revision=self._revision,
                entries=self._timeline.entries[max(0, past - MARKS) :],
            )

    def start(self) -> None:
        """Begin a video, or go on with one that is paused or done; live, at its own rate."""
        with self._changed:
            if self._status == "running":
                return
            if self._status == "paused" and self._stretch is not None:
                if self._stretch.pace is not None:
                    self._stretch.pace.go_on(self._clock_s())
            else:
                session = self._session_to_go_on()
                self._stretch = Stretch(session.blocks(), Pace(), _promise())
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
            if self._status in {"running", "paused"}:
                raise SessionError(f"a video is {self._status}: stop() it before run()")
            session = self._session_to_go_on()
            self._stretch = Stretch(session.blocks(blocks), None, _promise())
            self._become("running")
            return self._stretch.finished

    def pause(self) -> None:
        """Hold the video; nothing happens if it is held already.

        Raises:
            SessionError: nothing is running, or the studio is closed.
        """
        with self._changed:
            self._open_engine()
            if self._status == "paused":
                self._waits_for_view = False
                return
            if self._status != "running":
                raise SessionError(f"nothing is running, the video is {self._status}: start() it")
            if self._stretch is not None and self._stretch.pace is not None:
                self._stretch.pace.hold(self._clock_s())
            self._become("paused")

    def resume(self) -> None:
        """Go on after a pause; nothing happens if the video is running already.

        Raises:
            SessionError: nothing is paused, or the studio is closed.
        """
        with self._changed:
            self._open_engine()
            if self._status not in {"paused", "running"}:
                raise SessionError(f"nothing is paused, the video is {self._status}: start() it")
            self.start()

    def stop(self) -> None:
        """End the video, if there is one; the next start begins a new one on the same timeline."""
        with self._changed:
            if self._session is None:
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
            self._open_engine()
            if self._session is None:
                raise SessionError(f"there is no video to reset, it is {self._status}: start() it")
            prompt = self.prompt
            self.stop()
            self._follow(Timeline.of(prompt))
            self._tell_state()
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
        geometry = engine.geometry_at(size_px)
        with self._changed:
            self.require_open()
            session, as_before = self._session, (seed, size_px) == (self.seed, self._size_px)
            goes_on = session is None or (as_before and not engine.why_not_take_over(session))
            resized = size_px != self._size_px
            if resized or not goes_on:
                self._require_may_begin_anew(resized=resized)
            self._engine, self._size_px = engine, size_px
            unused = session is None and self._seed_is_fresh
            self._seed_is_fresh = fresh_seed or unused or not goes_on
            self._audience.h264 = h264_name(geometry.width_px, geometry.height_px)
            self._about = _about(engine, geometry, seed, self._audience)
            if session is not None and goes_on:
                engine.take_over(session)
                if self._gauges is not None:
                    self._gauges.engine = engine
            elif session is not None:
                played = self._status == "running"
                self.stop()
                if played:
                    self.start()
            if resized and self._session is None:
                self._clear()
            self._tell_state()

    def _require_may_begin_anew(self, *, resized: bool) -> None:
        if self._status == "running" and not self._is_live():
            raise SessionError("run() is making blocks, and this needs a new video: wait for it")
        if resized and self._archive.recording is not None:
            raise SessionError(
                f"{self._archive.recording!r} is being recorded, and a file has one size: cut() it "
                "first"
            )

    def record(self, path: str | Path | None = None) -> Path:
        """Write each block from the next one on to an MP4 file; returns where it will be.

        Without a path that is a file in the present folder, called after the time. A place where no
        file can be is an `OutputError`, a recording that goes on or a closed studio a
        `SessionError`.
        """
        with self._changed:
            self._open_engine()
            return self._archive.record(path)

    def cut(self) -> "Future[Path]":
        """End the recording; returns where it is, once it is written.

        Where nothing is being recorded, it is a `SessionError`.
        """
        return self._archive.cut()

    def clip(self, view: str, seconds: int) -> None:
        """Send a view the last `seconds` of the video as an MP4 file, once it is written.

        Where nothing was made yet, it is a `SessionError`.
        """
        with self._changed:
            run, shots = self._run, self.reel.lately(seconds)
        self._archive.clip(view, run, shots)

    def profile(self) -> None:
        """Profile a block as soon as may be: the second of those that are made from now on.

        The profiler begins with the first one. Where the studio is closed, it is a `SessionError`.
        """
        with self._changed:
            self._open_engine()
            self._profile_wanted = True

    def switch(self, prompt: str, transition: Transition = CUT) -> Landing:
        """Steer by `prompt` from the next block on; returns where it lands.

        `transition` is how it takes over.

        Raises:
            SessionError: no video has begun, or the studio is closed.
        """
        require_prompt(prompt)
        with self._changed:
            engine = self._open_engine()
            if self._session is None:
                raise SessionError(
                    f"there is no video to steer, it is {self._status}: start() one first"
                )
            landing = self._session.switch(prompt, transition)
            self._asked = _with_switch(self._asked, landing)
            self._follow(self._session.timeline)
            self._tell_state()  # before the receipt: the page reads in it what gives way
            self._say(Receipt(landing))
            self.post(partial(_require_read, engine, prompt))
            return landing

    def steer_by(self, prompt: str) -> None:
        """Go on with this prompt, or begin with it where no video has begun."""
        with self._changed:
            if self._session is not None:
                self.switch(prompt)
            else:
                self.replan(Timeline((*Timeline.of(prompt).entries, *self._timeline.entries[1:])))

    def replan(self, timeline: Timeline) -> None:
        """Follow this timeline: from the next block on, where a video has begun.

        One that changes what has landed on a block that was begun is a `TimelineError`; where the
        studio is closed, it is a `SessionError`.
        """
        with self._changed:
            engine = self._open_engine()
            if timeline == self._timeline:
                return
            first = 0 if self._session is None else self._session.replan(timeline)
            landings = timeline.landings(self._about.block_frames)
            past = (landing for landing in self._asked if landing.block < first)
            self._asked = (*past, *(landing for landing in landings if landing.block >= first))
            known = {entry.prompt for entry in self._timeline.entries}
            self._follow(timeline)
            self._tell_state()
            for entry in timeline.entries:
                if self._session is not None and entry.prompt not in known:
                    self.post(partial(_require_read, engine, entry.prompt))

    def follow_file(self, name: str, timeline: Timeline) -> None:
        """Follow the timeline of a file; where a video has begun, with its own past before it.

        One that has nothing to come for a video that has begun is a `TimelineError`.
        """
        with self._changed:
            begun, frames = self._begun(), self._about.block_frames
            kept = self._timeline.before(begun, frames)
            if kept == timeline.before(begun, frames):
                self.replan(timeline)
                return
            coming = timeline.entries[len(timeline.before(begun, frames)) :]
            if not coming:
                raise TimelineError(
                    f"{name} has no prompt from latent frame {begun * frames} on, where this video "
                    "could still follow it: stop the video to begin with that timeline"
                )
            self.replan(Timeline((*kept, *coming)))
            self._say(Notice(f"what has begun stays; to come is {name} from block {begun} on"))

    def edit(self, edit: Edit) -> None:
        """Follow the timeline that a view asks for, and tell it whether that is so."""
        try:
            with self._changed:
                if edit.revision != self._revision:
                    raise TimelineError(
                        "the timeline has changed meanwhile, this edit was left out: make it again"
                    )
                kept = self._timeline.before(edit.from_block, self._about.block_frames)
                self.replan(Timeline((*kept, *entries_of(edit.rows))))
        except LongLiveError as error:
            self._tell(error, edit.view)
            self._say(Edited(edit.view, accepted=False))
        else:
            self._say(Edited(edit.view, accepted=True))

    def read(self, view: str, prompt: str) -> None:
        """Tell a view which words of a prompt are not known, and which end is left out."""
        engine = self._open_engine()
        self._say(Reading(view, prompt, engine.unknown_words(prompt), engine.unread(prompt)))

    def export(self, view: str, form: Form) -> None:
        """Tell a view the timeline as the text of a file."""
        self._say(Exported(view, form, file_name(form), timeline_as(self._timeline, form)))

    def _begun(self) -> int:
        """The number of the block that would be begun next."""
        return 0 if self._session is None else self._session.next_block

    def _follow(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._revision += 1

    def tell_time(self, view: str, asked_ms: float) -> None:
        """Tell a view what the kernel's clock says now."""
        self._say(Time(view, asked_ms, _now_ms()))

    def credit(self, run: int, block: int, times: PageTimes | None = None) -> None:
        """A page has taken in a block; a second page's word for the same one changes nothing.

        If the newest block was made while there was no room for it, it is sent now.
        """
        with self._changed:
            if run != self._run:
                return
            if block in self._uncredited and times is not None:
                self._note(block, times)
            self._uncredited.discard(block)
            late, codec, newest = self._late(), self._audience.codec, self.reel.blocks[-1:]
        if late is None:
            return
        buffers = encode_block(newest[0].frames, codec)
        with self._changed:
            if self._late() is late:
                self._history[-1] = sent = replace(late, displayed=True)
                self._dropped -= 1
                self._uncredited.add(sent.block)
                again = BlockMessage(self._run, sent, codec, self._begun(), _now_ms())
                self._say(again, buffers)
                self._tell_state()

    def _note(self, block: int, times: PageTimes) -> None:
        """Keep what a page has measured of a block."""
        at = block - self._history[0].block if self._history else -1
        if 0 <= at < len(self._history):
            self._history[at] = replace(self._history[at], page=times)

    def _late(self) -> BlockRecord | None:
        """The newest block, if somebody waits for it for whom there was no room and now is."""
        newest = self._history[-1] if self._history else None
        if newest is None or newest.displayed or newest.credits > 0:
            return None
        room = len(self._uncredited) < CREDITS
        return newest if room and self._audience.looking else None

    def attach(self, view: str, codecs: Sequence[Codec]) -> None:
        """Tell a view that has appeared what it missed, and the newest block with its pictures.

        Credits that a vanished page has kept are taken back. A view that cannot decode what is
        sent to all is a `CapabilityError`, once it has been told all but pictures.
        """
        with self._changed:
            self._audience.enter(view, codecs)
            self._tell_state()
            self._say(History(view, self._run, tuple(self._history)[-PAGE_HISTORY_BLOCKS:]))
            if self._profile is not None:
                self._say(ProfileMessage(self._run, self._profile))
            self._mind_who_looks()
        self._audience.require_seen_by(view)
        self._show_newest(view)

    def look(self, view: str, *, looking: bool) -> None:
        """A view has come into sight, and is shown the newest block, or it has gone out of it."""
        with self._changed:
            self._audience.look(view, looking=looking)
            self._mind_who_looks()
        if looking:
            self._show_newest(view)

    def leave(self, view: str) -> None:
        """A view has gone, and with it what it could not decode."""
        with self._changed:
            self._audience.leave(view)
            self._tell_state()
            self._mind_who_looks()

    def _mind_who_looks(self) -> None:
        """Take back the credits that hidden pages keep; pause a live video that nobody sees."""
        self._uncredited.clear()
        if self._audience.looking and self._waits_for_view:
            self.resume()
        else:
            self._hold_unseen()

    def _hold_unseen(self) -> None:
        """Pause a live video that no view sees, if that is wanted."""
        if not self._audience.expected and self._when_unseen == "pause" and self._is_live():
            self.pause()
            self._waits_for_view = True

    def _is_live(self) -> bool:
        stretch = self._stretch
        return self._status == "running" and stretch is not None and stretch.pace is not None

    def _show_newest(self, view: str) -> None:
        """Send a view the newest block, if there is one."""
        with self._changed:
            run, newest = self._run, tuple(self._history)[-1:]
        for record in newest:
            self.repeat(view, run, record.block)

    def lately(self, seconds: float) -> list[Shot]:
        """The newest blocks of at least so many seconds, as far as they are kept."""
        with self._changed:
            return self.reel.lately(seconds)

    def picture(self, number: int) -> "NDArray[np.uint8] | None":
        """Picture `number` of this video, uint8 RGB `[H, W, 3]`; None where it is not kept."""
        with self._changed:
            return self.reel.picture(number)

    def still(self, view: str, run: int, number: int) -> None:
        """Send a view picture `number` of video `run` as it was made, or word that it is gone."""
        with self._changed:
            picture = self.reel.picture(number) if run == self._run else None
        png = [] if picture is None else [encode_png(picture)]
        self._say(Still(view, run, number, kept=picture is not None), png)

    def repeat(self, view: str, run: int, block: int) -> None:
        """Send a view a block once more, or word that it is gone, and those before it."""
        with self._changed:
            codec, begun = self._audience.codec, self._begun()
            first = self._history[0].block if self._history else 0
            known = run == self._run and 0 <= block - first < len(self._history)
            record = self._history[block - first] if known else None
            shot = self.reel.shot(record.latent_frame) if record is not None else None
        buffers = _coded_as(codec, shot) if shot is not None else []
        if record is None or not buffers:
            self._say(Gone(view, run, block))
        else:
            seen = replace(record, displayed=True)
            self._say(BlockMessage(run, seen, codec, begun, _now_ms(), view), buffers)

    def on_block(self, callback: "Callable[[Block], None]") -> None:
        """Call it with each block from now on, on the worker's thread, once the block was sent.

        The next block waits for it. An error is told, and the video goes on.
        """
        with self._changed:
            self._callbacks = (*self._callbacks, callback)

    def post(self, command: Callable[[], None], view: str | None = None) -> None:
        """Do it after all that was posted before; an error is told to all views, or to one.

        Never waits, for a handler of messages runs on whatever thread its host likes.
        """
        self._courier.put(command, partial(self._tell, view=view))

    def _tell(self, error: Exception, view: str | None = None) -> None:
        """Show an error to the user: in `errors`, and on all views or the one that it concerns."""
        self._keep(error)
        expected = isinstance(error, LongLiveError)
        details = "" if expected else "".join(traceback.format_exception(error))
        topic: Topic = "prompt" if isinstance(error, TimelineError) else "other"
        self._say(Failure(str(error) if expected else _sentence(error), details, topic, view))

    def _keep(self, error: Exception) -> None:
        with self._changed:
            self._errors.append(error)

    def close(self) -> None:
        """End all threads; the block in the making is thrown away. A second time does nothing."""
        with self._changed:
            if self._status == "closed":
                return
            self._clear()
            self._engine = None
            self._callbacks = ()
            self._become("closed")
            self._end(None)
        self._archive.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(GOODBYE_S)
        if self._reader is not None:
            self._reader.join(GOODBYE_S)
        self._courier.close()
        atexit.unregister(self.close)

    def require_open(self) -> None:
        """Nothing, unless the studio is closed: that is a `SessionError`."""
        self._open_engine()

    def _open_engine(self) -> "Engine":
        if self._engine is None:
            raise SessionError(CLOSED)
        return self._engine

    def _session_to_go_on(self) -> "Session":
        engine = self._open_engine()
        if self._session is None:
            self._gauges = _gauges_of(engine)
            if not (self.seed_locked or self._seed_is_fresh):
                self._about = replace(self._about, seed=drawn_seed())
            self._seed_is_fresh = False
            self._session = engine.session(
                self._timeline, self.seed, size_px=self._size_px, watch=self._gauges
            )
            self._run += 1
            self._clear()
            self._logbook = _logbook_of(engine, self._session)
            for entry in self._timeline.entries:
                self.post(partial(_require_read, engine, entry.prompt))
        return self._session

    def _end(self, error: Exception | None) -> None:
        """Let go of the session, and of whoever waits for its blocks; no step begins any more."""
        if self._gauges is not None:
            self._gauges.abandon()
        self._session = self._gauges = None
        self._finish_stretch(error)

    def _finish_stretch(self, error: Exception | None) -> None:
        """Whoever waits for the stretch hears of it after the page has heard of its blocks."""
        stretch, self._stretch = self._stretch, None
        if stretch is None:
            return
        if error is None:
            self._courier.put(lambda: stretch.finished.set_result(None), self._keep)
        else:
            self._courier.put(lambda: stretch.finished.set_exception(error), self._keep)

    def _become(self, status: Status) -> None:
        self._status = status
        self._waits_for_view = False
        self._changed.notify_all()
        self._tell_state()

    def _say(self, message: PageMessage, buffers: Sequence[bytes] = ()) -> None:
        self._courier.put(lambda: self._send(message, buffers), self._keep)

    def _tell_state(self) -> None:
        with self._changed:
            self._told += 1
            self._say(StateMessage(self.state()))

    def _work(self) -> None:
        while (stretch := self._next_stretch()) is not None:
            session, gauges = self._session, self._gauges
            if self._profile_wanted and session is not None and gauges is not None:
                self._profile_one(stretch, session, gauges)
            else:
                self._make_one(stretch)

    def _profile_one(self, stretch: Stretch, session: "Session", gauges: "Gauges") -> None:
        """Make two blocks in a row, and have it told where the time of the second one went.

        Where the stretch ends or is held with the first one, the profile is still wanted.
        """
        made = None
        try:
            with gauges.profiling(session) as profiler:
                made = self._make_one(stretch, profiled=True)
                if made is not None and self._status == "running":
                    made = self._make_one(stretch, profiled=True, around=gauges.in_block())
                else:
                    made = None
        except Exception as error:
            log.exception("a block could not be profiled")
            self._profile_wanted = False
            self._tell(error)
            return
        if made is not None:
            self._profile_wanted = False
            read = partial(self._read_profile, made, partial(gauges.trace_of, profiler), self._run)
            self._reader = threading.Thread(target=read, name="longlive-profile", daemon=True)
            self._reader.start()

    def _read_profile(self, block: "Block", trace: "Callable[[], BlockTrace]", run: int) -> None:
        """Tell what was found, on a thread of its own: the video goes on meanwhile."""
        try:
            found = trace()
        except Exception as error:
            log.exception("a profile could not be read")
            self._tell(error)
            return
        with self._changed:
            if self._run == run:
                self._profile = _profile_of(block, found, self._history)
                self._say(ProfileMessage(run, self._profile))

    def _next_stretch(self) -> Stretch | None:
        """The stretch whose next block is due, once there is one; None when all is over."""
        with self._changed:
            while self._status != "closed":
                stretch = self._stretch
                if self._status != "running" or stretch is None:
                    self._changed.wait()
                    continue
                wait_s = 0.0 if stretch.pace is None else stretch.pace.wait_s(self._clock_s())
                if wait_s <= 0:
                    return stretch
                self._changed.wait(wait_s)
        return None

    def _make_one(
        self,
        stretch: Stretch,
        *,
        profiled: bool = False,
        around: AbstractContextManager[object] | None = None,
    ) -> "Block | None":
        """Make the next block, and show it; None if there was none, or it is no longer wanted."""
        begun_s = time.perf_counter()
        try:
            with around or nullcontext():
                block = next(stretch.blocks, None)
            latency_ms = 1e3 * (time.perf_counter() - begun_s)
            coded = None if block is None else self._coded(block)
        except Abandoned:
            return None
        except Exception as error:
            log.exception("a block could not be made")
            self._fail(stretch, error)
            return None
        with self._changed:
            if self._stretch is not stretch:
                return None
            if block is None or coded is None:
                self._become("done")
                self._finish_stretch(None)
            else:
                self._show(block, coded, latency_ms, profiled=profiled)
                if stretch.pace is not None:
                    stretch.pace.made(len(block.frames), self._clock_s())
        if block is not None:
            self._call_back(block)
        return block

    def _call_back(self, block: "Block") -> None:
        for callback in self._callbacks:
            try:
                callback(block)
            except Exception as error:
                log.exception("a callback for blocks failed")
                self._tell(error)

    def _coded(self, block: "Block") -> Coded:
        """A block as it is sent; without buffers where nobody looks, or has no room for it."""
        with self._changed:
            codec, room = self._audience.codec, CREDITS - len(self._uncredited)
            displayed = self._audience.expected and room > 0
        begun_s = time.perf_counter()
        buffers = encode_block(block.frames, codec) if displayed else []
        encode_ms = 1e3 * (time.perf_counter() - begun_s)
        return Coded(codec, buffers, encode_ms, picture_hashes(block.frames))

    def _fail(self, stretch: Stretch, error: Exception) -> None:
        with self._changed:
            if self._stretch is not stretch:
                return
            self._tell(error)
            self._become("failed")
            self._end(error)
        _let_go(error)

    def _show(self, block: "Block", coded: Coded, latency_ms: float, *, profiled: bool) -> None:
        displayed, session, gauges = bool(coded.buffers), self._session, self._gauges
        assert session is not None and gauges is not None
        memory = gauges.memory()
        record = BlockRecord(
            block=block.index,
            latent_frame=block.latent_frame,
            first_picture=pictures_before(block.latent_frame),
            pictures=len(block.frames),
            prompt=block.prompt,
            landed=block.landed,
            latency_ms=round(latency_ms, 3),
            parts_ms=gauges.parts_ms(),
            encode_ms=round(coded.encode_ms, 3),
            credits=CREDITS - len(self._uncredited),
            displayed=displayed,
            window=block.window,
            window_bytes=session.window_bytes,
            host_bytes=memory.host_bytes,
            device_bytes=memory.device_bytes,
            device_reserved_bytes=memory.device_reserved_bytes,
            profiled=profiled,
        )
        self._made += 1
        self._dropped += self._audience.looking and not displayed
        self._history.append(record)
        if self._logbook is not None and self._session is not None:
            self._logbook.add(
                self._session, block.index, coded.hashes, record.latency_ms, record.parts_ms
            )
        small = is_small(self._about.width_px, self._about.height_px)
        shown = coded.buffers if coded.codec == "h264" and not small else ()
        self._archive.keep(self.reel.append(block, shown))
        if displayed:
            self._uncredited.add(block.index)
        begun = max(self._begun(), block.index + 1)
        message = BlockMessage(self._run, record, coded.codec, begun, _now_ms())
        self._say(message, coded.buffers)


def _gauges_of(engine: "Engine") -> "Gauges":
    from longlive_widget.widget.gauges import Gauges  # loads torch, as the engine has

    return Gauges(engine)


def _now_ms() -> float:
    """The clock that pages compare with their own; it never jumps."""
    return 1e3 * time.monotonic()


def _profile_of(
    block: "Block", trace: "BlockTrace", history: Sequence[BlockRecord]
) -> BlockProfile:
    """A profiled block beside the newest ones that were not, the first one and switches apart."""
    steady = [one for one in history if one.block and one.landed is None and not one.profiled]
    compared_ms = [record.latency_ms for record in steady[-COMPARED_BLOCKS:]]
    parts = [
        PartProfile(name, round(part.ms, 3), round(part.gap_ms, 3), part.calls)
        for name, part in trace.parts.items()
    ]
    busy_ms = sum(part.ms for part in trace.parts.values())
    return BlockProfile(
        block=block.index,
        block_ms=round(trace.elapsed_ms, 3),
        unprofiled_ms=round(median(compared_ms), 3) if compared_ms else None,
        gaps_ms=round(trace.elapsed_ms - busy_ms, 3),
        parts=tuple(sorted(parts, key=lambda part: (-part.ms, part.name))),
    )


def _logbook_of(engine: "Engine", session: "Session") -> "Logbook":
    from longlive_widget.runs.logbook import Logbook  # loads torch, as the engine has

    return Logbook(engine, session)


def _about(engine: "Engine", geometry: Geometry, seed: int, audience: Audience) -> State:
    """The part of the state that says with what videos are made, before anything was."""
    return State(
        told=0,
        status="idle",
        run=0,
        model=engine.name,
        preset=engine.preset.name,
        weights=engine.weights,
        fallbacks=engine.fallbacks,
        width_px=geometry.width_px,
        height_px=geometry.height_px,
        block_frames=geometry.block_frames,
        pictures_per_second=PICTURES_PER_SECOND,
        seed=seed,
        made=0,
        dropped=0,
        recording=None,
        h264=audience.h264,
        codec=audience.codec,
        marks=(),
        begun=0,
        revision=0,
        entries=(),
        library=prompts_for(engine.name),
    )


def _coded_as(codec: Codec, shot: Shot) -> Sequence[bytes]:
    """A block's pictures for the page; none where those that are kept are coded otherwise."""
    if codec == "h264" and shot.units:
        return shot.units
    return [] if shot.frames is None else encode_block(shot.frames, codec)


def _promise() -> Future[None]:
    """A future that whoever awaits it cannot cancel: the video is ended by `stop`."""
    promise: Future[None] = Future()
    promise.set_running_or_notify_cancel()
    return promise


def _require_read(engine: "Engine", prompt: str) -> None:
    """A prompt of which the model does not read all is a `TimelineError`."""
    if remark := engine.unheeded(prompt):
        raise TimelineError(remark)


def _let_go(error: BaseException | None) -> None:
    """Empty the frames of an error that is kept: they hold the session, its window and latents."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _with_switch(asked: tuple[Landing, ...], switch: Landing) -> tuple[Landing, ...]:
    """The landings in the order of their blocks, with one more, to which others there give way."""
    others = (
        replace(landing, replaced_by=switch.prompt) if landing.block == switch.block else landing
        for landing in asked
    )
    return tuple(sorted((*others, switch), key=lambda landing: landing.block))


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
