"""Engines on one history: the first one's is that of its session, and the others follow it."""

import math

import numpy as np
import pytest
import torch

from longlive_widget import Engine, Timeline
from longlive_widget.engine.side_by_side import psnr_db, side_by_side, squared_error

TIMELINE = Timeline.of("a red ball moves right on white", (6, "it turns blue"))
BLOCKS = 6
SIZE_PX = (48, 32)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


def test_the_first_engine_makes_the_video_of_its_session(engine: Engine):
    """Over a switch, and until the window has turned."""
    session = engine.session(TIMELINE, seed=5, size_px=SIZE_PX)
    for (pictures,), block in zip(
        side_by_side([engine], TIMELINE, BLOCKS, seed=5, geometry=engine.geometry_at(SIZE_PX)),
        session.blocks(BLOCKS),
        strict=True,
    ):
        assert np.array_equal(pictures.numpy(), block.frames)


def test_an_engine_that_follows_is_off_by_its_own_block_alone(engine: Engine):
    """Two steps make other pictures, and yet one block after the other the history is the same."""
    coarse = Engine(engine.model, engine.preset.with_(denoise_steps=(1000, 250)))
    alike = Engine(engine.model, engine.preset.with_(window_cache="ring"))
    alone = coarse.session(TIMELINE, seed=5, size_px=SIZE_PX)
    size = engine.geometry_at(SIZE_PX)
    near, far = [], []
    for (right, same, other), block in zip(
        side_by_side([engine, alike, coarse], TIMELINE, BLOCKS, seed=5, geometry=size),
        alone.blocks(BLOCKS),
        strict=True,
    ):
        assert psnr_db(squared_error(same, right)) > 60
        near.append(squared_error(other, right))
        far.append(squared_error(torch.from_numpy(block.frames), right))
    assert near[0] == far[0] > 0
    assert sum(near) < sum(far)


def test_psnr_counts_from_255():
    black, grey = torch.zeros(2, 3, dtype=torch.uint8), torch.full((2, 3), 51, dtype=torch.uint8)
    assert psnr_db(squared_error(black, grey)) == pytest.approx(20 * math.log10(5))
    assert psnr_db(squared_error(grey, grey)) == math.inf
