"""Whether one file of records is worse than another: of like with like, and beyond the noise.

Loads no torch.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product

from longlive_widget.errors import RecordError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.random_kind import random_kind
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Difference, Summary, difference
from longlive_widget.presets import Preset

TIME, MEMORY = "_ms", "_bytes"
"""How the names of samples end that are times, and of facts that are memory: worse if more."""
OF_THE_PROCESS = ("host_", "device_process_")
"""Memory of all that ran in the process, other presets too: it is told, and not judged."""
WORSE_IF_MORE = ("squared_error", "free_squared_error")
WORSE_IF_LESS = ("ssim", "free_ssim")
"""The names of samples that say how like pictures are to others, by `likeness` and `rounding`."""


@dataclass(frozen=True)
class Subject:
    """What a record is about: only records of the same are compared.

    The preset counts with all of its settings, `device` is the name of what computed; `against`
    is the preset that its pictures were held against, if they were; `sessions` were at work at
    once.
    """

    kind: str
    model: str
    weights: str
    dtype: str
    preset: Preset
    geometry: Geometry
    device: str
    against: str = ""
    sessions: int = 1

    @classmethod
    def of(cls, record: Record) -> "Subject":
        """What this record is about."""
        return cls(
            kind=record.kind,
            model=record.model,
            weights=record.weights,
            dtype=record.dtype,
            preset=replace(record.preset, summary=""),
            geometry=record.geometry,
            device=record.machine.device,
            against=str(record.facts.get("against", "")),
            sessions=record.counts.get("sessions", 1),
        )

    def __str__(self) -> str:
        at_once = f", {self.sessions} sessions at once" if self.sessions > 1 else ""
        return (
            f"{self.kind} of {self.model} ({self.weights}, {self.dtype}), preset "
            f"{self.preset.name!r}, {self.geometry.width_px} x {self.geometry.height_px}, "
            f"{self.geometry.block_frames} latent frames a block{at_once}, {self.device}"
        )

    def differences(self, other: "Subject") -> tuple[str, ...]:
        """The names of the parts that are not those of the other."""
        parts = (field.name for field in fields(self))
        return tuple(part for part in parts if getattr(self, part) != getattr(other, part))


@dataclass(frozen=True)
class Change:
    """What became of the samples of one name.

    `regressed` is True where it is known which way is worse, and it became worse by more than was
    allowed, with all of the interval.
    """

    name: str
    before: Summary
    after: Summary
    difference: Difference
    regressed: bool

    @property
    def share(self) -> Difference | None:
        """The difference as a share of the median before; None where that is zero."""
        return self.difference.as_share_of(self.before.p50) if self.before.p50 else None


@dataclass(frozen=True)
class Growth:
    """What became of memory: one figure a record, the most of several, so without an interval.

    `regressed` is True where it grew by more than was allowed, and is the subject's own.
    """

    name: str
    before: float
    after: float
    regressed: bool

    @property
    def share(self) -> float | None:
        """The growth as a share of what it was; None where that is nothing."""
        return (self.after - self.before) / self.before if self.before else None


@dataclass(frozen=True)
class Pair:
    """The records of one subject, and what became of each name that both sides have.

    `changes` are of samples, `growths` of the facts that are memory.
    """

    subject: Subject
    before: tuple[Record, ...]
    after: tuple[Record, ...]
    changes: tuple[Change, ...]
    growths: tuple[Growth, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def all_changes(self) -> tuple[Change | Growth, ...]:
        """Those of samples, and those of memory."""
        return (*self.changes, *self.growths)


@dataclass(frozen=True)
class Comparison:
    """What was compared; `regression` is the share by which it may become worse."""

    regression: float
    pairs: tuple[Pair, ...]
    only_before: tuple[Subject, ...]
    only_after: tuple[Subject, ...]

    @property
    def regressions(self) -> tuple[tuple[Subject, Change | Growth], ...]:
        """All that became worse by more than was allowed."""
        return tuple(
            (pair.subject, one) for pair in self.pairs for one in pair.all_changes if one.regressed
        )


def compare(
    before: Sequence[Record], after: Sequence[Record], *, regression: float = 0.05
) -> Comparison:
    """What became of each subject that both have; several records of one are taken together.

    Args:
        before: the records to compare with.
        after: those that may be worse.
        regression: the share by which they may be, 0.05 for 5 %.

    Raises:
        RecordError: one side has no records, or none with samples or memory, both have none of the
            same subject, or roundings of one were measured under random weights of several kinds.
    """
    for name, records in (("before", before), ("after", after)):
        if not records:
            raise RecordError(f"there are no records {name}: measure some first")
        if not any(record.samples or _memory([record]) for record in records):
            kinds = " and ".join(sorted({record.kind for record in records}))
            raise RecordError(
                f"the records {name} are of {kinds}, single figures without samples, of which none "
                "is memory, and nothing tells how much they vary: give those of benchmark, ablate, "
                "profile, scale, likeness or rounding"
            )
    first, second = _by_subject(before), _by_subject(after)
    for subject in first:
        _require_one_kind(subject, first[subject], second.get(subject, ()))
    pairs = tuple(
        _pair(subject, first[subject], second[subject], regression)
        for subject in first
        if subject in second
    )
    if not pairs:
        raise RecordError(f"no two records are of the same: {nearest(first, second)}")
    return Comparison(
        regression,
        pairs,
        tuple(subject for subject in first if subject not in second),
        tuple(subject for subject in second if subject not in first),
    )


def _require_one_kind(subject: Subject, before: Iterable[Record], after: Iterable[Record]) -> None:
    """Make sure that errors are not held against those under weights in which they show less."""
    kinds = [sorted({random_kind(record) for record in side}) for side in (before, after)]
    if kinds[1] and len({*kinds[0], *kinds[1]}) > 1:
        first, second = map(" and ".join, kinds)
        raise RecordError(
            f"the {subject.kind} of {subject.preset.name!r} was measured under random weights of "
            f"kind {first} before and {second} after, in which the same error does not show alike: "
            "measure both sides under one"
        )


def _by_subject(records: Iterable[Record]) -> dict[Subject, list[Record]]:
    subjects: dict[Subject, list[Record]] = {}
    for record in records:
        subjects.setdefault(Subject.of(record), []).append(record)
    return subjects


def nearest(first: Iterable[Subject], second: Collection[Subject]) -> str:
    """How the two subjects differ that have the most in common, one of each side."""
    one, other = min(product(first, second), key=lambda two: len(two[0].differences(two[1])))
    return "the nearest differ in " + " and ".join(
        f"{part} ({_differing(getattr(one, part), getattr(other, part))})"
        for part in one.differences(other)
    )


def _differing(one: object, other: object) -> str:
    if not isinstance(one, Preset) or not isinstance(other, Preset):
        return f"{one}, {other}"
    if one.name != other.name:
        return f"{one.name!r}, {other.name!r}"
    theirs = asdict(other)
    return ", ".join(
        f"{name}: {value!r}, {theirs[name]!r}"
        for name, value in asdict(one).items()
        if value != theirs[name]
    )


def _pair(
    subject: Subject, before: Sequence[Record], after: Sequence[Record], regression: float
) -> Pair:
    first, second = _pooled(before), _pooled(after)
    memory_before, memory_after = _memory(before), _memory(after)
    names, later = (*first, *memory_before), (*second, *memory_after)
    return Pair(
        subject,
        tuple(before),
        tuple(after),
        tuple(
            _change(name, first[name], second[name], regression) for name in first if name in second
        ),
        tuple(
            _growth(name, one, memory_after[name], regression)
            for name, one in memory_before.items()
            if name in memory_after
        ),
        tuple(name for name in names if name not in later),
        tuple(name for name in later if name not in names),
    )


def _pooled(records: Iterable[Record]) -> dict[str, list[float]]:
    """The samples of all records under their names."""
    pooled: dict[str, list[float]] = {}
    for record in records:
        for name, sample in record.samples.items():
            pooled.setdefault(name, []).extend(sample)
    return pooled


def _memory(records: Iterable[Record]) -> dict[str, float]:
    """The facts that are memory under their names, the most of all records."""
    most: dict[str, float] = {}
    for record in records:
        for name, fact in record.facts.items():
            if name.endswith(MEMORY) and isinstance(fact, int | float):
                most[name] = max(fact, most.get(name, fact))
    return most


def _change(
    name: str, before: Sequence[float], after: Sequence[float], regression: float
) -> Change:
    first, second = Summary.of(before), Summary.of(after)
    found = difference(before, after)
    allowed = regression * abs(first.p50)
    if name.endswith(TIME) or name in WORSE_IF_MORE:
        regressed = found.low > max(allowed, 0) and found.median > allowed
    else:
        regressed = name in WORSE_IF_LESS and found.high < -allowed and found.median < -allowed
    return Change(name, first, second, found, regressed)


def _growth(name: str, before: float, after: float, regression: float) -> Growth:
    judged = not name.startswith(OF_THE_PROCESS)
    return Growth(name, before, after, judged and after - before > regression * before)
