"""A live video is never far ahead of its viewer."""

import pytest

from longlive_widget.widget.pace import READY_S, REMEMBERED_BLOCKS, Pace

BLOCK_S = 12 / 16


def played(pace, blocks, took_s, now_s=0.0):
    """Make so many blocks, each as soon as it may be begun; returns when the last one was made."""
    for _ in range(blocks):
        begun_s = now_s + max(0.0, pace.wait_s(now_s))
        now_s = begun_s + took_s
        pace.made(12, begun_s, now_s)
    return now_s


def test_the_first_two_blocks_are_made_at_once():
    pace = Pace()
    assert pace.wait_s(5.0) == 0
    pace.made(9, 4.9, 5.0)
    assert pace.wait_s(5.0) == 0


@pytest.mark.parametrize("took_s", [0.01, 0.4, 0.7])
def test_a_block_is_there_a_moment_before_its_turn_and_no_sooner(took_s):
    pace = Pace()
    now_s = played(pace, 50, took_s)
    ends_s = took_s + 50 * BLOCK_S  # of the last block: the viewer began with the first, unbroken
    assert now_s == pytest.approx(ends_s - BLOCK_S - READY_S)


def test_a_slow_block_has_those_after_it_begun_sooner_until_it_is_long_ago():
    pace = Pace()
    now_s = played(pace, 20, 0.1)
    due_s = now_s + pace.wait_s(now_s)
    pace.made(12, due_s, due_s + 0.4)
    soon_s = due_s + 0.4 + pace.wait_s(due_s + 0.4)
    assert soon_s == pytest.approx(due_s + BLOCK_S - 0.3)
    now_s = played(pace, REMEMBERED_BLOCKS, 0.1, soon_s)
    assert now_s + pace.wait_s(now_s) == pytest.approx(due_s + (1 + REMEMBERED_BLOCKS) * BLOCK_S)


def test_however_slow_a_block_was_only_two_wait_to_be_seen():
    pace = Pace()
    pace.made(12, 0.0, 60.0)
    pace.made(12, 60.0, 60.1)
    pace.made(12, 60.1, 60.2)
    assert pace.wait_s(60.2) == pytest.approx(60.0 + BLOCK_S - 60.2)


def test_a_slow_engine_never_waits():
    pace, now_s = Pace(), 0.0
    for _ in range(10):
        assert pace.wait_s(now_s) <= 0
        now_s += 1.2
        pace.made(12, now_s - 1.2, now_s)


def test_a_pause_moves_all_that_follows():
    pace = Pace()
    now_s = played(pace, 10, 0.1)
    due_s = now_s + pace.wait_s(now_s)
    pace.hold(now_s)
    pace.hold(now_s + 0.1)
    pace.go_on(now_s + 10)
    pace.go_on(now_s + 20)
    assert now_s + 10 + pace.wait_s(now_s + 10) == pytest.approx(due_s + 10)


def test_a_block_that_is_made_during_a_pause_waits_for_its_viewer():
    pace = Pace()
    pace.made(12, 0.0, 0.1)
    pace.made(12, 0.1, 0.2)
    pace.hold(1.5)
    pace.made(12, 1.4, 30.0)
    pace.go_on(100.0)
    first_two_seen_s = 0.1 + 2 * BLOCK_S + (100.0 - 1.5)
    third_seen_s = first_two_seen_s + BLOCK_S
    assert 100.0 + pace.wait_s(100.0) == pytest.approx(third_seen_s - 2 * BLOCK_S)
