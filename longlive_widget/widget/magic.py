"""The cell magic `%%longlive`: a timeline as text, a line for each prompt."""

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, cell_magic, magics_class

from longlive_widget.errors import TimelineError
from longlive_widget.timeline_forms import timeline_from
from longlive_widget.widget.studio import LongLiveWidget

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

NAME = "timeline"


@magics_class
class TimelineMagic(Magics):
    """What `%load_ext longlive_widget` adds to a notebook."""

    def __init__(self, shell: "InteractiveShell") -> None:
        super().__init__(shell)
        self._shell = shell

    @cell_magic
    def longlive(self, line: str, cell: str) -> None:
        """Make a timeline of a cell's lines, such as `24: a blue star [over 4 blocks]`.

        `%%longlive name` gives it that name, `timeline` if there is none. Where a studio has the
        name, the studio follows the timeline instead.

        Raises:
            TimelineError: the cell says no timeline, the line no name, or the studio's past is
                another one.
        """
        name = line.strip() or NAME
        if not name.isidentifier():
            raise TimelineError(f"{name!r} is no name: write %%longlive, or %%longlive my_timeline")
        timeline = timeline_from(cell, "text")
        names = self._shell.user_ns
        there = names.get(name)
        if isinstance(there, LongLiveWidget):
            there.timeline = timeline
        else:
            names[name] = timeline
