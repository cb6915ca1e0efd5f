"""Streaming video generation that you steer, in a notebook.

The names below load on first use, so that `import longlive_widget` loads neither torch nor Jupyter.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from longlive_widget.checkup.doctor import doctor as doctor
    from longlive_widget.engine.branches import Branches as Branches
    from longlive_widget.engine.engine import Engine as Engine
    from longlive_widget.engine.official import OfficialFiles as OfficialFiles
    from longlive_widget.presets import PRESETS as PRESETS
    from longlive_widget.presets import Preset as Preset
    from longlive_widget.runs.manifest import Manifest as Manifest
    from longlive_widget.runs.replay import replay as replay
    from longlive_widget.timeline import Entry as Entry
    from longlive_widget.timeline import Timeline as Timeline
    from longlive_widget.timeline import Transition as Transition
    from longlive_widget.timeline_forms import read_timeline as read_timeline
    from longlive_widget.timeline_forms import write_timeline as write_timeline
    from longlive_widget.widget.comparison import Comparison as Comparison
    from longlive_widget.widget.recorded import Recording as Recording
    from longlive_widget.widget.studio import LongLiveWidget as LongLiveWidget
    from longlive_widget.widget.sweep import Sweep as Sweep
    from longlive_widget.widget.tradeoffs import Tradeoffs as Tradeoffs
    from longlive_widget.widget.variations import Variations as Variations

__version__ = "0.1.0"

if "OMP_WAIT_POLICY" not in os.environ:  # docs/decisions/0001-threads-that-sleep.md
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ.setdefault("GOMP_SPINCOUNT", "300")  # rules the policy, also one that a user set

_HOMES = {
    "Branches": "longlive_widget.engine.branches",
    "Comparison": "longlive_widget.widget.comparison",
    "Engine": "longlive_widget.engine.engine",
    "Entry": "longlive_widget.timeline",
    "LongLiveWidget": "longlive_widget.widget.studio",
    "Manifest": "longlive_widget.runs.manifest",
    "OfficialFiles": "longlive_widget.engine.official",
    "PRESETS": "longlive_widget.presets",
    "Preset": "longlive_widget.presets",
    "Timeline": "longlive_widget.timeline",
    "Tradeoffs": "longlive_widget.widget.tradeoffs",
    "Transition": "longlive_widget.timeline",
    "Sweep": "longlive_widget.widget.sweep",
    "Variations": "longlive_widget.widget.variations",
    "Recording": "longlive_widget.widget.recorded",
    "doctor": "longlive_widget.checkup.doctor",
    "replay": "longlive_widget.runs.replay",
    "read_timeline": "longlive_widget.timeline_forms",
    "write_timeline": "longlive_widget.timeline_forms",
}
__all__ = [
    "PRESETS",
    "Branches",
    "Comparison",
    "Engine",
    "Entry",
    "LongLiveWidget",
    "Manifest",
    "OfficialFiles",
    "Preset",
    "Recording",
    "Sweep",
    "Timeline",
    "Tradeoffs",
    "Transition",
    "Variations",
    "doctor",
    "read_timeline",
    "replay",
    "write_timeline",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if "ipykernel" in sys.modules:  # or no cell waits for a load
        import_module("longlive_widget.widget.load_line").show_in_cells()
    return getattr(import_module(_HOMES[name]), name)


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Add the cell magic `%%longlive`; `%load_ext longlive_widget` calls this."""
    magic = import_module("longlive_widget.widget.magic")
    shell.register_magics(magic.TimelineMagic(shell))


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
