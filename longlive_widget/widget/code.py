"""What a click has set up, as the Python that sets it up: a cell to keep."""

from collections.abc import Sequence

from longlive_widget.presets import PRESETS, Preset
from longlive_widget.timeline import Timeline
from longlive_widget.timeline_forms import timeline_as


def load_call(model: str, preset: Preset) -> str:
    """The call that loads a model by its name."""
    return f"Engine.load({model!r}, {preset_code(preset)})"


def preset_code(preset: Preset) -> str:
    """A preset as an argument: by its name, if that is all that there is to know of it."""
    return repr(preset.name if PRESETS.get(preset.name) == preset else preset)


def code_of(
    widget: str,
    variable: str,
    timeline: Timeline,
    before: Sequence[str],
    arguments: Sequence[str],
    presets: Sequence[Preset],
    after: str = "",
) -> str:
    """A cell that makes a widget and shows it.

    Args:
        widget: the class.
        variable: what it is called in the cell.
        timeline: what it follows, `timeline` in the cell.
        before: lines that make what the arguments name.
        arguments: those of the call, as written.
        presets: those that the lines name.
        after: lines between the call and the last one.
    """
    imported, _, planned = timeline_as(timeline, "python").partition("\n\n")
    own = any(PRESETS.get(preset.name) != preset for preset in presets)
    names = imported.removeprefix("from longlive_widget import ").split(", ")
    names += ["Engine", widget, *(["Preset"] if own else [])]
    made = "\n".join([*before, f"{variable} = {widget}({', '.join(arguments)})"])
    wanted = ", ".join(sorted(names))
    return f"from longlive_widget import {wanted}\n\n{planned}{made}\n{after}{variable}\n"
