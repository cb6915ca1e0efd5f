"""The newest pictures of a video, within a bound of memory."""

from collections import deque
from typing import TYPE_CHECKING

from longlive_widget.geometry import pictures_before

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longlive_widget.engine.session import Block

REEL_BYTES = 256 * 2**20


class Reel:
    """The newest blocks, exactly as they were made; the oldest go when `limit_bytes` is full.

    The default of 256 MiB holds 6 minutes at 160 x 96 and 14 s at 832 x 480. The newest block is
    kept whatever its size.
    """

    def __init__(self, limit_bytes: int = REEL_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.forgotten_blocks = 0
        self._blocks: deque[Block] = deque()
        self._bytes = 0

    @property
    def blocks(self) -> "tuple[Block, ...]":
        """The blocks that are kept, oldest first."""
        return tuple(self._blocks)

    def picture(self, number: int) -> "NDArray[np.uint8] | None":
        """Picture `number` of the video, `[H, W, 3]`; None where it is not kept."""
        for block in self._blocks:
            within = number - pictures_before(block.latent_frame)
            if 0 <= within < len(block.frames):
                picture: NDArray[np.uint8] = block.frames[within]
                return picture
        return None

    def append(self, block: "Block") -> None:
        """Keep a block, and forget the oldest ones where there is no room."""
        self._blocks.append(block)
        self._bytes += block.frames.nbytes
        while self._bytes > self.limit_bytes and len(self._blocks) > 1:
            self._bytes -= self._blocks.popleft().frames.nbytes
            self.forgotten_blocks += 1
