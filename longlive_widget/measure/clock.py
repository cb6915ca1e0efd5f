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

_INSIDE = ("wait", "first pictures", "hand over")
"""Spans that lie over others, or go on beside them: their time is in these."""
_ON_HOST = ("wait", "hand over")
"""What the host does, wherever the rest is computed."""
_TRIES = 5
_Mark = float | torch.cuda.Event
_Marked = tuple[SpanName, int, int | None, _Mark, _Mark]


@dataclass(frozen=True)
class Span:
    """One part of one block, in ms of the host's clock since that was made; of a "step", which."""

    name: SpanName
    block: int
    step: int | None
    begin_ms: float
    end_ms: float

    @property
    def ms(self) -> float:
        """How long it took."""
        return self.end_ms - self.begin_ms


@dataclass(frozen=True)
class _Moment:
    """One moment by both clocks, a GPU's and the host's."""

    event: torch.cuda.Event
    host_ms: float


class Clock:
    """A watch over one session that remembers all spans, until they are taken.

    On CUDA a span is what its stream computes between two events; what the host does ("wait", "hand
    over") is taken by the host's clock everywhere. All times are told by the host's clock: how a
    GPU's goes beside it is known as well as `align` has found out.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._host_began_s = time.perf_counter()
        self._aligned: list[_Moment] = []
        """The last two moments at which the clocks were compared, as far as there are any."""
        self._marks: list[_Marked] = []
        self._lock = threading.Lock()
        self._began = _Moment(_recorded(), self.now_ms()) if self._on_gpu else None

    def now_ms(self) -> float:
        """The time by the host's clock, as spans tell it."""
        return self._host_ms(time.perf_counter())

    def align(self) -> None:
        """Compare a GPU's clock with the host's; waits for the device.

        Around stretches that are timed, never in them: spans that are taken after the second one
        of two are told as if between these two both clocks went evenly.
        """
        if self._on_gpu:
            torch.cuda.synchronize()
            _, moment = min((self._compared() for _ in range(_TRIES)), key=lambda one: one[0])
            self._aligned = [*self._aligned[-1:], moment]

    @contextmanager
    def span(self, name: SpanName, block: int, step: int | None = None) -> Iterator[None]:
        """Remember when what is inside begins and ends."""
        on_gpu = self._on_gpu and name not in _ON_HOST
        begin = _recorded() if on_gpu else time.perf_counter()
        yield
        end = _recorded() if on_gpu else time.perf_counter()
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

        By name; a part of several blocks is their sum. What the host waits for or copies, and the
        way to the first pictures, are no parts but lie beside or over some. Waits for nothing.
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
        rate = self._rate()
        spans: list[Span] = []
        for name, block, step, begin, end in marks:
            begin_ms = self._ms(begin, rate)
            spans.append(Span(name, block, step, begin_ms, begin_ms + _passed_ms(begin, end, rate)))
        return tuple(spans)

    def _rate(self) -> float:
        """How many ms of the host's clock one of the GPU's is."""
        if len(self._aligned) < 2:
            return 1.0
        first, second = self._aligned
        return (second.host_ms - first.host_ms) / float(first.event.elapsed_time(second.event))

    def _ms(self, mark: _Mark, rate: float) -> float:
        if isinstance(mark, float):
            return self._host_ms(mark)
        since = (*self._aligned, self._began)[0]
        assert since is not None  # on a processor all marks are of the host
        return since.host_ms + rate * float(since.event.elapsed_time(mark))

    def _compared(self) -> tuple[float, _Moment]:
        """One moment by both clocks, and within how many ms of the host's clock it was."""
        before_ms = self.now_ms()
        event = _recorded()
        event.synchronize()
        after_ms = self.now_ms()
        return after_ms - before_ms, _Moment(event, (before_ms + after_ms) / 2)

    def _host_ms(self, time_s: float) -> float:
        return 1e3 * (time_s - self._host_began_s)


def _passed_ms(begin: _Mark, end: _Mark, rate: float) -> float:
    """From one mark to another of the same clock, however long ago both were.

    A GPU tells times as floats of 32 bits: after an hour they would be 0.25 ms apart.
    """
    if isinstance(begin, float) and isinstance(end, float):
        return 1e3 * (end - begin)
    assert isinstance(begin, torch.cuda.Event) and isinstance(end, torch.cuda.Event)
    return rate * float(begin.elapsed_time(end))


def _recorded() -> torch.cuda.Event:
    """What was begun so far on this stream is done."""
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _is_over(end: _Mark) -> bool:
    return not isinstance(end, torch.cuda.Event) or bool(end.query())
