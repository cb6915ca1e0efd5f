"""A live video is never far ahead of its viewer."""

import pytest

from longlive_widget.widget.pace import Pace

BLOCK_S = 12 / 16


def test_the_first_two_blocks_are_made_at_once():
    pace = Pace()
    assert pace.wait_s(5.0) == 0
    pace.made(9, 5.0)
    assert pace.wait_s(5.0) == 0


def test_a_block_is_begun_when_the_one_before_the_last_is_seen():
    pace = Pace()
    pace.made(12, 10.0)
    pace.made(12, 10.1)
    assert pace.wait_s(10.1) <= 0
    pace.made(12, 10.2)
    assert pace.wait_s(10.2) == pytest.approx(10.0 + BLOCK_S - 10.2)


def test_however_fast_blocks_are_made_only_two_wait_to_be_seen():
    pace, now_s, ends_s = Pace(), 0.0, []
    for block in range(50):
        now_s += max(0.0, pace.wait_s(now_s)) + 0.01
        pace.made(12, now_s)
        ends_s.append((ends_s[-1] if ends_s else now_s) + BLOCK_S)
        unseen = sum(end_s - BLOCK_S > now_s for end_s in ends_s)
        assert unseen <= 2, f"block {block}"
    assert now_s == pytest.approx(47 * BLOCK_S, abs=0.1)


def test_a_slow_engine_never_waits():
    pace, now_s = Pace(), 0.0
    for _ in range(10):
        assert pace.wait_s(now_s) <= 0
        now_s += 1.2
        pace.made(12, now_s)


def test_a_pause_moves_all_that_follows():
    pace = Pace()
    for now_s in (0.0, 0.1, 0.2):
        pace.made(12, now_s)
    pace.hold(0.3)
    pace.hold(0.4)
    pace.go_on(10.3)
    assert pace.wait_s(10.3) == pytest.approx(BLOCK_S - 0.3)
    pace.made(12, 10.4)
    pace.made(12, 10.5)
    assert pace.wait_s(10.5) == pytest.approx(10.0 + 3 * BLOCK_S - 10.5)
