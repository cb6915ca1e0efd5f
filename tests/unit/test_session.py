"""A session on the embedded model: landings, steering, and the same pictures again."""

import threading

import numpy as np
import pytest

from longlive_widget import Engine, Timeline
from longlive_widget.errors import (
    CapabilityError,
    GeometryError,
    ModelNotFoundError,
    PresetError,
    SessionError,
    TimelineError,
)
from longlive_widget.presets import Preset

RED = "a red ball moves right on black"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny")


def _pictures(engine: Engine, timeline: Timeline | str, blocks: int, **options: object):
    return np.concatenate([b.frames for b in engine.session(timeline, **options).blocks(blocks)])


def test_the_first_block_gives_nine_pictures_and_later_ones_twelve(engine: Engine):
    shapes = [block.frames.shape for block in engine.session(RED).blocks(3)]
    assert shapes == [(9, 96, 160, 3), (12, 96, 160, 3), (12, 96, 160, 3)]


def test_the_same_seed_and_timeline_give_the_same_pictures_to_the_bit(engine: Engine):
    timeline = Timeline.of(RED, (4, "it turns blue"))
    first = _pictures(engine, timeline, 4, seed=3)
    assert np.array_equal(first, _pictures(engine, timeline, 4, seed=3))
    assert not np.array_equal(first, _pictures(engine, timeline, 4, seed=4))


def test_a_video_made_in_parts_is_the_video_made_at_once(engine: Engine):
    session = engine.session(RED, seed=3)
    parts = [block.frames for count in (1, 2) for block in session.blocks(count)]
    assert np.array_equal(np.concatenate(parts), _pictures(engine, RED, 3, seed=3))


def test_a_switch_changes_no_picture_before_it_lands(engine: Engine):
    switched = _pictures(engine, Timeline.of(RED, (6, "a blue star on white")), 3, seed=5)
    plain = _pictures(engine, RED, 3, seed=5)
    assert np.array_equal(switched[:21], plain[:21])
    assert not np.array_equal(switched[21:], plain[21:])


def test_a_timeline_entry_lands_on_the_first_block_at_or_after_it(engine: Engine):
    blocks = list(engine.session(Timeline.of(RED, (4, "it turns blue"))).blocks(4))
    landed = {block.index: block.landed.asked_at for block in blocks if block.landed}
    assert landed == {0: 0, 2: 4}
    assert [block.prompt for block in blocks] == [RED, RED, "it turns blue", "it turns blue"]


def test_a_live_switch_lands_on_the_next_block_and_equals_a_planned_one(engine: Engine):
    session = engine.session(RED, seed=2)
    before = [block.frames for block in session.blocks(2)]
    landing = session.switch("it turns blue")
    after = [block.frames for block in session.blocks(1)]
    assert (landing.block, landing.lands_at) == (2, 6)
    planned = _pictures(engine, Timeline.of(RED, (6, "it turns blue")), 3, seed=2)
    assert np.array_equal(np.concatenate(before + after), planned)


def test_of_two_switches_on_one_block_the_last_wins_and_both_are_told(engine: Engine):
    session = engine.session(RED)
    session.switch("it turns blue")
    session.switch("it turns green")
    (block,) = session.blocks(1)
    assert block.prompt == "it turns green"
    lost = [(landing.prompt, landing.replaced_by) for landing in session.landings]
    assert lost == [
        (RED, "it turns green"),
        ("it turns blue", "it turns green"),
        ("it turns green", None),
    ]


def test_a_switch_from_another_thread_lands(engine: Engine):
    session = engine.session(RED)
    next(session.blocks(1))
    thread = threading.Thread(target=session.switch, args=("it turns blue",))
    thread.start()
    thread.join()
    (block,) = session.blocks(1)
    assert block.prompt == "it turns blue"


def test_a_prompt_steers_the_ground_and_a_switch_changes_it(engine: Engine):
    timeline = Timeline.of("a red ball rests on black", (6, "a red ball on a white ground"))
    pictures = _pictures(engine, timeline, 4, seed=1)
    assert pictures[20].mean() < 40
    assert pictures[-1].mean() > 200


def test_positions_do_not_matter_until_the_window_is_full(engine: Engine):
    relative = _pictures(engine, RED, 5, seed=1)
    absolute = _pictures(engine, RED, 5, seed=1, positions="absolute")
    full = 9 + 3 * 12
    difference = np.abs(relative.astype(int) - absolute.astype(int))
    assert difference[:full].max() <= 1
    assert difference[full:].max() > 1


def test_another_picture_size_is_kept(engine: Engine):
    (block,) = engine.session(RED, size_px=(96, 64)).blocks(1)
    assert block.frames.shape == (9, 64, 96, 3)


def test_random_weights_are_told_apart():
    engine = Engine.load("tiny", weights="random")
    assert engine.weights == "random"
    assert "random weights" in repr(engine)


@pytest.mark.parametrize("count", [0, -1])
def test_no_blocks_are_refused_before_any_work(engine: Engine, count: int):
    session = engine.session(RED)
    with pytest.raises(SessionError, match=f"{count} blocks"):
        session.blocks(count)
    assert session.next_block == 0


def test_bad_input_is_told_in_one_sentence(engine: Engine):
    with pytest.raises(ModelNotFoundError, match=r"'tinny'.*there is tiny"):
        Engine.load("tinny")
    with pytest.raises(PresetError, match=r"'fast'.*reference"):
        Engine.load("tiny", "fast")
    with pytest.raises(PresetError, match=r"keeps 5 latent frames.*needs 6"):
        Engine.load("tiny", Preset("narrow", "", window_frames=5))
    with pytest.raises(CapabilityError, match="'warp'"):
        Engine.load("tiny", device="warp")
    with pytest.raises(TimelineError, match="empty"):
        engine.session("  ")
    with pytest.raises(GeometryError, match=r"width 100.*use 96"):
        engine.session(RED, size_px=(100, 96))
    with pytest.raises(SessionError, match="seed -1"):
        engine.session(RED, seed=-1)
    with pytest.raises(TimelineError, match="empty"):
        engine.session(RED).switch("")


def test_a_session_that_failed_says_so_and_stays_failed(engine: Engine, monkeypatch):
    session = engine.session(RED)

    def interrupted(*_anything: object):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("longlive_widget.engine.session.decode_now", interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(session.blocks(1))
    with pytest.raises(SessionError, match="block 0 of this session failed"):
        next(session.blocks(1))
