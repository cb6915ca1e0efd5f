"""Training on clips the way videos run: block after block, over a window of clean latents.

Each block that teaches goes through the network twice side by side, noisy and clean: both see the
clean past, the noisy one is learned from, the clean one is remembered. Gradients flow through what
is remembered, so the network learns what to write.

Axes: B batch, F latent frames, T tokens, H heads, D head size.
"""

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory

BLOCK_FRAMES = 3


class TaughtWindow:
    """A window that is filled for the first time, by clips that all run alike.

    A pass may hold several copies of each clip, one after the other in the batch. All of them see
    the past; `remember` keeps what the last copy has written.
    """

    relative = False

    def __init__(self, layers: int) -> None:
        self._kept: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self._written: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self._kept_frames = self._open_frames = 0

    @property
    def query_positions(self) -> tuple[int, ...]:
        """The time positions of the open block's frames."""
        return self.key_positions[self._kept_frames :]

    @property
    def key_positions(self) -> tuple[int, ...]:
        """The time position of each frame in memory, counted from the start of the clip."""
        return tuple(range(self._kept_frames + self._open_frames))

    def open_block(self, frames: int) -> None:
        """Make the next pass one over the next `frames` latent frames."""
        self._open_frames = frames

    def remember(self, clips: int) -> None:
        """Close the open block; keep what its last copy wrote, for that many clips."""
        for layer, written in enumerate(self._written):
            if written is None:
                raise ValueError(f"no pass has written the open block in layer {layer}")
            k_BTHD, v_BTHD = written
            self._kept[layer] = (k_BTHD[-clips:], v_BTHD[-clips:])
        self._kept_frames += self._open_frames
        self._open_frames = 0

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write the open block's keys and values; return all that it sees, itself last."""
        kept = self._kept[layer]
        if kept is not None:
            k_BTHD, v_BTHD = after(kept[0], k_BTHD), after(kept[1], v_BTHD)
        self._written[layer] = (k_BTHD, v_BTHD)
        return k_BTHD, v_BTHD


def repeated(text: TextMemory, copies: int) -> TextMemory:
    """Prompts for a pass with several copies of each clip."""
    return TextMemory(
        tuple(
            (k_BTHD.repeat(copies, 1, 1, 1), v_BTHD.repeat(copies, 1, 1, 1))
            for k_BTHD, v_BTHD in text.layers
        ),
        text.told,
    )


def first_rows(text: TextMemory, clips: int) -> TextMemory:
    """The prompts of the first clips."""
    layers = tuple((k_BTHD[:clips], v_BTHD[:clips]) for k_BTHD, v_BTHD in text.layers)
    return TextMemory(layers, text.told)


def after(kept_BTHD: Tensor, written_BTHD: Tensor) -> Tensor:
    """What is kept of some clips, before what each of their copies has written, `BTHD`."""
    copies = len(written_BTHD) // len(kept_BTHD)
    return torch.cat([kept_BTHD.repeat(copies, 1, 1, 1), written_BTHD], dim=1)
