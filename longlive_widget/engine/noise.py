"""The noise that the blocks of a video begin with.

Drawn on the host, so that a seed gives the same on every device: at full size some milliseconds.

Axes: B batch, F latent frames, C channels, H rows, W columns.
"""

from collections import deque

import torch
from torch import Tensor

from longlive_widget.geometry import Geometry

MOST_BLOCKS = 2**24


class BlockNoise:
    """Draws the noise of one block, call by call, from a generator of its own."""

    def __init__(self, seed: int, block: int, geometry: Geometry) -> None:
        self.of = seed, block
        self._generator = torch.Generator().manual_seed(seed * MOST_BLOCKS + block)
        self._shape = (1, *geometry.latent_block_shape)
        self._ahead: deque[Tensor] = deque()

    def __call__(self, _step: int = 0) -> Tensor:
        """The next draw, `BFCHW` in float32."""
        return self._ahead.popleft() if self._ahead else self._drawn()

    def draw_ahead(self, draws: int) -> None:
        """Draw what the next calls give, while there is nothing else to do."""
        self._ahead.extend(self._drawn() for _ in range(draws))

    def _drawn(self) -> Tensor:
        return torch.randn(self._shape, generator=self._generator, dtype=torch.float32)
