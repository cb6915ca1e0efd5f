"""What each optimisation gives on the way from the reference to a preset, from records.

A step is between two presets that took turns; what was not measured apart is one step together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from longlive_widget.errors import RecordError
from longlive_widget.measure.commands import ablate_command
from longlive_widget.measure.contrast import block_ms_of, measured_alike
from longlive_widget.measure.figures import choice
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Difference, Summary, difference, paired_difference
from longlive_widget.presets import Preset

_NAMED = 2
"""A step of more settings than these names so many, and says how many more it has."""


@dataclass(frozen=True)
class Step:
    """One or more settings that come to a preset, and by how many ms that moves its median block.

    `settings` are their values by name; `before` and `after` are the records of the two presets.
    """

    settings: dict[str, object]
    before: tuple[Record, ...]
    after: tuple[Record, ...]

    @property
    def change_ms(self) -> Difference:
        """The change, with its 95 % interval: by pairs, if both made as many blocks in turns."""
        first, second = block_ms_of(self.before), block_ms_of(self.after)
        by = paired_difference if len(first) == len(second) else difference
        return by(first, second)

    @property
    def last_ms(self) -> float:
        """The median block at its end."""
        return Summary.of(block_ms_of(self.after)).p50

    @property
    def label(self) -> str:
        """The settings in words, short."""
        if len(self.settings) > _NAMED:
            names = ", ".join(list(self.settings)[:_NAMED])
            return f"{names} and {len(self.settings) - _NAMED} more"
        return ", ".join(self.told)

    @property
    def told(self) -> list[str]:
        """Each setting with its value."""
        return [f"{name}: {choice(value)}" for name, value in self.settings.items()]


@dataclass(frozen=True)
class Waterfall:
    """The way from the reference to a preset: the median block at its ends, in ms, and the steps.

    `device` is what it was measured on; `command` measures each setting by itself there.
    """

    preset: Preset
    device: str
    first_ms: float
    last_ms: float
    steps: tuple[Step, ...]
    command: str

    @property
    def together(self) -> tuple[Step, ...]:
        """The steps of several settings, which no record tells apart."""
        return tuple(step for step in self.steps if len(step.settings) > 1)


def waterfall(records: Iterable[Record], preset: Preset) -> Waterfall:
    """The way to a preset with the most steps, of presets that were measured in turns.

    Each preset on it has all settings of the one before and some more of the last one's. All of
    them were measured alike: in one kind of measurement, on one machine.

    Args:
        records: of `benchmark` and `ablate`.
        preset: where it leads.

    Raises:
        RecordError: the preset is the reference, or it and the reference did not take turns; the
            message has the command that measures it.
    """
    kept = tuple(records)
    if not preset.changes():
        raise RecordError(f"{preset.name!r} has the reference's settings: choose another preset")
    way = max(
        (_longest_way(together, preset) for together in measured_alike(kept)), key=len, default=()
    )
    if not way:
        command = ablate_command(kept, preset)
        raise RecordError(
            f"no records lead from the reference to {preset.name!r}: `{command}` measures each step"
        )
    steps = tuple(Step(_added(one, other), one, other) for one, other in pairwise(way))
    first_ms, last_ms = (Summary.of(block_ms_of(end)).p50 for end in (way[0], way[-1]))
    command = ablate_command(way[-1], preset)
    return Waterfall(preset, way[-1][-1].machine.device, first_ms, last_ms, steps, command)


def _longest_way(
    together: Sequence[tuple[Record, ...]], preset: Preset
) -> tuple[tuple[Record, ...], ...]:
    """The most presets that lead from the reference to this one; none if an end is missing."""
    wanted = preset.changes().items()
    ways: list[tuple[tuple[Record, ...], ...]] = []
    for node in sorted(together, key=lambda records: len(_changes(records))):
        has = _changes(node).items()
        if not has <= wanted:
            continue
        before = [way for way in ways if _changes(way[-1]).items() < has]
        if before:
            ways.append((*max(before, key=_rank), node))
        elif not has:
            ways.append((node,))
    return max((way for way in ways if _changes(way[-1]).items() == wanted), key=_rank, default=())


def _rank(way: Sequence[tuple[Record, ...]]) -> tuple[int, datetime]:
    return len(way), max(record.time for record in way[-1])


def _changes(records: Sequence[Record]) -> dict[str, object]:
    return records[-1].preset.changes()


def _added(before: Sequence[Record], after: Sequence[Record]) -> dict[str, object]:
    had = _changes(before)
    return {name: value for name, value in _changes(after).items() if name not in had}
