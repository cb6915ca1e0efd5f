"""One stored measurement: what was measured, of what, where, and by which code.

Knows neither how anything is measured nor where records are kept. Loads no torch.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import UTC, datetime
from operator import index
from reprlib import repr as short
from typing import TYPE_CHECKING, Literal, TypeVar, cast, get_args

from longlive_widget.errors import LongLiveError, RecordError, known_version, one_of, whole_number
from longlive_widget.geometry import Geometry
from longlive_widget.plain_data import NotPlainError, json_in
from longlive_widget.presets import Preset

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA = 1
"""Goes up with every change of what a record holds; a reader knows all up to its own."""
Weights = Literal["trained", "random"]
Fact = str | float | int | bool
T = TypeVar("T", bound="DataclassInstance")

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class NotJsonError(RecordError):
    """A line that is damaged, or only begun."""


@dataclass(frozen=True)
class Machine:
    """Where something was measured; never by whom, or in which folder.

    `device` is the name of what computed: that of the processor where `device_type` is "cpu".
    `driver` and `compute_capability` are CUDA's, as in "570.86.15" and "9.0". `cores` are those
    that the process may use, `threads` those that torch uses.
    """

    device_type: str
    device: str
    device_count: int
    device_memory_bytes: int | None
    driver: str | None
    compute_capability: str | None
    processor: str
    cores: int
    threads: int
    memory_bytes: int
    system: str

    def __post_init__(self) -> None:
        require_types(self)


@dataclass(frozen=True)
class Versions:
    """What ran; None of what is not there."""

    package: str
    python: str
    torch: str
    cuda: str | None
    cudnn: str | None
    triton: str | None
    transformers: str | None

    def __post_init__(self) -> None:
        require_types(self)


@dataclass(frozen=True)
class Commit:
    """The commit of the source tree; `dirty` if the package's files differ from it."""

    name: str
    dirty: bool

    def __post_init__(self) -> None:
        require_types(self)

    def __str__(self) -> str:
        return self.name[:7] + (" (changed since)" if self.dirty else "")


@dataclass(frozen=True)
class Record:
    """What one measurement found, with all that it takes to measure it again.

    `kind` says which measurement: "benchmark". `model` is a name, never a path. `preset` is the
    one that ran, after any fallback. `counts` says how much was measured: blocks, switches.
    `samples` are the raw numbers and `facts` single values, each under a name with its unit in it:
    "block_ms", "compile_s", "peak_bytes". Numbers are finite.

    Raises:
        RecordError: a name is not in small letters, a sample is empty or not finite, or a field is
            of another type; the message says which.
    """

    kind: str
    time: datetime
    machine: Machine
    versions: Versions
    commit: Commit | None
    model: str
    weights: Weights
    dtype: str
    preset: Preset
    geometry: Geometry
    counts: Mapping[str, int] = field(default_factory=dict)
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("kind", "model", "dtype"):
            if not isinstance(getattr(self, name), str):
                raise RecordError(f"{name} {short(getattr(self, name))} is not text: use some")
        one_of("weights", self.weights, get_args(Weights), RecordError)
        for name, kind in (
            ("machine", Machine),
            ("versions", Versions),
            ("commit", Commit | None),
            ("preset", Preset),
            ("geometry", Geometry),
        ):
            require_type(name, getattr(self, name), kind)
        for name in ("counts", "samples", "facts"):
            _require_names(name, getattr(self, name))
        for name, value in (
            ("time", _utc(self.time)),
            ("counts", {name: _count(name, count) for name, count in self.counts.items()}),
            ("samples", {name: _sample(name, sample) for name, sample in self.samples.items()}),
            ("facts", {name: _fact(name, fact) for name, fact in self.facts.items()}),
        ):
            object.__setattr__(self, name, value)

    def to_json(self) -> str:
        """The record as one line, without its end."""
        return json.dumps({"schema": SCHEMA} | asdict(self) | {"time": self.time.isoformat()})

    @classmethod
    def from_json(cls, line: str | bytes) -> "Record":
        """The record in such a line.

        Raises:
            RecordError: it is no record, or one of a later schema.
        """
        try:
            said = json_in(line)
        except NotPlainError as error:
            raise NotJsonError(f"this is not JSON ({error})") from error
        if not isinstance(said, dict) or type(said.get("schema")) is not int:
            raise RecordError(f"{short(said)} is no record: it has no schema")
        known_version("this record", said.pop("schema"), SCHEMA, RecordError, word="schema")
        return built(cls, said | _parts(said), "the record")


