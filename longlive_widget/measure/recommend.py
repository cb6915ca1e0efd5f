"""Which preset to take: the best under limits, of those that no other beats in everything.

What was not measured is not guessed: a preset without it meets no limit on it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from longlive_widget.engine.side_by_side import psnr_db
from longlive_widget.errors import RecordError
from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME, PICTURES_PER_SECOND, Geometry
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.presets import PRESETS, Preset

UNSEEN_DB = 40.0
"""A preset whose worst block, from one history, has this PSNR or more shows no difference."""

READ = 0.01
"""A prompt of which reading took less than this share of the median was remembered, not read."""
_OF_A_SWITCH = ("text_ms", "re_cache_ms")

JUDGED = "adherence_whole"
"""Under this name a record of `quality` has the share of clips that show all of their prompt."""


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
    whose pictures were compared, where it is not the one that was timed. `timed` and `alike` are
    the records that say so, `judged` those of `quality`, in which a judge has looked at pictures.
    """

    preset: Preset
    block_ms: float
    pictures_per_s: float
    memory_bytes: float | None
    worst_db: float | None
    mean_db: float | None
    picture_of: str | None = None
    timed: tuple[Record, ...] = ()
    alike: tuple[Record, ...] = ()
    judged: tuple[Record, ...] = ()

    @property
    def name(self) -> str:
        """The preset's."""
        return self.preset.name

    def samples(self, name: str) -> list[float]:
        """The numbers of that name of all its benchmarks, but of switches that read nothing."""
        return [value for record in self.timed for value in kept(record, name)]

    @property
    def latent_frames_per_s(self) -> float:
        """What LongLive's log calls FPS."""
        return self.pictures_per_s / PICTURES_PER_LATENT_FRAME

    @property
    def real_time_ms(self) -> float:
        """How long the pictures of a block are shown."""
        return self.block_ms * self.pictures_per_s / PICTURES_PER_SECOND

    @property
    def costs(self) -> "Costs":
        """Time, memory and loss, by the PSNR of the worst block."""
        return self.costs_at(self.worst_db)

    def costs_at(self, quality: float | None) -> "Costs":
        """The same by another figure of its pictures: the more, the better; None is unknown."""
        memory = math.inf if self.memory_bytes is None else self.memory_bytes
        return self.block_ms, memory, math.inf if quality is None else -quality

    def misses(self, limits: Limits) -> list[str]:
        """The limits that it does not keep to, each in words."""
        _, memory, loss = self.costs
        missed = []
        if limits.pictures_per_s is not None and self.pictures_per_s < limits.pictures_per_s:
            missed.append(f"{self.pictures_per_s:.1f} pictures/s")
        if limits.memory_bytes is not None and memory > limits.memory_bytes:
            missed.append(_memory(self.memory_bytes))
        if limits.worst_db is not None and -loss < limits.worst_db:
            missed.append(self._picture())
        return missed

    def as_json(self) -> dict[str, object]:
        """All of it as JSON has it: equal pictures are "equal"."""
        names = ("block_ms", "pictures_per_s", "memory_bytes", "worst_db", "mean_db", "picture_of")
        known = {name: getattr(self, name) for name in names}
        return {"preset": self.name} | {
            name: "equal" if value == math.inf else value for name, value in known.items()
        }

    def __str__(self) -> str:
        known = [f"{self.block_ms:.1f} ms a block, {self.pictures_per_s:.1f} pictures/s"]
        if self.memory_bytes is not None:
            known.append(_memory(self.memory_bytes))
        return ", ".join([*known, self._picture()])

    def _picture(self) -> str:
        if self.worst_db is None:
            return "pictures not compared"
        of = f" (pictures of {self.picture_of})" if self.picture_of else ""
        if self.worst_db == math.inf:
            return f"equal pictures{of}"
        return f"worst block {self.worst_db:.1f} dB{of}"


Costs = tuple[float, float, float]
"""Time, memory and loss, each the less the better; infinite where it is unknown."""


def unbeaten(costs: Sequence[Costs]) -> list[int]:
    """The places of those that no other beats, which is no worse in anything and better in some."""

    def beats(mine: Costs, theirs: Costs) -> bool:
        return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs

    return [
        place for place, one in enumerate(costs) if not any(beats(other, one) for other in costs)
    ]


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
            "preset": self.chosen and self.chosen.name,
            "sentence": self.sentence,
            "front": [candidate.name for candidate in self.front],
            "candidates": [candidate.as_json() for candidate in self.candidates],
        }


