"""A studio whose video leaves itself at a past block: what is made, told and kept."""

import threading
import time

import numpy as np
import pytest

from longlive_widget import Engine, LongLiveWidget, Preset, Recording, Timeline, replay
from longlive_widget.errors import LongLiveError, SessionError, TimelineError
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.widget.protocol import TreeMessage
from tests.unit.painted_engine import PaintedEngine

RED, STAR = "a red ball moves right on white", "a big yellow star spins"
TIMELINE = Timeline.of(RED, (9, "it turns blue"))
PLAIN = Preset("plain", "", (1000, 500), window_frames=9)
SMALL_PX = (48, 32)
PATIENCE_S = 30


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", PLAIN, device="cpu")


@pytest.fixture
def studio(engine: Engine):
    built = LongLiveWidget(engine, TIMELINE, seed=3)
    built.size_px = SMALL_PX
    yield built
    built.close()


def _alone(engine: Engine, timeline: Timeline, count: int):
    session = engine.session(timeline, 3, size_px=SMALL_PX)
    return np.concatenate([block.frames for block in session.blocks(count)])


def _wait_until(condition):
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "it never happened"
        time.sleep(0.01)


def test_a_branch_is_the_video_that_had_its_prompt_from_the_start(engine, studio):
    """All its pictures, those too that it has of its parent, and whatever is told of them."""
    studio.run(blocks=7)
    assert studio.branch(5, STAR) == 1
    assert (studio.status, len(studio.history)) == ("done", 5)
    studio.run(blocks=3)
    plan = Timeline.of(RED, (9, "it turns blue"), (15, STAR))
    assert studio.timeline == plan
    assert np.array_equal(studio.frames, _alone(engine, plan, 8))
    assert [record.block for record in studio.history] == list(range(8))
    assert [(mark.block, mark.prompt) for mark in studio.landings][-1] == (5, STAR)
    assert studio.errors == ()


def test_going_back_goes_on_as_if_nothing_had_been(engine, studio):
    studio.run(blocks=4)
    studio.branch(2, STAR)
    studio.run(blocks=2)
    studio.walk(0)
    assert len(studio.history) == 4
    studio.run(blocks=2)
    assert np.array_equal(studio.frames, _alone(engine, TIMELINE, 6))
    studio.walk(1)
    studio.run(blocks=1)
    assert np.array_equal(studio.frames, _alone(engine, Timeline.of(RED, (6, STAR)), 5))


def test_without_a_prompt_it_is_the_same_video(engine, studio):
    studio.run(blocks=4)
    studio.branch(3)
    studio.run(blocks=2)
    assert np.array_equal(studio.frames, _alone(engine, TIMELINE, 5))


def test_the_tree_says_who_left_whom_where_and_under_what(studio):
    studio.run(blocks=6)
    studio.branch(4, STAR)
    studio.run(blocks=2)
    studio.branch(5, "it turns green")
    studio.walk(0)
    studio.branch(2, "it turns pink")
    told = [(one.number, one.parent, one.block, one.made, one.prompt) for one in studio.branches]
    assert told == [
        (0, None, 0, 6, RED),
        (1, 0, 4, 6, STAR),
        (2, 1, 5, 5, "it turns green"),
        (3, 0, 2, 2, "it turns pink"),
    ]
    assert studio.branches[0].frozen == (4,)


def test_the_page_hears_of_each_change_with_thumbnails_of_what_has_pictures(engine, monkeypatch):
    sent = []
    original = LongLiveWidget._tell_page

    def hear(self, message, buffers=()):
        if isinstance(message, TreeMessage):
            sent.append((message, [bytes(buffer) for buffer in buffers]))
        original(self, message, buffers)

    monkeypatch.setattr(LongLiveWidget, "_tell_page", hear)
    studio = LongLiveWidget(engine, TIMELINE, seed=3)
    studio.size_px = SMALL_PX
    studio.run(blocks=6)
    studio.branch(3, STAR)
    _wait_until(lambda: len(sent) >= 3 and not sent[-1][0].branching)
    message, thumbnails = sent[-1]
    assert [one.pictured for one in message.nodes] == [True, False]
    assert (message.present, len(thumbnails)) == (1, 1)
    assert thumbnails[0][:2] == b"\xff\xd8"
    assert message.states == 1
    assert 0 < message.state_bytes <= message.limit_bytes
    studio.run(blocks=1)
    _wait_until(lambda: all(one.pictured for one in sent[-1][0].nodes))
    studio.stop()
    _wait_until(lambda: sent[-1][0].nodes == ())
    studio.close()


def test_a_live_video_is_held_meanwhile_and_no_block_of_it_is_lost():
    studio = LongLiveWidget(PaintedEngine(seconds_per_block=0.05), TIMELINE, seed=3)
    studio.start()
    _wait_until(lambda: len(studio.history) >= 2)
    studio.branch(1, STAR)
    assert studio.status == "done"
    studio.walk(0)
    studio.run(blocks=1)
    blocks = [record.block for record in studio.history]
    assert blocks == list(range(len(blocks)))
    studio.close()


