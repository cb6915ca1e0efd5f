"""What single settings change: alone over a preset or the reference, taken back, or one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from longlive_widget.errors import PresetError
from longlive_widget.measure.benchmark import Measured
from longlive_widget.measure.figures import choice
from longlive_widget.measure.statistics import Difference, Summary, paired_difference
from longlive_widget.plain_data import NotPlainError, yaml_in
from longlive_widget.presets import PICTURE, PRESETS, Preset


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

    What the others cannot do without is left as it is, and CUDA graphs that are "fastest" go with
    what they need. The reference itself is a `PresetError`.
    """
    _require_changes(preset)
    reference, found = PRESETS["reference"], [preset]
    for name in preset.changes():
        label = f"{preset.name} without {name}"
        try:
            found.append(preset.with_(**{name: getattr(reference, name), "name": label}))
        except PresetError:
            continue
    return tuple(found)


def each_alone(preset: Preset) -> tuple[Preset, ...]:
    """The reference, then with each of a preset's settings, and the fewest others that it needs.

    A preset that is the reference itself is a `PresetError`.
    """
    _require_changes(preset)
    return (PRESETS["reference"], *(_with_what_it_needs(preset, name) for name in preset.changes()))


def _require_changes(preset: Preset) -> None:
    if not preset.changes():
        raise PresetError(
            f"preset {preset.name!r} has no setting to try without: name another one, or say which "
            "to try, --set setting=value,value"
        )


def _with_what_it_needs(preset: Preset, name: str) -> Preset:
    reference, settings = PRESETS["reference"], preset.changes()
    others = [other for other in settings if other != name]
    for count in range(len(others) + 1):
        for needed in combinations(others, count):
            besides = f" with {' and '.join(needed)}" if needed else ""
            label = f"{reference.name}, {name}={choice(settings[name])}{besides}"
            chosen = {one: settings[one] for one in (*needed, name)}
            try:
                made = reference.with_(**chosen, name=label)
            except PresetError:
                continue
            if _does_something(made, name):
                return made
    raise PresetError(f"nothing lets {name} be set over {reference.name!r}")


def _does_something(preset: Preset, name: str) -> bool:
    """Whether a setting is not the reference's where there is a GPU: "fastest" may be off."""
    return bool(getattr(preset.on("cuda"), name) != getattr(PRESETS["reference"], name))


def synchronised(preset: Preset) -> tuple[Preset, Preset]:
    """The preset twice: the second one is to be measured with a host that waits for its GPU."""
    return preset, preset.with_(name=f"{preset.name}, synchronised")


def step_by_step(preset: Preset) -> tuple[Preset, ...]:
    """From the reference to the preset, one more of its settings each, the last being the preset.

    Settings that leave the picture as it is come first, and those after which others can be.
    """
    made, left = PRESETS["reference"], preset.changes()
    found = [made]
    while left:
        made, added = _with_one_more(made, left)
        del left[added]
        found.append(made)
    return (*found[:-1], preset) if found[1:] else (preset,)


def _with_one_more(made: Preset, left: Mapping[str, object]) -> tuple[Preset, str]:
    """The preset with the first of these settings that it can have, and which that is."""
    first = sorted(left, key=lambda name: not PICTURE[name].startswith("the same picture"))
    for name in first:
        try:
            more = made.with_(**{name: left[name]})
        except PresetError:
            continue
        if _does_something(more, name):
            return more, name
    raise PresetError(
        f"there is no order in which {', '.join(first)} can be set over {made.name!r} one by one"
    )


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


def steps_of(found: Sequence[Measured], sample: str = "block_ms") -> tuple[Effect, ...]:
    """As `effects`, but each is held against the one before it."""
    ways = [effects(pair, sample)[1] for pair in pairwise(found)]
    return (*effects(found[:1], sample), *ways)


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
