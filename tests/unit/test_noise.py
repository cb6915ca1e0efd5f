"""The noise of a block: the same, whenever it is drawn."""

import torch

from longlive_widget.engine.noise import BlockNoise
from longlive_widget.geometry import Geometry

GEOMETRY = Geometry(160, 96)


def test_noise_that_was_drawn_ahead_is_that_which_is_drawn_when_asked_for():
    noise, ahead = (BlockNoise(3, 7, GEOMETRY) for _ in range(2))
    ahead.draw_ahead(2)
    drawn = [noise() for _ in range(3)]
    assert all(torch.equal(ahead(), each) for each in drawn)
    assert not torch.equal(drawn[0], drawn[1])


def test_blocks_and_seeds_have_noise_of_their_own():
    first = BlockNoise(3, 7, GEOMETRY)()
    assert not torch.equal(first, BlockNoise(3, 8, GEOMETRY)())
    assert not torch.equal(first, BlockNoise(4, 7, GEOMETRY)())
