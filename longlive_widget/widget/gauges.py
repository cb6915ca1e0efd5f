"""What is measured of a session while it plays: the time of its parts, memory, one block's profile.

Knows neither messages nor the page.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from torch.profiler import profile, record_function

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Session
from longlive_widget.engine.watch import Abandoned, SpanName
from longlive_widget.measure.block_time import BlockTrace
from longlive_widget.measure.clock import Clock
from longlive_widget.measure.memory import MemoryUse, memory_use
from longlive_widget.measure.parts import BLOCK, PREFIX, Ranges
from longlive_widget.measure.profile import events_of, recorded
from longlive_widget.measure.trace import block_traces, kernel_orders


class Gauges:
    """The watch of one session, to be given to it as such; `engine` is what it is made with now."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = Clock(engine.device)
        self._ranges = Ranges()
        self._abandoned = False

    @contextmanager
    def span(self, name: SpanName, block: int, step: int | None = None) -> Iterator[None]:
        """A part of a block, for the clock and for a profiler.

        No step begins once the block was abandoned: that is `Abandoned`.
        """
        if self._abandoned and name == "step":
            raise Abandoned
        with ExitStack() as watched:
            for watch in (self.clock, self._ranges):
                watched.enter_context(watch.span(name, block, step))
            yield

    def abandon(self) -> None:
        """Nobody wants the block that is being made, nor any after it."""
        self._abandoned = True

    def parts_ms(self) -> dict[str, float]:
        """What of the engine's work has ended since the last call; not what the host waits."""
        return self.clock.take_parts_ms()

    def memory(self) -> MemoryUse:
        """What the process takes now."""
        return memory_use(self.engine.device)

    def profiling(self, session: Session) -> AbstractContextManager[profile]:
        """Inside, the session is profiled; its first block is slow, for the profiler begins.

        Make it in `first_block`.
        """
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else it prints, into whatever cell runs
        return recorded(self.engine, session, self._ranges)

    def trace_of(self, profiler: profile) -> BlockTrace:
        """What was found of the block that was made `in_block`; takes a second or two.

        A GPU whose kernels torch's profiler does not see is a `CapabilityError`.
        """
        device_type, events = self.engine.device.type, events_of(profiler)
        orders = kernel_orders(events) if self.engine.preset.replays(device_type) else {}
        return block_traces(events, on_gpu=device_type == "cuda", orders=orders)[-1]

    @staticmethod
    def first_block(session: Session) -> AbstractContextManager[None]:
        """Around the call for the first block of two.

        Its kernels are launched one by one, by which those inside of the second one's CUDA graphs
        are told apart. Not where it decodes behind: there the second one would be no usual block.
        """
        return nullcontext() if session.preset.decode_behind else session.one_by_one()

    @staticmethod
    def in_block() -> AbstractContextManager[None]:
        """Around the call for the block that is to be broken down."""
        return record_function(PREFIX + BLOCK)
