"""The small decoder: TAEHV's, in place of Wan's where speed counts more than the last detail.

Takes and gives what `VideoDecoder` does, so one stands where the other does. The parameters carry
the names of TAEHV's weight file, whose encoder is left out.

Axes: B batch, F frames, N all frames of the batch, C channels, H rows, W columns.

Source: github.com/madebyollin/taehv, `taew2_1`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from longlive_widget.errors import CheckpointError
from longlive_widget.geometry import LATENT_CHANNELS
from longlive_widget.model.stream import DecoderStream, Memory

Widths = tuple[int, int, int, int]
WIDTHS: Widths = (256, 128, 64, 64)
FRAMES_PER_FRAME = (1, 2, 2)
DROPPED_PICTURES = 3
BLOCKS_PER_STAGE = 3
_WIDENING = (1, 8, 14, 20)
"""The places of the convolutions that lead to each of the widths."""


class TinyDecoder(nn.Module):
    """Normalised latents to pictures.

    `widths` are the channels of the three stages and of what the last one leads to.
    """

    PREFIXES = ("decoder.",)

    def __init__(self, widths: Widths = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            SoftClamp(),
            nn.Conv2d(LATENT_CHANNELS, widths[0], 3, padding=1),
            nn.ReLU(),
        ]
        for stage, frames in enumerate(FRAMES_PER_FRAME):
            width, next_width = widths[stage], widths[stage + 1]
            layers += [MemoryBlock(width) for _ in range(BLOCKS_PER_STAGE)]
            layers += [
                nn.Upsample(scale_factor=2),
                TimeGrow(width, frames),
                nn.Conv2d(width, next_width, 3, padding=1, bias=False),
            ]
        layers += [nn.ReLU(), nn.Conv2d(widths[-1], 3, 3, padding=1)]
        self.decoder = nn.Sequential(*layers)

    @staticmethod
    def widths_of(weights: Mapping[str, Tensor], path: Path | str) -> Widths:
        """The widths of the decoder whose tensors, under TAEHV's names, a file holds.

        Raises:
            CheckpointError: these are no tensors of such a decoder.
        """
        try:
            first, second, third, last = (len(weights[f"decoder.{i}.weight"]) for i in _WIDENING)
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path} is not the small decoder ({error}): give TAEHV's taew2_1.pth, or the same "
                "tensors as safetensors"
            ) from error
        return first, second, third, last

    def forward(
        self, latent_BFCHW: Tensor, past: Sequence[Tensor] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        """Decode latents that follow those of the call whose memory is `past`.

        Returns:
            Pictures of about [-1, 1], `BFCHW`, not clamped, and the memory for the next call. The
            first call (no past) gives 4F - 3 pictures, later ones 4F.
        """
        memory, batch = Memory(past), latent_BFCHW.shape[0]
        x_NCHW = latent_BFCHW.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        for layer in self.decoder:
            if isinstance(layer, MemoryBlock):
                x_NCHW = layer(x_NCHW, memory, batch)
            else:
                x_NCHW = layer(x_NCHW)
        pictures_BFCHW = x_NCHW.unflatten(0, (batch, -1)) * 2 - 1
        return pictures_BFCHW[:, DROPPED_PICTURES if memory.is_first else 0 :], memory.kept

    def stream(self) -> DecoderStream:
        """A new video to decode, from its first latent frame on."""
        return DecoderStream(self)


class SoftClamp(nn.Module):
    """3 tanh(x / 3): latents bounded by 3, almost unchanged near 0."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return torch.tanh(x / 3) * 3


class MemoryBlock(nn.Module):
    """Three convolutions over a frame and the frame before it, added to the frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x_NCHW: Tensor, memory: Memory, batch: int) -> Tensor:
        """The same shape; `x` holds the frames of `batch` videos one after the other."""
        joined_BFCHW = memory.precede(x_NCHW.unflatten(0, (batch, -1)), 1, axis=1)
        before_NCHW = joined_BFCHW[:, :-1].flatten(0, 1)
        return torch.relu(self.conv(torch.cat((x_NCHW, before_NCHW), dim=1)) + x_NCHW)


class TimeGrow(nn.Module):
    """Each frame becomes `frames` consecutive ones, each through its own linear map."""

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.conv = nn.Conv2d(channels, frames * channels, 1, bias=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """`frames` times as many frames."""
        grown: Tensor = self.conv(x_NCHW).unflatten(1, (self.frames, -1))
        return grown.flatten(0, 1)
