"""Where the time of a block goes: each operator by the part of the engine that calls it.

The real engine runs, with its preset really on, under torch's profiler.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from torch._C._profiler import _ExperimentalConfig
from torch.profiler import ProfilerActivity, profile, record_function

from longlive_widget.engine.compile_gate import uncompiled
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block, Session
from longlive_widget.errors import LongLiveError, RecordError, whole_number
from longlive_widget.measure.benchmark import PROMPTS, blocks_until_steady, full_states
from longlive_widget.measure.block_time import BlockTrace
from longlive_widget.measure.breakdown import Breakdown, Work, breakdown
from longlive_widget.measure.ceilings import measured_ceilings
from longlive_widget.measure.parts import (
    BLOCK,
    FUSED_LINEARS,
    PREFIX,
    Ranges,
    marked,
    with_fused_code,
)
from longlive_widget.measure.profile_report import Profile
from longlive_widget.measure.trace import (
    Orders,
    TraceEvent,
    block_traces,
    events_in,
    kernel_orders,
)
from longlive_widget.measure.work import WorkCounter
from longlive_widget.model.fp8 import is_in_fp8

_AT_ONCE = 5
"""Blocks a turn, unprofiled and profiled: what drifts falls on both.

A trace of a hundred would take gigabytes.
"""
_Size = tuple[int, int] | None


def profiled(
    engine: Engine,
    blocks: int = 20,
    *,
    switches: int = 3,
    seed: int = 0,
    size_px: tuple[int, int] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Profile:
    """Profile steady blocks, then blocks on which a prompt lands; in turns with as many unprofiled.

    Args:
        engine: what is profiled; other sessions of it are marked too meanwhile, and slower.
        blocks: how many steady ones, each with a full window.
        switches: how many on which a prompt lands; 0 leaves them out.
        seed: the noise.
        size_px: width and height of the pictures; None takes the model's own.
        told: hears what is being done.

    No block to profile, or no whole number of them, is a `RecordError`; a GPU whose kernels torch's
    profiler does not see is a `CapabilityError`.
    """
    blocks = whole_number("number of profiled blocks", blocks, RecordError, least=1)
    switches = whole_number("number of profiled switches", switches, RecordError, least=0)
    told("what this device can do at best")
    in_fp8 = is_in_fp8(engine.model.transformer)
    ceilings = measured_ceilings(engine.device, engine.model.dtype, in_fp8=in_fp8)
    told("the operations of a block")
    steady_work, switched_work = _counted(engine, seed, size_px, told)
    orders: Orders = {}
    if engine.preset.replays(engine.device.type):
        told("the kernels of a block, launched one by one")
        orders = _one_by_one(engine, seed, size_px)
    told("first blocks")
    run = _Run(engine, seed, size_px, orders)
    told(f"{blocks} steady blocks, without a profiler and with it")
    steady = run.broken_down(blocks, run.steady, steady_work)
    switched = None
    if switches:
        told(f"{switches} switches, without a profiler and with it")
        work = (
            {} if engine.preset.decode_behind else switched_work
        )  # there it is parts of two blocks
        switched = run.broken_down(switches, run.switched, work)
    told("what it can do at best, once more")
    again = measured_ceilings(engine.device, engine.model.dtype, in_fp8=in_fp8)
    return Profile(engine, steady, switched, ceilings.or_better(again), seed, size_px)


@contextmanager
def traced(engine: Engine, session: Session, ranges: Ranges) -> Iterator[list[TraceEvent]]:
    """Inside, a session is profiled; after, the list has what was recorded, event by event.

    The first block of all is slow, for the profiler begins with it. `ranges` watch the session.
    """
    found: list[TraceEvent] = []
    with recorded(engine, session, ranges) as profiler:
        yield found
    found += events_of(profiler)


@contextmanager
def recorded(engine: Engine, session: Session, ranges: Ranges) -> Iterator[profile]:
    """As `traced`, but what was recorded is still to be read, which takes a second or two."""
    on_gpu = engine.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    everywhere = _ExperimentalConfig(
        profile_all_threads=True,
        disable_external_correlation=True,  # a kernel knows its launch: this would only slow
    )
    with (
        marked(engine, session, ranges),
        profile(activities=activities, experimental_config=everywhere) as profiler,
    ):
        yield profiler


def events_of(profiler: profile) -> list[TraceEvent]:
    """What was recorded, on whatever thread: the blocks in it are those in a `BLOCK` range."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(path))
        return events_in(path)


