"""What self attention remembers: keys and values of the latent frames that a block can see.

Three kinds of window with the same verbs and the same frames; they differ in where a frame lies.
In which type it is held is the storage's to say. None knows what a key means: with relative
positions a window holds keys before rotation, and whoever reads them rotates.

Axes: B batch, T tokens (latent frame, row, column), H heads, D head size.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.cache.storage import Parts, PlainStorage, Storage
from longlive_widget.errors import SessionError


@dataclass(frozen=True, eq=False)
class WindowState:
    """What a window holds after a block: its frames, and each layer's parts in the order of slots.

    `overwritten` is a ring's. As `Window.held` gives it, the tensors are views of the window.
    """

    kept_frames: tuple[int, ...]
    open_frames: tuple[int, ...]
    dtype: torch.dtype
    memory: tuple[Parts, ...]
    overwritten: int = 0

    def copied(self, copy: Callable[[Tensor], Tensor]) -> "WindowState":
        """The same with other tensors, each made by `copy`."""
        return replace(self, memory=tuple(tuple(map(copy, parts)) for parts in self.memory))

    @property
    def nbytes(self) -> int:
        """The bytes of its tensors."""
        return sum(part.nbytes for parts in self.memory for part in parts)


class Turning(Protocol):
    """Turns keys, and leaves them in a place that there is; tokens count from `first` on.

    In 8 bits are the parts of a `ScaledStorage`; `made` are the places of keys and values.
    """

    def turn(self, k_BTHD: Tensor, first: int, made_BTHD: Tensor) -> None:
        """Keys as they are held."""

    def unpack(self, packed: Parts, first: int, made: Parts) -> None:
        """Keys and values out of 8 bits."""

    def pack(self, block: Parts, packed: Parts, first: int, made: Parts) -> None:
        """Keys and values of the open block: into 8 bits, and as they are with the keys turned."""


class Window(ABC):
    """Memory of at most `window_frames` latent frames, of which the first `sink_frames` stay.

    A block is opened once and then written as often as it is denoised: each `append` overwrites
    the open block's own place, never its neighbours. The open block itself is always seen as it
    was written; a `storage` in 8 bits is for the blocks after it.

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
        storage: Storage | None = None,
    ) -> None:
        self.relative = relative
        self.window_frames = window_frames
        self.sink_frames = sink_frames
        self._tokens_per_frame = tokens_per_frame
        self.storage = storage or PlainStorage()
        self._dtype = torch.get_default_dtype()
        self._memory: list[Parts] = [()] * layers
        self._kept_frames: list[int] = []
        self._open_frames: list[int] = []
        self._turned_keys: dict[int, Tensor] = {}
        """By layer, the keys as they are turned, where they have buffers."""
        self._turned_once: set[int] = set()
        """The layers whose keys have been turned since the block was opened."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The latent frames in memory, in the order of their keys."""
        known = self._in_time
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
        layers = (tuple(map(self._kept_of, parts)) for parts in self._memory if parts)
        return tuple(self.storage.unpack(parts, self._dtype) for parts in layers)

    @property
    def nbytes(self) -> int:
        """The bytes that all layers' keys and values take: none until they are written.

        Keys that lie turned beside them count too.
        """
        held = sum(part.nbytes for parts in self._memory for part in parts)
        return held + sum(keys.nbytes for keys in self._turned_keys.values())

    def open_block(self, first_frame: int, frames: int) -> None:
        """Close the open block and make room for `frames` latent frames from `first_frame` on.

        Evicts as many of the oldest frames after the sink as overflow.
        """
        self._close_block()
        evicted = len(self._evicted_by(frames))
        sink = min(self.sink_frames, len(self._kept_frames))
        if self._filled - evicted + frames > self.window_frames:
            raise SessionError(
                f"a window of {self.window_frames} latent frames cannot hold a sink of {sink} and "
                f"a block of {frames}: use a window of {sink + frames} or more"
            )
        self._evict(sink, evicted)
        self._open_frames = list(range(first_frame, first_frame + frames))

    def occupancy(self, next_frames: int) -> Occupancy:
        """What is in memory now, and what of it gives way once `next_frames` more are opened."""
        return Occupancy(
            window_frames=self.window_frames,
            frames=self.frames,
            sink=self._in_time[: self.sink_frames],
            opened=tuple(self._open_frames),
            evicted_next=self._evicted_by(next_frames),
        )

    def keeps_open_block(self, next_frames: int) -> bool:
        """Whether a frame of the open block stays once `next_frames` more are opened after it."""
        in_sink = len(self._kept_frames) < self.sink_frames
        return in_sink or self.window_frames - next_frames > self.sink_frames

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write the open block's keys and values; return all that it sees, in `frames` order."""
        seen = self.storage.unpack(self._written(layer, k_BTHD, v_BTHD), k_BTHD.dtype)
        if not self.storage.exact:
            self._put(seen, (k_BTHD, v_BTHD))
        return seen

    def append_turned(
        self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor, turning: Turning
    ) -> tuple[Tensor, Tensor]:
        """As `append`, with the keys turned; see `Memory`."""
        k_BTHD, v_BTHD = self.append(layer, k_BTHD, v_BTHD)
        return self._turned(layer, k_BTHD, turning), v_BTHD

    def write(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> None:
        """Write the open block's keys and values, and read nothing."""
        self._written(layer, k_BTHD, v_BTHD)

    def _written(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> Parts:
        """All that the open block sees, as it is held, after its own are written."""
        self._dtype = k_BTHD.dtype
        return self._write(layer, self.storage.pack(k_BTHD, v_BTHD))

    def _turned(self, layer: int, k_BTHD: Tensor, turning: Turning) -> Tensor:
        """All keys that `append` has given, turned."""
        del layer
        made_BTHD = torch.empty_like(k_BTHD)
        turning.turn(k_BTHD, 0, made_BTHD)
        return made_BTHD

    def clear(self, *, keep_sink: bool = False) -> None:
        """Forget everything, or everything but the sink."""
        self._close_block()
        sink = min(self.sink_frames, len(self._kept_frames)) if keep_sink else 0
        self._evict(sink, len(self._kept_frames) - sink)

    def let_go(self) -> None:
        """Forget everything, and hold no tensor any more."""
        self._memory = [()] * len(self._memory)
        self.clear()

    def held(self) -> WindowState:
        """What is in memory, as views that the next block overwrites: copy them."""
        filled = self._filled
        memory = (tuple(self._tokens(p, 0, filled) for p in parts) for parts in self._memory)
        kept, opened = tuple(self._kept_frames), tuple(self._open_frames)
        return WindowState(kept, opened, self._dtype, tuple(memory))

    def restore(self, state: WindowState) -> None:
        """Hold what a window of this kind and size held; the tensors are this window's from now."""
        self._kept_frames, self._open_frames = list(state.kept_frames), list(state.open_frames)
        self._dtype = state.dtype
        self._memory = [tuple(map(self._laid, parts)) for parts in state.memory]

    def _laid(self, part: Tensor) -> Tensor:
        """What is filled of one part, where this window holds it."""
        return part

    def _close_block(self) -> None:
        self._kept_frames += self._open_frames
        self._open_frames = []

    def _evicted_by(self, frames: int) -> tuple[int, ...]:
        """The frames that overflow as `frames` more are opened: the oldest after the sink."""
        overflow = max(0, self._filled + frames - self.window_frames)
        return self._in_time[self.sink_frames :][:overflow]

    def _evict(self, sink: int, frames: int) -> None:
        if frames > 0:
            del self._kept_frames[sink : sink + frames]
            self._forget(sink, frames)

    @abstractmethod
    def _write(self, layer: int, written: Parts) -> Parts:
        """Put the open block in its place; return all that it sees."""

    def _put(self, parts: Parts, block: Parts) -> None:
        """Copy the open block into its slots."""
        for start, slot, frames in self._runs(range(len(self._kept_frames), self._filled)):
            for part, new in zip(parts, block, strict=True):
                self._tokens(part, slot, frames).copy_(self._tokens(new, start, frames))

    @abstractmethod
    def _forget(self, sink: int, frames: int) -> None:
        """Give up the places of `frames` frames after the first `sink`; the others stay."""

    @property
    def _ranks(self) -> tuple[int, ...]:
        """The number of each frame in the order of time, in the order of their keys."""
        return tuple(sorted(range(self._filled), key=self._slot))

    @property
    def _in_time(self) -> tuple[int, ...]:
        """The latent frames in memory, in the order of time."""
        return (*self._kept_frames, *self._open_frames)

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

    def _tokens(self, part: Tensor, frame: int, frames: int) -> Tensor:
        """A view of some frames."""
        return part.narrow(1, frame * self._tokens_per_frame, frames * self._tokens_per_frame)

    def _part(self, parts: Parts, frame: int, frames: int) -> Parts:
        """Views of some frames of each."""
        return tuple(self._tokens(part, frame, frames) for part in parts)

    def _kept_of(self, part: Tensor) -> Tensor:
        runs = self._runs(range(len(self._kept_frames)))
        return torch.cat([self._tokens(part, slot, frames) for _, slot, frames in runs], dim=1)


class RollingWindow(Window):
    """The reference's way: clone and roll, in the order of time.

    Every `append` copies all that the block sees, and keeps that copy.
    """

    def _write(self, layer: int, written: Parts) -> Parts:
        kept = len(self._kept_frames)
        before = self._memory[layer] if kept else written
        parts = zip(before, written, strict=True)
        seen = tuple(torch.cat([self._tokens(old, 0, kept), new], dim=1) for old, new in parts)
        self._memory[layer] = seen
        return seen

    def _forget(self, sink: int, frames: int) -> None:
        later = len(self._kept_frames) - sink

        def without(part: Tensor) -> Tensor:
            stays = self._tokens(part, 0, sink), self._tokens(part, sink + frames, later)
            return torch.cat(stays, dim=1)

        for layer, parts in enumerate(self._memory):  # one after the other: no second copy of all
            self._memory[layer] = tuple(map(without, parts))


class _PreallocatedWindow(Window):
    """A window whose frames lie in slots of buffers, which each layer's first `append` makes.

    The frames in memory fill the first slots, so that all a block sees is a view: attention reads
    it as it is if the storage is plain. The open block is copied into its slots. Plain keys that
    are turned have buffers too: those of frames before the open block are turned at its first pass.
    What is turned out of 8 bits goes into new tensors, each number in one go.
    """

    def append_turned(
        self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor, turning: Turning
    ) -> tuple[Tensor, Tensor]:
        """As `append`, with the keys turned; see `Memory`."""
        if self.storage.exact or not self._memory[layer]:
            return super().append_turned(layer, k_BTHD, v_BTHD, turning)
        self._dtype = k_BTHD.dtype
        batch, _, *head = k_BTHD.shape
        shape = batch, self._filled * self._tokens_per_frame, *head
        k_made_BTHD, v_made_BTHD = made = k_BTHD.new_empty(shape), v_BTHD.new_empty(shape)
        kept = len(self._kept_frames)
        for _, slot, frames in self._runs(range(kept)):
            packed, places = (self._part(x, slot, frames) for x in (self._memory[layer], made))
            turning.unpack(packed, slot * self._tokens_per_frame, places)
        for start, slot, frames in self._runs(range(kept, self._filled)):
            block = self._part((k_BTHD, v_BTHD), start, frames)
            packed, places = (self._part(x, slot, frames) for x in (self._memory[layer], made))
            turning.pack(block, packed, slot * self._tokens_per_frame, places)
        return k_made_BTHD, v_made_BTHD

    def _turned(self, layer: int, k_BTHD: Tensor, turning: Turning) -> Tensor:
        """All keys that `append` has given, turned."""
        if not self.storage.exact:
            return super()._turned(layer, k_BTHD, turning)
        if layer not in self._turned_keys:
            self._turned_keys[layer] = self._buffer(k_BTHD)
        made_BTHD = self._tokens(self._turned_keys[layer], 0, self._filled)
        if layer in self._turned_once:
            for _, slot, frames in self._runs(range(len(self._kept_frames), self._filled)):
                some, place = (self._tokens(each, slot, frames) for each in (k_BTHD, made_BTHD))
                turning.turn(some, slot * self._tokens_per_frame, place)
        else:
            turning.turn(k_BTHD, 0, made_BTHD)
            self._turned_once.add(layer)
        return made_BTHD

    def let_go(self) -> None:
        """Forget everything, and hold no tensor any more."""
        super().let_go()
        self._turned_keys.clear()

    def restore(self, state: WindowState) -> None:
        """Hold what a window of this kind and size held; the tensors are this window's from now."""
        self._turned_once.clear()
        super().restore(state)

    def _close_block(self) -> None:
        self._turned_once.clear()
        super()._close_block()

    def _write(self, layer: int, written: Parts) -> Parts:
        buffers = self._memory[layer] or tuple(map(self._buffer, written))
        self._memory[layer] = buffers
        self._put(buffers, written)
        return tuple(self._tokens(buffer, 0, self._filled) for buffer in buffers)

    def _laid(self, part: Tensor) -> Tensor:
        buffer = self._buffer(part)
        self._tokens(buffer, 0, self._filled).copy_(part)
        return buffer

    def _buffer(self, part: Tensor) -> Tensor:
        batch, _, *rest = part.shape
        return part.new_empty(batch, self.window_frames * self._tokens_per_frame, *rest)


class StaticWindow(_PreallocatedWindow):
    """Buffers made once, in the order of time: what stays is moved forward inside them.

    A block that opens in a full window moves the frames after the sink.
    """

    def _forget(self, sink: int, frames: int) -> None:
        for buffers in self._memory:
            for buffer in buffers:
                self._move(buffer, sink, frames)

    def _move(self, buffer: Tensor, to: int, by: int) -> None:
        """Move all kept frames from slot `to` + `by` on; no piece overlaps where it comes from."""
        for slot in range(to, len(self._kept_frames), by):
            frames = min(by, len(self._kept_frames) - slot)
            moved = self._tokens(buffer, slot + by, frames)
            self._tokens(buffer, slot, frames).copy_(moved)


class RingWindow(_PreallocatedWindow):
    """Buffers made once: the sink stays in front, the newest frames overwrite the oldest.

    Nothing is moved. Keys are in the order of their slots, which attention does not mind; `frames`
    and `key_positions` say which frame lies where.
    """

    _overwritten = 0
    """The frames after the sink that have been overwritten since the last `clear`."""

    def clear(self, *, keep_sink: bool = False) -> None:
        """Forget everything, or everything but the sink."""
        super().clear(keep_sink=keep_sink)
        self._overwritten = 0

    def held(self) -> WindowState:
        """What is in memory, as views that the next block overwrites: copy them."""
        return replace(super().held(), overwritten=self._overwritten)

    def restore(self, state: WindowState) -> None:
        """Hold what a ring of this size held; the tensors are this window's from now."""
        super().restore(state)
        self._overwritten = state.overwritten

    def _slot(self, rank: int) -> int:
        sink = self.sink_frames
        if rank < sink:
            return rank
        return sink + (rank - sink + self._overwritten) % (self.window_frames - sink)

    def _forget(self, sink: int, frames: int) -> None:
        del sink
        self._overwritten += frames
