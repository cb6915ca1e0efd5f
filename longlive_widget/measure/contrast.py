"""What settings change, from records of presets that were measured alike and differ in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import chain, groupby

from longlive_widget.measure.figures import choice, percent
from longlive_widget.measure.recommend import case_of, sample_of
from longlive_widget.measure.record import Commit, Record
from longlive_widget.measure.statistics import Difference, Summary, difference
from longlive_widget.presets import PRESETS, Preset

KINDS = ("benchmark", "ablation")
"""The kinds of record with steady blocks of presets that took turns."""
_LABELS = {"name": "any", "summary": ""}


@dataclass(frozen=True)
class Contrast:
    """Two presets that differ in `settings`, by name; the first has the reference's value.

    `change` is how far the median block of the second is from that of the first, as a share of it.
    """

    before: tuple[Record, ...]
    after: tuple[Record, ...]
    settings: frozenset[str]
    change: Difference

    @property
    def records(self) -> tuple[Record, ...]:
        """All that it is from."""
        return self.before + self.after

    @property
    def commit(self) -> Commit | None:
        """The one that both were measured on; None is unknown."""
        return self.before[-1].commit

    @property
    def over(self) -> str:
        """The first of the two in words, where it was measured, and of which commit."""
        base, record = self.presets[0], self.before[-1]
        today = PRESETS.get(base.name)
        settings = {} if today and today.changes() == base.changes() else base.changes()
        said = ", ".join(f"{name}={choice(value)}" for name, value in settings.items())
        of = f"`{base.name}` ({said})" if said else f"`{base.name}`"
        return f"over {of} on {record.machine.device}, commit {record.commit or 'unknown'}"

    @property
    def presets(self) -> tuple[Preset, Preset]:
        """The two."""
        return self.before[-1].preset, self.after[-1].preset

    def told(self, setting: str, over: str) -> str:
        """The change in words: the setting's two values, what else differs, and over what."""
        one, other = self.presets
        values = " to ".join(choice(getattr(preset, setting)) for preset in (one, other))
        besides = ", ".join(f"`{name}`" for name in sorted(self.settings - {setting}))
        more = f", and {besides} differ too in `{other.name}`," if besides else ""
        return f"`{setting}` {values}{more} {over}: {percent(self.change)}"


def contrasts(records: Iterable[Record], setting: str) -> tuple[Contrast, ...]:
    """The pairs of presets that differ in a setting, those that differ in little else first.

    Of those that differ in as much the newest come first. Held against each other are presets of
    one kind of measurement, commit, model, device and so on.
    """
    found, by_commit = [], dict[Commit | None, list[Record]]()
    for record in records:
        by_commit.setdefault(record.commit, []).append(record)
    newest_first = sorted(by_commit.values(), key=_newest, reverse=True)
    for together in chain.from_iterable(map(measured_alike, newest_first)):
        for before in together:
            for after in together:
                settings = _differing(before[0].preset, after[0].preset)
                if setting in settings and _is_reference(before[0].preset, setting):
                    found.append(Contrast(before, after, settings, _change(before, after)))
    return tuple(sorted(found, key=lambda contrast: len(contrast.settings)))


def measured_alike(records: Iterable[Record]) -> list[list[tuple[Record, ...]]]:
    """The records by what must be the same, and in there by preset."""
    timed = sorted((r for r in records if r.kind in KINDS), key=_alike)
    found = []
    for _, alike in groupby(timed, key=_alike):
        by_preset: dict[Preset, list[Record]] = {}
        for record in alike:
            by_preset.setdefault(replace(record.preset, **_LABELS), []).append(record)  # type: ignore[arg-type]  # two words
        found.append([tuple(of_one) for of_one in by_preset.values()])
    return found


def _newest(records: Iterable[Record]) -> datetime:
    return max(record.time for record in records)


def _alike(record: Record) -> tuple[str, str]:
    return record.kind, case_of(record)


def _differing(one: Preset, other: Preset) -> frozenset[str]:
    names = {field.name for field in fields(Preset)} - _LABELS.keys()
    return frozenset(name for name in names if getattr(one, name) != getattr(other, name))


def _is_reference(preset: Preset, setting: str) -> bool:
    return bool(getattr(preset, setting) == getattr(PRESETS["reference"], setting))


def _change(before: Sequence[Record], after: Sequence[Record]) -> Difference:
    first, second = block_ms_of(before), block_ms_of(after)
    return difference(first, second).as_share_of(Summary.of(first).p50)


def block_ms_of(records: Sequence[Record]) -> list[float]:
    """All steady blocks of these records, in ms."""
    return [ms for record in records for ms in sample_of(record, "block_ms")]
