"""A clock of the time in which a kernel hears its pages."""

import threading
import time
from collections.abc import Callable
from typing import Any

from IPython import get_ipython


class HearingClock:
    """Seconds that pass, but for those in which a cell runs: some kernels hear nothing then.

    It stands at first where there is a shell, whose cell builds it as a rule, and goes on as that
    cell ends. It hears of cells from `open` to `close`. Any thread may ask.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._before_s = 0.0
        self._shell: Any = get_ipython()
        self._since_s: float | None = clock_s() if self._shell is None else None
        self._open = False

    def __call__(self) -> float:
        """The seconds that have passed so far."""
        with self._lock:
            return self._passed_s()

    def open(self) -> None:
        """Hear of the shell's cells."""
        if self._shell is not None:
            self._shell.events.register("pre_run_cell", self._stand)
            self._shell.events.register("post_run_cell", self._go_on)
            self._open = True

    def close(self) -> None:
        """Hear of no cell any more; a second time does nothing."""
        if self._open:
            self._shell.events.unregister("pre_run_cell", self._stand)
            self._shell.events.unregister("post_run_cell", self._go_on)
            self._open = False

    def _passed_s(self) -> float:
        running_s = 0.0 if self._since_s is None else self._clock_s() - self._since_s
        return self._before_s + running_s

    def _stand(self, _cell: object) -> None:
        with self._lock:
            self._before_s, self._since_s = self._passed_s(), None

    def _go_on(self, _result: object) -> None:
        with self._lock:
            self._before_s, self._since_s = self._passed_s(), self._clock_s()
