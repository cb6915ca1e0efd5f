"""Several videos made in step: one block of each in turn, every one with means of its own.

Knows neither messages nor the page, and plays nothing.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block, Session
from longlive_widget.engine.side_by_side import psnr_db, squared_error
from longlive_widget.engine.watch import Watch
from longlive_widget.errors import SessionError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.metrics import ssim
from longlive_widget.timeline import CUT, Entry, Landing, Timeline, Transition, timeline_of


@dataclass(frozen=True, eq=False)
class Side:
    """One of the videos: what it is called, what makes it, and where it differs in its plan.

    `prompt` takes the place of the timeline's first one, `seed` that of the common one. Its
    pictures are held against those of side number `against`.
    """

    label: str
    engine: Engine
    prompt: str | None = None
    seed: int | None = None
    against: int | None = None

    def plan(self, timeline: Timeline) -> Timeline:
        """What it follows of a timeline."""
        if self.prompt is None:
            return timeline
        return Timeline((*Timeline.of(self.prompt).entries, *timeline.entries[1:]))


@dataclass(frozen=True)
class Figures:
    """What a block of one side took, and how like its pictures are to those it is held against.

    `latency_ms` is the time of its own work, from asking for the block to its pictures on the host.
    The PSNR of equal pictures is infinite; what is held against none has neither PSNR nor SSIM.
    """

    latency_ms: float
    psnr_db: float | None = None
    ssim: float | None = None


@dataclass(frozen=True, eq=False)
class Round:
    """One block of each side, all of the same number, with their figures."""

    blocks: tuple[Block, ...]
    figures: tuple[Figures, ...]


class InStep:
    """Videos of one size that follow one timeline, block by block.

    No side begins a block while another one works, so each has the machine to itself: under
    `decode_behind` a block is decoded before the next one of that side begins. A prompt lands on
    the same block of all. `switch` and `replan` may come from any thread.

    Args:
        sides: at least one; all of them of one size.
        timeline: the prompts, or the only one.
        seed: the noise.
        size_px: width and height of the pictures; None takes the first model's own.
        watch: who is told when each part of a block begins and ends, of all sides alike.

    Raises:
        SessionError: there is no side, or one is held against a side that is not before it.
    """

    def __init__(
        self,
        sides: Sequence[Side],
        timeline: Timeline | str,
        seed: int = 0,
        *,
        size_px: tuple[int, int] | None = None,
        watch: Watch | None = None,
    ) -> None:
        _require_sides(sides)
        self.sides = tuple(sides)
        self.geometry: Geometry = sides[0].engine.geometry_at(size_px)
        self.timeline = timeline_of(timeline)
        self.seed = seed
        size = self.geometry.width_px, self.geometry.height_px
        self.sessions = tuple(
            side.engine.session(
                side.plan(self.timeline),
                seed if side.seed is None else side.seed,
                size_px=size,
                watch=watch,
            )
            for side in sides
        )
        self._followed = self.timeline
        self._begun = 0
        self._lock = threading.Lock()

    @property
    def next_block(self) -> int:
        """The number of the block that all begin next."""
        return self._begun

    @property
    def window_bytes(self) -> int:
        """The bytes that keys and values of all windows take."""
        return sum(session.window_bytes for session in self.sessions)

    def switch(self, prompt: str, transition: Transition = CUT) -> Landing:
        """Steer all by `prompt` from the next block on; returns where it lands.

        An empty prompt is a `TimelineError`; so is a transition before the first block.
        """
        with self._lock:
            frame = self._begun * self.geometry.block_frames
            self.timeline = self.timeline.with_entry(Entry(frame, prompt, transition))
            return Landing(prompt, asked_at=frame, lands_at=frame, block=self._begun)

    def replan(self, timeline: Timeline) -> int:
        """Follow this timeline from the next block on; returns the number of that block.

        One that changes what has landed on a block that was begun is a `TimelineError`.
        """
        with self._lock:
            self.timeline.require_past(timeline, self._begun, self.geometry.block_frames)
            self.timeline = timeline
            return self._begun

    def rounds(self, count: int | None = None) -> Iterator[Round]:
        """Make the next `count` blocks of each side, or go on without end."""
        made = 0
        while count is None or made < count:
            made += 1
            yield self._next()

    def _next(self) -> Round:
        self._follow()
        timed = [
            _timed(side, session) for side, session in zip(self.sides, self.sessions, strict=True)
        ]
        pictures = [torch.from_numpy(block.frames) for block, _ in timed]
        rights = (None if side.against is None else pictures[side.against] for side in self.sides)
        figures = (
            held_against(ms, seen, right, side.engine.device)
            for side, seen, right, (_, ms) in zip(self.sides, pictures, rights, timed, strict=True)
        )
        return Round(tuple(block for block, _ in timed), tuple(figures))

    def _follow(self) -> None:
        """Begin a block: all sides follow what is asked of them by now."""
        with self._lock:
            if self.timeline != self._followed:
                for side, session in zip(self.sides, self.sessions, strict=True):
                    session.replan(side.plan(self.timeline))
                self._followed = self.timeline
            self._begun += 1


def _timed(side: Side, session: Session) -> tuple[Block, float]:
    """The next block of a side, and the ms that its own work took, a GPU's to the end."""
    begun_s = time.perf_counter()
    block = next(session.blocks(1))
    if side.engine.device.type == "cuda":
        torch.cuda.synchronize(side.engine.device)  # or its context pass is in the next side's time
    return block, 1e3 * (time.perf_counter() - begun_s)


def held_against(
    latency_ms: float, seen: Tensor, right: Tensor | None, device: torch.device
) -> Figures:
    """The figures of a block, with how like its pictures are to the right ones, if there are any.

    Args:
        latency_ms: what it took.
        seen: its pictures, uint8 RGB, `FHWC`.
        right: those of the block that it is held against.
        device: where to compute.
    """
    if right is None:
        return Figures(latency_ms)
    seen, right = seen.to(device), right.to(device)
    return Figures(latency_ms, psnr_db(squared_error(seen, right)), ssim(seen, right))


def _require_sides(sides: Sequence[Side]) -> None:
    if not sides:
        raise SessionError("no video is to be made: give one side or more")
    for place, side in enumerate(sides):
        if side.against is not None and not 0 <= side.against < place:
            raise SessionError(
                f"side {side.label!r} is held against side number {side.against}, which is not "
                f"before it: use 0 to {place - 1}"
            )
