"""The commands that measure what is not there yet, on the model and at the size of what is.

A preset that has no name is read from a file that its `to_yaml` has written.
"""

from collections.abc import Sequence

from longlive_widget.measure.contrast import KINDS
from longlive_widget.measure.record import Record
from longlive_widget.presets import PRESETS, Preset, as_named


def ablate_command(records: Sequence[Record], preset: Preset) -> str:
    """What measures each setting on the way from the reference to a preset."""
    return f"longlive-widget ablate --step-by-step {_of(records, preset)} --out measured.jsonl"


def profile_command(records: Sequence[Record], preset: Preset) -> str:
    """What tells where the time of a preset's block goes."""
    return f"longlive-widget profile {_of(records, preset)} --records measured.jsonl"


def _of(records: Sequence[Record], preset: Preset) -> str:
    source = preset.name if as_named(preset) in PRESETS.values() else "preset.yaml"
    said = [f"--preset {source}"]
    if timed := [record for record in records if record.kind in KINDS]:
        record = timed[-1]
        said.append(f"--model {record.model}")
        if record.weights == "random":
            said.append("--weights random")
        said.append(f"--size {record.geometry.width_px}x{record.geometry.height_px}")
    return " ".join(said)
