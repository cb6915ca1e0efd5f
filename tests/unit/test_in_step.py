"""Videos in step: each is what its engine makes alone, and all follow one plan."""

import math

import numpy as np
import pytest
import torch

from longlive_widget import Engine, Timeline
from longlive_widget.engine.side_by_side import psnr_db, squared_error
from longlive_widget.errors import SessionError, TimelineError
from longlive_widget.measure.in_step import InStep, Side
from longlive_widget.measure.metrics import ssim

TIMELINE = Timeline.of("a red ball moves right on white", (6, "it turns blue"))
STAR = "a big yellow star spins"
SMALL_PX = (48, 32)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


@pytest.fixture(scope="module")
def coarse(engine: Engine) -> Engine:
    return engine.under(engine.preset.with_(denoise_steps=(1000, 250)))


def _alone(engine: Engine, timeline: Timeline, count: int, seed: int = 3):
    session = engine.session(timeline, seed, size_px=SMALL_PX)
    return [block.frames for block in session.blocks(count)]


def test_each_side_is_the_video_that_its_engine_makes_alone(engine: Engine, coarse: Engine):
    sides = Side("one", engine), Side("other", coarse), Side("drawn", engine, seed=4)
    rounds = list(InStep(sides, TIMELINE, 3, size_px=SMALL_PX).rounds(4))
    for place, (maker, seed) in enumerate([(engine, 3), (coarse, 3), (engine, 4)]):
        alone = _alone(maker, TIMELINE, 4, seed)
        assert all(
            np.array_equal(made.blocks[place].frames, frames)
            for made, frames in zip(rounds, alone, strict=True)
        )


def test_a_prompt_of_a_side_takes_the_place_of_the_first_one_alone(engine: Engine):
    in_step = InStep([Side("star", engine, prompt=STAR)], TIMELINE, 3, size_px=SMALL_PX)
    alone = _alone(engine, Timeline.of(STAR, (6, "it turns blue")), 3)
    made = [round_.blocks[0].frames for round_ in in_step.rounds(3)]
    assert all(map(np.array_equal, made, alone))


def test_figures_are_those_of_the_pictures_before_any_coding(engine: Engine, coarse: Engine):
    sides = Side("one", engine), Side("other", coarse, against=0), Side("same", engine, against=0)
    (made,) = InStep(sides, TIMELINE, 3, size_px=SMALL_PX).rounds(1)
    right, seen, _ = (torch.from_numpy(block.frames) for block in made.blocks)
    first, other, same = made.figures
    assert (first.psnr_db, first.ssim) == (None, None)
    assert other.psnr_db == psnr_db(squared_error(seen, right))
    assert other.ssim == pytest.approx(ssim(seen, right))
    assert (same.psnr_db, same.ssim) == (math.inf, pytest.approx(1))


def test_latency_is_of_a_sides_own_work(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """By a clock that goes forward by one second at each look: none is taken of another's work."""
    looks = iter(range(1000))
    monkeypatch.setattr("longlive_widget.measure.in_step.time.perf_counter", lambda: next(looks))
    in_step = InStep([Side("a", engine), Side("b", engine)], TIMELINE, size_px=SMALL_PX)
    (made,) = in_step.rounds(1)
    assert [figures.latency_ms for figures in made.figures] == [1000, 1000]


def test_a_switch_lands_on_the_same_block_of_all_though_one_has_begun_it(
    engine: Engine, coarse: Engine
):
    """Asked for while the second side is at work on the block that the first one has made."""
    asked = []

    class Watch:
        def span(self, name, block, _step=None):
            if name == "decode" and block == 1 and not asked:
                asked.append(in_step.switch(STAR))
            return torch.inference_mode()

    sides = Side("one", engine), Side("other", coarse)
    in_step = InStep(sides, TIMELINE, 3, size_px=SMALL_PX, watch=Watch())
    rounds = list(in_step.rounds(4))
    assert asked[0].block == 2
    prompts = [[block.prompt for block in made.blocks] for made in rounds]
    assert prompts[1:3] == [["a red ball moves right on white"] * 2, [STAR] * 2]
    again = InStep(sides, in_step.timeline, 3, size_px=SMALL_PX)
    for made, other in zip(rounds, again.rounds(4), strict=True):
        assert np.array_equal(made.blocks[1].frames, other.blocks[1].frames)


def test_what_has_begun_cannot_be_planned_anew(engine: Engine):
    in_step = InStep([Side("one", engine)], TIMELINE, size_px=SMALL_PX)
    next(in_step.rounds(1))
    with pytest.raises(TimelineError, match="too late to change"):
        in_step.replan(Timeline.of(STAR))


@pytest.mark.parametrize(
    ("against", "told"),
    [
        ([], "no video is to be made"),
        ([0], "held against side number 0, which is not before it"),
        ([None, -1], "held against side number -1"),
    ],
)
def test_sides_that_cannot_be_are_refused(engine: Engine, against, told):
    sides = [Side("one", engine, against=at) for at in against]
    with pytest.raises(SessionError, match=told):
        InStep(sides, TIMELINE)
