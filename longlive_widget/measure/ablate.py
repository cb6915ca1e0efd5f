"""What single settings change: each alone over a preset, or each taken back from one."""

from collections.abc import Sequence
from dataclasses import dataclass

from longlive_widget.errors import PresetError
from longlive_widget.measure.benchmark import Measured
from longlive_widget.measure.statistics import Difference, Summary, paired_difference
from longlive_widget.plain_data import NotPlainError, yaml_in
from longlive_widget.presets import PRESETS, Preset


def alone(base: Preset, settings: Sequence[str]) -> tuple[Preset, ...]:
    """The preset, then with each value of each setting by itself, and nothing else changed.

    Args:
        base: the preset that all others differ from.
        settings: `setting=value,value`, each value as in YAML.

    A setting without a value, or one that does not exist, is a `PresetError`.
    """
    changed = []
    for said in settings:
        name, equals, values = said.partition("=")
        if not equals or not values:
            raise PresetError(f"{said!r} is no setting: write setting=value,value")
        for value in _values(values):
            label = f"{base.name}, {name}={value}"
            changed.append(base.with_(**{name: value, "name": label}))
    return (base, *changed)


def taken_back(preset: Preset) -> tuple[Preset, ...]:
    """The preset, then with each of its settings as the reference has it, and nothing else changed.

    What the others cannot do without is left as it is.
    """
    reference, found = PRESETS["reference"], [preset]
    for name in preset.changes():
        label = f"{preset.name} without {name}"
        try:
            found.append(preset.with_(**{name: getattr(reference, name), "name": label}))
        except PresetError:
            continue
    return tuple(found)


@dataclass(frozen=True)
class Effect:
    """What one preset of an ablation takes, and how far that is from the first one's, in ms."""

    preset: Preset
    block_ms: Summary
    difference_ms: Difference | None

    def __str__(self) -> str:
        took = f"{self.block_ms.p50:.1f} ms a block"
        if self.difference_ms is None:
            return f"{self.preset.name}: {took}"
        found = self.difference_ms
        told = (
            f"{found.median:+.1f} ms ({found.low:+.1f} to {found.high:+.1f})"
            if found.seen
            else f"no difference seen ({found.low:+.1f} to {found.high:+.1f} ms)"
        )
        return f"{self.preset.name}: {took}, {told}"


def effects(found: Sequence[Measured], sample: str = "block_ms") -> tuple[Effect, ...]:
    """What each preset of an ablation does, held against the first; they took turns.

    `sample` names the times of blocks, one for each: "first_block_ms" where the log's way was gone.
    """
    base, *others = found
    first = base.samples[sample]
    return (
        Effect(base.engine.preset, Summary.of(first), None),
        *(
            Effect(
                other.engine.preset,
                Summary.of(other.samples[sample]),
                paired_difference(first, other.samples[sample]),
            )
            for other in others
        ),
    )


def _values(text: str) -> list[object]:
    """The values of one setting: YAML's, with commas between them outside of brackets."""
    wanted = f"{text!r} is no list of values: write value,value"
    try:
        said = yaml_in(f"[{text}]")
    except NotPlainError as error:
        raise PresetError(wanted) from error
    if not isinstance(said, list):
        raise PresetError(wanted)
    return said
