"""Clean latents to 8-bit pictures on the host.

Axes: B batch, F frames, C channels, H rows, W columns.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.engine.captured import Recorder, Step
from longlive_widget.engine.model import Model, Sizes
from longlive_widget.engine.watch import SpanName
from longlive_widget.errors import PresetError
from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME
from longlive_widget.model.stream import DecoderStream, to_bytes
from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.presets import Preset

Pictures = NDArray[np.uint8]
Surrounded = Callable[[SpanName], AbstractContextManager[object]]
"""What surrounds a part of the work that has this name."""


def decoder_for(preset: Preset, model: Model) -> VideoDecoder | TinyDecoder:
    """The decoder that the preset asks for; `require_decoder` has seen that there is one."""
    small = model.small_decoder if preset.decoder == "small" else None
    return model.decoder if small is None else small


def require_decoder(preset: Preset, sizes: Sizes) -> None:
    """Make sure that a model of these sizes has the preset's decoder.

    Raises:
        PresetError: it has no small one.
    """
    if preset.decoder == "small" and sizes.small_decoder is None:
        raise PresetError(
            f"preset {preset.name!r} decodes by the small decoder, and {sizes.name!r} has none: "
            "put TAEHV's taew2_1.pth beside its files, or use decoder='full'"
        )


@dataclass(frozen=True, eq=False)
class DecoderState:
    """What a decoder remembers between two blocks."""

    memory: tuple[Tensor, ...]
    latent_shape: tuple[int, ...] | None

    @property
    def nbytes(self) -> int:
        """The bytes of its tensors."""
        return sum(tensor.nbytes for tensor in self.memory)


class PictureOutlet:
    """Takes the latents of a video, block after block, and gives pictures on the host.

    On CUDA nobody waits until the pictures are wanted: they are copied into pinned memory. `aside`
    decodes on a stream of its own there, beside what is computed next. `in_parts` says how a block
    of so many latent frames is cut, to be decoded part by part. `in_place` writes what the decoder
    remembers, and the 8-bit pictures, over those before, and may `record` that; while it is not
    `replaying`, that is done anew. `finite` is whether all latents of the block were whose pictures
    were waited for last.
    """

    def __init__(
        self,
        stream: DecoderStream,
        *,
        in_place: bool = False,
        record: Recorder | None = None,
        aside: bool = False,
        in_parts: Callable[[int], Sequence[int]] = lambda frames: (frames,),
    ) -> None:
        self._stream = stream
        self._static = _StaticStream(stream, record) if in_place else None
        self._aside = aside
        self._in_parts = in_parts
        self._own: torch.cuda.Stream | None = None
        self._host: Tensor | None = None
        self._finite_host: Tensor | None = None
        self.finite = True
        self.replaying = True

    def begin(
        self,
        latent_BFCHW: Tensor,
        *,
        after: torch.cuda.Event | None = None,
        surrounded: Surrounded = lambda _: nullcontext(),
        early: Callable[[Pictures], None] | None = None,
    ) -> Callable[[], Pictures]:
        """Begin to decode a block; the result waits for its pictures, uint8 RGB `FHWC`.

        It must be called before the next block is begun.

        Args:
            latent_BFCHW: the clean latents.
            after: on CUDA, that they are computed; None waits for all that was begun before.
            surrounded: what surrounds the parts of the work, by their names.
            early: gets the pictures of the block's first part as soon as they are on the host: on
                CUDA while the result waits, else in here.
        """
        if not latent_BFCHW.is_cuda:
            with surrounded("decode"):
                return self._at_once(latent_BFCHW, surrounded, early)
        if not self._aside:
            with surrounded("decode"):
                return self._begun(latent_BFCHW, surrounded, early)
        if self._own is None:
            self._own = torch.cuda.Stream(latent_BFCHW.device)
        if after is None:
            self._own.wait_stream(torch.cuda.current_stream(latent_BFCHW.device))
        else:
            self._own.wait_event(after)
        latent_BFCHW.record_stream(self._own)
        with torch.cuda.stream(self._own), surrounded("decode"):
            return self._begun(latent_BFCHW, surrounded, early)

    def kept(self, copy: Callable[[Tensor], Tensor]) -> DecoderState:
        """What is remembered of all blocks that were begun; each tensor is made by `copy`."""
        with torch.cuda.stream(self._own):
            return DecoderState(tuple(map(copy, self._stream.state)), self._stream.latent_shape)

    def restore(self, state: DecoderState) -> None:
        """Go on from there, before any block was begun."""
        self._stream.state = list(state.memory)
        self._stream.latent_shape = state.latent_shape

    def _at_once(
        self,
        latent_BFCHW: Tensor,
        surrounded: Surrounded,
        early: Callable[[Pictures], None] | None,
    ) -> Callable[[], Pictures]:
        first_BFCHW, *later_BFCHW = self._parts(latent_BFCHW)
        with surrounded("first pictures"):
            parts = [self._now(first_BFCHW)]
        if early is not None:
            early(parts[0])
        parts += map(self._now, later_BFCHW)
        self.finite = bool(all_finite(latent_BFCHW))
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return lambda: whole

    def _begun(
        self,
        latent_BFCHW: Tensor,
        surrounded: Surrounded,
        early: Callable[[Pictures], None] | None,
    ) -> Callable[[], Pictures]:
        parts = self._parts(latent_BFCHW)
        with surrounded("first pictures"):
            first = self._sent(parts[0], 0, 0, latent_BFCHW.shape[1], surrounded)
        first_there = _recorded_event()
        count = first
        for number, part_BFCHW in enumerate(parts[1:], 1):
            count += self._sent(part_BFCHW, number, count, latent_BFCHW.shape[1], surrounded)
        all_there = _recorded_event()

        def handed_over(frames: int) -> Pictures:
            with surrounded("hand over"):
                copied: Pictures = self._host[:frames].numpy().copy()  # type: ignore[index]  # made above
            return copied

        def pictures() -> Pictures:
            first_FHWC = None
            if early is not None:
                first_there.synchronize()
                first_FHWC = handed_over(first)
                early(first_FHWC)
            all_there.synchronize()
            self.finite = bool(self._finite_host.all())  # type: ignore[union-attr]  # made above
            if first_FHWC is not None and first == count:
                return first_FHWC
            return handed_over(count)

        return pictures

    def _sent(
        self, part_BFCHW: Tensor, number: int, before: int, frames: int, surrounded: Surrounded
    ) -> int:
        """Decode one part of a block of so many latent frames, and have it copied to the host.

        Returns:
            How many pictures it has; `before` were sent.
        """
        bytes_BFHWC, finite = self._decoded(part_BFCHW)
        bytes_FHWC = bytes_BFHWC[0]
        if self._host is None or self._finite_host is None:
            shape = (PICTURES_PER_LATENT_FRAME * frames, *bytes_FHWC.shape[1:])
            self._host = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
            self._finite_host = torch.ones(frames, dtype=torch.bool).pin_memory()
        with surrounded("transfer"):
            self._host[before : before + len(bytes_FHWC)].copy_(bytes_FHWC, non_blocking=True)
            self._finite_host[number].copy_(finite, non_blocking=True)
        return len(bytes_FHWC)

    def _parts(self, latent_BFCHW: Tensor) -> Sequence[Tensor]:
        return latent_BFCHW.split(list(self._in_parts(latent_BFCHW.shape[1])), dim=1)

    def _decoded(self, latent_BFCHW: Tensor) -> tuple[Tensor, Tensor]:
        """8-bit pictures, `BFHWC`, and whether all latents are finite, on the device."""
        if self._static is not None:
            bytes_BFHWC = self._static.decode(latent_BFCHW, replaying=self.replaying)
            return bytes_BFHWC, self._static.finite
        return to_bytes(self._stream.decode(latent_BFCHW)), all_finite(latent_BFCHW)

    def _now(self, latent_BFCHW: Tensor) -> Pictures:
        if self._static is None:
            return decode_now(self._stream, latent_BFCHW)
        bytes_BFHWC = self._static.decode(latent_BFCHW, replaying=self.replaying)
        copied: Pictures = bytes_BFHWC[0].cpu().numpy().copy()
        return copied


class _StaticStream:
    """A decoder's stream whose memory and pictures, once blocks are alike, have their places.

    Blocks may be of a few sizes, as the parts of one are; each size has latents and pictures of its
    own. With a recorder what is done with one is recorded and replayed. `finite` is a place too:
    whether all latents of the last block were.
    """

    def __init__(self, stream: DecoderStream, record: Recorder | None = None) -> None:
        self._stream = stream
        self._record = record
        self._state: list[Tensor] = []
        self._pictures: dict[torch.Size, Tensor] = {}
        """By the size of latents, the place of pictures: it was seen to leave memory alike."""
        self._again: dict[torch.Size, tuple[Tensor, Step]] = {}
        """By the size of latents, their place, and what is done with it."""
        self.finite = torch.empty(0)

    def decode(self, latent_BFCHW: Tensor, *, replaying: bool = True) -> Tensor:
        """The next 8-bit pictures, `BFHWC`; they are overwritten by the ones after.

        What was recorded is done anew if it is not to be replayed.
        """
        size = latent_BFCHW.shape
        if size not in self._pictures:
            return self._decoded_anew(latent_BFCHW)
        if size not in self._again:
            if not self._state:
                self._state = self._stream.state = [kept.clone() for kept in self._stream.state]
            place_BFCHW = latent_BFCHW.clone()
            step = partial(self._step, place_BFCHW, self._pictures[size])
            again = step if self._record is None else self._record(step)
            self._again[size] = place_BFCHW, again
        place_BFCHW, again = self._again[size]
        place_BFCHW.copy_(latent_BFCHW)
        if replaying:
            again()
        else:
            self._step(place_BFCHW, self._pictures[size])
        return self._pictures[size]

    def _decoded_anew(self, latent_BFCHW: Tensor) -> Tensor:
        finite = all_finite(latent_BFCHW)
        self.finite = self.finite.copy_(finite) if self._again else finite
        before = [kept.shape for kept in self._stream.state]
        bytes_BFHWC = to_bytes(self._stream.decode(latent_BFCHW))
        if before == [kept.shape for kept in self._stream.state]:
            self._pictures[latent_BFCHW.shape] = torch.empty_like(bytes_BFHWC)
        if self._state:
            torch._foreach_copy_(self._state, self._stream.state)
            self._stream.state = self._state
        return bytes_BFHWC

    def _step(self, latent_BFCHW: Tensor, bytes_BFHWC: Tensor) -> Tensor:
        pictures_BFCHW, kept = self._stream.decoder(latent_BFCHW, self._state)
        torch._foreach_copy_(self._state, kept)
        self.finite.copy_(all_finite(latent_BFCHW))
        return bytes_BFHWC.copy_(to_bytes(pictures_BFCHW))


def _recorded_event() -> torch.cuda.Event:
    """All that was begun so far on this stream."""
    event = torch.cuda.Event(blocking=True)
    event.record()
    return event


def all_finite(latent_BFCHW: Tensor) -> Tensor:
    """Whether no number is infinite or none at all: one bool, on the device of the latents."""
    return latent_BFCHW.isfinite().all()


def decode_now(stream: DecoderStream, latent_BFCHW: Tensor) -> Pictures:
    """The pictures of one block, uint8 RGB `FHWC`; waits for the device."""
    pictures: Pictures = to_bytes(stream.decode(latent_BFCHW))[0].cpu().numpy()
    return pictures
