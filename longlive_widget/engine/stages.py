"""The stages in which a model is loaded, shown to whoever waits for it.

In a terminal they are a line on stderr; where there is none, nothing is shown. Knows no notebook:
what does gives its own place to `show_in`.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Literal, TextIO

Stage = Literal["checking", "loading weights", "preparing layers"]
Line = Callable[[str], None]
"""Shows a text in the place of the one before; '' takes it away."""

EVERY_S = 1.0
_GOODBYE_S = 5.0
_ERASE_TO_END = "\x1b[K"


def terminal_line() -> Line | None:
    """A line of the terminal that stderr goes to; None if it goes elsewhere."""
    stream: TextIO | None = sys.stderr  # a program without a console has none
    if stream is None or not stream.isatty():
        return None

    def show(text: str) -> None:
        stream.write(f"\r{text}{_ERASE_TO_END}")
        stream.flush()

    return show


_place: Callable[[], Line | None] = terminal_line


def show_in(place: Callable[[], Line | None]) -> None:
    """Have stages shown there from now on; it is asked for a line at each load."""
    global _place
    _place = place


@contextmanager
def shown(what: str) -> Iterator[Callable[[Stage], None]]:
    """Inside, a line says which stage `what` is in and for how long, anew every second.

    What takes less than that shows nothing, and at the end the line is taken away.
    """
    line = _place()
    if line is None:
        yield lambda _: None
        return
    begun: tuple[Stage, float] = ("checking", time.monotonic())
    over = threading.Event()

    def tell(stage: Stage) -> None:
        nonlocal begun
        begun = stage, time.monotonic()

    def tick() -> None:
        seen = False
        while not over.wait(EVERY_S):
            stage, begun_s = begun
            line(f"{what}: {stage}, {time.monotonic() - begun_s:.0f} s")
            seen = True
        if seen:
            line("")

    # in the caller's context, by which a notebook knows the cell
    thread = threading.Thread(target=copy_context().run, args=(tick,), name="longlive-stages")
    thread.start()
    try:
        yield tell
    finally:
        over.set()
        thread.join(_GOODBYE_S)  # it may be writing to a page that does not take it
