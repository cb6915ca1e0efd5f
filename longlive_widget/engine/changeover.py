"""What it takes to go on under another preset: nothing but the next block, a new video, or a model.

Knows settings only: `Engine.under` makes the engine, and `Engine.take_over` has a session go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from longlive_widget.presets import Preset

How = Literal["live", "next video", "reload"]

OF_A_BLOCK = (
    "denoise_steps",
    "prompt_cache",
    "context",
    "recache",
    "memory_pool",
    "decode_frames",
    "decode_first",
    "decode_behind",
)
"""The settings that any block may have for itself, whatever the one before it had."""

OF_A_VIDEO = {
    "window_frames": "memory gets another size",
    "window_cache": "memory lies elsewhere",
    "window_dtype": "memory is held in other numbers",
    "cuda_graphs": "graphs are recorded from the first blocks on",
    "decoder": "the other decoder has not seen the pictures so far",
}
"""The settings that a video keeps from its first block to its last, and why."""

OF_A_MODEL = {
    "linear_dtype": "its weights in other numbers",
    "attention": "another attention",
    "kernels": "other kernels between its products",
    "compiled": "code that is compiled for it",
    "offload_text_encoder": "its text encoder in another place",
}
"""The settings that a model is loaded with, and what it needs for them."""


@dataclass(frozen=True)
class Changeover:
    """The way from one preset to another.

    It is "live", at the next block; or for the "next video"; or a "reload": a model with other
    layers must be in memory. `goes_on` says whether a running video may keep its memory and go on
    under the other preset, once a model for it is there. `reasons` are the settings that stand in
    the way of a live change, each with why; there is none if it is live.
    """

    how: How
    goes_on: bool
    reasons: tuple[str, ...]


def changeover(
    old: Preset, new: Preset, *, own_kernels: bool = True, device_type: str = "cuda"
) -> Changeover:
    """The way from one preset to the other.

    `own_kernels` is whether kernels of our own run on the device: else all presets have torch's.
    `device_type` is "cuda" or another, as "fastest" is not the same on both.
    """
    old, new = (preset.on(device_type) for preset in (old, new))
    if not own_kernels:
        old, new = (replace(preset, kernels="torch") for preset in (old, new))
    of_a_model = tuple(_reasons(old, new, OF_A_MODEL, "needs a model with"))
    of_a_video = tuple(_reasons(old, new, OF_A_VIDEO, "is for a new video:"))
    how: How = "reload" if of_a_model else "next video" if of_a_video else "live"
    return Changeover(how, not of_a_video, of_a_model + of_a_video)


def _reasons(old: Preset, new: Preset, why: dict[str, str], what: str) -> Iterator[str]:
    for setting, reason in why.items():
        if getattr(old, setting) != getattr(new, setting):
            yield f"{setting} {what} {reason}"
