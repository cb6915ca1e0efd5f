"""While one network compiles, no other runs."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from longlive_widget import Engine
from longlive_widget.engine.compile_gate import GATE, CompileGate, through_gate, uncompiled

PATIENCE_S = 20.0
SOON_S = 0.2


class Slow(nn.Module):
    """Says that it has begun, and ends when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = threading.Event(), threading.Event()

    def forward(self, x: Tensor) -> Tensor:
        """The same tensor, at last."""
        self.begun.set()
        assert self.may_end.wait(PATIENCE_S)
        return x


@pytest.fixture
def threads():
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def pair() -> tuple[Slow, Slow]:
    gate = CompileGate()
    both = Slow(), Slow()
    for network in both:
        through_gate(network, gate)
    return both


def _known(network: Slow, *sizes: int) -> None:
    network.may_end.set()
    for size in sizes:
        network(torch.zeros(size))
    network.may_end.clear()
    network.begun.clear()


def test_a_first_call_of_a_kind_waits_until_all_others_are_done(pair, threads):
    one, other = pair
    _known(one, 3)
    running = threads.submit(one, torch.zeros(3))
    assert one.begun.wait(PATIENCE_S)
    new = threads.submit(other, torch.zeros(3))
    assert not other.begun.wait(SOON_S)
    one.may_end.set()
    assert other.begun.wait(PATIENCE_S)
    other.may_end.set()
    assert len(running.result(PATIENCE_S)) == len(new.result(PATIENCE_S)) == 3


def test_a_call_that_was_not_compiled_makes_nothing_known(pair, threads):
    one, other = pair
    with uncompiled():
        _known(one, 3)
    _known(other, 3)
    new = threads.submit(one, torch.zeros(3))
    assert one.begun.wait(PATIENCE_S)
    known = threads.submit(other, torch.zeros(3))
    assert not other.begun.wait(SOON_S)
    one.may_end.set()
    assert other.begun.wait(PATIENCE_S)
    other.may_end.set()
    _all_end(new, known)


def test_nobody_begins_during_a_first_call(pair, threads):
    one, other = pair
    _known(one, 3)
    new = threads.submit(other, torch.zeros(3))
    assert other.begun.wait(PATIENCE_S)
    known = threads.submit(one, torch.zeros(3))
    assert not one.begun.wait(SOON_S)
    other.may_end.set()
    assert one.begun.wait(PATIENCE_S)
    one.may_end.set()
    _all_end(new, known)


def test_known_calls_run_side_by_side(pair, threads):
    one, other = pair
    _known(one, 3)
    _known(other, 3)
    calls = [threads.submit(network, torch.zeros(3)) for network in pair]
    assert one.begun.wait(PATIENCE_S)
    assert other.begun.wait(PATIENCE_S)
    one.may_end.set()
    other.may_end.set()
    _all_end(*calls)


@pytest.mark.parametrize(
    "other_kind",
    [lambda: torch.zeros(4), lambda: torch.zeros(3, dtype=torch.float64)],
    ids=["of another shape", "of another type"],
)
def test_a_call_of_another_kind_is_a_first_one_again(
    pair, threads, other_kind: Callable[[], Tensor]
):
    one, other = pair
    _known(one, 3)
    _known(other, 3)
    running = threads.submit(one, torch.zeros(3))
    assert one.begun.wait(PATIENCE_S)
    new = threads.submit(other, other_kind())
    assert not other.begun.wait(SOON_S)
    one.may_end.set()
    other.may_end.set()
    _all_end(running, new)


@pytest.mark.fault(
    "The model",
    "compiling fails in one thread",
    "others go on, and it is tried again",
)
def test_a_first_call_that_fails_lets_others_in_and_is_not_known(pair, threads):
    one, other = pair
    with pytest.raises(TypeError):
        other(torch.zeros(3), "too much")
    _known(one, 3)
    running = threads.submit(one, torch.zeros(3))
    assert one.begun.wait(PATIENCE_S)
    again = threads.submit(other, torch.zeros(3))
    assert not other.begun.wait(SOON_S)
    one.may_end.set()
    other.may_end.set()
    _all_end(running, again)


def _all_end(*calls: "Future[Tensor]") -> None:
    for call in calls:
        call.result(PATIENCE_S)


@pytest.mark.parametrize("preset", ["reference", "quality"])
def test_a_session_that_is_not_compiled_makes_no_block_while_another_network_compiles(
    threads, preset
):
    session = Engine.load("tiny", preset).session("a red ball bounces", size_px=(32, 32))
    blocks = session.blocks()
    next(blocks)
    with GATE.alone():
        made = threads.submit(next, blocks)
        with pytest.raises(TimeoutError):
            made.result(SOON_S)
    assert made.result(PATIENCE_S).index == 1
