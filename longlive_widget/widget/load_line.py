"""The stages of a load under the cell that waits for it, gone once it is over."""

from uuid import uuid4

from IPython import get_ipython
from IPython.display import display

from longlive_widget.engine.stages import Line, show_in, terminal_line

_NOTHING: dict[str, str] = {}
"""An output of no kind: it is shown as nothing, and a saved notebook keeps no text of it."""


def show_in_cells() -> None:
    """Have the stages of each load shown under its cell, where there is a notebook."""
    show_in(lambda: cell_line() if hasattr(get_ipython(), "kernel") else terminal_line())


def cell_line() -> Line:
    """A line of plain text under the cell; the first text puts it there."""
    place = None

    def show(text: str) -> None:
        nonlocal place
        if place is None:
            place = uuid4().hex
            display(_NOTHING, raw=True, display_id=place)
        told = {"text/plain": text} if text else _NOTHING
        display(told, raw=True, display_id=place, update=True)

    return show
