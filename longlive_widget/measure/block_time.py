"""The time of each part of each block, out of all stretches in which something ran.

At every instant of a block the operators that run share it evenly, those of all threads or of all
streams, so that all parts and what is left, the gaps, are the block. Knows no file.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

UNATTRIBUTED = "unattributed"
"""Operators that run in no range."""


@dataclass
class PartTime:
    """What one part takes of one block.

    `ms` is its share of the block, `busy_ms` how long its operators run, which is more where others
    run beside them. `gap_ms` is how long nothing runs while the host is in this part. `calls` are
    operators that were called from the model, or kernels on a GPU.
    """

    ms: float = 0.0
    busy_ms: float = 0.0
    gap_ms: float = 0.0
    calls: int = 0


@dataclass(frozen=True)
class BlockTrace:
    """The time of each part of one block, all in all `elapsed_ms`."""

    elapsed_ms: float
    parts: Mapping[str, PartTime]


@dataclass(eq=False)
class Place:
    """Where operators are; those of a compiled part are told apart only as it ends.

    `around` is the place of the span that it is in, if it is in one and is none itself.
    """

    part: str
    span: str | None = None
    is_fused: bool = False
    around: "Place | None" = None
    products: list["Place"] = field(default_factory=list)


@dataclass(frozen=True)
class Stretch:
    """From when to when, in microseconds, a place is run; without `busy` the host just is there."""

    begin: float
    end: float
    place: Place
    busy: bool


@dataclass(frozen=True)
class Trace:
    """All that ran, when each call that counts began, and by number what launched a kernel."""

    stretches: list[Stretch] = field(default_factory=list)
    began: list[tuple[float, Place]] = field(default_factory=list)
    launches: dict[object, tuple[str, Place]] = field(default_factory=dict)


def per_block(trace: Trace, blocks: Sequence[tuple[float, float]]) -> tuple[BlockTrace, ...]:
    """The time of each part of these blocks, each from when to when in microseconds."""
    parts: list[dict[str, PartTime]] = [defaultdict(PartTime) for _ in blocks]
    begins = [begin for begin, _ in blocks]

    def block_at(time: float) -> int | None:
        number = bisect_right(begins, time) - 1
        return number if number >= 0 and time < blocks[number][1] else None

    for begin, end, running in _instants(trace.stretches, blocks):
        number = block_at(begin)
        if number is None:
            continue
        ms = (end - begin) / 1e3
        busy = [one.place.part for one in running if one.busy]
        for part in busy:
            parts[number][part].ms += ms / len(busy)
            parts[number][part].busy_ms += ms
        idle = [] if busy else [one.place.part for one in running]
        for part in idle:
            parts[number][part].gap_ms += ms / len(idle)
    for time, place in trace.began:
        number = block_at(time)
        if number is not None:
            parts[number][place.part].calls += 1
    return tuple(
        BlockTrace((end - begin) / 1e3, dict(found))
        for (begin, end), found in zip(blocks, parts, strict=True)
    )


def _instants(
    stretches: Sequence[Stretch], blocks: Iterable[tuple[float, float]]
) -> Iterator[tuple[float, float, Iterable[Stretch]]]:
    """Time in pieces in which nothing begins or ends: begin, end, and what goes on."""
    edges = [(time, False, -1) for block in blocks for time in block]
    for index, stretch in enumerate(stretches):
        if stretch.begin < stretch.end:
            edges += ((stretch.begin, True, index), (stretch.end, False, index))
    edges.sort()
    running: dict[int, Stretch] = {}
    before = edges[0][0] if edges else 0.0
    for time, begins, index in edges:
        if time > before:
            yield before, time, running.values()
            before = time
        if begins:
            running[index] = stretches[index]
        else:
            running.pop(index, None)
