"""The page on presets: what each of them sets, and what that does to the pictures.

Loads no torch.
"""

import json
from collections.abc import Iterator, Mapping

from longlive_widget import optimization_log
from longlive_widget.presets import PRESETS, Preset

PICTURE = {
    "denoise_steps": "another picture",
    "window_frames": "another picture, as soon as the window is full",
    "window_cache": "the same picture, up to rounding",
    "window_dtype": "nearly the same picture",
    "prompt_cache": "the same picture, to the bit",
    "context": "the same picture, to the bit",
    "recache": "the same picture, up to rounding",
    "memory_pool": "the same picture, to the bit",
    "cuda_graphs": "the same picture, to the bit",
    "decoder": "another picture of the same latents",
    "decode_frames": "the same picture, up to rounding",
    "decode_behind": "the same picture, to the bit; a live switch lands a block later",
    "offload_text_encoder": "the same picture, to the bit",
    "compiled": "the same picture, up to rounding",
    "linear_dtype": "nearly the same picture",
    "attention": "the same picture, up to rounding; with fa3-fp8 nearly the same",
}
"""What another value of each setting does to the pictures."""
_HEAD = """# Presets

`longlive-widget presets --markdown` has made this page. `Preset.with_(...)` changes any setting of
any preset, and `Preset.from_yaml` reads both kinds of YAML below. How far "nearly" is, and what
each setting costs and gives, is in the [log](log.md).

On a processor compiling takes 10 to 40 seconds before the first picture, once: for a short look
take `reference`, for a long video `balanced`, for a draft `ultra`.

Most presets have their names from LongLive's optimisation log. What that log set, took and said is
beside ours; it timed the first block of a video, whose window is empty, on an H100.
"""


def page() -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *(line for preset in PRESETS.values() for line in _section(preset))])


def _section(preset: Preset) -> Iterator[str]:
    yield from (f"## {preset.name}", "", f"{preset.summary[0].upper()}{preset.summary[1:]}.", "")
    changes = preset.changes()
    if not changes:
        return
    yield "| setting | reference | here | what it does to the pictures |"
    yield "|---|---|---|---|"
    for name, value in changes.items():
        before = getattr(PRESETS["reference"], name)
        yield f"| `{name}` | {_shown(before)} | {_shown(value)} | {PICTURE[name]} |"
    yield from ("", "```yaml", *_yaml(changes), "```", "")
    if preset.name in optimization_log.EXPERIMENTS:
        yield from _logged(preset, optimization_log.EXPERIMENTS[preset.name])


def _logged(preset: Preset, experiment: optimization_log.Experiment) -> Iterator[str]:
    """What the log says of its preset of that name, and what differs."""
    baseline = optimization_log.BASELINE_MS
    yield f"In the log, experiment {experiment.number}:"
    yield from ("", "```yaml", *_yaml(experiment.settings), "```", "")
    yield f'{experiment.block_ms:g} ms a block against {baseline:g}. "{experiment.picture}."'
    theirs = Preset("", "", **optimization_log.settings_of(experiment.settings))  # type: ignore[arg-type]
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