def _parts(said: Mapping[str, object]) -> dict[str, object]:
    """The fields of a record that are more than numbers and text."""
    parts: dict[str, object] = {}
    for name, kind in (
        ("machine", Machine),
        ("versions", Versions),
        ("commit", Commit),
        ("preset", Preset),
        ("geometry", Geometry),
    ):
        if name in said and not (name == "commit" and said[name] is None):
            parts[name] = built(kind, said[name], name)
    if "time" in said:
        parts["time"] = _time(said["time"])
    return parts


def built(kind: type[T], said: object, what: str, form: str = f"schema {SCHEMA}") -> T:
    """A dataclass from its fields by name, which check themselves.

    Raises:
        RecordError: a field lacks, is none of this `form`, or is wrong; the message names `what`.
    """
    if not isinstance(said, dict):
        raise RecordError(f"{what} {short(said)} has no fields")
    known = fields(kind)
    for name in said:
        if name not in {one.name for one in known}:
            raise RecordError(f"{what} has a field {name!r} that {form} has not")
    for one in known:
        needed = one.default is MISSING and one.default_factory is MISSING
        if needed and one.name not in said:
            raise RecordError(f"{what} has no field {one.name!r}")
    try:
        return kind(**said)
    except RecordError:
        raise
    except LongLiveError as error:
        raise RecordError(f"{what}: {error}") from error


def _time(said: object) -> datetime:
    try:
        return datetime.fromisoformat(cast(str, said))
    except (TypeError, ValueError) as error:
        raise RecordError(f"time {short(said)} is none: write 2026-01-31T12:00:00Z") from error


def _utc(time: object) -> datetime:
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise RecordError(f"time {time!r} is not one with a zone: use datetime.now(UTC)")
    return time.astimezone(UTC)


def require_types(part: "DataclassInstance") -> None:
    """Make sure that the fields of a dataclass are of their types, else it is a `RecordError`."""
    for one in fields(part):
        require_type(one.name, getattr(part, one.name), one.type)


def require_type(name: str, value: object, kind: object) -> None:
    """Make sure that a value is of a type, or of one in a union.

    Raises:
        RecordError: it is of another; the message calls it `name`.
    """
    whole = isinstance(value, bool) and kind is not bool
    if whole or not isinstance(value, kind):  # type: ignore[arg-type]  # a class, or a union of some
        wanted = kind.__name__ if isinstance(kind, type) else kind
        raise RecordError(f"{name} {short(value)} is no {wanted}: use one")


def _require_names(what: str, values: object) -> None:
    if not isinstance(values, Mapping):
        raise RecordError(f"{what} {short(values)} have no names: give them by name")
    for name in values:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise RecordError(
                f"{what} are called {short(name)}: use small letters, digits and _, as 'block_ms'"
            )


def _count(name: str, count: object) -> int:
    return whole_number(f"counts {name!r}", count, RecordError, least=0)


def _sample(name: str, sample: object) -> tuple[float, ...]:
    if isinstance(sample, str) or not hasattr(sample, "__iter__"):
        raise RecordError(f"samples {name!r} are {short(sample)}: give a list of numbers")
    numbers = tuple(_number(f"samples {name!r}", number) for number in sample)
    if not numbers:
        raise RecordError(f"samples {name!r} are none: leave them out")
    return numbers


def _fact(name: str, fact: object) -> Fact:
    return fact if isinstance(fact, str | bool) else _number(f"facts {name!r}", fact)


def _number(what: str, value: object) -> float:
    """A number of Python's own, whole where it was whole; numpy's become one."""
    if isinstance(value, bool | str):
        raise RecordError(f"{what} have {value!r}, which is no number")
    try:
        return index(value)  # type: ignore[arg-type]  # whatever it is, index() knows
    except TypeError:
        pass
    try:
        number = float(value)  # type: ignore[arg-type]  # so does float()
    except (TypeError, ValueError) as error:
        raise RecordError(f"{what} have {short(value)}, which is no number") from error
    if not math.isfinite(number):
        raise RecordError(f"{what} have {number}: leave out what was not measured")
    return number


Numbers = Callable[[Iterable[Record]], str]
"""How a page says which of its records a row or a sentence is from."""
