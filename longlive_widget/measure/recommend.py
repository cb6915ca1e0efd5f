"""Which preset to take: the best under limits, of those that no other beats in everything.

What was not measured is not guessed: a preset without it meets no limit on it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean

from longlive_widget.engine.side_by_side import psnr_db
from longlive_widget.errors import RecordError
from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME, PICTURES_PER_SECOND
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.presets import PRESETS, Preset

UNSEEN_DB = 40.0
"""A preset whose worst block, from one history, has this PSNR or more shows no difference."""


@dataclass(frozen=True)
class Limits:
    """What a preset must keep to; None does not matter.

    `pictures_per_s` at least, `memory_bytes` of the device at most, `worst_db` at least: the PSNR
    of its worst block against the reference's, from one history.
    """

    pictures_per_s: float | None = None
    memory_bytes: float | None = None
    worst_db: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A preset with what was measured of it; None is not measured, infinite dB are equal pictures.

    `block_ms` is the median of steady blocks; `memory_bytes` the most that it took of the device;
    `worst_db` and `mean_db` are from one history, against the reference; `picture_of` is the model
    whose pictures were compared.
    """

    preset: str
    block_ms: float
    pictures_per_s: float
    memory_bytes: float | None
    worst_db: float | None
    mean_db: float | None
    picture_of: str | None

    def beats(self, other: "Candidate") -> bool:
        """Whether it is no worse in anything and better in something; unknown is worst."""
        mine, theirs = self.costs, other.costs
        return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs

    def meets(self, limits: Limits) -> bool:
        """Whether it keeps to all limits."""
        return not self.misses(limits)

    def misses(self, limits: Limits) -> list[str]:
        """The limits that it does not keep to, each in words."""
        missed = []
        if limits.pictures_per_s is not None and self.pictures_per_s < limits.pictures_per_s:
            missed.append(f"{self.pictures_per_s:.1f} pictures/s")
        if (
            limits.memory_bytes is not None
            and (self.memory_bytes or math.inf) > limits.memory_bytes
        ):
            missed.append(_memory(self.memory_bytes))
        if limits.worst_db is not None and (self.worst_db or -math.inf) < limits.worst_db:
            missed.append(_picture(self.worst_db))
        return missed

    def __str__(self) -> str:
        known = [f"{self.block_ms:.1f} ms a block, {self.pictures_per_s:.1f} pictures/s"]
        if self.memory_bytes is not None:
            known.append(_memory(self.memory_bytes))
        return ", ".join([*known, _picture(self.worst_db)])

    @property
    def costs(self) -> tuple[float, float, float]:
        """Time, memory and loss, each the less the better; infinite where it is unknown."""
        worst_db = -math.inf if self.worst_db is None else self.worst_db
        return self.block_ms, self.memory_bytes or math.inf, -worst_db


@dataclass(frozen=True)
class Recommendation:
    """The preset to take, why, and the others.

    `chosen` is None if none keeps to the limits; `front` are those that no other beats, the
    fastest first.
    """

    chosen: Candidate | None
    sentence: str
    front: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]

    def as_json(self) -> dict[str, object]:
        """All of it as JSON has it: equal pictures are "equal"."""
        return {
            "preset": self.chosen and self.chosen.preset,
            "sentence": self.sentence,
            "front": [candidate.preset for candidate in self.front],
            "candidates": [_plain(candidate) for candidate in self.candidates],
        }


def recommend(candidates: Sequence[Candidate], limits: Limits) -> Recommendation:
    """The fastest preset that keeps to a limit on the picture; without one, the best picture.

    Without any limit, it must make as many pictures a second as are played.
    """
    front = sorted(
        (one for one in candidates if not any(other.beats(one) for other in candidates)),
        key=lambda candidate: candidate.block_ms,
    )
    asked = limits if limits != Limits() else Limits(pictures_per_s=PICTURES_PER_SECOND)
    fit = [candidate for candidate in front if candidate.meets(asked)]
    if not fit:
        return Recommendation(None, _nothing(front, asked), tuple(front), tuple(candidates))
    if asked.worst_db is None:
        best, why = min(fit, key=lambda one: one.costs[::-1]), "the best picture"
    else:
        best, why = fit[0], "the fastest"
    why = why if len(fit) > 1 else "the only one"
    said = f"{best.preset}: {best}; {why} of {len(candidates)} presets {_asked(asked)}"
    return Recommendation(best, said, tuple(front), tuple(candidates))


