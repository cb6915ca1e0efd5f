"""Signals that end a command in order: what was written whole stays, nothing half-written does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Stopped(KeyboardInterrupt):
    """Another signal than Ctrl-C's that asks the command to stop."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@dataclass
class _Signals:
    """The signal that asked the command to stop, if one has."""

    number: int | None = None

    def again(self) -> None:
        """Stop now if it should have stopped: what the handler raised may have been swallowed.

        Python drops what is raised while it tidies up an object, as loading a model does a lot.
        """
        if self.number is not None:
            raise Stopped(self.number)


@contextmanager
def stopped_in_order() -> Iterator[_Signals]:
    """SIGTERM and SIGHUP end the `with` block as Ctrl-C does; one that is ignored stays so."""
    signals = _Signals()
    names = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # signals are the main thread's
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]

    def stop(number: int, _frame: object) -> None:
        for other in ours:
            signal.signal(other, signal.SIG_IGN)  # tidying up is not interrupted
        signals.number = number
        raise Stopped(number)

    for number in ours:
        signal.signal(number, stop)
    try:
        yield signals
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
