"""The page on presets: what each of them sets, and what that does to the pictures.

Loads no torch.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from longlive_widget import optimization_log
from longlive_widget.measure.figures import decibels
from longlive_widget.presets import PICTURE, PRESETS, Preset

if TYPE_CHECKING:
    from longlive_widget.measure.decision import Decision
    from longlive_widget.measure.distance import Distance

_HEAD = """# Presets

`longlive-widget presets --markdown --records docs/measured/*.jsonl` has made this page.
`Preset.with_(...)` changes any setting of any preset, and `Preset.from_yaml` reads both kinds of
YAML below. Decibels are the PSNR against `reference`, from one history unless it says otherwise
([how](measure.md#how-like-their-pictures-are)); what each setting costs and gives is in the
[log](log.md).

On a processor compiling takes 10 to 40 seconds before the first picture, once: for a short look
take `quality`, for a long video `balanced`, for a draft `ultra`. On a GPU where kernels of our
own run (`kernels`), they stand where torch would compile layers. Pictures that were compared on a
processor are by torch's kernels; how near a GPU's are to float32 is in the
[optimisation log](optimization-log.md#how-far-rounding-goes).

Most presets have their names from LongLive's optimisation log. What that log set, took and said is
beside ours; it timed the first block of a video, whose window is empty, on an H100. Our decisions
are those of the [optimisation log](optimization-log.md), by its rule.
"""
_Distances = Mapping[Preset, "Distance"]
_Decisions = Mapping[str, "Decision"]


def page(distances: _Distances, decisions: _Decisions) -> str:
    """The page, in Markdown.

    Args:
        distances: of presets as they are seen, as far as they are on record.
        decisions: by the name of a preset.
    """
    return "\n".join(
        [
            _HEAD,
            *(line for one in PRESETS.values() for line in _section(one, distances, decisions)),
            *_given_up(),
            *_parts(distances),
        ]
    )


def _section(preset: Preset, distances: _Distances, decisions: _Decisions) -> Iterator[str]:
    yield from (f"## {preset.name}", "", f"{preset.summary[0].upper()}{preset.summary[1:]}.", "")
    changes = preset.changes()
    if not changes:
        return
    yield "| setting | reference | here | what it does to the pictures |"
    yield "|---|---|---|---|"
    for name, value in changes.items():
        before = getattr(PRESETS["reference"], name)
        told = PICTURE[name]
        if not told.startswith("the same picture"):
            alone = distances.get(PRESETS["reference"].with_(**{name: value}).as_seen())
            told += f"; {_figures(alone)}" if alone else ""
        yield f"| `{name}` | {_shown(before)} | {_shown(value)} | {told} |"
    yield from ("", "```yaml", *_yaml(changes), "```", "")
    if found := distances.get(preset.as_seen()):
        yield f"Its pictures, on {_case(found)}: {found}."
        if found.stood_in:
            yield f"What stood in for something else there: {found.stood_in}."
        yield ""
    if preset.name in optimization_log.EXPERIMENTS:
        yield from _logged(preset, optimization_log.EXPERIMENTS[preset.name])
    if decision := decisions.get(preset.name):
        yield from (f"Our decision: {decision}.", "")


def _given_up() -> Iterator[str]:
    """The experiments of the log that failed, and what is asked for here instead."""
    yield from ("## What the log gave up on", "")
    yield (
        "Both are settings here, and run; what they were measured to do is in the "
        "[optimisation log](optimization-log.md#what-longlives-log-found), findings 2 and 6."
    )
    yield from ("", "| experiment | in the log | its error | its decision | here |")
    yield "|---|---|---|---|---|"
    for number, given_up in optimization_log.GIVEN_UP.items():
        said = ", ".join(_yaml(given_up.settings))
        here = Preset("log", "", **optimization_log.settings_of(given_up.settings)).changes()  # type: ignore[arg-type]
        ours = ", ".join(f"`{name}` {_shown(value)}" for name, value in here.items())
        yield f'| {number} | {said} | "{given_up.error}" | "{given_up.decision}" | {ours} |'
    yield ""


def _parts(distances: _Distances) -> Iterator[str]:
    """What is on record of single parts, each alone over the reference."""
    alone = {seen: found for seen, found in distances.items() if len(seen.changes()) == 1}
    if not alone:
        return
    yield from ("## How far each part is", "", "Alone over `reference`:", "")
    yield "| part | blocks | worst block | all blocks | running free | pictures of |"
    yield "|---|---|---|---|---|---|"
    for seen, found in alone.items():
        ((name, value),) = seen.changes().items()
        worst, every, free = map(decibels, (found.worst_db, found.mean_db, found.free_db))
        blocks = len(found.record.samples["squared_error"])
        figures = f"{blocks} | {worst} | {every} | {free}"
        yield f"| `{name}` {_shown(value)} | {figures} | {_case(found)} |"
    yield ""


def _case(found: "Distance") -> str:
    record = found.record
    size = f"{record.geometry.width_px} x {record.geometry.height_px}"
    emulated = ", FP8 emulated" if "emulated" in found.stood_in else ""
    return f"{record.model} at {size}, {record.dtype}{emulated}, {record.machine.device}"


def _figures(found: "Distance") -> str:
    return f"worst block {decibels(found.worst_db)}, all {decibels(found.mean_db)}"


def _logged(preset: Preset, experiment: optimization_log.Experiment) -> Iterator[str]:
    """What the log says of its preset of that name, and what differs."""
    baseline = optimization_log.BASELINE_MS
    yield f"In the log, experiment {experiment.number}:"
    yield from ("", "```yaml", *_yaml(experiment.settings), "```", "")
    yield (
        f'{experiment.block_ms:g} ms a block against {baseline:g}. "{experiment.picture}." '
        f'Decision: "{experiment.decision}".'
    )
    theirs = Preset(preset.name, "", **optimization_log.settings_of(experiment.settings))  # type: ignore[arg-type]
    ours = preset.changes()
    differing = {
        name: getattr(preset, name)
        for name in sorted({*ours, *theirs.changes()})
        if getattr(preset, name) != getattr(theirs, name)
    }
    if differing:
        yield from ("", "| setting | in the log | here |", "|---|---|---|")
    for name, value in differing.items():
        yield f"| `{name}` | {_shown(getattr(theirs, name))} | {_shown(value)} |"
    yield ""


def _yaml(settings: Mapping[str, object]) -> list[str]:
    """YAML, one setting a line: what is no word is written as JSON, which YAML contains."""
    return [f"{k}: {v if isinstance(v, str) else json.dumps(v)}" for k, v in settings.items()]


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
