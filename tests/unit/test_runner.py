"""A worker makes a video and tells the page; the page is played by the test."""

import gc
import io
import re
import subprocess
import sys
import threading
import time
import traceback
import weakref
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from longlive_widget.engine import growing_video
from longlive_widget.engine.growing_video import GrowingVideoFile
from longlive_widget.errors import CapabilityError, OutputError, SessionError, TimelineError
from longlive_widget.geometry import Geometry
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.timeline import Timeline
from longlive_widget.widget import archive, shot_file
from longlive_widget.widget.audience import SILENT_S
from longlive_widget.widget.delivery import CREDITS
from longlive_widget.widget.frame_codec import encode_block
from longlive_widget.widget.plan import MARKS
from longlive_widget.widget.protocol import (
    BlockMessage,
    Clip,
    Credit,
    Edit,
    Edited,
    Exported,
    Failure,
    Gone,
    History,
    Notice,
    PageTimes,
    Reading,
    Receipt,
    StateMessage,
    Still,
    Time,
    TreeMessage,
)
from longlive_widget.widget.runner import Runner
from tests.unit.painted_engine import PaintedEngine, paint
from tests.unit.waiting import wait_until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20
BOTH = ("h264", "jpeg")
TIMELINE = Timeline.of("a red ball", (7, "a blue star"))


def longlive_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("longlive-")]


class Page:
    """Keeps what is sent, and gives credits back if it is `generous`."""

    def __init__(self, *, generous=False) -> None:
        self.generous = generous
        self.sent = []
        self.runner = None
        self._lock = threading.Lock()

    def __call__(self, message, buffers=()) -> None:
        with self._lock:
            self.sent.append((message, list(buffers)))
        if self.generous and isinstance(message, BlockMessage):
            self.runner.delivery.credit(message.run, message.record.block, PageTimes())

    def of(self, kind):
        with self._lock:
            return [message for message, _ in self.sent if isinstance(message, kind)]

    def wait_for(self, condition):
        wait_until(condition, PATIENCE_S)  # not only when told: much happens without a message

    def wait_for_status(self, status):
        self.wait_for(lambda: [m.state.status for m in self.of(StateMessage)[-1:]] == [status])

    def wait_for_blocks(self, count):
        self.wait_for(lambda: len(self.of(BlockMessage)) >= count)


@pytest.fixture
def begin():
    """Build a runner with a page; it is closed at the end."""
    runners = []

    def build(
        engine=None,
        *,
        generous=False,
        codec="auto",
        when_unseen="go on",
        clock_s=time.monotonic,
        hears_s=None,
    ):
        page = Page(generous=generous)
        runner = Runner(
            engine or PaintedEngine(),
            TIMELINE,
            3,
            page,
            codec=codec,
            when_unseen=when_unseen,
            clock_s=clock_s,
            hears_s=hears_s,
        )
        page.runner = runner
        runners.append(runner)
        return runner, page

    yield build
    for runner in runners:
        runner.close()


def test_of_two_states_that_were_told_the_later_one_counts_more(begin):
    runner, page = begin()
    before = runner.state().told
    runner.start()
    runner.plan.switch("a blue star")
    runner.stop()
    runner.start()
    runner.stop()
    page.wait_for(lambda: [m.state.run for m in page.of(StateMessage)][-1:] == [2])
    page.wait_for_status("stopped")
    told = [message.state.told for message in page.of(StateMessage)]
    assert told == list(range(before + 1, before + 1 + len(told)))


def test_blocks_are_made_to_the_end_without_any_page(begin):
    runner, _ = begin()
    runner.make(6).result(PATIENCE_S)
    assert [record.block for record in runner.delivery.history] == list(range(6))
    assert [record.first_picture for record in runner.delivery.history] == [0, 9, 21, 33, 45, 57]
    assert runner.status == "done"


def test_where_nobody_watches_nothing_is_dropped(begin):
    runner, _ = begin()
    runner.make(6).result(PATIENCE_S)
    assert runner.state().dropped == 0


def test_the_first_blocks_are_sent_before_a_view_was_heard_of_as_in_a_cell_that_shows_and_runs(
    begin,
):
    runner, page = begin()
    runner.make(4).result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history] == [True, True, False, False]
    sent = [len(buffers) for message, buffers in page.sent if isinstance(message, BlockMessage)]
    assert sent == [9, 12, 0, 0]
    assert runner.state().dropped == 0


@pytest.mark.fault(
    "The page and its messages",
    "credits are lost",
    "blocks are made and kept, and counted as not shown",
)
def test_without_credits_blocks_are_recorded_but_not_displayed(begin):
    runner, page = begin()
    runner.delivery.attach("12-34", BOTH)
    runner.make(6).result(PATIENCE_S)
    sent = [(len(jpegs), message.record.displayed) for message, jpegs in page.sent
            if isinstance(message, BlockMessage)]  # fmt: skip
    assert sent == [(9, True), (12, True)] + 4 * [(0, False)]
    assert [record.displayed for record in runner.delivery.history] == 2 * [True] + 4 * [False]
    assert len(runner.delivery.reel.blocks) == 6
    assert runner.state().dropped == 6 - CREDITS


def test_each_credit_makes_room_for_one_block(begin):
    runner, page = begin(generous=True)
    runner.delivery.attach("12-34", BOTH)
    runner.make(6).result(PATIENCE_S)
    assert all(record.displayed for record in runner.delivery.history)
    assert runner.state().dropped == 0
    assert all(jpegs for message, jpegs in page.sent if isinstance(message, BlockMessage))


def test_a_view_gets_the_blocks_that_it_missed_as_far_as_they_are_kept(begin):
    runner, page = begin(generous=True)
    runner.make(4).result(PATIENCE_S)
    runner.delivery.attach("12-34", ("jpeg",))
    page.wait_for_blocks(5)  # the newest one comes by itself
    page.sent.clear()
    runner.delivery.repeat("12-34", 1, 2)
    page.wait_for_blocks(1)
    message, pictures = page.sent[-1]
    assert (message.view, message.record, message.codec) == (
        "12-34",
        runner.delivery.history[2],
        "jpeg",
    )
    shown = np.asarray(Image.open(io.BytesIO(pictures[3])))
    assert np.abs(shown - runner.delivery.reel.blocks[2].frames[3].astype(float)).mean() < 2
    for run, block in [(1, 4), (1, -1), (2, 2), (0, 0)]:
        runner.delivery.repeat("12-34", run, block)
    page.wait_for(lambda: len(page.of(Gone)) == 4)
    assert page.of(Gone)[0] == Gone("12-34", 1, 4)
    assert len(page.of(BlockMessage)) == 1


