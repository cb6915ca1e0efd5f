"""The widgets of this kernel that are open: where each was made, and which gives way to which."""

import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from IPython import get_ipython

from longlive_widget.widget.loop import Loop

PATIENCE_S = 0.2
T = TypeVar("T")


class Home(Loop):
    """The cell and the loop that a widget was made on; of a plain program there are neither."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.execution = _current_cell()

    def again(self, other: "Home") -> bool:
        """Whether this is the same cell as another one, run once more."""
        same = self.cell is not None and self.cell == other.cell
        return same and self.execution != other.execution


@dataclass(frozen=True, eq=False)
class Opened:
    """A widget that makes videos, as others know it.

    `engines` says with which; `give_way` is called where another one is to make videos with one of
    these, `close` where its cell is run again.
    """

    home: Home
    engines: Callable[[], set[Any]]
    give_way: Callable[[], object]
    close: Callable[[], object]

    def come(self) -> None:
        """It makes videos from now on: those that are in its way give way."""
        for other in list(_all - {self}):
            if self.home.again(other.home):
                other.close()
            elif other.engines() & self.engines():
                other.give_way()
        _all.add(self)

    def go(self) -> None:
        """It makes no more videos."""
        _all.discard(self)


_all: "weakref.WeakSet[Opened]" = weakref.WeakSet()


def until_done(promise: "Future[T]") -> T:
    """What comes of it, once it has come; its error is raised, and so is Ctrl-C."""
    while not promise.done():
        wait([promise], timeout=PATIENCE_S)  # without end it does not hear Ctrl-C everywhere
    return promise.result(timeout=0)


def _current_cell() -> tuple[str | None, str | None]:
    """The notebook cell that is running, and this execution of it; None for what is not known."""
    get_parent = getattr(get_ipython(), "get_parent", None)
    if get_parent is None:
        return None, None
    request: Mapping[str, Mapping[str, Any]] = get_parent()
    cell = request.get("metadata", {}).get("cellId")
    return cell, request.get("header", {}).get("msg_id")
