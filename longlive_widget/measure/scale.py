"""Time and memory against the size of pictures, and against sessions that share one engine.

Sessions at work at once have a thread each, as the studios of one kernel have; a block holds the
weights while it is begun on a GPU, and computed on a processor, so none is changed under it. All
points of a run take turns, there and back, so that a machine that slows down slows all of them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block, Session
from longlive_widget.measure.benchmark import (
    PROMPTS,
    Measured,
    Plan,
    blocks_until_steady,
    in_turn,
    share_of,
    weight_bytes,
)
from longlive_widget.measure.memory import OwnMemory

T = TypeVar("T")
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
    turns: int = 4
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
    points: list[_Point] = []
    with ExitStack() as threads:
        for size_px in grid.sizes_px:
            for point in _points(engine, grid, size_px, threads):
                told(f"{point}: until blocks are steady")
                point.warm_up(whole.own)
                points.append(point)
        for turn in range(grid.turns):
            for point in in_turn(points, turn):
                told(f"{point}: turn {turn + 1} of {grid.turns}")
                point.take_turn(turn)
        return tuple(point.measured() for point in points)


def _points(engine: Engine, grid: Grid, size_px: Size, threads: ExitStack) -> "list[_Point]":
    """The points of one size: each has the sessions of the one before, and one more."""
    points: list[_Point] = []
    viewers: list[_Viewer] = []
    for _ in range(grid.sessions):
        thread = threads.enter_context(ThreadPoolExecutor(1))
        viewers.append(_Viewer(engine, grid.seed + len(viewers), size_px, thread))
        plan = Plan(
            blocks=grid.blocks,
            switches=0,
            turns=grid.turns,
            seed=grid.seed,
            size_px=size_px,
            sessions=len(viewers),
        )
        points.append(_Point(engine, plan, tuple(viewers)))
    return points


class _Viewer:
    """One session of an engine that others share, and the thread that makes its blocks."""

    def __init__(self, engine: Engine, seed: int, size_px: Size, thread: Executor) -> None:
        self._engine, self._thread = engine, thread
        self.session: Session = engine.session(PROMPTS[0], seed, size_px=size_px)
        self._made: Iterator[Block] = self.session.blocks()

    def begin(self, blocks: int) -> Future[list[float]]:
        """Make so many blocks, one after the other; how many ms each takes."""
        return self._thread.submit(lambda: [self._next_ms() for _ in range(blocks)])

    def end(self) -> Future[Block] | None:
        """Leave nothing under way: what decodes behind has begun another block."""
        if not self._engine.preset.decode_behind:
            return None
        return self._thread.submit(lambda: next(self.session.blocks(1)))

    def _next_ms(self) -> float:
        began = time.perf_counter()
        next(self._made)
        return 1e3 * (time.perf_counter() - began)


class _Point:
    """Some viewers of one size on their way through a measurement."""

    def __init__(self, engine: Engine, plan: Plan, viewers: Sequence[_Viewer]) -> None:
        self._engine, self._plan, self._viewers = engine, plan, viewers
        self._memory = OwnMemory()
        self._block_ms: list[float] = []
        self._elapsed_s = 0.0

    def warm_up(self, engine_bytes: int) -> None:
        """Blocks of the last viewer until all that come after are alike; the others had theirs.

        The engine itself takes so many bytes.
        """
        blocks = 1 + blocks_until_steady(self._engine)
        _waited_for([self._viewers[-1].begin(blocks)])
        _waited_for([self._viewers[-1].end()])
        self._memory.add(engine_bytes)
        self._memory.settle()

    def take_turn(self, turn: int) -> None:
        """Blocks of all viewers at once, each going on as soon as it can.

        One before them is not timed: other points have had the machine.
        """
        blocks = share_of(self._plan.blocks, self._plan.turns, turn)
        with self._memory.turn():
            _waited_for([viewer.begin(1) for viewer in self._viewers])
            began = time.perf_counter()
            found = _waited_for([viewer.begin(blocks) for viewer in self._viewers])
            self._elapsed_s += time.perf_counter() - began
            _waited_for([viewer.end() for viewer in self._viewers])
        self._block_ms += [ms for taken_ms in found for ms in taken_ms]

    def measured(self) -> Measured:
        """All that was found; the rate is that of all viewers together."""
        engine = self._engine
        pictures = engine.geometry.block_pictures * len(self._block_ms)
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


def _waited_for(begun: Iterable[Future[T] | None]) -> list[T]:
    """What comes of all that was begun; the first error of any is raised when all have ended."""
    futures = [future for future in begun if future is not None]
    wait(futures)
    return [future.result() for future in futures]
