"""Where the time of a video's blocks goes while it plays: one block in so many is profiled."""

from collections.abc import Iterator

from torch.profiler import record_function

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block, Session
from longlive_widget.errors import RecordError, whole_number
from longlive_widget.measure.block_time import BlockTrace
from longlive_widget.measure.parts import BLOCK, PREFIX, Ranges
from longlive_widget.measure.profile import traced


class LiveProfiler:
    """Profiles a session that goes on meanwhile.

    Two blocks of each `every` are slower by what profiling costs, and the second of them waits for
    its trace to be read; the others are as fast as without it.
    """

    def __init__(self, engine: Engine, every: int = 100) -> None:
        self._engine = engine
        self._every = whole_number("blocks to a profiled one", every, RecordError, least=2)
        self.watch = Ranges()
        """To be given to the session as its `watch`."""

    def blocks(self, session: Session) -> Iterator[tuple[Block, BlockTrace | None]]:
        """The session's blocks without end; with each that was profiled the time of its parts.

        The profiler begins with the block before, which is slow and not told of. A GPU whose
        kernels torch's profiler does not see is a `CapabilityError`.
        """
        made = session.blocks()
        while True:
            for _ in range(self._every - 2):
                yield next(made), None
            with traced(self._engine, session, self.watch) as found:
                yield next(made), None
                with record_function(PREFIX + BLOCK):
                    block = next(made)
            yield block, found[0]
