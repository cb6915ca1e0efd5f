"""What self attention remembers: keys and values of the latent frames that a block can see.

Three kinds of window with the same verbs and the same frames; they differ in where a frame lies.
None knows what a key means: with relative positions a window holds keys before rotation, and
whoever reads them rotates.

Axes: B batch, T tokens (latent frame, row, column), H heads, D head size.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from longlive_widget.errors import SessionError


class Window(ABC):
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
        self._memory: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self._kept_frames: list[int] = []
        self._open_frames: list[int] = []

    @property
    def frames(self) -> tuple[int, ...]:
        """The latent frames in memory, in the order of their keys."""
        known = (*self._kept_frames, *self._open_frames)
        return tuple(known[rank] for rank in self._ranks)

    @property
    def key_positions(self) -> tuple[int, ...]:
        """The time position of each frame in memory: absolute, or counted inside the window.

        In the order of their keys.
        """
        return self._ranks if self.relative else self.frames

    @property
    def query_positions(self) -> tuple[int, ...]:
        """The time positions of the open block's frames."""
        if not self.relative:
            return tuple(self._open_frames)
        kept = len(self._kept_frames)
        return tuple(range(kept, kept + len(self._open_frames)))

    @property
    def kept(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """What each layer remembers from before the open block; nothing, if that is the first.

        A copy of keys and values, `BTHD`, in the order of time.
        """
        if not self._kept_frames:
            return ()
        written = (memory for memory in self._memory if memory is not None)
        return tuple((self._kept_of(k_BTHD), self._kept_of(v_BTHD)) for k_BTHD, v_BTHD in written)

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
        self._evict(sink, overflow)
        self._open_frames = list(range(first_frame, first_frame + frames))

    @abstractmethod
    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write the open block's keys and values; return all that it sees, in `frames` order."""

    def clear(self, *, keep_sink: bool = False) -> None:
        """Forget everything, or everything but the sink."""
        self._close_block()
        sink = min(self.sink_frames, len(self._kept_frames)) if keep_sink else 0
        self._evict(sink, len(self._kept_frames) - sink)

    def _close_block(self) -> None:
        self._kept_frames += self._open_frames
        self._open_frames = []

    def _evict(self, sink: int, frames: int) -> None:
        if frames > 0:
            del self._kept_frames[sink : sink + frames]
            self._forget(sink, frames)

    @abstractmethod
    def _forget(self, sink: int, frames: int) -> None:
        """Give up the places of `frames` frames after the first `sink`; the others stay."""

    @property
    def _ranks(self) -> tuple[int, ...]:
        """The number of each frame in the order of time, in the order of their keys."""
        return tuple(sorted(range(self._filled), key=self._slot))

    @property
    def _filled(self) -> int:
        """The frames in memory, the open block's too."""
        return len(self._kept_frames) + len(self._open_frames)

    def _slot(self, rank: int) -> int:
        """Where a frame lies, by its number in the order of time."""
        return rank

    def _runs(self, ranks: range) -> Iterator[tuple[int, int, int]]:
        """Where frames lie side by side: the first one's place in `ranks`, its slot, how many."""
        slots = [self._slot(rank) for rank in ranks]
        start = 0
        for place in range(1, len(slots) + 1):
            if place == len(slots) or slots[place] != slots[place - 1] + 1:
                yield start, slots[start], place - start
                start = place

    def _tokens(self, x_BTHD: Tensor, frame: int, frames: int) -> Tensor:
        """A view of some frames."""
        return x_BTHD.narrow(1, frame * self._tokens_per_frame, frames * self._tokens_per_frame)

    def _kept_of(self, memory_BTHD: Tensor) -> Tensor:
        runs = self._runs(range(len(self._kept_frames)))
        return torch.cat([self._tokens(memory_BTHD, slot, n) for _, slot, n in runs], dim=1)


class RollingWindow(Window):
    """The reference's way: clone and roll, in the order of time.

    Every `append` copies all that the block sees, and keeps that copy.
    """

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write the open block's keys and values; return all that it sees, itself last."""
        memory = self._memory[layer]
        if memory is not None and self._kept_frames:
            kept = [self._tokens(x, 0, len(self._kept_frames)) for x in memory]
            k_BTHD, v_BTHD = torch.cat([kept[0], k_BTHD], 1), torch.cat([kept[1], v_BTHD], 1)
        self._memory[layer] = (k_BTHD, v_BTHD)
        return k_BTHD, v_BTHD

    def _forget(self, sink: int, frames: int) -> None:
        self._memory = [memory and self._without(memory, sink, frames) for memory in self._memory]

    def _without(
        self, memory: tuple[Tensor, Tensor], sink: int, frames: int
    ) -> tuple[Tensor, Tensor]:
        later = len(self._kept_frames) - sink
        k, v = (
            torch.cat([self._tokens(x, 0, sink), self._tokens(x, sink + frames, later)], dim=1)
            for x in memory
        )
        return k, v


class _PreallocatedWindow(Window):
    """A window whose frames lie in slots of buffers, which each layer's first `append` makes.

    The frames in memory fill the first slots, so attention reads a view, and the only copy is that
    of the open block into its slots.
    """

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write the open block's keys and values; return views of all that it sees."""
        k_buffer, v_buffer = self._memory[layer] or (self._buffer(k_BTHD), self._buffer(v_BTHD))
        self._memory[layer] = (k_buffer, v_buffer)
        return self._written(k_buffer, k_BTHD), self._written(v_buffer, v_BTHD)

    def _buffer(self, x_BTHD: Tensor) -> Tensor:
        batch, _, heads, head_dim = x_BTHD.shape
        tokens = self.window_frames * self._tokens_per_frame
        return x_BTHD.new_empty(batch, tokens, heads, head_dim)

    def _written(self, buffer_BTHD: Tensor, x_BTHD: Tensor) -> Tensor:
        for start, slot, frames in self._runs(range(len(self._kept_frames), self._filled)):
            self._tokens(buffer_BTHD, slot, frames).copy_(self._tokens(x_BTHD, start, frames))
        return self._tokens(buffer_BTHD, 0, self._filled)


class StaticWindow(_PreallocatedWindow):
    """Buffers made once, in the order of time: what stays is moved forward inside them.

    Attention reads views. A block that opens in a full window moves the frames after the sink.
    """

    def _forget(self, sink: int, frames: int) -> None:
        for buffers in self._memory:
            for buffer_BTHD in buffers or ():
                self._move(buffer_BTHD, sink, frames)

    def _move(self, buffer_BTHD: Tensor, to: int, by: int) -> None:
        """Move all kept frames from slot `to` + `by` on; no piece overlaps where it comes from."""
        for slot in range(to, len(self._kept_frames), by):
            frames = min(by, len(self._kept_frames) - slot)
            moved = self._tokens(buffer_BTHD, slot + by, frames)
            self._tokens(buffer_BTHD, slot, frames).copy_(moved)


class RingWindow(_PreallocatedWindow):
    """Buffers made once: the sink stays in front, the newest frames overwrite the oldest.

    Nothing is moved, and attention reads views. Keys are in the order of their slots, which
    attention does not mind; `frames` and `key_positions` say which frame lies where.
    """

    _overwritten = 0
    """The frames after the sink that have been overwritten since the last `clear`."""

    def clear(self, *, keep_sink: bool = False) -> None:
        """Forget everything, or everything but the sink."""
        super().clear(keep_sink=keep_sink)
        self._overwritten = 0

    def _slot(self, rank: int) -> int:
        sink = self.sink_frames
        if rank < sink:
            return rank
        return sink + (rank - sink + self._overwritten) % (self.window_frames - sink)

    def _forget(self, sink: int, frames: int) -> None:
        del sink
        self._overwritten += frames