def test_where_a_branch_cannot_be_a_live_video_goes_on():
    studio = LongLiveWidget(PaintedEngine(seconds_per_block=0.05), TIMELINE, seed=3)
    studio.start()
    _wait_until(lambda: len(studio.history) >= 1)
    with pytest.raises(TimelineError, match="is empty"):
        studio.branch(1, " ")
    assert studio.status == "running"
    with pytest.raises(SessionError, match="block 1000 is out of range"):
        studio.branch(1000, STAR)
    assert studio.status == "running"
    assert len(studio.branches) == 1
    studio.close()


def test_what_cannot_be_left_is_told(studio):
    with pytest.raises(SessionError, match="no video to leave, it is idle"):
        studio.branch(0, STAR)
    studio.run(blocks=2)
    with pytest.raises(SessionError, match="branch 7 is out of range: use 0 to 0"):
        studio.walk(7)
    told = []

    def from_the_worker(_block):
        try:
            studio.branch(1, STAR)
        except LongLiveError as error:
            told.append(str(error))

    studio.on_block(from_the_worker)
    studio.run(blocks=1)
    assert told == ["blocks are made on this thread: branch from another one"]


def test_a_branch_has_a_manifest_that_makes_it_again_from_its_beginning(engine, studio):
    """Of its parent's blocks and its own, also of a branch of a branch; the page too is of all."""
    studio.run(blocks=7)
    studio.branch(5, STAR)
    studio.run(blocks=2)
    studio.branch(6, "it turns green")
    assert len(studio.manifest().blocks) == 6
    studio.run(blocks=2)
    run = studio.manifest()
    pictures = [name for line in run.blocks for name in line.pictures]
    assert pictures == list(picture_hashes(studio.frames))
    assert run.timeline == studio.timeline
    assert [mark.prompt for mark in run.landings] == [RED, "it turns blue", STAR, "it turns green"]
    assert replay(run, engine=engine).equal


def test_a_video_that_is_gone_back_to_has_its_manifest(engine, studio):
    studio.run(blocks=4)
    before = studio.manifest()
    studio.branch(2, STAR)
    studio.run(blocks=3)
    studio.walk(0)
    assert studio.manifest() == before
    studio.run(blocks=1)
    run = studio.manifest()
    assert (len(run.blocks), run.blocks[:4], run.timeline) == (5, before.blocks, TIMELINE)
    assert replay(run, engine=engine).equal
    studio.stop()
    assert studio.manifest() == run


def test_a_block_that_is_begun_but_not_decoded_yet_is_not_left(engine):
    """Nobody has it: neither a branch nor its manifest could have it as its past."""
    behind = engine.under(PLAIN.with_(name="behind", decode_behind=True))
    studio = LongLiveWidget(behind, TIMELINE, seed=3)
    studio.size_px = SMALL_PX
    studio.start()
    _wait_until(lambda: len(studio.history) >= 2)
    studio.pause()
    _wait_until(lambda: not studio._runner._making)
    made = len(studio.history)
    assert studio._runner.place[1] == made + 1
    for _ in range(2):  # before it was left, and after it was gone back to
        with pytest.raises(SessionError, match=rf"block {made + 1} is .*: use 0 to {made}$"):
            studio.branch(made + 1, STAR)
        studio.branch(made, STAR)
        studio.run(blocks=1)
        assert replay(studio.manifest(), engine=behind).equal
        studio.walk(0)
    studio.run(blocks=2)
    assert replay(studio.manifest(), engine=behind).equal
    assert len(studio.manifest().blocks) == len(studio.history) == made + 2
    studio.close()


def test_a_branch_from_before_another_preset_took_over_is_under_the_present_one(engine, studio):
    """Its manifest says so, and makes it again."""
    studio.run(blocks=2)
    studio.preset = PLAIN.with_(name="more", denoise_steps=(1000, 250))
    studio.run(blocks=1)
    studio.branch(1, STAR)
    studio.run(blocks=2)
    run = studio.manifest()
    assert [(turn.block, turn.preset.name) for turn in run.presets] == [(1, "more")]
    assert [record.preset for record in studio.history] == ["plain", "more", "more"]
    assert replay(run, engine=engine).equal
    studio.walk(0)
    with pytest.raises(SessionError, match=r"from block 2 on, and no branch .* at block 3"):
        studio.branch(3)


def test_a_branch_becomes_a_page_and_a_recording(studio, tmp_path):
    studio.run(blocks=3)
    studio.branch(2, STAR)
    path = studio.record(tmp_path / "branch", lossless=True)
    studio.run(blocks=2)
    assert studio.cut() == path
    recording = Recording.open(path)
    assert [line.block for line in recording.records] == [2, 3]
    assert recording.different() == ()
    assert recording.manifest == studio.manifest().since(2)
    page = studio.export_html(tmp_path / "branch.html").read_text(encoding="utf-8")
    assert STAR in page


