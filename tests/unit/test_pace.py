"""A live video is never far ahead of its viewer."""

import pytest

from longlive_widget.widget.pace import READY_S, REMEMBERED_BLOCKS, Pace

BLOCK_S = 12 / 16


class Maker:
    """Makes blocks, each as soon as it may be begun."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.now_s = 0.0
        self.begun_s = 0.0
        self.block = -1

    def make(self, blocks, took_s):
        for _ in range(blocks):
            self.begun_s = self.due_s
            self.now_s = self.begun_s + took_s
            self.block += 1
            self.pace.made(self.block, 12, self.begun_s, self.now_s)

    @property
    def due_s(self):
        return self.now_s + max(0.0, self.pace.wait_s(self.now_s))


def test_the_first_two_blocks_are_made_at_once():
    pace = Pace()
    assert pace.wait_s(5.0) == 0
    pace.made(0, 9, 4.9, 5.0)
    assert pace.wait_s(5.0) == 0


@pytest.mark.parametrize("took_s", [0.01, 0.4, 0.7])
def test_a_block_is_there_a_moment_before_its_turn_and_no_sooner(took_s):
    maker = Maker()
    maker.make(50, took_s)
    turn_s = took_s + 49 * BLOCK_S  # the viewer began with the first one, and saw all unbroken
    assert maker.now_s == pytest.approx(turn_s - READY_S)


def test_a_slow_block_has_those_after_it_begun_sooner_until_it_is_long_ago():
    maker = Maker()
    maker.make(20, 0.1)
    maker.make(1, 0.4)
    slow_s = maker.begun_s
    assert maker.due_s == pytest.approx(slow_s + BLOCK_S - 0.3)
    maker.make(REMEMBERED_BLOCKS, 0.1)
    assert maker.due_s == pytest.approx(slow_s + (1 + REMEMBERED_BLOCKS) * BLOCK_S)


def test_however_slow_a_block_was_only_two_wait_to_be_seen():
    maker = Maker()
    maker.make(1, 60.0)
    maker.make(2, 0.1)
    assert maker.due_s == pytest.approx(60.0 + BLOCK_S)


def test_a_slow_engine_never_waits():
    maker = Maker()
    for block in range(10):
        maker.make(1, 1.2)
        assert maker.now_s == pytest.approx((block + 1) * 1.2)


def test_a_pause_moves_all_that_follows():
    maker = Maker()
    maker.make(10, 0.1)
    pace, now_s, due_s = maker.pace, maker.now_s, maker.due_s
    pace.hold(now_s)
    pace.hold(now_s + 0.1)
    pace.go_on(now_s + 10)
    pace.go_on(now_s + 20)
    assert now_s + 10 + pace.wait_s(now_s + 10) == pytest.approx(due_s + 10)


def test_a_block_that_is_made_during_a_pause_waits_for_its_viewer():
    pace = Pace()
    pace.made(0, 12, 0.0, 0.1)
    pace.made(1, 12, 0.1, 0.2)
    pace.hold(1.5)
    pace.made(2, 12, 1.4, 30.0)
    pace.go_on(100.0)
    first_two_seen_s = 0.1 + 2 * BLOCK_S + (100.0 - 1.5)
    third_seen_s = first_two_seen_s + BLOCK_S
    assert 100.0 + pace.wait_s(100.0) == pytest.approx(third_seen_s - 2 * BLOCK_S)


@pytest.mark.parametrize("off_s", [-0.25, 0.4])
def test_the_next_block_waits_for_where_the_viewer_is_as_a_page_says(off_s):
    maker = Maker()
    maker.make(10, 0.1)
    due_s, imagined_s = maker.due_s, 0.1 + 9 * BLOCK_S
    maker.pace.seen(8, imagined_s + off_s, 0.0, maker.now_s)
    assert maker.due_s == pytest.approx(due_s + off_s)


def test_a_block_is_begun_sooner_by_the_longest_of_the_last_ways_to_the_page():
    maker = Maker()
    maker.make(10, 0.1)
    due_s, imagined_s = maker.due_s, 0.1 + 10 * BLOCK_S
    for way_s in (0.2, 0.05):
        maker.pace.seen(9, imagined_s, way_s, maker.now_s)
        assert maker.due_s == pytest.approx(due_s - 0.2)
    for block in range(10, 10 + REMEMBERED_BLOCKS):
        maker.make(1, 0.1)
        maker.pace.seen(block, imagined_s + (block - 9) * BLOCK_S, 0.05, maker.now_s)
    assert maker.due_s == pytest.approx(due_s + REMEMBERED_BLOCKS * BLOCK_S - 0.05)


def test_a_page_that_fell_behind_has_no_more_ahead_than_others_soon_after():
    """It attached late, say; what it shows moves on by itself, a block every 0.75 s."""
    maker, behind_s = Maker(), 2.0
    for block in range(20):
        maker.make(1, 0.1)
        seen_s = 0.1 + behind_s + (block + 1) * BLOCK_S
        maker.pace.seen(block, seen_s, 0.0, maker.now_s)
    turn_s = seen_s - BLOCK_S
    assert maker.now_s == pytest.approx(turn_s - READY_S)


def test_of_several_pages_the_one_that_sees_a_block_first_counts():
    maker = Maker()
    maker.make(10, 0.1)
    due_s, imagined_s = maker.due_s, 0.1 + 10 * BLOCK_S
    for off_s in (0.4, 0.3, 0.4):
        maker.pace.seen(9, imagined_s + off_s, 0.0, maker.now_s)
    assert maker.due_s == pytest.approx(due_s + 0.3)


def test_word_of_an_older_block_or_of_one_that_was_not_made_lately_says_nothing():
    maker = Maker()
    maker.make(20, 0.1)
    maker.pace.seen(18, 0.1 + 19 * BLOCK_S, 0.0, maker.now_s)
    due_s = maker.due_s
    for block in (17, 3, 20):
        maker.pace.seen(block, 0.0, 0.5, maker.now_s)
    assert maker.due_s == pytest.approx(due_s)


@pytest.mark.fault(
    "Threads, processes and clocks",
    "the clock of a page jumps",
    "it counts as three blocks behind at most",
)
def test_a_page_whose_clock_jumped_counts_as_three_blocks_behind_at_most():
    maker = Maker()
    maker.make(10, 0.4)
    pace, now_s, ahead_s = maker.pace, maker.now_s, 3 * BLOCK_S
    pace.seen(9, 1e6, 0.0, now_s)
    assert maker.due_s == pytest.approx(now_s + ahead_s - 0.4 - READY_S)
    pace.hold(now_s + 1)
    maker.make(1, 0.4)
    pace.seen(10, 1e6, 0.0, now_s + 100)
    pace.go_on(now_s + 201)
    assert maker.due_s == pytest.approx(now_s + 201 + ahead_s - 0.4 - READY_S)


def test_word_that_left_a_page_as_its_viewer_paused_holds_true_after_the_pause():
    maker = Maker()
    maker.make(10, 0.1)
    due_s, imagined_s = maker.due_s, 0.1 + 10 * BLOCK_S
    maker.pace.hold(maker.now_s)
    maker.pace.seen(9, imagined_s + 0.3, 0.0, maker.now_s + 100)
    maker.pace.go_on(maker.now_s + 200)
    assert maker.due_s == pytest.approx(due_s + 200.3)
