"""Blocks on their way to the views: what each is sent as it is made, and again when it asks.

Knows the views and their credits, but neither how blocks are made nor what steers them.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from longlive_widget.geometry import Geometry, pictures_before
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.widget.audience import Audience
from longlive_widget.widget.frame_codec import (
    Encode,
    block_encoder,
    encode_block,
    encode_png,
    h264_name,
    is_small,
)
from longlive_widget.widget.outbox import Outbox
from longlive_widget.widget.protocol import (
    BlockMessage,
    BlockProfile,
    BlockRecord,
    Codec,
    Gone,
    History,
    Opening,
    PageTimes,
    ProfileMessage,
    Still,
    Time,
    WantedCodec,
)
from longlive_widget.widget.reel import Reel, Shot
from longlive_widget.widget.video import Video

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longlive_widget.engine.session import Block

CREDITS = 2
HISTORY_BLOCKS = 10_000
PAGE_HISTORY_BLOCKS = 500


@dataclass(frozen=True, eq=False)
class Coded:
    """A block's pictures for the page, none where it has no room for them, and the time it took.

    The first `given` of them were sent before. `credits` is how many blocks the page had room for.
    `hashes` are those of the pictures, for the manifest.
    """

    codec: Codec
    buffers: list[bytes]
    given: int
    encode_ms: float
    credits: int
    hashes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Opened:
    """A block whose first pictures were sent, so coded; `encode` codes the rest."""

    codec: Codec
    buffers: list[bytes]
    encode: Encode
    credits: int


@dataclass(frozen=True, eq=False)
class Delivered:
    """What is kept of one video: its pictures and its measurements."""

    reel: Reel
    records: tuple[BlockRecord, ...]
    dropped: int = 0
    profiled: BlockProfile | None = None

    def until(self, block: int, latent_frame: int) -> "Delivered":
        """That of another video with the same past, up to a block and its first latent frame."""
        past = tuple(record for record in self.records if record.block < block)
        return Delivered(self.reel.until(latent_frame), past)

    def without_pictures(self) -> "Delivered":
        """The measurements alone."""
        return replace(self, reel=Reel())


class Delivery:
    """What the views of one studio are sent of its present video.

    The page has room for `CREDITS` blocks and gives a credit back for each that it has taken in,
    also of one that it has asked for. Without a credit a block is recorded, but not displayed. It
    counts as dropped if somebody looks, unless there is room again before the next one is made.
    While nobody looks, no pictures are sent.

    `reel` has the newest pictures. `looked` is called, under the lock of the video, when somebody
    begins or ceases to look. Pages compare their own clock with `clock_s`, which never jumps;
    `hears_s` passes while they can be heard.
    """

    def __init__(
        self,
        codec: WantedCodec,
        video: Video,
        outbox: Outbox,
        looked: Callable[[], None],
        clock_s: Callable[[], float],
        hears_s: Callable[[], float],
    ) -> None:
        self._video = video
        self._outbox = outbox
        self._looked = looked
        self._clock_s = clock_s
        about = video.about
        self.audience = Audience(codec, h264_name(about.width_px, about.height_px), hears_s)
        self.clear()

    def clear(self) -> None:
        """Keep nothing of the video that was."""
        self.reel = Reel()
        self.dropped = 0
        self._counted: int | None = None
        self.profiled: BlockProfile | None = None
        """The last block of this video that was profiled, if one was."""
        self._history: deque[BlockRecord] = deque(maxlen=HISTORY_BLOCKS)
        self._uncredited: set[int] = set()
        self._wanted: dict[str, int] = {}
        """The block that a view has asked for, and for which there was no room."""
        self._coding = False
        """Whether a block is being coded that takes a credit when it is sent."""
        self._opened: _Opened | None = None
        """The block that is being made, if the first of its pictures were sent."""

    @property
    def delivered(self) -> Delivered:
        """All that is kept of this video, under the lock of the video."""
        return Delivered(self.reel, tuple(self._history), self.dropped, self.profiled)

    def take_up(self, kept: Delivered) -> None:
        """Go on with what is kept of another video, under the lock of the video: views are told."""
        self.clear()
        self.reel, self.dropped, self.profiled = kept.reel, kept.dropped, kept.profiled
        self._history.extend(kept.records)
        for view in self.audience.views:
            self._tell_missed(view)
            self._outbox.post(partial(self._show_newest, view))

    def fit(self) -> None:
        """Pictures have another size: they are coded for it."""
        about = self._video.about
        self.audience.h264 = h264_name(about.width_px, about.height_px)

    @property
    def history(self) -> tuple[BlockRecord, ...]:
        """The measurements of this video's newest 10 000 blocks, oldest first."""
        with self._video.changed:
            return tuple(self._history)

    def open(self, run: int, block: "Block") -> None:
        """Send the first pictures of a block of video `run` while the rest of it is decoded.

        It takes its credit now. Nothing is sent of a block that is there as a whole, nor where
        nobody looks, or has room for it.
        """
        with self._video.changed:
            about, codec, room = self._video.about, self.audience.codec, self._room
            size = Geometry(about.width_px, about.height_px, about.block_frames)
            whole = len(block.frames) == size.pictures_in_block(block.index)
            if whole or run != self._video.run or not self.audience.expected or room <= 0:
                return
            self._coding = True
        encode = block_encoder(codec, size.width_px, size.height_px)
        buffers = encode(block.frames)
        first = pictures_before(block.latent_frame)
        with self._video.changed:
            if run == self._video.run:
                self._opened = _Opened(codec, buffers, encode, room)
                self._outbox.say(Opening(run, block.index, first, block.prompt, codec), buffers)

    def coded(self, block: "Block") -> Coded:
        """A block as it is sent; without buffers where nobody looks, or has no room for it."""
        with self._video.changed:
            opened = self._opened
            codec = self.audience.codec if opened is None else opened.codec
            room = self._room if opened is None else opened.credits
            displayed = self._coding = self.audience.expected and room > 0
        begun_s = time.perf_counter()
        given = [] if opened is None or not displayed else opened.buffers
        encode = partial(encode_block, codec=codec) if opened is None else opened.encode
        buffers = [*given, *encode(block.frames[len(given) :])] if displayed else []
        encode_ms = 1e3 * (time.perf_counter() - begun_s)
        hashes = picture_hashes(block.frames)
        return Coded(codec, buffers, len(given), encode_ms, room, hashes)

    @property
    def _room(self) -> int:
        """How many blocks the page has room for; the one that is being coded is not counted."""
        return max(0, CREDITS - len(self._uncredited))

    def leave_out(self) -> None:
        """No block is being made; what there is of one that failed or was called off is left out.

        Under the lock of the video.
        """
        self._coding = False
        self._opened = None

    def keep(self, block: "Block", coded: Coded, record: BlockRecord) -> Shot:
        """Keep a block that is about to be sent, under the same lock; returns it for a file."""
        if self.audience.looking and not record.displayed:
            self.dropped += 1
            self._counted = block.index
        self._history.append(record)
        small = is_small(self._video.about.width_px, self._video.about.height_px)
        return self.reel.append(block, () if small or coded.codec != "h264" else coded.buffers)

    def send(self, coded: Coded, record: BlockRecord) -> None:
        """Have a block sent that was kept, under the lock of the video."""
        self.leave_out()
        if record.displayed:
            self._uncredited.add(record.block)
        begun = max(self._video.begun, record.block + 1)
        run, now_ms, given = self._video.run, self._now_ms(), coded.given
        message = BlockMessage(run, record, coded.codec, begun, now_ms, given=given)
        self._outbox.say(message, coded.buffers[given:])
        if self._late() is not None:
            self._outbox.post(self._send_late)  # credits or a view came while it was coded

    def credit(self, run: int, block: int, times: PageTimes) -> None:
        """A page has taken in a block, and has measured `times` of its way, the first page's count.

        A second page's word for the same block makes no more room. If the newest block was made
        while there was no room for it, it is sent now, or else a block that a view has asked for.
        """
        with self._video.changed:
            if run != self._video.run:
                return
            self._note(block, times)
            self._uncredited.discard(block)
        self._send_late()
        self._send_wanted()

    def _note(self, block: int, times: PageTimes) -> None:
        """Keep what a page has measured of a block, unless another one has before."""
        at = block - self._history[0].block if self._history else -1
        if 0 <= at < len(self._history) and self._history[at].page == PageTimes():
            self._history[at] = replace(self._history[at], page=times)

    def _send_late(self) -> None:
        with self._video.changed:
            late, codec, newest = self._late(), self.audience.codec, self.reel.blocks[-1:]
        if late is None:
            return
        buffers = encode_block(newest[0].frames, codec)
        with self._video.changed:
            if self._late() is late:
                self._history[-1] = sent = replace(late, displayed=True)
                self.dropped -= self._counted == sent.block
                self._uncredited.add(sent.block)
                begun = self._video.begun
                self._outbox.say(
                    BlockMessage(self._video.run, sent, codec, begun, self._now_ms()), buffers
                )
                self._outbox.tell_state()

    def _late(self) -> BlockRecord | None:
        """The newest block, if it was not sent, somebody looks by now, and there is room for it."""
        newest = self._history[-1] if self._history else None
        if newest is None or newest.displayed or self._opened is not None:
            return None
        return newest if self._room > self._coding and self.audience.looking else None

    def attach(self, view: str, codecs: Sequence[Codec]) -> None:
        """Tell a view that has appeared what it missed, and the newest block with its pictures.

        A view that cannot decode what is sent to all is a `CapabilityError`, once it has been told
        all but pictures.
        """
        with self._video.changed:
            self.audience.enter(view, codecs)
            self._outbox.tell_state()
            self._tell_missed(view)
            self._looked()
        self.audience.require_seen_by(view)
        self._show_newest(view)

    def _tell_missed(self, view: str) -> None:
        missed = tuple(self._history)[-PAGE_HISTORY_BLOCKS:]
        self._outbox.say(History(view, self._video.run, missed))
        if self.profiled is not None:
            self._outbox.say(ProfileMessage(self._video.run, self.profiled))

    def look(self, view: str, *, looking: bool) -> None:
        """A view has come into sight, or has gone out of it.

        All views are sent the newest block, if they were not and as soon as there is room.
        """
        with self._video.changed:
            self.audience.look(view, looking=looking)
            self._looked()
        self._send_late()

    @property
    def viewers(self) -> str:
        """Who looks, in a sentence."""
        with self._video.changed:
            return self.audience.told

    def heard(self, view: str) -> None:
        """A view has said something: it counts again, if it was silent for long."""
        with self._video.changed:
            looked = self.audience.looking
            self.audience.heard(view)
            looks_again = self.audience.looking and not looked
        if looks_again:
            self.look(view, looking=True)

    def leave(self, view: str) -> None:
        """A view has gone, and with it what it could not decode."""
        with self._video.changed:
            self.audience.leave(view)
            self._wanted.pop(view, None)
            self._outbox.tell_state()
            self._looked()

    def _show_newest(self, view: str) -> None:
        """Send a view the newest block, if there is one."""
        with self._video.changed:
            run, newest = self._video.run, tuple(self._history)[-1:]
        for record in newest:
            self._send_again(view, run, record.block)

    def repeat(self, view: str, run: int, block: int) -> None:
        """Send a view a block once more as soon as there is room, or word that it is gone.

        Those before it are gone then too. One that has not come waits in the place of an older one.
        """
        with self._video.changed:
            wanted = run == self._video.run
            if wanted:
                self._wanted[view] = block
        if wanted:
            self._send_wanted()
        else:
            self._outbox.say(Gone(view, run, block))

    def _send_wanted(self) -> None:
        """Send one block that was asked for, if it takes no room that a running video needs."""
        with self._video.changed:
            needed = CREDITS if self._video.status == "running" else 1
            if not self._wanted or self._room - self._coding < needed:
                return
            view, run = next(iter(self._wanted)), self._video.run
            block = self._wanted.pop(view)
        self._send_again(view, run, block)

    def _send_again(self, view: str, run: int, block: int) -> None:
        with self._video.changed:
            codec, begun = self.audience.codec, self._video.begun
            first = self._history[0].block if self._history else 0
            known = run == self._video.run and 0 <= block - first < len(self._history)
            record = self._history[block - first] if known else None
            shot = self.reel.shot(record.latent_frame) if record is not None else None
        buffers = _coded_as(codec, shot) if shot is not None else []
        if record is None or not buffers:
            self._outbox.say(Gone(view, run, block))
        else:
            seen = replace(record, displayed=True)
            with self._video.changed:
                if run == self._video.run:
                    self._uncredited.add(block)
            self._outbox.say(BlockMessage(run, seen, codec, begun, self._now_ms(), view), buffers)

    def still(self, view: str, run: int, number: int) -> None:
        """Send a view picture `number` of video `run` as it was made, or word that it is gone."""
        picture = self.picture(number, run)
        png = [] if picture is None else [encode_png(picture)]
        self._outbox.say(Still(view, run, number, kept=picture is not None), png)

    def picture(self, number: int, run: int | None = None) -> "NDArray[np.uint8] | None":
        """Picture `number` of this video, or of video `run`, uint8 RGB `[H, W, 3]`.

        None where it is not kept.
        """
        with self._video.changed:
            here = run is None or run == self._video.run
            return self.reel.picture(number) if here else None

    def lately(self, seconds: float) -> tuple[int, list[Shot]]:
        """The number of the video, and its newest blocks of so many seconds, as far as kept."""
        with self._video.changed:
            return self._video.run, self.reel.lately(seconds)

    def tell_profile(self, run: int, profile: BlockProfile) -> None:
        """Keep and tell where the time of a block of video `run` went, if that is the present."""
        with self._video.changed:
            if self._video.run == run:
                self.profiled = profile
                self._outbox.say(ProfileMessage(run, profile))

    def tell_time(self, view: str, asked_ms: float) -> None:
        """Tell a view what the kernel's clock says now, and what all views were told before."""
        with self._video.changed:
            newest = self._history[-1].block if self._history else -1
            told, run, owed = self._outbox.told, self._video.run, tuple(sorted(self._uncredited))
            self._outbox.say(Time(view, asked_ms, self._now_ms(), told, run, newest, owed))
        self._send_wanted()

    def _now_ms(self) -> float:
        return 1e3 * self._clock_s()


def _coded_as(codec: Codec, shot: Shot) -> Sequence[bytes]:
    """A block's pictures for the page; none where those that are kept are coded otherwise."""
    if codec == "h264" and shot.units:
        return shot.units
    return [] if shot.frames is None else encode_block(shot.frames, codec)
