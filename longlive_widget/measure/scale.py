"""Time and memory against the size of pictures, and against sessions that share one engine.

Sessions at work at once have a thread each, as the studios of one kernel have; a block holds the
weights while it is begun on a GPU, and computed on a processor, so none is changed under it. All
points of a run take turns, so that a machine that slows down slows all of them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block, Session
from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME
from longlive_widget.measure.benchmark import (
    PROMPTS,
    Measured,
    Plan,
    blocks_until_steady,
    share_of,
    weight_bytes,
)
from longlive_widget.measure.memory import OwnMemory

KIND = "scale"
Size = tuple[int, int] | None
"""Width and height of pictures; None is the model's own."""


@dataclass(frozen=True)
class Grid:
    """Each size with 1, 2 and so on up to `sessions` at once.

    Of every point each session makes `blocks` steady blocks, in so many turns.
    """

    sizes_px: Sequence[Size] = (None,)
    sessions: int = 1
    blocks: int = 20
    turns: int = 3
    seed: int = 0


def scale(
    load: Callable[[], Engine], grid: Grid, *, told: Callable[[str], None] = lambda _: None
) -> tuple[Measured, ...]:
    """Measure one engine at every point of a grid.

    Samples are the ms of each block of each session, from asking for it to its pictures on the
    host. Memory of the device is what an engine with so many sessions of that size takes alone.

    Args:
        load: makes the engine; nothing else may be on the device.
        grid: the points, and how much is measured of each.
        told: hears what is being done.

    A size that the model cannot have is a `GeometryError`, told before anything is measured.
    """
    whole = OwnMemory()
    engine = load()
    for size_px in grid.sizes_px:
        engine.geometry_at(size_px)
    told("the first block")
    next(engine.session(PROMPTS[0], grid.seed, size_px=grid.sizes_px[0]).blocks(1))
    whole.settle()
    points = [
        point
        for size_px in grid.sizes_px
        for point in _points(engine, grid, size_px, whole.own, told)
    ]
    for turn in range(grid.turns):
        for point in points:
            told(f"{point}: turn {turn + 1} of {grid.turns}")
            point.take_turn(turn)
    return tuple(point.measured() for point in points)


def _points(
    engine: Engine, grid: Grid, size_px: Size, engine_bytes: int, told: Callable[[str], None]
) -> "list[_Point]":
    """The points of one size: each has the sessions of the one before, and one more."""
    points: list[_Point] = []
    viewers: list[_Viewer] = []
    memories = [OwnMemory() for _ in range(grid.sessions)]
    for memory in memories:
        viewers.append(_Viewer(engine, grid.seed + len(viewers), size_px))
        plan = Plan(
            blocks=grid.blocks,
            switches=0,
            turns=grid.turns,
            seed=grid.seed,
            size_px=size_px,
            sessions=len(viewers),
        )
        points.append(_Point(engine, plan, tuple(viewers), memory))
        told(f"{points[-1]}: until blocks are steady")
        viewers[-1].warm_up()
        memory.add(engine_bytes)
        memory.settle()
    return points


class _Viewer:
    """One session of an engine that others share."""

    def __init__(self, engine: Engine, seed: int, size_px: Size) -> None:
        self._engine = engine
        self.session: Session = engine.session(PROMPTS[0], seed, size_px=size_px)
        self._made: Iterator[Block] = self.session.blocks()

    def warm_up(self) -> None:
        """Blocks until all that come after are alike."""
        for _ in range(1 + blocks_until_steady(self._engine)):
            next(self._made)
        self.end()

    def begin(self) -> None:
        """A block that is not timed: others have had the machine."""
        next(self._made)

    def make(self, blocks: int) -> list[float]:
        """The ms that each of so many blocks takes, one after the other."""
        taken_ms = []
        for _ in range(blocks):
            began = time.perf_counter()
            next(self._made)
            taken_ms.append(1e3 * (time.perf_counter() - began))
        return taken_ms

    def end(self) -> None:
        """Leave nothing under way: what decodes behind has begun another block."""
        if self._engine.preset.decode_behind:
            next(self.session.blocks(1))


class _Point:
    """Some viewers of one size on their way through a measurement."""

    def __init__(
        self, engine: Engine, plan: Plan, viewers: Sequence[_Viewer], memory: OwnMemory
    ) -> None:
        self._engine, self._plan = engine, plan
        self._viewers, self._memory = viewers, memory
        self._block_ms: list[float] = []
        self._elapsed_s = 0.0

    def take_turn(self, turn: int) -> None:
        """Blocks of all viewers at once, each going on as soon as it can."""
        blocks = share_of(self._plan.blocks, self._plan.turns, turn)
        with self._memory.turn(), ThreadPoolExecutor(len(self._viewers)) as threads:
            list(threads.map(_Viewer.begin, self._viewers))
            began = time.perf_counter()
            found = list(threads.map(lambda viewer: viewer.make(blocks), self._viewers))
            self._elapsed_s += time.perf_counter() - began
            list(threads.map(_Viewer.end, self._viewers))
        self._block_ms += [ms for taken_ms in found for ms in taken_ms]

    def measured(self) -> Measured:
        """All that was found; the rate is that of all viewers together."""
        engine = self._engine
        pictures = engine.geometry.block_frames * PICTURES_PER_LATENT_FRAME * len(self._block_ms)
        facts = {
            **self._memory.facts(engine.device),
            "weights_bytes": float(weight_bytes(engine.model.parts(), engine.device.type)),
            "window_bytes": float(sum(one.session.window_bytes for one in self._viewers)),
            "pictures_per_s": pictures / self._elapsed_s,
        }
        return Measured(engine, self._plan, {"block_ms": self._block_ms}, facts)

    def __str__(self) -> str:
        size = self._engine.geometry_at(self._plan.size_px)
        count = self._plan.sessions
        return f"{size.width_px} x {size.height_px}, {count} session{'s' if count > 1 else ''}"
