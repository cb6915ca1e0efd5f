"""The memory that a preset asks for, and whether it is there."""

from pathlib import Path
from typing import Literal

import psutil
import torch
from torch import nn

from longlive_widget.cache.storage import PlainStorage, ScaledStorage, Storage
from longlive_widget.cache.window import RingWindow, RollingWindow, StaticWindow, Window
from longlive_widget.engine.model import Model, Placement, Sizes
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.geometry import Geometry
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.presets import PRESETS, Preset, WindowCache, WindowDtype

Positions = Literal["relative", "absolute"]
_WINDOWS: dict[WindowCache, type[Window]] = {
    "rolling": RollingWindow,
    "static": StaticWindow,
    "ring": RingWindow,
}
_CGROUP = Path("/sys/fs/cgroup")
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


def require_room(preset: Preset, sizes: Sizes, where: Placement) -> None:
    """Make sure that the least a model needs is free on the device, before anything is loaded.

    Where a device does not tell what is free, nothing is checked.

    Raises:
        CapabilityError: it is not; the message says which preset would fit.
    """
    free = free_bytes(where.device)
    least = least_bytes(preset, sizes, where.dtype)
    if free is None or least <= free:
        return
    needs = {p.name: least_bytes(p, sizes, where.dtype) for p in PRESETS.values()}
    fitting = [f"{name!r} ({_gb(need)})" for name, need in needs.items() if need <= free]
    way_out = (
        f"use the preset {' or '.join(fitting)}"
        if fitting
        else "no preset needs that little: close what else uses it, or take another device"
    )
    raise CapabilityError(
        f"{sizes.name!r} under preset {preset.name!r} needs {_gb(least)} or more on device "
        f"'{where.device}', and {_gb(free)} are free: {way_out}"
    )


def least_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of all weights on the device and of a full window; computing takes some more."""
    return weight_bytes(preset, sizes, dtype) + window_bytes(preset, sizes, dtype)


def weight_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of the weights that are on the device at once."""
    with torch.device("meta"):
        video: list[nn.Module] = [Transformer(sizes.transformer), VideoDecoder(sizes.autoencoder)]
        video += [TinyDecoder(sizes.small_decoder)] if sizes.small_decoder else []
        text = TextEncoder(sizes.text_encoder)
    of_text = [weight.numel() for weight in text.parameters()]
    numbers = max(of_text) if preset.offload_text_encoder else sum(of_text)
    numbers += sum(weight.numel() for part in video for weight in part.parameters())
    return numbers * dtype.itemsize


def window_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of keys and values in a full window, at the model's own picture size."""
    config = sizes.transformer
    one = torch.empty(1, 1, config.heads, config.head_dim, dtype=dtype)
    held = _STORAGES[preset.window_dtype].pack(one, one)
    tokens = preset.window_frames * sizes.geometry.tokens_per_frame
    return config.layers * tokens * sum(part.nbytes for part in held)


def free_bytes(device: torch.device) -> int | None:
    """The bytes that are free for weights on a device; None where it does not tell.

    What torch keeps of a GPU for later counts as free, what a container may not have does not.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if device.type != "cpu":
        return None
    available = int(psutil.virtual_memory().available)
    try:
        most, used = (int((_CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # there is no limit
        return available
    return min(available, most - used)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
