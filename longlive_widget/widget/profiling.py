"""Blocks of a running video that are profiled on their way: which ones, and what was found.

The video goes on while that is read, on a thread of its own.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from longlive_widget.errors import SessionError, whole_number
from longlive_widget.widget.courier import Courier
from longlive_widget.widget.delivery import Delivery
from longlive_widget.widget.outbox import Outbox
from longlive_widget.widget.protocol import BlockProfile, BlockRecord, PartProfile
from longlive_widget.widget.video import Video

if TYPE_CHECKING:
    from longlive_widget.engine.session import Block, Session
    from longlive_widget.measure.block_time import BlockTrace
    from longlive_widget.widget.gauges import Gauges

COMPARED_BLOCKS = 20
MakeOne = Callable[[AbstractContextManager[object]], "Block | None"]
"""Makes a block, with that around the call for it; None if there was none, or nobody wants it."""

log = logging.getLogger(__name__)


class Profiling:
    """The blocks that somebody wants profiled, one or one in so many."""

    def __init__(self, video: Video, outbox: Outbox, delivery: Delivery) -> None:
        self._video = video
        self._outbox = outbox
        self._delivery = delivery
        self._every: int | None = None
        self._until_due: int | None = None
        self._reader: Courier | None = None

    def ask(self, every: int | None = None) -> None:
        """Profile the second of the blocks that are made from now on; then one in `every`, or none.

        The profiler begins with the first one. Fewer than 2 blocks to a profiled one, or no whole
        number of them, are a `SessionError`, and so is a closed studio.
        """
        if every is not None:
            every = whole_number("blocks to a profiled one", every, SessionError, least=2)
        with self._video.changed:
            self._video.require_open()
            self._every, self._until_due = every, 0

    def due(self) -> bool:
        """Whether the block that is made now is to be the first one of two; asked once for each."""
        with self._video.changed:
            if self._until_due:
                self._until_due -= 1
                return False
            return self._until_due == 0

    def make(self, session: "Session", gauges: "Gauges", make_one: MakeOne) -> None:
        """Make two blocks in a row, and have it told where the time of the second one went.

        Where the stretch ends or is held with the first one, a profile is still wanted.
        """
        made, run = None, self._video.run
        try:
            with gauges.profiling(session) as profiler:
                first = make_one(gauges.first_block(session))
                if first is not None and self._video.status == "running":
                    made = make_one(gauges.in_block())
        except Exception as error:
            log.exception("a block could not be profiled")
            self._until_due = None
            self._outbox.tell(error)
            return
        if made is not None:
            with self._video.changed:
                self._until_due = None if self._every is None else self._every - 2
            if self._reader is None:
                self._reader = Courier("longlive-profile")
            trace = partial(gauges.trace_of, profiler)
            self._reader.put(partial(self._read, made, trace, run), self._outbox.tell)

    def _read(self, block: "Block", trace: "Callable[[], BlockTrace]", run: int) -> None:
        found = trace()
        self._delivery.tell_profile(run, _profile_of(block, found, self._delivery.history))

    def close(self, patience_s: float) -> None:
        """End the thread, once what was recorded is read, and wait so long for that."""
        if self._reader is not None:
            self._reader.close(patience_s)


def _profile_of(
    block: "Block", trace: "BlockTrace", history: Sequence[BlockRecord]
) -> BlockProfile:
    """A profiled block beside the newest ones under its preset that were not profiled.

    The first block, and those on which a prompt landed, are left out.
    """
    alike = [one for one in history if one.preset == block.preset.name and not one.profiled]
    steady = [one for one in alike if one.block and one.landed is None]
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