def recommend(candidates: Sequence[Candidate], limits: Limits) -> Recommendation:
    """The fastest preset that keeps to a limit on the picture; without one, the best picture.

    Pictures without visible loss (`UNSEEN_DB`) are equally good; of presets with equally good ones
    it is the fastest. Without any limit, it must make as many pictures a second as are played.
    Those whose pictures were not compared are taken where there are no others alone, and named.
    """
    places = unbeaten([candidate.costs for candidate in candidates])
    front = sorted((candidates[place] for place in places), key=lambda one: one.block_ms)
    asked = limits if limits != Limits() else Limits(pictures_per_s=PICTURES_PER_SECOND)
    fit = [candidate for candidate in front if not candidate.misses(asked)]
    if not fit:
        return Recommendation(None, _nothing(front, asked), tuple(front), tuple(candidates))
    by_picture = asked.worst_db is None and any(one.worst_db is not None for one in fit)
    best = min(fit, key=_loss_then_time) if by_picture else fit[0]
    said = f"{best.name}: {best}; {_among(candidates, asked, by_picture=by_picture)}"
    return Recommendation(best, said, tuple(front), tuple(candidates))


def _among(candidates: Sequence[Candidate], asked: Limits, *, by_picture: bool) -> str:
    """What the chosen one is, of how many, and whose pictures nobody has compared."""
    if len(candidates) == 1:
        return f"the only preset that was measured, {_asked(asked)}"
    keeping = [one for one in candidates if not one.misses(replace(asked, worst_db=None))]
    unknown = [one.name for one in keeping if one.worst_db is None]
    of = sum(
        not one.misses(asked) and not (by_picture and one.worst_db is None) for one in candidates
    )
    best = max((one.worst_db for one in keeping if one.worst_db is not None), default=0.0)
    good = "without visible loss" if best >= UNSEEN_DB else "with the best picture"
    why = f"the fastest {good}" if by_picture else "the fastest"
    among = f"{why} of the {of}" if of > 1 else "the only one"
    known = " whose pictures are known" if by_picture and unknown else ""
    left = f"; not compared: {', '.join(unknown)} (longlive-widget likeness compares them)"
    told = left if unknown else ""
    return f"{among} of {len(candidates)} presets {_asked(asked)}{known}{told}"


def candidates_in(records: Iterable[Record], *, model: str | None = None) -> tuple[Candidate, ...]:
    """The presets that records of `benchmark`, `likeness` and `quality` are about, in their order.

    Pictures count where they were compared with the reference's and the weights were trained: those
    of the model that was timed, at that size, or else those of one other model.

    Args:
        records: the benchmarks must be of one case.
        model: which model, where there are several.

    Raises:
        RecordError: there is no benchmark; they are of several models, devices, sizes, torches or
            numbers of threads; or two settings have one preset's name.
    """
    all_records = tuple(records)
    timed = [record for record in all_records if record.kind == "benchmark"]
    timed = [record for record in timed if model in (None, record.model)]
    if not timed:
        of_model = f" of {model!r}" if model else ""
        raise RecordError(
            f"no record of a benchmark{of_model} is here: run `benchmark --out` first"
        )
    cases = sorted({case_of(record) for record in timed})
    if len(cases) > 1:
        raise RecordError(
            f"these benchmarks are of {len(cases)} cases ({'; '.join(cases)}), which are not to be "
            "held against each other: give the records of one"
        )
    by_preset: dict[Preset, list[Record]] = {}
    for record in timed:
        by_preset.setdefault(_settings(record.preset), []).append(record)
    names = [preset.name for preset in by_preset]
    for name in names:
        if names.count(name) > 1:
            raise RecordError(
                f"benchmarks of {names.count(name)} different settings are called {name!r}: give "
                "the records of one"
            )
    return tuple(
        with_pictures(_timed(preset, found), all_records, timed[0].model, timed[0].geometry)
        for preset, found in by_preset.items()
    )


def case_of(record: Record) -> str:
    """What must be the same where times are compared, in words."""
    size = f"{record.geometry.width_px} x {record.geometry.height_px}"
    model = f"{record.model} ({record.weights}, {record.dtype}) at {size}"
    threads = record.machine.threads
    machine = f"{record.machine.device}, {threads} thread{'s' if threads > 1 else ''}"
    return f"{model} on {machine}, torch {record.versions.torch}"


