"""The window that a preset asks for."""

from typing import Literal

import torch

from longlive_widget.cache.storage import PlainStorage, ScaledStorage, Storage
from longlive_widget.cache.window import RingWindow, RollingWindow, StaticWindow, Window
from longlive_widget.engine.model import Sizes
from longlive_widget.geometry import Geometry
from longlive_widget.presets import Preset, WindowCache, WindowDtype

Positions = Literal["relative", "absolute"]
_WINDOWS: dict[WindowCache, type[Window]] = {
    "rolling": RollingWindow,
    "static": StaticWindow,
    "ring": RingWindow,
}
STORAGES: dict[WindowDtype, Storage] = {
    "model": PlainStorage(),
    "int8": ScaledStorage(torch.int8),
    "fp8": ScaledStorage(torch.float8_e4m3fn),
}


def new_window(preset: Preset, sizes: Sizes, geometry: Geometry, positions: Positions) -> Window:
    """An empty window for one video, of the kind, type and size that the preset says."""
    return _WINDOWS[preset.window_cache](
        sizes.transformer.layers,
        geometry.tokens_per_frame,
        preset.window_frames,
        sizes.sink_frames,
        relative=positions == "relative",
        storage=STORAGES[preset.window_dtype],
    )
