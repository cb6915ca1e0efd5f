"""When each part of a block begins and ends: the processor's clock, or a GPU's own events.

Nothing is waited for while blocks are made; a GPU's times are read at the end.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from longlive_widget.engine.watch import SpanName

_INSIDE = ("wait", "first pictures")
"""Spans that lie over others: their time is in these."""
_Mark = float | torch.cuda.Event
_Marked = tuple[SpanName, int, int | None, _Mark, _Mark]


@dataclass(frozen=True)
class Span:
    """One part of one block, in ms since the clock was made; of a "step", which one."""

    name: SpanName
    block: int
    step: int | None
    begin_ms: float
    end_ms: float

    @property
    def ms(self) -> float:
        """How long it took."""
        return self.end_ms - self.begin_ms


class Clock:
    """A watch over one session that remembers all spans, until they are taken.

    On CUDA a span is what its stream computes between two events; what the host waits for ("wait")
    is taken by the host's clock everywhere.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._began = self._mark()
        self._host_began = time.perf_counter()
        self._marks: list[_Marked] = []
        self._lock = threading.Lock()

    @contextmanager
    def span(self, name: SpanName, block: int, step: int | None = None) -> Iterator[None]:
        """Remember when what is inside begins and ends."""
        on_host = name == "wait"
        begin = time.perf_counter() if on_host else self._mark()
        yield
        end = time.perf_counter() if on_host else self._mark()
        with self._lock:
            self._marks.append((name, block, step, begin, end))

    def take(self) -> tuple[Span, ...]:
        """The spans that have ended by now, each of them once; waits for nothing."""
        over: list[_Marked] = []
        going_on: list[_Marked] = []
        with self._lock:
            for mark in self._marks:
                (over if _is_over(mark[-1]) else going_on).append(mark)
            self._marks = going_on
        return self._told(over)

    def take_parts_ms(self) -> dict[str, float]:
        """The ms of each part that has ended since they were taken last.

        By name; a part of several blocks is their sum. What the host waits for, and the way to the
        first pictures, are no parts but lie over some. Waits for nothing.
        """
        parts: dict[str, float] = {}
        for span in self.take():
            if span.name not in _INSIDE:
                name = span.name if span.step is None else f"{span.name} {span.step}"
                parts[name] = parts.get(name, 0.0) + span.ms
        return {name: round(ms, 3) for name, ms in parts.items()}

    def spans(self) -> tuple[Span, ...]:
        """All spans so far, in the order in which they ended; waits for the device."""
        if self._on_gpu:
            torch.cuda.synchronize()
        with self._lock:
            marks = list(self._marks)
        return self._told(marks)

    def _told(self, marks: Iterable[_Marked]) -> tuple[Span, ...]:
        return tuple(
            Span(name, block, step, self._ms(begin), self._ms(end))
            for name, block, step, begin, end in marks
        )

    def _mark(self) -> _Mark:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _ms(self, mark: _Mark) -> float:
        if isinstance(mark, torch.cuda.Event):
            assert isinstance(self._began, torch.cuda.Event)
            return float(self._began.elapsed_time(mark))
        return 1e3 * (mark - self._host_began)


def _is_over(end: _Mark) -> bool:
    return not isinstance(end, torch.cuda.Event) or bool(end.query())
