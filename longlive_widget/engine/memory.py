"""The memory that a preset asks for."""

from typing import Literal

from longlive_widget.cache.window import RingWindow, RollingWindow, StaticWindow, Window
from longlive_widget.engine.model import Model
from longlive_widget.geometry import Geometry
from longlive_widget.presets import Preset, WindowCache

Positions = Literal["relative", "absolute"]
_WINDOWS: dict[WindowCache, type[Window]] = {
    "rolling": RollingWindow,
    "static": StaticWindow,
    "ring": RingWindow,
}


def new_window(preset: Preset, model: Model, geometry: Geometry, positions: Positions) -> Window:
    """An empty window for one video, of the kind and size that the preset says."""
    return _WINDOWS[preset.window_cache](
        model.transformer.config.layers,
        geometry.tokens_per_frame,
        preset.window_frames,
        model.sizes.sink_frames,
        relative=positions == "relative",
    )
