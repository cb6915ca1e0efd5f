"""A clock that a test moves."""

import threading
import time
from collections.abc import Callable

import pytest

from longlive_widget.engine import decode as decoding

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


def slowing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each block take a millisecond longer than the one before it, by a clock of our own."""
    planted, decode_now, decoded = PlantedTime(), decoding.decode_now, []

    def slower_and_slower(*given: object) -> object:
        decoded.append(given)
        planted.wait(1 + len(decoded) / 1000)
        return decode_now(*given)

    monkeypatch.setattr(time, "perf_counter", planted)
    monkeypatch.setattr(decoding, "decode_now", slower_and_slower)
