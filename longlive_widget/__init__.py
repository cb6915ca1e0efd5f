"""Streaming video generation that you steer, in a notebook.

The names below load on first use, so that `import longlive_widget` loads neither torch nor Jupyter.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine as Engine
    from longlive_widget.engine.official import OfficialFiles as OfficialFiles
    from longlive_widget.presets import PRESETS as PRESETS
    from longlive_widget.presets import Preset as Preset
    from longlive_widget.timeline import Timeline as Timeline
    from longlive_widget.widget.studio import LongLiveWidget as LongLiveWidget

__version__ = "0.1.0"

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # docs/decisions/0001-threads-that-sleep.md

_HOMES = {
    "Engine": "longlive_widget.engine.engine",
    "LongLiveWidget": "longlive_widget.widget.studio",
    "OfficialFiles": "longlive_widget.engine.official",
    "PRESETS": "longlive_widget.presets",
    "Preset": "longlive_widget.presets",
    "Timeline": "longlive_widget.timeline",
}
__all__ = ["PRESETS", "Engine", "LongLiveWidget", "OfficialFiles", "Preset", "Timeline"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