def remembered(record: Record) -> frozenset[int]:
    """The switches of a benchmark that were to prompts which the preset remembered, by place."""
    text_ms = record.samples.get("text_ms", ())
    if not text_ms:
        return frozenset()
    nothing_ms = READ * Summary.of(text_ms).p50
    return frozenset(place for place, ms in enumerate(text_ms) if ms < nothing_ms)


def kept(record: Record, name: str) -> Sequence[float]:
    """The numbers of that name of a record, but of switches that read nothing."""
    sample = record.samples.get(name, ())
    of_switches = name.startswith("switch_") or name in _OF_A_SWITCH
    if not of_switches or len(sample) != len(record.samples.get("text_ms", ())):
        return sample
    out = remembered(record)
    return [value for place, value in enumerate(sample) if place not in out]


def sample_of(record: Record, name: str) -> Sequence[float]:
    """The numbers of that name.

    Raises:
        RecordError: the record has none.
    """
    if name not in record.samples:
        raise RecordError(
            f"the {record.kind} of {record.preset.name!r} at {record.time:%Y-%m-%d %H:%M} has no "
            f"{name}: leave that record out, or measure it anew"
        )
    return record.samples[name]


def _timed(preset: Preset, timed: Sequence[Record]) -> Candidate:
    """A preset with its times and its memory."""
    block_ms = Summary.of([ms for record in timed for ms in sample_of(record, "block_ms")]).p50
    peaks = [record.facts.get("device_peak_bytes") for record in timed]
    memory = [float(peak) for peak in peaks if isinstance(peak, int | float)]
    pictures = timed[0].geometry.block_pictures
    return Candidate(
        preset=preset,
        block_ms=block_ms,
        pictures_per_s=1000 * pictures / block_ms,
        memory_bytes=max(memory) if memory else None,
        worst_db=None,
        mean_db=None,
        timed=tuple(timed),
    )


def with_pictures(
    one: Candidate, records: Iterable[Record], model: str, geometry: Geometry
) -> Candidate:
    """The preset with what records say of its pictures.

    Args:
        one: a preset that was timed.
        records: any; those of `likeness` and `quality` are looked at.
        model: what was timed.
        geometry: at which size.
    """
    same = [record for record in records if record.preset.as_seen() == one.preset.as_seen()]
    compared = _of_pictures(model, geometry, [r for r in same if tells_of_pictures(r)])
    judged = _of_pictures(model, geometry, [r for r in same if is_judged(r)])
    errors = [error for record in compared for error in sample_of(record, "squared_error")]
    known = bool(errors) or is_reference(one.preset)
    others = [record.model for record in compared if record.model != model]
    return replace(
        one,
        worst_db=psnr_db(max(errors, default=0.0)) if known else one.worst_db,
        mean_db=psnr_db(mean(errors or [0.0])) if known else one.mean_db,
        picture_of=others[0] if others else None,
        alike=tuple(compared),
        judged=tuple(judged),
    )


def _settings(preset: Preset) -> Preset:
    """The preset without the words about it."""
    return replace(preset, summary="")


def is_reference(preset: Preset) -> bool:
    """Whether it has all the settings of the reference, whatever its words."""
    return _settings(preset) == _settings(PRESETS["reference"])


def tells_of_pictures(record: Record) -> bool:
    """Whether it holds a trained model's pictures against the reference's."""
    against = record.facts.get("against") == PRESETS["reference"].name
    return record.kind == "likeness" and against and record.weights == "trained"


def is_judged(record: Record) -> bool:
    """Whether it holds what a judge has seen in a trained model's pictures."""
    return record.kind == "quality" and record.weights == "trained" and JUDGED in record.facts


def _of_pictures(model: str, geometry: Geometry, alike: Sequence[Record]) -> list[Record]:
    """Those of the model and size that were timed, or else those of the one other model."""
    own = [r for r in alike if (r.model, r.geometry) == (model, geometry)]
    others = [record for record in alike if record.model != model]
    return own or (others if len({record.model for record in others}) == 1 else [])


def _loss_then_time(one: Candidate) -> tuple[float, float]:
    """Memory need not be in it: where both are equal, only the least memory is in the front."""
    block_ms, _, loss = one.costs
    return max(loss, -UNSEEN_DB), block_ms


def _nothing(front: Sequence[Candidate], limits: Limits) -> str:
    nearest = min(front, key=lambda candidate: len(candidate.misses(limits)))
    missed = " and ".join(nearest.misses(limits))
    return f"none {_asked(limits)}; the nearest is {nearest.name}, with {missed}"


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