def test_a_large_block_is_sent_again_as_it_was_coded_though_its_pictures_are_gone(begin):
    runner, page = begin(PaintedEngine(geometry=Geometry(832, 480)), generous=True, codec="h264")
    runner.delivery.attach("12-34", BOTH)
    runner.make(2).result(PATIENCE_S)
    sent = {m.record.block: pictures for m, pictures in page.sent if isinstance(m, BlockMessage)}
    runner.delivery.reel.limit_bytes = 1
    runner.make(1).result(PATIENCE_S)
    assert [block.index for block in runner.delivery.reel.blocks] == [2]
    page.sent.clear()
    runner.delivery.repeat("12-34", 1, 0)
    page.wait_for_blocks(1)
    assert page.sent[-1][1] == sent[0]


@pytest.mark.fault(
    "The page and its messages",
    "credits come late",
    "blocks are made, kept, and counted as not shown; once there is room the newest one is sent",
)
def test_a_block_that_had_no_room_is_sent_once_there_is_unless_another_one_came(begin):
    runner, page = begin()
    runner.delivery.attach("12-34", BOTH)
    runner.make(4).result(PATIENCE_S)
    page.sent.clear()
    runner.delivery.credit(1, 0, PageTimes())
    page.wait_for_blocks(1)
    ((message, pictures),) = [each for each in page.sent if isinstance(each[0], BlockMessage)]
    assert (message.view, message.record.block, len(pictures)) == (None, 3, 12)
    assert [record.displayed for record in runner.delivery.history] == [True, True, False, True]
    page.wait_for(lambda: page.of(StateMessage))
    assert page.of(StateMessage)[-1].state.dropped == runner.state().dropped == 1
    runner.delivery.credit(1, 1, PageTimes())
    runner.make(2).result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history[4:]] == [True, False]


def test_with_the_time_a_view_hears_of_all_that_was_sent_before(begin):
    runner, page = begin()
    runner.delivery.tell_time("12-34", 5.0)
    runner.delivery.attach("12-34", BOTH)
    runner.make(3).result(PATIENCE_S)
    runner.delivery.tell_time("12-34", 6.0)
    page.wait_for(lambda: len(page.of(Time)) == 2)
    first, second = page.of(Time)
    assert (first.run, first.newest, first.owed) == (0, -1, ())
    assert (second.run, second.newest, second.owed) == (1, 2, (0, 1))
    assert second.told == page.of(StateMessage)[-1].state.told > first.told


@pytest.mark.fault("The page and its messages", "a credit comes twice", "it counts once")
def test_a_credit_counts_once_however_many_pages_give_it(begin):
    runner, _ = begin()
    runner.delivery.attach("12-34", BOTH)
    runner.make(2).result(PATIENCE_S)
    for _ in range(3):
        runner.delivery.credit(1, 0, PageTimes())
    runner.make(2).result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history] == [True, True, True, False]


@pytest.mark.fault(
    "The page and its messages",
    "a credit of an older video comes",
    "it counts for nothing",
)
def test_a_credit_of_an_older_video_counts_for_nothing(begin):
    runner, _ = begin()
    runner.delivery.attach("12-34", BOTH)
    runner.make(2).result(PATIENCE_S)
    runner.stop()
    runner.make(2).result(PATIENCE_S)
    runner.delivery.credit(1, 0, PageTimes())
    runner.make(1).result(PATIENCE_S)
    assert [record.credits for record in runner.delivery.history] == [2, 1, 0]
    assert not runner.delivery.history[-1].displayed


def test_a_second_call_goes_on_with_the_same_video(begin):
    runner, _ = begin()
    runner.make(3).result(PATIENCE_S)
    runner.make(2).result(PATIENCE_S)
    assert [record.block for record in runner.delivery.history] == [0, 1, 2, 3, 4]
    assert (
        runner.delivery.reel.blocks[4].frames == paint("a blue star", 4, PaintedEngine().geometry)
    ).all()


def test_after_a_stop_a_new_video_begins(begin):
    runner, _ = begin()
    runner.make(3).result(PATIENCE_S)
    runner.stop()
    assert (runner.status, len(runner.delivery.history)) == ("stopped", 3)
    runner.make(2).result(PATIENCE_S)
    assert [record.block for record in runner.delivery.history] == [0, 1]
    assert runner.state().run == 2


def test_a_live_video_keeps_to_two_blocks_ahead_of_its_viewer(begin):
    runner, page = begin(generous=True, clock_s=lambda: 100.0)
    runner.start()
    page.wait_for_blocks(2)
    time.sleep(0.2)
    assert len(runner.delivery.history) == 2


def test_a_live_video_goes_on_from_where_the_viewer_is_as_a_page_says_of_this_video(begin):
    blocks_of_15_s = PaintedEngine(geometry=Geometry(16, 16, block_frames=60))
    runner, page = begin(blocks_of_15_s, clock_s=lambda: 100.0)
    runner.make(1).result(PATIENCE_S)
    runner.stop()
    runner.start()
    page.wait_for_blocks(3)
    runner.credit(Credit(1, 1, PageTimes(), 100_400.0))
    time.sleep(0.2)
    assert len(runner.delivery.history) == 2
    runner.credit(Credit(2, 1, PageTimes(), 100_400.0))
    page.wait_for_blocks(4)
    time.sleep(0.2)
    assert len(runner.delivery.history) == 3


def test_a_page_that_was_far_behind_and_then_is_hidden_holds_nothing_up(begin):
    runner, page = begin()
    runner.delivery.attach("12-34", BOTH)
    runner.start()
    page.wait_for_blocks(2)
    in_an_hour_ms = 1e3 * (time.monotonic() + 3600)
    runner.credit(Credit(1, 1, PageTimes(), in_an_hour_ms))
    runner.delivery.look("12-34", looking=False)
    page.wait_for_blocks(6)


def test_a_pause_holds_and_a_resume_goes_on(begin):
    runner, page = begin(PaintedEngine(seconds_per_block=0.02), generous=True)
    runner.start()
    page.wait_for_blocks(1)
    runner.pause()
    page.wait_for_status("paused")
    time.sleep(0.5)  # for the block that was being made
    held = len(runner.delivery.history)
    time.sleep(1)  # live, the next one would be due in 0.75 s
    assert len(runner.delivery.history) == held
    runner.resume()
    page.wait_for_blocks(held + 1)