def candidates_in(records: Iterable[Record], *, model: str | None = None) -> tuple[Candidate, ...]:
    """The presets that records of `benchmark` and `likeness` are about, in their order.

    Args:
        records: the benchmarks must be of one model on one device at one size. The pictures may be
            those of another model, if none were compared of this one.
        model: which model, where there are several.

    Raises:
        RecordError: there is no benchmark, or they are of several models, devices or sizes.
    """
    all_records = tuple(records)
    timed = [record for record in all_records if record.kind == "benchmark"]
    timed = [record for record in timed if model in (None, record.model)]
    if not timed:
        of_model = f" of {model!r}" if model else ""
        raise RecordError(
            f"no record of a benchmark{of_model} is here: run `benchmark --out` first"
        )
    places = sorted({_place(record) for record in timed})
    if len(places) > 1:
        raise RecordError(
            f"these benchmarks are of {len(places)} cases ({'; '.join(places)}), which no "
            "recommendation mixes: give the records of one"
        )
    alike = [record for record in all_records if record.kind == "likeness"]
    own = [record for record in alike if record.model == timed[0].model]
    by_preset: dict[Preset, list[Record]] = {}
    for record in timed:
        by_preset.setdefault(replace(record.preset, summary=""), []).append(record)
    return tuple(_candidate(found, own or alike) for found in by_preset.values())


def _candidate(timed: Sequence[Record], alike: Sequence[Record]) -> Candidate:
    preset, geometry = timed[0].preset, timed[0].geometry
    steady = [ms for record in timed for ms in record.samples.get("block_ms", ())]
    if not steady:
        raise RecordError(f"the benchmark of {preset.name!r} has no block_ms: measure it anew")
    block_ms = Summary.of(steady).p50
    peaks = [record.facts.get("device_peak_bytes") for record in timed]
    memory = [float(peak) for peak in peaks if isinstance(peak, int | float)]
    errors = [
        error
        for record in alike
        if replace(record.preset, summary="") == replace(preset, summary="")
        for error in record.samples["squared_error"]
    ]
    pictures = geometry.block_frames * PICTURES_PER_LATENT_FRAME
    equal = preset == PRESETS["reference"]  # it is what the others are held against
    known = bool(errors) or equal
    return Candidate(
        preset=preset.name,
        block_ms=block_ms,
        pictures_per_s=1000 * pictures / block_ms,
        memory_bytes=max(memory) if memory else None,
        worst_db=psnr_db(max(errors, default=0.0)) if known else None,
        mean_db=psnr_db(mean(errors or [0.0])) if known else None,
        picture_of=alike[0].model if errors else None,
    )


def _place(record: Record) -> str:
    size = f"{record.geometry.width_px} x {record.geometry.height_px}"
    return f"{record.model} ({record.weights}, {record.dtype}) at {size} on {record.machine.device}"


def _nothing(front: Sequence[Candidate], limits: Limits) -> str:
    nearest = min(front, key=lambda candidate: len(candidate.misses(limits)))
    missed = " and ".join(nearest.misses(limits))
    return f"none {_asked(limits)}; the nearest is {nearest.preset}, with {missed}"


def _asked(limits: Limits) -> str:
    asked = []
    if limits.pictures_per_s is not None:
        asked.append(f"{limits.pictures_per_s:g} pictures/s or more")
    if limits.memory_bytes is not None:
        asked.append(f"{limits.memory_bytes / 1e9:g} GB or less")
    if limits.worst_db is not None:
        asked.append(f"a worst block of {limits.worst_db:g} dB or better")
    return f"with {', '.join(asked)}"


def _memory(memory_bytes: float | None) -> str:
    return "memory not measured" if memory_bytes is None else f"{memory_bytes / 1e9:.1f} GB"


def _picture(worst_db: float | None) -> str:
    if worst_db is None:
        return "pictures not compared"
    return "equal pictures" if worst_db == math.inf else f"worst block {worst_db:.1f} dB"


def _plain(candidate: Candidate) -> dict[str, object]:
    return {
        name: "equal" if value == math.inf else value for name, value in asdict(candidate).items()
    }
