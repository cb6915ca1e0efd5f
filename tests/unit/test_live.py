"""A video that plays while one of its blocks in so many is profiled."""

from itertools import islice

import numpy as np
import pytest

from longlive_widget import Engine, Preset
from longlive_widget.errors import RecordError
from longlive_widget.measure.block_time import UNATTRIBUTED
from longlive_widget.measure.live import LiveProfiler

DRAFT = Preset("draft", "", denoise_steps=(1000,), window_frames=6)
SIZE_PX = (64, 48)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", DRAFT, device="cpu")


def test_one_block_in_so_many_is_profiled_and_the_pictures_are_the_same(engine: Engine):
    profiler = LiveProfiler(engine, every=3)
    session = engine.session("a red ball", size_px=SIZE_PX, watch=profiler.watch)
    made = list(islice(profiler.blocks(session), 7))
    plain = list(engine.session("a red ball", size_px=SIZE_PX).blocks(7))
    for (block, _), other in zip(made, plain, strict=True):
        assert np.array_equal(block.frames, other.frames)
    traces = {block.index: trace for block, trace in made if trace is not None}
    assert sorted(traces) == [2, 5]
    for trace in traces.values():
        assert {"self attention", "feed-forward up", "decoder stage 1"} <= set(trace.parts)
        known = sum(part.ms for name, part in trace.parts.items() if name != UNATTRIBUTED)
        assert 0 < known <= trace.elapsed_ms


def test_a_prompt_may_land_on_a_profiled_block(engine: Engine):
    profiler = LiveProfiler(engine, every=2)
    session = engine.session("a red ball", size_px=SIZE_PX, watch=profiler.watch)
    blocks = profiler.blocks(session)
    next(blocks)
    session.switch("a blue star")
    block, trace = next(blocks)
    assert block.landed is not None
    assert trace is not None
    assert "re-cache" in trace.parts


def test_nothing_is_left_of_it_where_the_video_ends(engine: Engine):
    profiler = LiveProfiler(engine, every=2)
    session = engine.session("a red ball", size_px=SIZE_PX, watch=profiler.watch)
    blocks = profiler.blocks(session)
    next(blocks)  # the profiler runs
    assert "forward" in vars(engine.model.transformer)
    blocks.close()
    assert "forward" not in vars(engine.model.transformer)


@pytest.mark.parametrize("every", [1, 0, 2.5])
def test_too_few_blocks_to_a_profiled_one_are_told(engine: Engine, every):
    with pytest.raises(RecordError, match=f"blocks to a profiled one {every} is"):
        LiveProfiler(engine, every)