def test_a_pause_brings_its_viewer_no_further(begin):
    now_s = [100.0]
    runner, page = begin(generous=True, clock_s=lambda: now_s[0])
    runner.start()
    page.wait_for_blocks(2)
    runner.pause()
    now_s[0] = 200.0
    runner.resume()
    time.sleep(0.3)
    assert len(runner.delivery.history) == 2


def test_a_live_switch_lands_on_the_next_block_and_says_so(begin):
    runner, page = begin()
    runner.make(2).result(PATIENCE_S)
    landing = runner.plan.switch("a green square")
    assert (landing.block, landing.lands_at) == (2, 6)
    runner.make(2).result(PATIENCE_S)
    assert page.of(Receipt)[-1].landing == landing
    assert landing in page.of(StateMessage)[-1].state.marks
    assert [record.prompt for record in runner.delivery.history[2:]] == [
        "a green square",
        "a blue star",
    ]
    assert [landed.block for landed in runner.plan.landings] == [0, 2, 3]


def test_a_prompt_that_another_one_overtakes_says_which_one_and_the_page_hears_of_it_first(begin):
    runner, page = begin()
    runner.make(2).result(PATIENCE_S)
    runner.plan.switch("a green square")
    runner.plan.switch("a pink box")
    winner = runner.plan.switch("a black ball")
    runner.make(2).result(PATIENCE_S)
    told = [(mark.prompt, mark.replaced_by) for mark in runner.plan.landings]
    assert told == [
        ("a red ball", None),
        ("a green square", "a black ball"),
        ("a pink box", "a black ball"),
        ("a black ball", None),
        ("a blue star", None),
    ]
    kinds = [
        message for message, _ in page.sent if isinstance(message, Receipt)
        or (isinstance(message, StateMessage) and winner in message.state.marks)
    ]  # fmt: skip
    at = kinds.index(Receipt(winner))
    assert kinds[at - 1].state.marks[1:4] == runner.plan.landings[1:4]


def test_a_live_switch_overtakes_the_prompt_that_the_timeline_has_for_its_block(begin):
    runner, _ = begin()
    runner.make(3).result(PATIENCE_S)
    runner.plan.switch("a green square")
    runner.make(1).result(PATIENCE_S)
    assert [mark.replaced_by for mark in runner.plan.landings] == [None, "a green square", None]
    assert runner.delivery.history[-1].landed == runner.plan.landings[-1]


def test_a_view_hears_which_words_of_a_prompt_are_not_read(begin):
    runner, page = begin(PaintedEngine(reads=10))
    runner.plan.read("12-34", "a zebra by the sea")
    page.wait_for(lambda: page.of(Reading))
    assert page.of(Reading) == [
        Reading("12-34", "a zebra by the sea", ("zebra",), "a zebra by the sea"[10:])
    ]


def test_a_view_gets_the_timeline_as_a_file(begin):
    runner, page = begin()
    runner.plan.export("12-34", "text")
    page.wait_for(lambda: page.of(Exported))
    text = "0: a red ball\n7: a blue star\n"
    assert page.of(Exported) == [Exported("12-34", "text", "timeline.txt", text)]


def rows(*entries):
    return [{"latent_frame": frame, "prompt": prompt} for frame, prompt in entries]


def test_an_edit_changes_what_is_to_come_and_the_view_hears_of_it_last(begin):
    runner, page = begin()
    runner.make(2).result(PATIENCE_S)
    runner.plan.edit(Edit("12-34", 0, 2, rows((9, "a green square"))))
    runner.make(3).result(PATIENCE_S)
    assert runner.plan.timeline == Timeline.of("a red ball", (9, "a green square"))
    assert [record.prompt for record in runner.delivery.history[2:]] == ["a red ball"] + 2 * [
        "a green square"
    ]
    assert [landing.prompt for landing in runner.plan.landings] == ["a red ball", "a green square"]
    kinds = [message for message, _ in page.sent]
    at = kinds.index(Edited("12-34", accepted=True))
    assert kinds[at - 1].state.entries == runner.plan.timeline.entries
    assert kinds[at - 1].state.revision == 1


@pytest.mark.parametrize(
    ("revision", "from_block", "entries", "told"),
    [
        (0, 3, rows((6, "a green square")), "'a green square' at latent frame 6 is too late"),
        (0, 0, rows((0, "another ball")), "'a red ball' at latent frame 0 is too late"),
        (1, 3, rows((9, "a green square")), "changed meanwhile, this edit was left out"),
        (0, 3, rows((9, " ")), "prompt ' ' is empty"),
        (0, 3, rows((12, "b"), (9, "c")), "latent frame 9 comes after 12"),
        (0, 3, "a green square", "a timeline is a list of"),
    ],
)
def test_an_edit_that_cannot_be_is_told_in_a_sentence_and_changes_nothing(
    begin, revision, from_block, entries, told
):
    runner, page = begin()
    runner.make(3).result(PATIENCE_S)
    runner.plan.edit(Edit("12-34", revision, from_block, entries))
    page.wait_for(lambda: page.of(Edited))
    assert page.of(Edited) == [Edited("12-34", accepted=False)]
    assert told in page.of(Failure)[-1].message
    assert (runner.plan.timeline, runner.state().revision) == (TIMELINE, 0)


def test_of_two_pages_that_edit_one_timeline_the_later_is_told_and_both_have_the_first(begin):
    runner, page = begin()
    runner.plan.edit(Edit("1-1", 0, 0, rows((0, "a red ball"), (9, "a green square"))))
    runner.plan.edit(Edit("2-2", 0, 0, rows((0, "a red ball"), (9, "a blue star"))))
    page.wait_for(lambda: len(page.of(Edited)) == 2)
    assert page.of(Edited) == [Edited("1-1", accepted=True), Edited("2-2", accepted=False)]
    assert [failure.view for failure in page.of(Failure)] == ["2-2"]
    entries = page.of(StateMessage)[-1].state.entries
    assert [entry.prompt for entry in entries] == ["a red ball", "a green square"]


def test_before_a_video_and_after_it_the_whole_timeline_may_be_another(begin):
    runner, _ = begin()
    runner.plan.replan(Timeline.of("a green square"))
    runner.make(2).result(PATIENCE_S)
    assert runner.delivery.history[-1].prompt == "a green square"
    runner.stop()
    runner.plan.replan(Timeline.of("a blue star"))
    assert runner.state().begun == 0
    runner.make(1).result(PATIENCE_S)
    assert runner.delivery.history[-1].prompt == "a blue star"


