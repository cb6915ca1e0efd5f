"""The memory that a preset asks for."""

from typing import Literal

import torch

from longlive_widget.cache.storage import PlainStorage, ScaledStorage, Storage
from longlive_widget.cache.window import RingWindow, RollingWindow, StaticWindow, Window
from longlive_widget.engine.model import Model, Sizes
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.geometry import Geometry
from longlive_widget.presets import Preset, WindowCache, WindowDtype

Positions = Literal["relative", "absolute"]
_WINDOWS: dict[WindowCache, type[Window]] = {
    "rolling": RollingWindow,
    "static": StaticWindow,
    "ring": RingWindow,
}
_STORAGES: dict[WindowDtype, Storage] = {
    "model": PlainStorage(),
    "int8": ScaledStorage(torch.int8),
    "fp8": ScaledStorage(torch.float8_e4m3fn),
}
_FP8_CAPABILITY = (8, 9)
"""The least compute capability of a GPU that converts FP8 itself.

Source: CUDA C++ Programming Guide, features by compute capability.
"""


def new_window(preset: Preset, model: Model, geometry: Geometry, positions: Positions) -> Window:
    """An empty window for one video, of the kind, type and size that the preset says."""
    return _WINDOWS[preset.window_cache](
        model.transformer.config.layers,
        geometry.tokens_per_frame,
        preset.window_frames,
        model.sizes.sink_frames,
        relative=positions == "relative",
        storage=_STORAGES[preset.window_dtype],
    )


def require_memory(preset: Preset, sizes: Sizes, device: torch.device) -> None:
    """Make sure that a model of these sizes can run over the preset's window on this device.

    FP8 on a device that has none is a `CapabilityError`.

    Raises:
        PresetError: the window cannot hold the sink and one block.
    """
    needed = sizes.sink_frames + sizes.geometry.block_frames
    if preset.window_frames < needed:
        raise PresetError(
            f"preset {preset.name!r} keeps {preset.window_frames} latent frames, but "
            f"{sizes.name!r} needs {needed}: a sink of {sizes.sink_frames} and a "
            f"block of {sizes.geometry.block_frames}"
        )
    if preset.window_dtype == "fp8":
        _require_fp8(preset, device)


def _require_fp8(preset: Preset, device: torch.device) -> None:
    has = torch.cuda.get_device_capability(device) if device.type == "cuda" else None
    if has is None or has < _FP8_CAPABILITY:
        told = "none" if has is None else f"{has[0]}.{has[1]}"
        raise CapabilityError(
            f"preset {preset.name!r} holds its window in FP8, which needs a GPU of compute "
            f"capability {_FP8_CAPABILITY[0]}.{_FP8_CAPABILITY[1]}, and device '{device}' has "
            f"{told}: use window_dtype='int8', which takes as many bytes"
        )
