"""What the parts of a block take, and how far from this device's ceilings each of them runs.

Knows neither how it was profiled nor how it is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from longlive_widget.measure.block_time import UNATTRIBUTED, BlockTrace, PartTime
from longlive_widget.measure.told_apart import has_all_kernels


@dataclass(frozen=True)
class Work:
    """What one part of one block asks of a device, by the shapes of its tensors.

    `flops` are those of products, convolutions and attention, a multiplication and an addition
    counted as two. `nbytes` is all that each operator reads and writes, none of it from a cache;
    None where operators are fused, so that nobody knows what they leave out.
    """

    flops: int = 0
    nbytes: int | None = 0


@dataclass(frozen=True)
class Part:
    """One part of a block: a number for each block, in ms, and what it asks for.

    `ms` is its share of a block, in which `calls` operators, on a GPU kernels, run; `busy_ms` is
    the mean of how long they run, which is more where others run beside them. `gap_ms` is how long
    nothing runs while the host is in this part.
    """

    name: str
    ms: tuple[float, ...]
    gap_ms: tuple[float, ...]
    busy_ms: float
    calls: float
    work: Work | None

    @property
    def mean_ms(self) -> float:
        """Its share of a block."""
        return mean(self.ms)

    @property
    def flop_per_s(self) -> float | None:
        """How fast it computes; None of what computes no product."""
        if self.work is None or not self.work.flops or not self.busy_ms:
            return None
        return 1e3 * self.work.flops / self.busy_ms

    @property
    def byte_per_s(self) -> float | None:
        """How fast it reads and writes; None where that is not known."""
        if self.work is None or not self.work.nbytes or not self.busy_ms:
            return None
        return 1e3 * self.work.nbytes / self.busy_ms

    @property
    def flop_per_byte(self) -> float | None:
        """Its arithmetic intensity; None where one of the two is not known."""
        if self.work is None or not self.work.nbytes or not self.work.flops:
            return None
        return self.work.flops / self.work.nbytes


@dataclass(frozen=True)
class Breakdown:
    """Blocks of one kind: how long each took by the host's clock, and the parts of them, in ms.

    `unprofiled_ms` are others of that kind, without a profiler. `gaps_ms` is how long nothing runs.
    """

    block_ms: tuple[float, ...]
    unprofiled_ms: tuple[float, ...]
    gaps_ms: tuple[float, ...]
    parts: tuple[Part, ...]

    def share(self, ms: Iterable[float]) -> float:
        """These times as a share of the measured blocks."""
        return sum(ms) / sum(self.block_ms)

    @property
    def parts_share(self) -> float:
        """All parts but what is unattributed."""
        return sum(self.share(part.ms) for part in self.parts if part.name != UNATTRIBUTED)

    @property
    def gaps_share(self) -> float:
        """All time that is no part's: `unnamed_share` says of how much nothing is known."""
        return self.share(self.gaps_ms)

    @property
    def unattributed_share(self) -> float:
        """The operators that run in no part."""
        return sum(self.share(part.ms) for part in self.parts if part.name == UNATTRIBUTED)

    @property
    def unnamed_share(self) -> float:
        """The time in which nothing runs, and the host is in no part either."""
        named = (part.gap_ms for part in self.parts if part.name != UNATTRIBUTED)
        return self.share(self.gaps_ms) - sum(map(self.share, named))

    @property
    def overhead_share(self) -> float:
        """By how much the median block takes longer while it is profiled."""
        return median(self.block_ms) / median(self.unprofiled_ms) - 1


def breakdown(
    block_ms: Sequence[float],
    unprofiled_ms: Sequence[float],
    traces: Sequence[BlockTrace],
    work: Mapping[str, Work],
) -> Breakdown:
    """Put together what was found of some blocks; the part that takes longest is the first.

    What a part asks for is left out where kernels of it are replayed and were not told apart.
    """
    times_ms: dict[str, float] = defaultdict(float)
    for trace in traces:
        for name, time in trace.parts.items():
            times_ms[name] += time.ms
    whole_ms = sum(trace.elapsed_ms for trace in traces)
    parts = [
        _part(name, traces, work.get(name) if has_all_kernels(name, times_ms, whole_ms) else None)
        for name in times_ms
    ]
    return Breakdown(
        block_ms=tuple(block_ms),
        unprofiled_ms=tuple(unprofiled_ms),
        gaps_ms=tuple(
            trace.elapsed_ms - sum(part.ms for part in trace.parts.values()) for trace in traces
        ),
        parts=tuple(sorted(parts, key=lambda part: (-part.mean_ms, part.name))),
    )


def _part(name: str, traces: Sequence[BlockTrace], work: Work | None) -> Part:
    times = [trace.parts.get(name, PartTime()) for trace in traces]
    return Part(
        name=name,
        ms=tuple(time.ms for time in times),
        gap_ms=tuple(time.gap_ms for time in times),
        busy_ms=mean(time.busy_ms for time in times),
        calls=mean(time.calls for time in times),
        work=work,
    )
