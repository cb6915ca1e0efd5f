"""The rolling window: keys and values of the latent frames that self attention can see.

Keeps the reference's way (clone and roll) and its order: sink first, then the newest frames. Does
not know what a key means: with relative positions it holds keys before rotation, and whoever
reads them rotates.

Axes: B batch, T tokens (latent frame, row, column), H heads, D head size.
"""

import torch
from torch import Tensor

from longlive_widget.errors import SessionError


class RollingWindow:
    """Memory of at most `window_frames` latent frames, of which the first `sink_frames` stay.

    A block is opened once and then written as often as it is denoised: each `append` overwrites
    the open block's own place, never its neighbours.

    Raises:
        SessionError: the sink and one open block do not fit into the window.
    """

    def __init__(
        self,
        layers: int,
        tokens_per_frame: int,
        window_frames: int,
        sink_frames: int,
        *,
        relative: bool = False,
    ) -> None:
        self.relative = relative
        self.window_frames = window_frames
        self.sink_frames = sink_frames
        self._tokens_per_frame = tokens_per_frame
        self._kept: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self._open: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self._kept_frames: list[int] = []
        self._open_frames: list[int] = []

    @property
    def frames(self) -> tuple[int, ...]:
        """The latent frames in memory, in the order of their keys."""
        return (*self._kept_frames, *self._open_frames)

    @property
    def kept(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """What each layer remembers from before the open block; nothing, if that is the first."""
        return tuple(layer for layer in self._kept if layer is not None)

    @property
    def query_positions(self) -> tuple[int, ...]:
        """The time positions of the open block's frames."""
        return self.key_positions[len(self._kept_frames) :]

    @property
    def key_positions(self) -> tuple[int, ...]:
        """The time position of each frame in memory: absolute, or counted inside the window."""
        return tuple(range(len(self.frames))) if self.relative else self.frames

    def open_block(self, first_frame: int, frames: int) -> None:
        """Close the open block and make room for `frames` latent frames from `first_frame` on.

        Evicts as many of the oldest frames after the sink as overflow.
        """
        self._close_block()
        overflow = len(self._kept_frames) + frames - self.window_frames
        sink = min(self.sink_frames, len(self._kept_frames))
        if overflow > len(self._kept_frames) - sink:
            raise SessionError(
                f"a window of {self.window_frames} latent frames cannot hold a sink of {sink} and "
                f"a block of {frames}: use a window of {sink + frames} or more"
            )
        self._evict(sink, max(0, overflow))
        self._open_frames = list(range(first_frame, first_frame + frames))

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write the open block's keys and values; return all that it sees, itself last."""
        self._open[layer] = (k_BTHD, v_BTHD)
        kept = self._kept[layer]
        if kept is None:
            return k_BTHD, v_BTHD
        return torch.cat([kept[0], k_BTHD], dim=1), torch.cat([kept[1], v_BTHD], dim=1)

    def clear(self, *, keep_sink: bool = False) -> None:
        """Forget everything, or everything but the sink."""
        self._close_block()
        sink = min(self.sink_frames, len(self._kept_frames)) if keep_sink else 0
        self._evict(sink, len(self._kept_frames) - sink)

    def _close_block(self) -> None:
        for layer, written in enumerate(self._open):
            if written is not None:
                self._kept[layer] = self.append(layer, *written)
        self._kept_frames += self._open_frames
        self._open_frames = []
        self._open = [None] * len(self._open)

    def _evict(self, sink: int, frames: int) -> None:
        if not frames:
            return
        del self._kept_frames[sink : sink + frames]
        head, tail = sink * self._tokens_per_frame, (sink + frames) * self._tokens_per_frame
        self._kept = [kept and _without(kept, head, tail) for kept in self._kept]


def _without(kept: tuple[Tensor, Tensor], head: int, tail: int) -> tuple[Tensor, Tensor] | None:
    k_BTHD, v_BTHD = (torch.cat([x[:, :head], x[:, tail:]], dim=1) for x in kept)
    return (k_BTHD, v_BTHD) if k_BTHD.shape[1] else None
