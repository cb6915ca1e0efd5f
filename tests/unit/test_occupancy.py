"""What a session says of its window, block by block, in windows of every kind."""

from itertools import pairwise

import pytest

from longlive_widget import Engine, Preset
from longlive_widget.cache.occupancy import Occupancy

SIZE_PX = (64, 48)
DRAFT = Preset("draft", "", denoise_steps=(1000,), window_frames=9)
KINDS = ("rolling", "static", "ring")


@pytest.fixture(scope="module")
def blocks():
    """Eight blocks in a window of each kind, a sink of three frames in it; a switch at block 5."""
    made = {}
    for kind in KINDS:
        engine = Engine.load("tiny", DRAFT.with_(window_cache=kind), device="cpu")
        session = engine.session("a red ball", size_px=SIZE_PX)
        made[kind] = [*session.blocks(5)]
        session.switch("a blue star")
        made[kind] += session.blocks(3)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_fills_and_then_gives_up_the_oldest_block_after_the_sink(blocks, kind):
    first, second, third, fourth, *_ = (block.window for block in blocks[kind])
    assert first == Occupancy(9, (0, 1, 2), (0, 1, 2), (0, 1, 2), ())
    assert second == Occupancy(9, (0, 1, 2, 3, 4, 5), (0, 1, 2), (3, 4, 5), ())
    assert third == Occupancy(9, tuple(range(9)), (0, 1, 2), (6, 7, 8), (3, 4, 5))
    assert sorted(fourth.frames) == [0, 1, 2, *range(6, 12)]
    assert (fourth.opened, fourth.evicted_next) == ((9, 10, 11), (6, 7, 8))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_to_give_way_is_what_the_next_block_no_longer_sees(blocks, kind):
    made = blocks[kind]
    for before, after in pairwise(made):
        gone = set(before.window.frames) - set(after.window.frames)
        assert gone == set(before.window.evicted_next), after.index
        assert after.window.opened == tuple(range(after.latent_frame, after.latent_frame + 3))


def test_a_ring_overwrites_and_begins_anew_after_a_recache_where_others_keep_to_time(blocks):
    held = {kind: [block.window.frames for block in made] for kind, made in blocks.items()}
    ring = held["ring"]
    assert ring[4] == (0, 1, 2, 9, 10, 11, 12, 13, 14)
    assert ring[3] == (0, 1, 2, 9, 10, 11, 6, 7, 8)
    landed = blocks["ring"][5]
    assert landed.landed is not None
    assert ring[5] == (0, 1, 2, 15, 16, 17, 12, 13, 14), "its frames were put in their places again"
    assert held["static"] == held["rolling"]
    assert all(list(frames) == sorted(frames) for frames in held["static"])


@pytest.mark.parametrize("behind", [False, True])
def test_each_block_tells_of_its_own_window_also_where_the_next_one_is_begun_meanwhile(behind):
    preset = DRAFT.with_(decode_behind=behind)
    session = Engine.load("tiny", preset, device="cpu").session("a red ball", size_px=SIZE_PX)
    for block in session.blocks(4):
        assert block.window.opened[0] == block.latent_frame
