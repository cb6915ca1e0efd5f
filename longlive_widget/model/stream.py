"""What a video network remembers between two calls, held outside the network.

Knows no particular network: the video decoder, its encoder and the small decoder all stream this
way. A tensor of memory is never written in place, so copies of a stream may share it.

Axes: B batch, F frames, C channels, H rows, W columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from longlive_widget.errors import GeometryError


class Memory:
    """One call's view of what is remembered: layers take and leave in the order of the pass.

    `past` is the `kept` of the call before, empty in the first call of a stream.
    """

    def __init__(self, past: Sequence[Tensor]) -> None:
        self.is_first = not past
        self.kept: list[Tensor] = []
        self._past: Iterator[Tensor] = iter(past)

    def precede(self, x: Tensor, frames: int, *, axis: int) -> Tensor:
        """`x` with the `frames` frames before it put in front; zeros where there are none.

        `axis` is the axis of frames. `x` itself may have no frame.
        """
        if self.is_first:
            after = x.dim() - 1 - axis
            joined = F.pad(x, (0, 0) * after + (frames, 0))  # keeps the layout in storage
        else:
            joined = torch.cat((self.take().type_as(x), x), dim=axis)
        self.keep_last(joined, frames, axis=axis)
        return joined

    def take(self) -> Tensor:
        """What the next layer has kept; there is nothing in the first call."""
        return next(self._past)

    def keep_last(self, x: Tensor, frames: int, *, axis: int) -> None:
        """Remember the last `frames` frames of `x`, and nothing else of its storage."""
        self.kept.append(x.narrow(axis, x.shape[axis] - frames, frames).clone())


class PictureDecoder(Protocol):
    """Latents in, pictures out, with the memory handed through.

    Called with normalised latents, `BFCHW`, and what the last call kept; gives pictures of about
    [-1, 1], `BFCHW`, and what to hand to the next call.
    """

    def __call__(
        self, latent_BFCHW: Tensor, past: Sequence[Tensor] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        """Decode the latents that follow `past`."""
        ...


@dataclass
class DecoderStream:
    """One video being decoded, block after block; blocks of any number of latent frames."""

    decoder: PictureDecoder
    state: list[Tensor] = field(default_factory=list)
    latent_shape: tuple[int, ...] | None = None

    def decode(self, latent_BFCHW: Tensor) -> Tensor:
        """Turn normalised latents into pictures, continuing from the last block.

        A block of another batch, channel or picture size than the first one is a `GeometryError`.

        Returns:
            Pictures of about [-1, 1], `BFCHW`, not clamped (see `to_bytes`). The first call gives
            4F - 3 of them, later ones 4F.
        """
        self.latent_shape = same_shape(self.latent_shape, latent_BFCHW)
        pictures_BFCHW, self.state = self.decoder(latent_BFCHW, self.state)
        return pictures_BFCHW

    def branch(self) -> "DecoderStream":
        """A second stream that goes on from here, independent of this one."""
        return replace(self)


def same_shape(first: tuple[int, ...] | None, x_BFCHW: Tensor) -> tuple[int, ...]:
    """The shape of `x` without its frames.

    Raises:
        GeometryError: `x` has no frame, not five axes, or another shape than `first`.
    """
    if x_BFCHW.dim() != 5 or x_BFCHW.shape[1] == 0:
        raise GeometryError(
            f"a stream takes [batch, frames, channels, height, width] with at least one frame, "
            f"not {list(x_BFCHW.shape)}"
        )
    shape = (x_BFCHW.shape[0], *x_BFCHW.shape[2:])
    if first is not None and shape != first:
        raise GeometryError(
            f"this stream began with [batch, channels, height, width] {list(first)} and cannot "
            f"go on with {list(shape)}: begin a new stream for another size"
        )
    return shape


def to_bytes(pictures_BFCHW: Tensor) -> Tensor:
    """Pictures of about [-1, 1], clamped and rounded to uint8 RGB, `BFHWC`."""
    scaled = pictures_BFCHW.float().clamp(-1, 1).add(1).mul(127.5).round()
    return scaled.to(torch.uint8).movedim(2, -1).contiguous()
