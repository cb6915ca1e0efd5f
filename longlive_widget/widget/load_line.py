"""The stages of a load under the cell that waits for it, and then what was loaded, to be saved."""

from uuid import uuid4

from IPython import get_ipython
from IPython.display import display

from longlive_widget.engine.stages import show_in, terminal_line

_NOTHING: dict[str, str] = {}
"""What nbval compares, which hears of no later text: so a load may take as long as it likes."""


def show_in_cells() -> None:
    """Have the stages of each load shown under its cell, where there is a notebook."""
    show_in(lambda: CellLine() if hasattr(get_ipython(), "kernel") else terminal_line())


class CellLine:
    """A line of plain text under the cell; the first text puts it there, the last one stays.

    An output cannot be taken out of a cell again without all others, so it is of use instead.
    """

    def __init__(self) -> None:
        self._place = ""

    def show(self, text: str) -> None:
        """Put a text in the place of the one before."""
        if not self._place:
            self._place = uuid4().hex
            display(_NOTHING, raw=True, display_id=self._place)
        display({"text/plain": text}, raw=True, display_id=self._place, update=True)

    def end(self, text: str, /) -> None:
        """Leave what came of the load."""
        self.show(text)
