"""Decoding behind: the next block is begun while the last one is decoded, nothing else changes."""

import gc
import itertools
import threading
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from longlive_widget import Engine, Timeline
from longlive_widget.engine import decode as decoding
from longlive_widget.engine.ahead import OneAhead
from longlive_widget.errors import SessionError
from longlive_widget.presets import PRESETS

RED, BLUE = "a red ball moves right on black", "it turns blue"
TIMELINE = Timeline.of(RED, (6, BLUE))
SIZE_PX = (48, 32)
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def plain() -> Engine:
    return Engine.load("tiny")


@pytest.fixture(scope="module")
def behind(plain: Engine) -> Engine:
    return Engine(plain.model, PRESETS["reference"].with_(decode_behind=True))


def test_the_pictures_and_their_order_are_the_same(plain: Engine, behind: Engine):
    now, later = (
        list(e.session(TIMELINE, seed=3, size_px=SIZE_PX).blocks(6)) for e in (plain, behind)
    )
    assert [block.index for block in later] == list(range(6))
    for one, other in zip(now, later, strict=True):
        assert (one.prompt, one.landed, one.latent_frame) == (
            other.prompt,
            other.landed,
            other.latent_frame,
        )
        assert np.array_equal(one.frames, other.frames)


def test_a_video_made_in_parts_is_the_video_made_at_once(behind: Engine):
    whole = [block.frames for block in behind.session(TIMELINE, seed=3, size_px=SIZE_PX).blocks(4)]
    session = behind.session(TIMELINE, seed=3, size_px=SIZE_PX)
    parts = [block.frames for block in session.blocks(1)]
    parts += [block.frames for block in islice(session.blocks(), 2)]
    parts += [block.frames for block in session.blocks(1)]
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_the_next_block_is_begun_while_one_is_decoded(behind: Engine, monkeypatch):
    """Decoding block 0 waits for block 1 to be denoised: done in turn, that would never end."""
    session = behind.session(RED, size_px=SIZE_PX)
    denoised, decode = threading.Semaphore(0), decoding.decode_now
    next_block = session._rollout.next_block

    def counted(*given):
        latent = next_block(*given)
        denoised.release()
        return latent

    def waited(*given):
        assert denoised.acquire(timeout=PATIENCE_S)
        assert denoised.acquire(timeout=PATIENCE_S), "the next block was not begun"
        return decode(*given)

    monkeypatch.setattr(session._rollout, "next_block", counted)
    monkeypatch.setattr(decoding, "decode_now", waited)
    assert next(session.blocks()).index == 0


def test_no_block_is_begun_that_was_not_asked_for(behind: Engine):
    session = behind.session(RED, size_px=SIZE_PX)
    list(session.blocks(2))
    assert session.next_block == 2
    next(session.blocks())
    assert session.next_block == 4


def test_a_switch_lands_on_the_first_block_that_has_not_begun(behind: Engine):
    session = behind.session(RED, size_px=SIZE_PX)
    blocks = session.blocks()
    next(blocks)
    assert session.switch(BLUE).block == 2
    assert [next(blocks).prompt for _ in range(2)] == [RED, BLUE]


def failing_at(call: int, function: Callable[..., object], told: str) -> Callable[..., object]:
    """The function, but that call of it raises."""
    calls = itertools.count(1)

    def maybe(*given: object) -> object:
        if next(calls) == call:
            raise RuntimeError(told)
        return function(*given)

    return maybe


@pytest.mark.fault(
    "The model",
    "a block fails that was begun ahead",
    "those before it are given first",
)
def test_an_error_comes_with_the_block_that_it_belongs_to(behind: Engine, monkeypatch):
    session = behind.session(RED, size_px=SIZE_PX)
    failing = failing_at(3, session._rollout.next_block, "no more noise")
    monkeypatch.setattr(session._rollout, "next_block", failing)
    blocks = session.blocks()
    assert [next(blocks).index for _ in range(2)] == [0, 1]
    with pytest.raises(RuntimeError, match="no more noise"):
        next(blocks)
    with pytest.raises(SessionError, match=r"block 2 of this session failed .*no more noise"):
        next(session.blocks())


def test_an_error_of_the_decoder_names_its_block_though_the_next_has_begun(behind, monkeypatch):
    session = behind.session(RED, size_px=SIZE_PX)
    failing = failing_at(2, decoding.decode_now, "no more paint")
    monkeypatch.setattr(decoding, "decode_now", failing)
    blocks = session.blocks()
    next(blocks)
    with pytest.raises(RuntimeError, match="no more paint"):
        next(blocks)
    with pytest.raises(SessionError, match=r"block 1 of this session failed .*no more paint"):
        next(session.blocks())


def test_the_thread_ends_with_the_session(behind: Engine):
    def workers() -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name.startswith("longlive-ahead")]

    gc.collect()
    before = workers()
    session = behind.session(RED, size_px=SIZE_PX)
    next(session.blocks())
    (own,) = set(workers()) - set(before)
    gc.disable()  # no collection is needed for that
    try:
        del session
        own.join(PATIENCE_S)
    finally:
        gc.enable()
    assert not own.is_alive()


def test_results_come_in_order_and_one_call_ahead():
    numbers = iter(range(10))
    ahead = OneAhead[int]()
    made = [ahead.next(lambda: next(numbers), go_on=on) for on in (True, True, False, False)]
    assert made == [0, 1, 2, 3]
    assert next(numbers) == 4
