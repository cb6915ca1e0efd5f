"""The newest pictures of a video, within a bound of memory."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longlive_widget.geometry import PICTURES_PER_SECOND, pictures_before

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longlive_widget.engine.decode import Pictures
    from longlive_widget.engine.session import Block

REEL_BYTES = 256 * 2**20
CODED_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Shot:
    """A block for a video file: the H.264 that was shown, if it was; its pictures, if kept."""

    latent_frame: int
    units: Sequence[bytes]
    frames: "Pictures | None"

    @property
    def pictures(self) -> int:
        """How many there are."""
        return len(self.units) if self.frames is None else len(self.frames)


class Reel:
    """The newest blocks, exactly as they were made; the oldest go when `limit_bytes` is full.

    The default of 256 MiB holds 6 minutes at 160 x 96 and 14 s at 832 x 480. The newest block is
    kept whatever its size. What was shown as H.264 is kept too, up to `coded_bytes`: minutes.
    """

    def __init__(self, limit_bytes: int = REEL_BYTES, coded_bytes: int = CODED_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.coded_bytes = coded_bytes
        self.forgotten_blocks = 0
        self._blocks: deque[Block] = deque()
        self._bytes = 0
        self._coded: deque[tuple[int, Sequence[bytes]]] = deque()
        self._coded_sum = 0

    @property
    def nbytes(self) -> int:
        """The bytes of all pictures that are kept."""
        return self._bytes + self._coded_sum

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

    def shot(self, latent_frame: int) -> Shot | None:
        """The block that begins at a latent frame; None where neither form of it is kept."""
        units = next((units for at, units in self._coded if at == latent_frame), ())
        made = (block.frames for block in self._blocks if block.latent_frame == latent_frame)
        frames = next(made, None)
        return Shot(latent_frame, units, frames) if units or frames is not None else None

    def lately(self, seconds: float) -> list[Shot]:
        """The newest blocks, oldest first, of at least `seconds`: fewer where they are not kept."""
        frames = {block.latent_frame: block.frames for block in self._blocks}
        units = dict(self._coded)
        shots: list[Shot] = []
        begin = None
        missing = seconds * PICTURES_PER_SECOND
        for at in sorted(frames.keys() | units.keys(), reverse=True):
            shot = Shot(at, units.get(at, ()), frames.get(at))
            end = pictures_before(at) + shot.pictures
            if missing <= 0 or begin not in {None, end}:
                break
            shots.insert(0, shot)
            begin = pictures_before(at)
            missing -= shot.pictures
        return shots

    def until(self, latent_frame: int) -> "Reel":
        """Another one with the same blocks, those before a latent frame."""
        reel = Reel(self.limit_bytes, self.coded_bytes)
        units = dict(self._coded)
        for block in self._blocks:
            if block.latent_frame < latent_frame:
                reel.append(block, units.get(block.latent_frame, ()))
        return reel

    def append(self, block: "Block", units: Sequence[bytes] = ()) -> Shot:
        """Keep a block and the H.264 of it, and forget the oldest where there is no room."""
        self._blocks.append(block)
        self._bytes += block.frames.nbytes
        while self._bytes > self.limit_bytes and len(self._blocks) > 1:
            self._bytes -= self._blocks.popleft().frames.nbytes
            self.forgotten_blocks += 1
        if units:
            self._coded.append((block.latent_frame, units))
            self._coded_sum += _size(units)
        while self._coded_sum > self.coded_bytes:
            self._coded_sum -= _size(self._coded.popleft()[1])
        return Shot(block.latent_frame, units, block.frames)


def _size(units: Sequence[bytes]) -> int:
    return sum(map(len, units))
