"""A transition steers block by block, from one prompt to the next, and again in the same way."""

import numpy as np
import pytest
import torch

from longlive_widget import Engine, Timeline
from longlive_widget.engine.decode import decode_now
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise import BlockNoise
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.engine.steering import blended
from longlive_widget.engine.windows import new_window
from longlive_widget.errors import TimelineError
from longlive_widget.geometry import Geometry
from longlive_widget.presets import Preset
from longlive_widget.timeline import Entry, Transition

RED = "a red ball moves right on black"
BLUE = "a blue star rests in the snow"
RING = "a small green ring spins slowly at sunset"
SMALL_PX = (48, 32)
SLERP = Transition(2, "slerp")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny")


def plan(transition, prompt=BLUE):
    return Timeline.of(RED, Entry(6, prompt, transition))


def made(engine, timeline, blocks=6):
    return [b.frames for b in engine.session(timeline, seed=3, size_px=SMALL_PX).blocks(blocks)]


def same(some, others):
    return [np.array_equal(one, other) for one, other in zip(some, others, strict=True)]


@pytest.fixture(scope="module")
def cut(engine):
    return made(engine, plan(Transition()))


@pytest.mark.parametrize(
    "transition", [Transition(2), SLERP, Transition(0, recache=False), Transition(2, recache=False)]
)
def test_a_transition_changes_nothing_before_it_lands_and_is_made_again_to_the_bit(
    engine, cut, transition
):
    first = made(engine, plan(transition))
    assert same(first, cut) == 2 * [True] + 4 * [False]
    assert all(same(first, made(engine, plan(transition))))


def test_a_transition_that_is_asked_for_live_is_the_planned_one(engine):
    session = engine.session(RED, seed=3, size_px=SMALL_PX)
    live = [block.frames for block in session.blocks(2)]
    session.switch(BLUE, SLERP)
    live += [block.frames for block in session.blocks(4)]
    assert all(same(live, made(engine, plan(SLERP))))
    assert session.timeline == plan(SLERP)


def by_hand(engine, texts, *, recache=True):
    """The pictures of six blocks over these embeddings, each from its block on."""
    model, geometry = engine.model, Geometry(*SMALL_PX)
    window = new_window(engine.preset, model.sizes, geometry, "relative")
    rollout = Rollout(Denoiser(model.transformer, window), levels(engine.preset.denoise_steps))
    stream, pictures = model.decoder.stream(), []
    with torch.inference_mode():
        for block in range(6):
            if block in texts:
                follow = rollout.steer if recache or block == 0 else rollout.follow
                follow(model.transformer.read_text(texts[block]))
            noise = BlockNoise(3, block, geometry)
            pictures.append(decode_now(stream, rollout.next_block(noise(), noise)))
    return pictures


@pytest.mark.parametrize("recache", [True, False])
def test_a_transition_is_a_rollout_over_blends_of_the_embeddings(engine, recache):
    """From a third over two thirds to all of the next prompt; memory anew under each, or never."""
    start, end = engine.model.embed(RED), engine.model.embed(BLUE)
    a_third, two_thirds = (torch.lerp(start, end, share) for share in (1 / 3, 2 / 3))
    wanted = by_hand(engine, {0: start, 2: a_third, 3: two_thirds, 4: end}, recache=recache)
    assert all(same(wanted, made(engine, plan(Transition(2, recache=recache)))))


def test_a_prompt_that_comes_in_a_transition_takes_over_from_the_blend(engine):
    start, end, ring = map(engine.model.embed, (RED, BLUE, RING))
    a_fifth = torch.lerp(start, end, 1 / 5)
    wanted = by_hand(engine, {0: start, 2: a_fifth, 3: torch.lerp(a_fifth, ring, 1 / 2), 4: ring})
    interrupted = plan(Transition(4)).with_entry(Entry(9, RING, Transition(1)))
    assert all(same(wanted, made(engine, interrupted)))


def test_a_preset_that_decodes_behind_or_keeps_places_makes_the_same_transition(engine):
    timeline = plan(Transition(2, "slerp", recache=False))
    expected = made(engine, timeline)
    for setting in ({"decode_behind": True}, {"memory_pool": True, "window_cache": "static"}):
        other = Engine(engine.model, Preset("other", "", engine.preset.denoise_steps, **setting))
        assert all(same(made(other, timeline), expected)), setting


def test_a_video_does_not_begin_with_a_transition(engine):
    with pytest.raises(TimelineError, match="none to take over from"):
        engine.session(RED).switch(BLUE, SLERP)


@pytest.mark.parametrize("blend", ["linear", "slerp"])
def test_a_blend_lies_between_its_ends(blend):
    start, end = torch.randn(2, 1, 5, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(blended(start, end, 0.0, blend), start, atol=1e-5)
    assert torch.allclose(blended(start, end, 1.0, blend), end, atol=1e-5)


def test_the_line_is_the_mean_and_the_arc_keeps_the_length():
    start, end = torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[0.0, 3.0]]])
    assert torch.allclose(blended(start, end, 0.5, "linear"), torch.tensor([[[1.5, 1.5]]]))
    arc = blended(start, end, 1 / 3, "slerp")
    assert torch.allclose(arc, torch.tensor([[[3 * 3**0.5 / 2, 1.5]]]))


def test_tokens_that_are_empty_parallel_or_opposite_are_blended_too():
    start = torch.tensor([[[0.0, 0.0], [1.0, 2.0], [1.0, 0.0], [0.0, 0.0]]])
    end = torch.tensor([[[1.0, 0.0], [2.0, 4.0], [-1.0, 0.0], [0.0, 0.0]]])
    arc = blended(start, end, 0.5, "slerp")
    assert torch.isfinite(arc).all()
    assert torch.allclose(arc[0, 1:], torch.tensor([[1.5, 3.0], [0.0, 0.0], [0.0, 0.0]]))