def test_a_new_video_follows_the_switches_of_the_one_before(begin):
    runner, _ = begin()
    runner.make(1).result(PATIENCE_S)
    runner.plan.switch("a green square")
    runner.stop()
    runner.make(2).result(PATIENCE_S)
    assert [record.prompt for record in runner.delivery.history] == ["a red ball", "a green square"]


def test_of_a_long_past_the_page_is_told_the_end_and_all_that_is_to_come(begin):
    runner, _ = begin()
    frames = range(3, 3 * 300, 3)
    runner.plan.replan(Timeline.of("a", *((frame, f"b{frame}") for frame in frames)))
    assert len(runner.state().entries) == 300
    runner.make(250).result(PATIENCE_S)
    assert len(runner.state().entries) == MARKS + 50
    assert runner.state().entries[-1].latent_frame == frames[-1]


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_refused_before_anything_happens(begin, prompt):
    runner, page = begin()
    runner.make(1).result(PATIENCE_S)
    with pytest.raises(TimelineError, match="empty"):
        runner.plan.switch(prompt)
    runner.close()
    assert page.of(Receipt) == []


def test_of_a_prompt_that_is_too_long_the_page_is_told_what_is_not_read(begin):
    runner, page = begin(PaintedEngine(reads=11))
    runner.make(1).result(PATIENCE_S)
    assert [str(error) for error in runner.outbox.errors] == []
    runner.plan.switch("a blue star that spins")
    runner.make(1).result(PATIENCE_S)
    assert "' that spins' is left out" in page.of(Failure)[0].message
    assert page.of(Failure)[0].topic == "remark"
    assert (runner.delivery.history[-1].prompt, len(runner.outbox.errors)) == (
        "a blue star that spins",
        1,
    )


def test_of_a_timeline_that_is_too_long_the_page_is_told_as_its_video_begins(begin):
    runner, page = begin(PaintedEngine(reads=10))
    runner.make(1).result(PATIENCE_S)
    assert ["'r' is left out" in failure.message for failure in page.of(Failure)] == [True]


def test_what_cannot_be_done_now_says_what_to_do(begin):
    runner, _ = begin(PaintedEngine(seconds_per_block=0.05))
    with pytest.raises(SessionError, match=r"start\(\) one first"):
        runner.plan.switch("a blue star")
    with pytest.raises(SessionError, match=r"nothing is paused, .* idle: start\(\) it"):
        runner.resume()
    with pytest.raises(SessionError, match=r"nothing is running, .* idle: start\(\) it"):
        runner.pause()
    with pytest.raises(SessionError, match="number of blocks 0 is out of range: use 1 or more"):
        runner.make(0)
    runner.start()
    with pytest.raises(SessionError, match=r"stop\(\) it"):
        runner.make(1)
    runner.stop()
    with pytest.raises(SessionError, match=r"nothing is running, .* stopped: start\(\) it"):
        runner.pause()


def test_a_verb_that_finds_all_as_it_would_leave_it_does_nothing(begin):
    runner, page = begin(PaintedEngine(seconds_per_block=0.05))
    runner.stop()
    assert runner.status == "idle"
    for verbs, status in [
        ((runner.start, runner.start, runner.resume), "running"),
        ((runner.pause, runner.pause), "paused"),
        ((runner.stop, runner.stop), "stopped"),
    ]:
        for verb in verbs:
            verb()
            assert runner.status == status
    runner.close()
    runner.stop()
    told = [message.state.status for message in page.of(StateMessage)]
    assert told == ["running", "paused", "stopped", "closed"]


def test_all_that_a_closed_studio_refuses_says_that_a_new_one_is_needed(begin):
    runner, _ = begin()
    runner.close()
    refused = [
        runner.start,
        runner.pause,
        runner.resume,
        lambda: runner.make(1),
        lambda: runner.plan.switch("a blue star"),
    ]
    for attempt in refused:
        with pytest.raises(SessionError, match="closed: make a new LongLiveWidget"):
            attempt()


@pytest.mark.parametrize("blocks", [1.5, "3", None, True])
def test_a_number_of_blocks_that_is_no_whole_number_is_refused(begin, blocks):
    runner, _ = begin()
    with pytest.raises(SessionError, match=re.escape(f"{blocks!r} is not a whole number")):
        runner.make(blocks)
    assert runner.status == "idle"


def test_a_message_is_sent_while_other_threads_may_use_the_runner():
    answered = []

    def send(message, _buffers=()):
        asking = threading.Thread(target=lambda: runner.delivery.history)
        asking.start()
        asking.join(PATIENCE_S / 10)
        answered.append((type(message), not asking.is_alive()))

    runner = Runner(PaintedEngine(), TIMELINE, 3, send)
    runner.make(1).result(PATIENCE_S)
    runner.close()
    assert answered == [
        (StateMessage, True), (BlockMessage, True), (TreeMessage, True), (StateMessage, True),
        (StateMessage, True), (TreeMessage, True),
    ]  # fmt: skip


@pytest.mark.fault(
    "The page and its messages",
    "messages do not reach the page",
    "the video goes on, and `studio.errors` has them",
)
def test_a_message_that_cannot_be_sent_leaves_the_video_as_it_was():
    def send(message, _buffers=()):
        if isinstance(message, BlockMessage):
            raise OSError("the line is cut")

    runner = Runner(PaintedEngine(), TIMELINE, 3, send)
    runner.make(3).result(PATIENCE_S)
    assert (runner.status, len(runner.delivery.history)) == ("done", 3)
    assert [str(error) for error in runner.outbox.errors] == 3 * ["the line is cut"]
    runner.close()


def test_a_command_waits_for_those_before_it_and_nobody_waits_for_a_command(begin):
    runner, _ = begin()
    gate, order = threading.Event(), []
    runner.outbox.post(lambda: order.append(gate.wait(PATIENCE_S)))
    runner.outbox.post(lambda: order.append("second"))
    assert order == []
    gate.set()
    runner.close()
    assert order == [True, "second"]


def test_a_failure_is_told_to_all_who_should_know(begin):
    runner, page = begin(PaintedEngine(fails_at=2))
    with pytest.raises(RuntimeError, match="out of paint"):
        runner.make(5).result(PATIENCE_S)
    assert runner.status == "failed"
    assert [str(error) for error in runner.outbox.errors] == ["the painter ran out of paint"]
    failure = page.of(Failure)[-1]
    assert "out of paint" in failure.message
    assert failure.topic == "other"
    assert "Traceback" in failure.details
    assert len(runner.delivery.history) == 2


