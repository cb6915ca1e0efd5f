"""A clock that a test moves."""

import threading
from collections.abc import Callable

SLOW_S = 50.0


class PlantedTime:
    """A clock that goes on by a millisecond when it is looked at, and as far as it is told."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.wait(0.001)

    def wait(self, wait_s: float) -> float:
        with self._lock:
            self._now_s += wait_s
            return self._now_s

    def slowed(self, function: Callable[..., object]) -> Callable[..., object]:
        def slow(*given: object) -> object:
            self.wait(SLOW_S)
            return function(*given)

        return slow
