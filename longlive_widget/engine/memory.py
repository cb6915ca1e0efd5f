"""The memory that a preset asks for, and whether it is there."""

from typing import Literal

import psutil
import torch
from torch import nn

from longlive_widget.cache.storage import PlainStorage, ScaledStorage, Storage
from longlive_widget.cache.window import RingWindow, RollingWindow, StaticWindow, Window
from longlive_widget.engine.model import Model, Sizes
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.geometry import Geometry
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.presets import PRESETS, Preset, WindowCache, WindowDtype

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


def require_memory(preset: Preset, sizes: Sizes) -> None:
    """Make sure that a model of these sizes can run over the preset's window.

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


def require_room(preset: Preset, sizes: Sizes, device: torch.device, dtype: torch.dtype) -> None:
    """Make sure that the least a model needs is free on the device, before anything is loaded.

    Where a device does not tell what is free, nothing is checked.

    Raises:
        CapabilityError: it is not; the message says which preset would fit.
    """
    free = free_bytes(device)
    least = least_bytes(preset, sizes, dtype)
    if free is None or least <= free:
        return
    fitting = [other.name for other in PRESETS.values() if least_bytes(other, sizes, dtype) <= free]
    way_out = (
        f"use the preset {' or '.join(map(repr, fitting))}, which would fit"
        if fitting
        else "no preset needs that little: close what else uses it, or take another device"
    )
    raise CapabilityError(
        f"{sizes.name!r} under preset {preset.name!r} needs {_gb(least)} or more on device "
        f"'{device}', and {_gb(free)} are free: {way_out}"
    )


def least_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of all weights and of a full window; what computing takes comes on top."""
    return weight_bytes(sizes, dtype) + window_bytes(preset, sizes, dtype)


def weight_bytes(sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of all weights of a model of these sizes."""
    with torch.device("meta"):
        parts: tuple[nn.Module, ...] = (
            Transformer(sizes.transformer),
            VideoDecoder(sizes.autoencoder),
            TextEncoder(sizes.text_encoder),
        )
    return sum(weight.numel() for part in parts for weight in part.parameters()) * dtype.itemsize


def window_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of keys and values in a full window, at the model's own picture size."""
    config = sizes.transformer
    one = torch.empty(1, 1, config.heads, config.head_dim, dtype=dtype)
    held = _STORAGES[preset.window_dtype].pack(one, one)
    tokens = preset.window_frames * sizes.geometry.tokens_per_frame
    return config.layers * tokens * sum(part.nbytes for part in held)


def free_bytes(device: torch.device) -> int | None:
    """The bytes that are free for weights on a device; None where it does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available) if device.type == "cpu" else None


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