@pytest.mark.fault(
    "The model",
    "a block fails while another cell runs",
    "nothing is printed into that cell",
)
def test_a_failure_prints_nothing_where_no_logging_was_set_up():
    program = """
from longlive_widget.timeline import Timeline
from longlive_widget.widget.runner import Runner
from tests.unit.painted_engine import PaintedEngine
runner = Runner(PaintedEngine(fails_at=0), Timeline.of("a red ball"), 0, lambda *_: None)
assert runner.make(1).exception(20)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.fault(
    "The page and its messages",
    "a view appears late",
    "it learns of the video, its figures and its newest block",
)
def test_a_view_that_appears_learns_what_it_missed(begin):
    runner, page = begin()
    runner.make(5).result(PATIENCE_S)
    page.sent.clear()
    runner.delivery.attach("12-34", BOTH)
    page.wait_for_blocks(1)
    assert page.of(StateMessage)[0].state.made == 5
    assert page.of(History)[0].records == runner.delivery.history
    message, jpegs = page.sent[-1]
    assert (message.view, message.record.block, len(jpegs)) == ("12-34", 4, 12)
    runner.delivery.tell_time("12-34", 5.0)
    page.wait_for(lambda: page.of(Time))
    for block in page.of(Time)[0].owed:  # by a page that vanished, and by this one
        runner.delivery.credit(1, block, PageTimes())
    runner.make(2).result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history[-2:]] == [True, True]


def test_a_view_that_cannot_decode_h264_makes_jpegs_of_the_newest_block_and_of_all_after_it(begin):
    runner, page = begin(generous=True)
    runner.delivery.attach("1-1", BOTH)
    runner.make(2).result(PATIENCE_S)
    runner.delivery.attach("2-2", ("jpeg",))
    runner.make(1).result(PATIENCE_S)
    runner.delivery.leave("2-2")
    runner.make(1).result(PATIENCE_S)
    sent = [(message.view, message.record.block, message.codec, pictures[0][:2] == b"\xff\xd8")
            for message, pictures in page.sent if isinstance(message, BlockMessage)]  # fmt: skip
    assert sent == [
        (None, 0, "h264", False), (None, 1, "h264", False),
        ("2-2", 1, "jpeg", True), (None, 2, "jpeg", True), (None, 3, "h264", False),
    ]  # fmt: skip
    assert page.of(StateMessage)[-1].state.codec == "h264"


def test_a_view_that_cannot_decode_what_is_wanted_by_name_is_told_and_sent_no_pictures(begin):
    runner, page = begin(codec="h264")
    runner.make(1).result(PATIENCE_S)
    page.sent.clear()
    with pytest.raises(CapabilityError, match="codec='auto'"):
        runner.delivery.attach("2-2", ("jpeg",))
    runner.close()
    assert len(page.of(History)) == 1
    assert page.of(BlockMessage) == []


def test_a_picture_that_is_asked_for_comes_as_it_was_made_or_word_that_it_is_gone(begin):
    runner, page = begin()
    runner.make(3).result(PATIENCE_S)
    runner.delivery.still("1-1", 1, 10)
    runner.delivery.still("1-1", 1, 33)
    runner.delivery.still("1-1", 2, 10)
    page.wait_for(lambda: len(page.of(Still)) == 3)
    assert page.of(Still) == [
        Still("1-1", 1, 10, kept=True), Still("1-1", 1, 33, kept=False),
        Still("1-1", 2, 10, kept=False),
    ]  # fmt: skip
    png, *others = [buffers for message, buffers in page.sent if isinstance(message, Still)]
    seen = np.asarray(Image.open(io.BytesIO(png[0])))
    assert (seen == paint("a red ball", 1, PaintedEngine().geometry)[1]).all()
    assert others == [[], []]


def test_while_nobody_looks_no_picture_is_coded_or_sent_and_none_counts_as_dropped(begin):
    runner, page = begin(generous=True)
    runner.delivery.attach("1-1", BOTH)
    runner.make(1).result(PATIENCE_S)
    runner.delivery.look("1-1", looking=False)
    runner.make(3).result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history] == [True, False, False, False]
    assert [record.encode_ms < 0.1 for record in runner.delivery.history[1:]] == [True, True, True]
    assert runner.state().dropped == 0
    runner.delivery.look("1-1", looking=True)
    runner.make(1).result(PATIENCE_S)
    pictures = [(message.view, message.record.block, len(buffers))
                for message, buffers in page.sent if isinstance(message, BlockMessage)]  # fmt: skip
    assert pictures[1:] == [(None, 1, 0), (None, 2, 0), (None, 3, 0), (None, 3, 12), (None, 4, 12)]


@pytest.mark.fault(
    "The page and its messages",
    "a view comes back into sight while its newest block is coded for nobody, or has given its "
    "credits back while it was away",
    "it is shown that block, whether another one follows or not",
)
def test_a_view_that_comes_back_is_shown_the_newest_block_though_it_was_coded_for_nobody(
    begin, monkeypatch
):
    runner, page = begin(generous=True)
    runner.delivery.attach("1-1", BOTH)
    runner.make(1).result(PATIENCE_S)
    runner.delivery.look("1-1", looking=False)

    def looked_again(frames):
        runner.delivery.look("1-1", looking=True)
        return picture_hashes(frames)

    monkeypatch.setattr("longlive_widget.widget.delivery.picture_hashes", looked_again)
    runner.make(1).result(PATIENCE_S)
    page.wait_for(lambda: 1 in [block for _, block in pictured(page)])
    assert runner.state().dropped == 0


def test_a_view_that_gave_its_credits_back_unseen_is_shown_the_newest_block_as_it_looks(begin):
    runner, page = begin()
    runner.delivery.attach("1-1", BOTH)
    runner.make(2).result(PATIENCE_S)
    runner.delivery.look("1-1", looking=False)
    runner.make(1).result(PATIENCE_S)
    for block in (0, 1):
        runner.delivery.credit(1, block, PageTimes())
    runner.delivery.look("1-1", looking=True)
    page.wait_for(lambda: 2 in [block for _, block in pictured(page)])


def test_a_live_video_that_nobody_sees_waits_for_a_view_if_that_is_wanted(begin):
    runner, _ = begin(PaintedEngine(seconds_per_block=0.02), when_unseen="pause", generous=True)
    runner.start()
    assert runner.status == "running", "no view has appeared yet that could have gone"
    runner.delivery.attach("1-1", BOTH)
    runner.delivery.attach("2-2", BOTH)
    runner.delivery.look("1-1", looking=False)
    assert runner.status == "running"
    runner.delivery.leave("2-2")
    assert runner.status == "paused"
    runner.delivery.look("1-1", looking=True)
    assert runner.status == "running"
    runner.pause()
    runner.delivery.look("1-1", looking=False)
    runner.delivery.look("1-1", looking=True)
    assert runner.status == "paused", "a pause that somebody asked for stays"
    runner.delivery.look("1-1", looking=False)
    runner.start()
    assert runner.status == "paused", "it waits for a view, as before"
    runner.pause()
    runner.delivery.look("1-1", looking=True)
    assert runner.status == "paused", "a pause of one that waits stays too"


def test_a_video_that_nobody_sees_goes_on_otherwise_and_a_run_always_does(begin):
    runner, _ = begin(PaintedEngine(seconds_per_block=0.02))
    runner.delivery.attach("1-1", BOTH)
    runner.start()
    runner.delivery.look("1-1", looking=False)
    assert runner.status == "running"
    waiting, _ = begin(PaintedEngine(seconds_per_block=0.02), when_unseen="pause")
    waiting.delivery.attach("1-1", BOTH)
    made = waiting.make(5)
    waiting.delivery.look("1-1", looking=False)
    made.result(PATIENCE_S)
    assert len(waiting.delivery.history) == 5


@pytest.mark.fault(
    "The page and its messages",
    "a tab dies without a word",
    "after 20 s in which no cell ran it no longer counts as looking: no pictures are coded for it, "
    'and with `when_unseen="pause"` the video is held; if it is heard of again, all goes on',
)
def test_a_view_that_died_without_a_word_looks_no_more(begin):
    now_s = [100.0]
    engine = PaintedEngine(seconds_per_block=0.02)
    runner, _ = begin(engine, when_unseen="pause", generous=True, hears_s=lambda: now_s[0])
    runner.delivery.attach("1-1", BOTH)
    runner.start()
    wait_until(lambda: len(runner.delivery.history) >= 2)
    now_s[0] += SILENT_S - 1
    wait_until(lambda: len(runner.delivery.history) >= 3)
    assert runner.status == "running"
    now_s[0] += 1
    wait_until(lambda: runner.status == "paused")
    assert "1 said nothing for 20 s" in runner.delivery.viewers
    runner.delivery.heard("1-1")
    assert (runner.status, runner.delivery.viewers) == ("running", "1 of 1 views look")
    runner.stop()
    now_s[0] += SILENT_S
    runner.make(1).result(PATIENCE_S)
    assert not runner.delivery.history[0].displayed
    assert runner.state().dropped == 0


def test_a_reset_begins_anew_under_the_prompt_that_steers_or_is_to_land_next(begin):
    runner, page = begin(PaintedEngine(seconds_per_block=0.02), generous=True)
    with pytest.raises(SessionError, match=r"no video to reset, it is idle: start\(\) it"):
        runner.reset()
    runner.make(4).result(PATIENCE_S)
    runner.reset()
    page.wait_for(lambda: runner.state().made > 4)
    assert (runner.state().run, runner.status) == (2, "running")
    assert {record.prompt for record in runner.delivery.history} == {"a blue star"}
    runner.pause()
    runner.plan.switch("a green square")
    runner.reset()
    page.wait_for(lambda: runner.state().run == 3 and runner.state().made > 1)
    assert {record.prompt for record in runner.delivery.history} == {"a green square"}


def test_a_reset_keeps_a_prompt_that_was_given_while_a_block_was_made(begin):
    runner, page = begin(PaintedEngine(seconds_per_block=0.3), generous=True)
    runner.start()
    page.wait_for(lambda: runner.state().begun > runner.state().made)
    runner.plan.switch("a green square")
    runner.reset()
    page.wait_for(lambda: runner.state().run == 2 and runner.state().made > 0)
    assert {record.prompt for record in runner.delivery.history} == {"a green square"}


@pytest.mark.fault(
    "Memory and disks",
    "`studio.errors` keeps an error",
    "it holds nothing of the model or the video",
)
def test_an_error_that_is_kept_holds_nothing_of_the_video_that_it_ended(begin):
    engine = PaintedEngine(fails_at=1)
    runner, page = begin(engine, generous=True)
    runner.start()
    page.wait_for(lambda: runner.outbox.errors)
    called = [frame for frame, _ in traceback.walk_tb(runner.outbox.errors[0].__traceback__)][1:]
    assert called
    page.wait_for(lambda: not any(frame.f_locals for frame in called))


def test_callbacks_get_each_block_once_it_was_sent_and_an_error_in_one_ends_nothing(begin):
    runner, page = begin()
    seen = []

    def fail(block):
        raise ValueError(f"no room for block {block.index}")

    runner.on_block(fail)
    runner.on_block(lambda block: seen.append((block.index, block.frames.shape[0])))
    runner.make(3).result(PATIENCE_S)
    page.wait_for(lambda: len(page.of(Failure)) == 3)
    assert seen == [(0, 9), (1, 12), (2, 12)]
    assert page.of(Failure)[1].message == "ValueError: no room for block 1"
    assert "Traceback" in page.of(Failure)[1].details
    assert runner.status == "done"


def pictures_in(path):
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


@pytest.mark.parametrize("size", [(160, 96), (832, 480)])
def test_a_recording_has_every_block_also_those_that_were_not_shown(begin, tmp_path, size):
    engine = PaintedEngine(geometry=Geometry(*size))
    runner, page = begin(engine)
    runner.delivery.attach("1-1", BOTH)
    runner.make(1).result(PATIENCE_S)
    path = runner.record(tmp_path / "x.mp4")
    with pytest.raises(SessionError, match=r"is being recorded: cut\(\) it first"):
        runner.record(tmp_path / "y.mp4")
    runner.make(3).result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history] == [True, True, False, False]
    assert page.of(StateMessage)[-1].state.recording == path.name
    assert runner.cut().result(PATIENCE_S) == path
    made = np.concatenate([block.frames for block in runner.delivery.reel.blocks[1:]])
    seen = pictures_in(path)
    assert seen.shape == made.shape
    assert np.abs(seen.astype(int) - made).mean(axis=(1, 2, 3)).max() < 4
    assert page.of(StateMessage)[-1].state.recording is None
    page.wait_for(lambda: page.of(Notice) == [Notice(f"recorded 2.2 s to {path}")])
    with pytest.raises(SessionError, match=r"record\(\) first"):
        runner.cut()


@pytest.mark.fault(
    "Memory and disks",
    "a recording to one file fails at its first block",
    "it is told once, nothing is left of the file, and the video goes on",
)
def test_a_recording_that_fails_is_told_once_and_leaves_nothing(begin, tmp_path, monkeypatch):
    runner, page = begin()
    runner.record(tmp_path / "x.mp4")

    def full(*_):
        raise OutputError("the disk is full")

    monkeypatch.setattr(GrowingVideoFile, "append", full)
    runner.make(3).result(PATIENCE_S)
    page.wait_for(lambda: page.of(Failure))
    runner.make(2).result(PATIENCE_S)
    with pytest.raises(OutputError, match=r"x\.mp4' has failed before \(the disk is full\)"):
        runner.cut().result(PATIENCE_S)
    with pytest.raises(SessionError, match=r"record\(\) first"):
        runner.cut()
    runner.close()
    assert [failure.message for failure in page.of(Failure)] == ["the disk is full"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "Memory and disks",
    "the disk is full while one MP4 file is recorded",
    "the video goes on; the message says where the file is that plays up to there, and a file of "
    "that name that stood there before stays",
)
@pytest.mark.parametrize("size", [(160, 96), (320, 208)])
def test_one_file_on_a_full_disk_plays_up_to_there_and_says_where_it_is(begin, tmp_path, size):
    """No file of this process may grow beyond some bytes, as if the disk ended there."""
    resource = pytest.importorskip("resource")
    (tmp_path / "x.mp4").write_bytes(b"older")
    runner, page = begin(PaintedEngine(geometry=Geometry(*size)))
    runner.record(tmp_path / "x.mp4")
    runner.make(3).result(PATIENCE_S)
    runner.clip("1-1", 1)
    page.wait_for(lambda: page.of(Clip))  # written after all that came before
    (file,) = tmp_path.glob("x.*.unfinished.mp4")
    assert len(pictures_in(file)) == 33, "all of it plays while it grows"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * file.stat().st_size, hard))
    try:
        runner.make(9).result(PATIENCE_S)
        with pytest.raises(OutputError, match=r"has failed before .*could not be w") as told:
            runner.cut().result(PATIENCE_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert runner.status == "done"
    seen = pictures_in(file)
    made = np.concatenate([block.frames for block in runner.delivery.reel.blocks])
    assert len(seen) % 12 == 9
    assert 33 <= len(seen) < len(made)
    assert np.abs(seen.astype(int) - made[: len(seen)]).mean(axis=(1, 2, 3)).max() < 4
    note = f"its first {len(seen) / 16:.1f} s are in {str(file)!r}, and play"
    assert told.value.__notes__ == [note]
    assert [failure.message.splitlines()[1] for failure in page.of(Failure)] == [note]
    assert (tmp_path / "x.mp4").read_bytes() == b"older"


@pytest.mark.fault(
    "Memory and disks",
    "the disk takes more than a second for a block of a recording",
    "the video goes on and is shown; the recording has all blocks once the disk has taken them",
)
def test_a_disk_that_hangs_holds_one_block_up_and_no_further_one(begin, tmp_path, monkeypatch):
    runner, page = begin()
    goes_on, append = threading.Event(), GrowingVideoFile.append

    def append_late(*block):
        assert goes_on.wait(PATIENCE_S)
        append(*block)

    monkeypatch.setattr(GrowingVideoFile, "append", append_late)
    path = runner.record(tmp_path / "x.mp4")
    begun_s = time.monotonic()
    runner.make(5).result(PATIENCE_S)
    took_s = time.monotonic() - begun_s
    assert archive.PATIENCE_S <= took_s < 3 * archive.PATIENCE_S
    assert len(page.of(BlockMessage)) == 5
    goes_on.set()
    assert runner.cut().result(PATIENCE_S) == path
    assert len(pictures_in(path)) == 57


def test_a_recording_that_cannot_begin_is_refused_and_leaves_nothing(begin, tmp_path, monkeypatch):
    runner, _ = begin()
    with (
        monkeypatch.context() as patch,
        pytest.raises(OutputError, match=r"gone/x\.mp4' could not"),
    ):
        patch.setattr(shot_file, "writable_video_path", lambda _: tmp_path / "gone" / "x.mp4")
        runner.record("x.mp4")
    monkeypatch.setattr(growing_video, "CODEC", "libx999")
    with pytest.raises(CapabilityError, match="has no libx999"):
        runner.record(tmp_path / "x.mp4")
    assert list(tmp_path.iterdir()) == []


def test_closing_ends_a_recording_well(begin, tmp_path):
    runner, _ = begin()
    runner.record(tmp_path / "x.mp4")
    runner.make(2).result(PATIENCE_S)
    runner.close()
    assert len(pictures_in(tmp_path / "x.mp4")) == 21


def test_a_clip_of_the_last_seconds_is_sent_to_the_view_that_wants_it(begin, tmp_path):
    runner, page = begin()
    with pytest.raises(SessionError, match="nothing was made yet"):
        runner.clip("1-1", 2)
    runner.make(6).result(PATIENCE_S)
    runner.clip("1-1", 2)
    page.wait_for(lambda: page.of(Clip))
    assert page.of(Clip) == [Clip("1-1", "painted-1-9.mp4")]
    ((content,),) = [buffers for message, buffers in page.sent if isinstance(message, Clip)]
    (tmp_path / "clip.mp4").write_bytes(content)
    assert len(pictures_in(tmp_path / "clip.mp4")) == 36


def test_a_stop_ends_whoever_waits_for_blocks(begin):
    runner, page = begin(PaintedEngine(seconds_per_block=0.05))
    made = runner.make(1000)
    page.wait_for_blocks(1)
    runner.stop()
    made.result(PATIENCE_S)
    assert len(runner.delivery.history) < 1000


def test_closing_ends_all_threads_and_lets_go_of_engine_and_pictures(begin):
    engine = PaintedEngine(seconds_per_block=0.02)
    runner, page = begin(engine)
    runner.start()
    page.wait_for_blocks(1)
    threads = longlive_threads()
    runner.close()
    runner.close()
    assert len(longlive_threads()) == len(threads) - 3
    assert page.of(StateMessage)[-1].state.status == "closed"
    assert runner.delivery.reel.blocks == ()
    gone = weakref.ref(engine)
    del engine
    gc.collect()
    assert gone() is None


def test_times_that_a_page_measured_are_kept_though_its_credit_was_given_before(begin):
    runner, _ = begin()
    runner.delivery.attach("1-1", BOTH)
    runner.make(1).result(PATIENCE_S)
    runner.delivery.credit(1, 0, PageTimes())
    runner.delivery.credit(1, 0, PageTimes(3.0, 1.0, 20.0))
    assert runner.delivery.history[0].page == PageTimes(3.0, 1.0, 20.0)


def test_credits_that_come_while_a_block_is_coded_have_it_sent(begin, monkeypatch):
    runner, page = begin()
    runner.delivery.attach("1-1", BOTH)

    def hashed(frames):
        if runner.state().made == 2:
            for block in (0, 1):
                runner.delivery.credit(1, block, PageTimes())
        return picture_hashes(frames)

    monkeypatch.setattr("longlive_widget.widget.delivery.picture_hashes", hashed)
    runner.make(3).result(PATIENCE_S)
    page.wait_for(lambda: runner.delivery.history[2].displayed)
    assert (runner.delivery.history[2].credits, runner.state().dropped) == (0, 0)


def test_a_block_that_is_being_coded_has_its_credit_before_one_that_is_late(begin, monkeypatch):
    """While block 2 is coded late, for the credit that has come, block 3 is coded for it too."""
    runner, page = begin()
    runner.delivery.attach("1-1", BOTH)
    runner.make(3).result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history] == [True, True, False]
    begun, late_is_done = threading.Event(), threading.Event()
    here, made = threading.current_thread(), []

    def in_turns(frames, codec):
        if threading.current_thread() is here:
            made.append(runner.make(1))
            assert begun.wait(PATIENCE_S)
        else:
            begun.set()
            assert late_is_done.wait(PATIENCE_S)
        return encode_block(frames, codec)

    monkeypatch.setattr("longlive_widget.widget.delivery.encode_block", in_turns)
    runner.delivery.credit(1, 0, PageTimes())
    late_is_done.set()
    made[0].result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history[2:]] == [False, True]
    page.wait_for_blocks(4)
    runner.delivery.credit(1, 1, PageTimes())
    runner.make(2).result(PATIENCE_S)
    assert [record.credits for record in runner.delivery.history[4:]] == [1, 0]


def test_a_block_that_was_coded_in_vain_holds_no_credit(begin, monkeypatch):
    """It was called off by then: what is late has the room."""
    runner, _ = begin()
    runner.delivery.attach("1-1", BOTH)
    runner.make(1).result(PATIENCE_S)

    def called_off(frames, codec):
        runner.stop()
        return encode_block(frames, codec)

    monkeypatch.setattr("longlive_widget.widget.delivery.encode_block", called_off)
    runner.make(1).result(PATIENCE_S)
    wait_until(lambda: not runner.delivery._coding)


def pictured(page):
    return [
        (message.view, message.record.block)
        for message, pictures in page.sent
        if isinstance(message, BlockMessage) and pictures
    ]


@pytest.mark.fault(
    "The page and its messages",
    "a view says that it looks, or appears anew, while blocks are on their way to it",
    "no block more is sent than there is room for: two at most are on their way",
)
def test_room_comes_from_credits_alone_however_often_a_view_says_that_it_looks(begin):
    runner, page = begin()
    runner.delivery.attach("1-1", BOTH)
    runner.make(2).result(PATIENCE_S)
    runner.delivery.look("1-1", looking=True)
    runner.make(1).result(PATIENCE_S)
    for looking in (False, True):
        runner.delivery.look("1-1", looking=looking)
    runner.make(1).result(PATIENCE_S)
    runner.delivery.look("2-2", looking=True)
    runner.delivery.leave("2-2")
    runner.make(1).result(PATIENCE_S)
    page.wait_for_blocks(5)
    assert pictured(page) == [(None, 0), (None, 1)]
    assert runner.state().dropped == 3


def test_a_block_that_a_view_asks_for_waits_for_room_and_takes_it(begin):
    runner, page = begin()
    runner.delivery.attach("1-1", BOTH)
    runner.make(4).result(PATIENCE_S)
    runner.delivery.credit(1, 0, PageTimes())
    page.wait_for(lambda: pictured(page) == [(None, 0), (None, 1), (None, 3)])
    runner.delivery.repeat("1-1", 1, 2)
    runner.delivery.tell_time("1-1", 5.0)
    page.wait_for(lambda: page.of(Time))
    assert pictured(page)[3:] == []
    runner.delivery.credit(1, 1, PageTimes())
    page.wait_for(lambda: pictured(page)[3:] == [("1-1", 2)])
    runner.make(1).result(PATIENCE_S)
    assert not runner.delivery.history[-1].displayed
    runner.delivery.credit(1, 2, PageTimes())
    page.wait_for(lambda: pictured(page)[4:] == [(None, 4)])


def test_while_a_video_runs_a_block_that_a_view_asks_for_waits_until_nothing_is_on_its_way(begin):
    runner, page = begin(clock_s=lambda: 100.0)
    runner.delivery.attach("1-1", BOTH)
    runner.start()
    page.wait_for_blocks(2)
    runner.delivery.repeat("1-1", 1, 0)
    runner.delivery.credit(1, 0, PageTimes())
    runner.delivery.tell_time("1-1", 5.0)
    page.wait_for(lambda: page.of(Time))
    assert pictured(page) == [(None, 0), (None, 1)]
    runner.delivery.credit(1, 1, PageTimes())
    page.wait_for(lambda: pictured(page)[2:] == [("1-1", 0)])


def test_a_block_that_is_sent_after_all_takes_a_credit_until_it_is_given_back(begin):
    runner, page = begin()
    runner.delivery.attach("1-1", BOTH)
    runner.make(3).result(PATIENCE_S)
    runner.delivery.credit(1, 0, PageTimes())
    page.wait_for(lambda: runner.delivery.history[2].displayed)
    runner.delivery.credit(1, 1, PageTimes())
    runner.make(1).result(PATIENCE_S)
    runner.delivery.credit(1, 2, PageTimes())
    runner.make(1).result(PATIENCE_S)
    assert [record.credits for record in runner.delivery.history[3:]] == [1, 1]
