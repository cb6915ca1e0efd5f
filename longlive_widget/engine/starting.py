"""Which preset a machine should start with where nothing was measured on it.

Goes by what is here: a GPU or a processor, what each preset needs, and how much memory there is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from longlive_widget.engine.memory import needed_bytes, plenty_bytes, said_bytes
from longlive_widget.engine.model import Sizes
from longlive_widget.presets import PRESETS, Preset

ON_A_GPU = ("balanced", "quality", "low_memory")
ON_A_PROCESSOR = ("quality", "reference", "low_memory")
"""The first one that can run is the one to start with: the same pictures, or nearly, soon.

On a processor compiling takes longer than the first blocks: 6.4 s to the first picture of `tiny`
where `quality` takes 0.3 (docs/measured/elsewhere/tiny-cpu.jsonl).
"""


@dataclass(frozen=True)
class Start:
    """The preset to start with, and why that one; None where none can run, and the reason."""

    preset: str | None
    sentence: str


@dataclass(frozen=True)
class Place:
    """Where a model of these sizes would run; `room_bytes` is None where a device does not tell."""

    sizes: Sizes
    dtype: torch.dtype
    device: torch.device
    room_bytes: int | None

    def lacks(self, preset: Preset) -> str:
        """What a preset needs, if that is more than there is; else ""."""
        if self.room_bytes is None:
            return ""
        if plenty_bytes(preset, self.sizes, self.dtype) <= self.room_bytes:
            return ""
        needed = needed_bytes(preset, self.sizes, self.dtype, self.device)
        return f"needs {said_bytes(needed)}" if needed > self.room_bytes else ""

    def __str__(self) -> str:
        what = "this GPU" if self.device.type == "cuda" else "this machine"
        if self.room_bytes is None:
            return f"{what} does not tell how much memory it has"
        return f"{what} has {said_bytes(self.room_bytes)} for {self.sizes.name!r}"


def start_in(place: Place, why_not: Callable[[Preset], str]) -> Start:
    """The preset to start with there.

    Args:
        place: the model, the device and its room.
        why_not: why that model cannot run under a preset there, memory aside; "" if it can.
    """
    on_gpu = place.device.type == "cuda"
    left: list[str] = []
    for name in ON_A_GPU if on_gpu else ON_A_PROCESSOR:
        preset = PRESETS[name]
        lack = _briefly(why_not(preset), name) or place.lacks(preset)
        if lack:
            left.append(f"{name} {lack}")
            continue
        slow = () if on_gpu else ("on a processor what compiles has its first picture late",)
        told = "; ".join((preset.summary, str(place), *slow, *left))
        return Start(name, f"{name} to start with, as nothing was measured here yet: {told}")
    return Start(None, f"no preset to start with: {'; '.join((str(place), *left))}")


def _briefly(refusal: str, name: str) -> str:
    """Why a preset cannot run, without its name and the way out."""
    return refusal.removeprefix(f"preset {name!r} ").split(": ")[0]