@pytest.mark.fault(
    "Memory and disks",
    "a video is left while it is recorded",
    "the recording is whole",
)
def test_a_recording_of_a_video_that_is_left_is_whole_and_is_where_cut_says(studio, tmp_path):
    path = studio.record(tmp_path / "root")
    studio.run(blocks=3)
    manifest = studio.manifest()
    studio.branch(2, STAR)
    studio.run(blocks=1)
    assert studio._runner.state().recording is None
    assert studio.cut() == path
    assert Recording.open(path).manifest == manifest
    studio.record(tmp_path / "branch")  # another one is asked for: the first is no longer
    studio.run(blocks=1)
    assert studio.cut() == tmp_path / "branch"
    assert studio.errors == ()


def test_its_code_makes_a_branch_from_the_beginning(studio):
    studio.run(blocks=3)
    studio.branch(2, STAR)
    studio.run(blocks=2)
    made: dict[str, object] = {}
    exec(studio.code(), made)
    again = made["studio"]
    assert isinstance(again, LongLiveWidget)
    again.run(blocks=4)
    assert np.array_equal(again.frames, studio.frames)
    again.close()


def test_a_branch_that_a_page_asks_for_plays_at_once(studio):
    studio.run(blocks=3)
    run = studio._runner.state().run
    asked = {"type": "branch", "view": "12-34", "run": run, "block": 2, "prompt": STAR}
    studio._on_page_message(studio, asked, [])
    _wait_until(lambda: len(studio.branches) == 2 and len(studio.history) > 3)
    assert studio.status == "running"
    studio._on_page_message(studio, {**asked, "run": run}, [])
    _wait_until(lambda: studio.errors)
    assert "another video has begun meanwhile" in str(studio.errors[-1])
    studio._on_page_message(studio, {"type": "walk", "view": "12-34", "branch": 0}, [])
    _wait_until(lambda: studio._runner.branching.present.number == 0)
    studio.close()
    names = [thread.name for thread in threading.enumerate()]
    assert "longlive-branches" not in names


def test_states_larger_than_their_room_are_not_taken_again_and_again(engine):
    studio = LongLiveWidget(engine, TIMELINE, seed=3, branch_bytes=1000)
    studio.size_px = SMALL_PX
    studio.run(blocks=13)
    assert studio.branches[0].frozen == ()
    message, _ = studio._runner.branching.message()
    assert (message.states, message.dropped) == (0, 1)
    studio.branch(3, STAR)
    studio.run(blocks=1)
    assert np.array_equal(studio.frames, _alone(engine, Timeline.of(RED, (9, STAR)), 4))
    studio.close()


def test_a_state_is_kept_at_one_in_so_many_blocks(engine):
    studio = LongLiveWidget(engine, TIMELINE, seed=3, every_blocks=2)
    studio.size_px = SMALL_PX
    studio.run(blocks=5)
    assert studio.branches[0].frozen == (2, 4)
    studio.close()
    with pytest.raises(SessionError, match="every_blocks 0 is out of range: use 1 or more"):
        LongLiveWidget(engine, TIMELINE, every_blocks=0)


def test_a_video_that_is_released_is_gone_with_all_that_left_it(studio):
    studio.run(blocks=6)
    studio.branch(4, STAR)
    studio.run(blocks=2)
    studio.branch(5, RED)
    studio.walk(0)
    before = studio._runner.branching.message()[0]
    assert before.left_bytes > 0
    studio.release(1)
    after = studio._runner.branching.message()[0]
    assert [node.number for node in studio.branches] == [0]
    assert after.left_bytes == 0
    tree = studio._runner.branching._tree
    assert list(tree.root.walk()) == [tree.root]
    assert studio.branch(4, STAR) == 3
    with pytest.raises(SessionError, match="branch 1 was released: there are 0, 3"):
        studio.walk(1)


def test_the_video_that_is_shown_and_those_it_has_left_stay(studio):
    studio.run(blocks=4)
    studio.branch(2, STAR)
    studio.walk(0)
    studio.branch(1, RED)
    shown = "video 2 is shown: walk"
    for number, told in ((2, shown), (0, "video 0 was left by the one that is shown, 2: walk")):
        with pytest.raises(SessionError, match=told):
            studio.release(number)
    studio.release(1)
    assert [node.number for node in studio.branches] == [0, 2]
    with pytest.raises(SessionError, match="branch 5 is out of range: use 0 to 2"):
        studio.release(5)


def test_windows_of_videos_that_are_not_shown_keep_within_their_bytes(studio):
    studio.run(blocks=3)
    branching = studio._runner.branching
    branching._window_bytes = 2 * studio._runner.session.window_bytes
    studio.branch(2, STAR)
    studio.walk(0)
    studio.branch(2, RED)
    studio.walk(0)
    with pytest.raises(SessionError, match=r"release\(\) one, or stop\(\) all"):
        studio.branch(2, "a blue star")
    assert len(studio.branches) == 3
    studio.release(1)
    studio.branch(2, "a blue star")
    assert [node.number for node in studio.branches] == [0, 2, 3]


def test_a_page_lets_go_of_a_video(studio):
    studio.run(blocks=3)
    studio.branch(2, STAR)
    studio.walk(0)
    studio._handle_custom_msg({"type": "release", "view": "1-2", "branch": 1}, [])
    _wait_until(lambda: len(studio.branches) == 1)
