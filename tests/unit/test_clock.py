"""When parts of a block begin and end, and how much of a block is in none of them."""

import time

import pytest
import torch

from longlive_widget.measure.clock import Clock, Span
from longlive_widget.measure.coverage import unnamed_percent
from tests.unit.planted_time import PlantedTime

AHEAD_MS, RATE = 5e5, 1.25
"""How far a GPU's clock is ahead of the host's, and how much faster it goes."""


def test_a_clock_remembers_spans_in_the_order_in_which_they_end():
    clock = Clock(torch.device("cpu"))
    with clock.span("steps", 1), clock.span("text", 1):
        time.sleep(0.01)
    first, second = clock.spans()
    assert (first.name, second.name) == ("text", "steps")
    assert second.ms >= first.ms >= 10
    assert second.begin_ms <= first.begin_ms <= first.end_ms <= second.end_ms


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> PlantedTime:
    """The host's clock, and a GPU that is busy with something else at first, and then never."""
    planted, busy_s = PlantedTime(), [7.0]

    class OtherClock:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            done_s = planted.wait(0) + (busy_s.pop() if busy_s else 0)
            self.ms = AHEAD_MS + RATE * 1e3 * done_s

        def elapsed_time(self, later: "OtherClock") -> float:
            return later.ms - self.ms

        def synchronize(self) -> None:
            planted.wait(0)

        def query(self) -> bool:
            return True

    monkeypatch.setattr(time, "perf_counter", planted)
    monkeypatch.setattr(torch.cuda, "Event", OtherClock)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    return planted


def test_what_a_gpu_did_is_told_by_the_hosts_clock(planted: PlantedTime):
    """Though both began at other times, and one goes faster."""
    clock = Clock(torch.device("cuda"))
    planted.wait(70)
    for turn in range(3):
        clock.align()
        planted.wait(10)
        begin_ms = clock.now_ms()
        with clock.span("steps", turn):
            planted.wait(30)
        with clock.span("wait", turn):
            planted.wait(20)
        clock.align()
        steps, wait = clock.take()
        assert steps.begin_ms == pytest.approx(begin_ms, abs=2)
        assert steps.ms == pytest.approx(30e3, abs=2)
        assert wait.begin_ms == pytest.approx(steps.end_ms, abs=2)
        assert wait.ms == pytest.approx(20e3, abs=2)


def test_until_clocks_were_compared_a_gpus_times_are_its_own(planted: PlantedTime):
    clock = Clock(torch.device("cuda"))
    planted.wait(10)
    with clock.span("steps", 0):
        planted.wait(30)
    assert clock.take_parts_ms() == {"steps": pytest.approx(RATE * 30e3, abs=2)}


def test_parts_that_go_on_beside_others_are_not_counted_twice(planted: PlantedTime):
    clock = Clock(torch.device("cuda"))
    with clock.span("decode", 0), clock.span("first pictures", 0):
        planted.wait(8)
    with clock.span("wait", 0), clock.span("hand over", 0):
        planted.wait(4)
    assert list(clock.take_parts_ms()) == ["decode"]


def spans(*times_ms: tuple[float, float]) -> list[Span]:
    return [Span("steps", 0, None, *between) for between in times_ms]


def test_unnamed_is_what_no_span_lies_over():
    one = [(0.0, 10.0)]
    assert unnamed_percent(one, []) == [100]
    assert unnamed_percent(one, spans((0, 10))) == [0]
    assert unnamed_percent(one, spans((1, 3), (6, 10))) == pytest.approx([40])
    assert unnamed_percent(one, spans((2, 8), (3, 4), (7, 9))) == pytest.approx([30])
    assert unnamed_percent(one, spans((-5, 1), (9, 30))) == pytest.approx([80])
    assert unnamed_percent(one, spans((-5, -1), (11, 30))) == [100]


def test_each_stretch_is_told_by_itself():
    named = spans((4, 6), (12, 13), (18, 26), (26, 40))
    stretches = [(20.0, 30.0), (0.0, 10.0), (10.0, 20.0)]
    assert unnamed_percent(stretches, named) == pytest.approx([0, 80, 70])


def test_unnamed_is_what_is_counted_instant_by_instant():
    random = torch.Generator().manual_seed(0)
    for _ in range(50):
        ends = torch.randint(0, 60, (12, 2), generator=random).sort(dim=1).values
        named = torch.zeros(60, dtype=torch.bool)
        for begin, end in ends.tolist():
            named[begin:end] = True
        right = [100 * float((~named[at : at + 20]).float().mean()) for at in (0, 20, 40)]
        stretches = [(float(at), at + 20.0) for at in (0, 20, 40)]
        found = unnamed_percent(stretches, spans(*map(tuple, ends.tolist())))
        assert found == pytest.approx(right, abs=1e-4)
