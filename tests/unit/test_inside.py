"""Looking inside changes nothing, and finds what slow and obvious code finds."""

import math

import numpy as np
import pytest
import torch

from longlive_widget import Engine, Entry, Timeline, Transition
from longlive_widget.errors import SessionError, TimelineError
from longlive_widget.measure.inside import Inside, _Shares
from longlive_widget.measure.inside_charts import (
    attention_figure,
    layers_figure,
    pictures_figure,
    recache_figure,
    steps_figure,
)
from longlive_widget.model.attention import torch_attention
from longlive_widget.presets import Preset

RED, STAR = "a red ball moves right on white", "a big yellow star spins"
TIMELINE = Timeline.of(RED, (9, STAR))
SMALL_PX = (48, 32)
PLAIN = Preset("plain", "", (1000, 500), window_frames=9)
KINDS = {"rolling": PLAIN, "ring": PLAIN.with_(window_cache="ring")}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", PLAIN, device="cpu")


@pytest.mark.parametrize("preset", KINDS.values(), ids=KINDS)
def test_its_pictures_are_those_of_a_session(engine: Engine, preset: Preset):
    """Over a switch, and once the window has turned; looked into or not."""
    maker = Engine(engine.model, preset)
    wanted = [b.frames for b in maker.session(TIMELINE, 3, size_px=SMALL_PX).blocks(6)]
    inside = Inside(maker, TIMELINE, 3, size_px=SMALL_PX)
    first = inside.look()
    inside.skip(2)
    later = [inside.look() for _ in range(3)]
    assert [look.block for look in later] == [3, 4, 5]
    assert np.array_equal(first.pictures, wanted[0])
    for look, frames in zip(later, wanted[3:], strict=True):
        assert np.array_equal(look.pictures, frames)
    assert maker.model.transformer.attend is torch_attention


def test_each_step_makes_something_else_and_the_last_one_the_block(engine: Engine):
    inside = Inside(engine.under(PLAIN.with_(denoise_steps=(1000, 750, 500, 250))), RED, 3)
    *_, last = steps = inside.look().steps
    near = [step.psnr_db(last) for step in steps]
    assert len(set(near)) == 4
    assert near[0] < near[2] < near[3] == math.inf
    assert [step.timestep for step in steps] == sorted((s.timestep for s in steps), reverse=True)


@pytest.mark.parametrize("preset", KINDS.values(), ids=KINDS)
def test_attention_is_shared_out_over_the_frames_in_the_window(engine: Engine, preset: Preset):
    inside = Inside(Engine(engine.model, preset), RED, 3, size_px=SMALL_PX)
    inside.skip(5)
    found = inside.look().attention
    assert found.frames == (0, 1, 2, 12, 13, 14, 15, 16, 17)
    assert found.ages == (15, 14, 13, 3, 2, 1, 0, 0, 0)
    assert found.sink == (0, 1, 2)
    assert found.share_SLF.shape == (2, 10, 9)
    assert found.share_SLF.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    assert found.mean_F[6:].sum() > found.mean_F[3:6].sum()  # a block looks at itself most


def test_the_share_of_a_frame_is_the_same_wherever_it_lies(engine: Engine):
    shares = []
    for preset in KINDS.values():
        inside = Inside(Engine(engine.model, preset), RED, 3, size_px=SMALL_PX)
        inside.skip(4)
        shares.append(inside.look().attention.share_SLF)
    assert shares[0] == pytest.approx(shares[1], abs=1e-4)


def test_a_share_is_what_a_value_that_marks_its_frame_brings():
    """Attention over values that are 1 in one frame and 0 elsewhere gives that frame's share."""
    q, k = torch.randn(1, 6, 2, 8), torch.randn(1, 12, 2, 8)
    shares = _Shares(torch_attention, tokens_per_frame=4)
    for frame in range(3):
        v = torch.zeros(1, 12, 2, 8)
        v[:, 4 * frame : 4 * frame + 4] = 1
        seen = torch_attention(q, k, v).mean()
        shares.of_layers.clear()
        shares(q, k, v)
        (found,) = shares.of_layers
        assert float(found[frame]) == pytest.approx(float(seen), abs=1e-6)


@pytest.mark.parametrize("preset", KINDS.values(), ids=KINDS)
def test_a_recache_moves_all_but_the_sink(engine: Engine, preset: Preset):
    inside = Inside(Engine(engine.model, preset), RED, 3, size_px=SMALL_PX)
    inside.skip(5)
    change = inside.switch(STAR)
    assert change.prompts == (RED, STAR)
    assert change.frames == (0, 1, 2, 9, 10, 11, 12, 13, 14)
    assert change.sink == (0, 1, 2)
    for moved_LF in (change.key_LF, change.value_LF):
        assert moved_LF.shape == (10, 9)
        assert (moved_LF[:, :3] == 0).all()
        assert (moved_LF[1:, 3:] > 0.01).all()
    timeline = Timeline.of(RED, (15, STAR))
    *_, wanted = Engine(engine.model, preset).session(timeline, 3, size_px=SMALL_PX).blocks(6)
    assert np.array_equal(inside.look().pictures, wanted.frames)


def test_figures_have_what_was_found(engine: Engine):
    inside = Inside(engine, RED, 3, size_px=SMALL_PX)
    inside.skip(5)
    look = inside.look()
    bars = {bar.name: len(bar.x) for bar in attention_figure(look.attention).data}
    assert bars == {"sink": 3, "remembered": 3, "this block": 3}
    assert layers_figure(look.attention).data[0].z.shape == (10, 9)
    assert len(steps_figure(look).layout.annotations) == 2
    change = inside.switch(STAR)
    assert [bar.name for bar in recache_figure(change).data] == ["keys", "values"]
    fresh = pictures_figure({"one": look.pictures}).data[0].source
    assert fresh.startswith("data:image/png;base64,")


def test_what_cannot_be_looked_into_is_told(engine: Engine):
    inside = Inside(engine, RED, size_px=SMALL_PX)
    with pytest.raises(SessionError, match="before the first block"):
        inside.switch(STAR)
    inside.skip(1)
    with pytest.raises(TimelineError, match="empty"):
        inside.switch(" ")
    blended = Timeline.of(RED, Entry(6, STAR, Transition(blocks=2)))
    with pytest.raises(SessionError, match="only cuts are known"):
        Inside(engine, blended)