class _Run:
    """One session on its way through a profile."""

    def __init__(self, engine: Engine, seed: int, size_px: _Size, orders: Orders) -> None:
        self._engine = engine
        self._orders = orders
        self._ranges = Ranges()
        self._session, self._made = _steady(engine, seed, size_px, self._ranges)
        self._prompts = 0
        self.switched()

    def steady(self) -> float:
        """A block: how long it takes in ms, by the host's clock."""
        return self._timed(lambda: next(self._made))

    def switched(self) -> float:
        """The same of a switch, up to the pictures of the block that it lands on."""
        self._prompts += 1
        prompt = PROMPTS[self._prompts % len(PROMPTS)]
        ms = self._timed(lambda: self._landed(prompt))
        next(self._made)  # what the switch has left to do
        return ms

    def broken_down(
        self, count: int, make: Callable[[], float], work: Mapping[str, Work]
    ) -> Breakdown:
        """Make blocks, and as many while they are profiled, in turns."""
        unprofiled_ms: list[float] = []
        block_ms: list[float] = []
        traces: list[BlockTrace] = []
        for began in range(0, count, _AT_ONCE):
            turn = min(_AT_ONCE, count - began)
            profiled_first = began // _AT_ONCE % 2  # so what drifts is in neither
            if not profiled_first:
                unprofiled_ms += [make() for _ in range(turn)]
            took_ms, found = self._traced(turn, make)
            block_ms += took_ms
            traces += found
            if profiled_first:
                unprofiled_ms += [make() for _ in range(turn)]
        parts = frozenset(name for trace in traces for name in trace.parts)
        known = _work_of(parts, work, with_fused_code(self._engine))
        return breakdown(block_ms, unprofiled_ms, traces, known)

    def _traced(
        self, count: int, make: Callable[[], float]
    ) -> tuple[list[float], tuple[BlockTrace, ...]]:
        with traced(self._engine, self._session, self._ranges) as found:
            next(self._made)  # the profiler begins
            block_ms = [make() for _ in range(count)]
        on_gpu = self._engine.device.type == "cuda"
        return block_ms, block_traces(found, on_gpu=on_gpu, orders=self._orders)

    def _timed(self, make: Callable[[], Block]) -> float:
        began = time.perf_counter()
        with record_function(PREFIX + BLOCK):
            make()
        return 1e3 * (time.perf_counter() - began)

    def _landed(self, prompt: str) -> Block:
        self._session.switch(prompt)
        while True:
            block = next(self._made)
            if block.landed is not None:
                return block


def _steady(
    engine: Engine, seed: int, size_px: _Size, ranges: Ranges
) -> tuple[Session, Iterator[Block]]:
    """A session whose next blocks are steady, and these."""
    session = engine.session(PROMPTS[0], seed, size_px=size_px, watch=ranges)
    made = session.blocks()
    for _ in range(1 + blocks_until_steady(engine)):
        next(made)
    return session, made


def _one_by_one(engine: Engine, seed: int, size_px: _Size) -> Orders:
    """What each span of a steady block has the GPU do, where its kernels are launched one by one.

    By that the same kernels are told apart in a graph: there is one for each way in which the
    frames of a full window lie, and a block that wraps around the window's end has other kernels.
    """
    sizes = engine.model.sizes
    states = full_states(engine.preset, engine.geometry.block_frames, sizes.sink_frames)
    plain = Engine(engine.model, engine.preset.with_(cuda_graphs=False), attention=engine.attention)
    ranges = Ranges()
    session, made = _steady(plain, seed, size_px, ranges)
    with traced(plain, session, ranges) as found:
        for _ in range(1 + states):  # where it decodes behind, a block is decoded in the next one
            next(made)
    return kernel_orders(found)


def _counted(
    engine: Engine, seed: int, size_px: _Size, told: Callable[[str], None]
) -> tuple[dict[str, Work], dict[str, Work]]:
    """What a steady block and a switch ask for: counted with nothing fused or replayed.

    One thread does it all. Kernels of our own are no operators that could be counted: a second
    model does the same by torch's. Where it cannot be had, nothing is counted, and that is told.
    """
    preset = engine.preset.with_(cuda_graphs=False, decode_behind=False)
    plain = Engine(engine.model, preset, attention=engine.attention)
    if engine.model.transformer.fused:
        try:
            plain = engine.under(preset.with_(kernels="torch"))
        except LongLiveError as error:
            told(f"no rates, for a second model with torch's kernels cannot be had: {error}")
            return {}, {}
    counter = WorkCounter()
    with uncompiled():
        session, made = _steady(plain, seed, size_px, counter.ranges)
        with marked(plain, session, counter.ranges, compiled=False), counter:
            next(made)
            steady = counter.take()
            session.switch(PROMPTS[1])
            next(made)
    return steady, counter.take()


def _work_of(
    parts: frozenset[str], counted: Mapping[str, Work], fused: frozenset[str]
) -> dict[str, Work]:
    """The work of the parts that were told apart.

    What a fused part moves is not known. It computes the linear layers that were not told apart.
    """
    if not counted:
        return {}
    known = {name: work for name, work in counted.items() if name not in fused}
    known |= {name: Work(counted[name].flops, None) for name in fused & counted.keys()}
    for name, linears in FUSED_LINEARS.items():
        inside = {linear for linear in linears if linear not in parts}
        flops = sum(counted[linear].flops for linear in inside if linear in counted)
        known[name] = Work(flops, None)
    return known
