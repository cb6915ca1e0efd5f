"""The stages in which a model is loaded, shown to whoever waits for it.

In a terminal they are a line on stderr that goes with the load; where there is none, nothing is
shown. Knows no notebook: what does gives its own place to `show_in`.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Literal, Protocol, TextIO

Stage = Literal["checking", "loading weights", "preparing layers"]
Tell = Callable[[Stage], None]

EVERY_S = 1.0
_GOODBYE_S = 5.0
_ERASE_TO_END = "\x1b[K"


class Line(Protocol):
    """A place where somebody waits and reads."""

    def show(self, text: str) -> None:
        """Put a text in the place of the one before."""

    def end(self, text: str, /) -> None:
        """The load is over: `text` is what came of it, for a place that is read later too."""


class TerminalLine:
    """A line of the terminal that `stream` goes to; nothing of it stays."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, text: str) -> None:
        """Write over the text before."""
        self._stream.write(f"\r{text}{_ERASE_TO_END}")
        self._stream.flush()

    def end(self, _: str, /) -> None:
        """Take the line away: whoever called says what came of it, or its error does."""
        self.show("")


def terminal_line() -> Line | None:
    """A line of the terminal that stderr goes to; None if it goes elsewhere."""
    stream: TextIO | None = sys.stderr  # a program without a console has none
    return None if stream is None or not stream.isatty() else TerminalLine(stream)


_place: Callable[[], Line | None] = terminal_line


def show_in(place: Callable[[], Line | None]) -> None:
    """Have stages shown there from now on; it is asked for a line at each load."""
    global _place
    _place = place


class Stages:
    """The stage that a load of `what` is in; `loaded` is what it has become, '' before that."""

    def __init__(self, what: str) -> None:
        self.loaded = ""
        self._what = what
        self._begun_s = time.monotonic()
        self._stage: tuple[Stage, float] = ("checking", self._begun_s)

    def tell(self, stage: Stage) -> None:
        """It goes on with this stage."""
        self._stage = stage, time.monotonic()

    @property
    def present(self) -> str:
        """The stage, and for how long."""
        stage, begun_s = self._stage
        return f"{self._what}: {stage}, {_since(begun_s)}"

    @property
    def outcome(self) -> str:
        """What came of the load, or in which stage it ended without anything."""
        if self.loaded:
            return f"{self._what}: {self.loaded}, loaded in {_since(self._begun_s)}"
        return f"{self._what}: not loaded, ended in {self._stage[0]!r} {_since(self._begun_s)} on"


def _since(begun_s: float) -> str:
    return f"{time.monotonic() - begun_s:.0f} s"


@contextmanager
def shown(what: str) -> Iterator[Stages]:
    """Inside, a line says which stage `what` is in and for how long, anew every second.

    At the end the line is told what came of it. What takes less than a second shows nothing.
    """
    stages = Stages(what)
    line = _place()
    if line is None:
        yield stages
        return
    over = threading.Event()

    def tick() -> None:
        seen = False
        while not over.wait(EVERY_S):
            line.show(stages.present)
            seen = True
        if seen:
            line.end(stages.outcome)

    # in the caller's context, by which a notebook knows the cell
    thread = threading.Thread(target=copy_context().run, args=(tick,), name="longlive-stages")
    thread.start()
    try:
        yield stages
    finally:
        over.set()
        thread.join(_GOODBYE_S)  # it may be writing to a page that does not take it
