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
from longlive_widget.errors import GeometryError, PresetError
from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME
from longlive_widget.model.stream import DecoderStream, to_bytes
from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.presets import Preset

Pictures = NDArray[np.uint8]


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
    decodes on a stream of its own there, beside what is computed next. `at_once` is how many latent
    frames are decoded together, None the whole block; a part of one is a block to `record`.
    `in_place` writes what the decoder remembers, and the 8-bit pictures, over those of the block
    before, and may `record` that. `finite` is whether all latents of the block were whose pictures
    were waited for last.
    """

    def __init__(
        self,
        stream: DecoderStream,
        *,
        in_place: bool = False,
        record: Recorder | None = None,
        aside: bool = False,
        at_once: int | None = None,
    ) -> None:
        self._stream = stream
        self._static = _StaticStream(stream, record) if in_place else None
        self._aside = aside
        self._at_once = at_once
        self._own: torch.cuda.Stream | None = None
        self._host: Tensor | None = None
        self._finite_host: Tensor | None = None
        self.finite = True

    def begin(
        self,
        latent_BFCHW: Tensor,
        *,
        after: torch.cuda.Event | None = None,
        timed: AbstractContextManager[object] | None = None,
        copying: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Callable[[], Pictures]:
        """Begin to decode a block; the result waits for its pictures, uint8 RGB `FHWC`.

        It must be called before the next block is begun.

        Args:
            latent_BFCHW: the clean latents.
            after: on CUDA, that they are computed; None waits for all that was begun before.
            timed: what surrounds the work.
            copying: what surrounds, inside of it, each copy from a GPU to the host.
        """
        timed = timed or nullcontext()
        if not latent_BFCHW.is_cuda:
            with timed:
                parts = [self._now(part) for part in self._parts(latent_BFCHW)]
                self.finite = bool(all_finite(latent_BFCHW))
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
            return lambda: whole
        if not self._aside:
            with timed:
                return self._begun(latent_BFCHW, copying)
        if self._own is None:
            self._own = torch.cuda.Stream(latent_BFCHW.device)
        if after is None:
            self._own.wait_stream(torch.cuda.current_stream(latent_BFCHW.device))
        else:
            self._own.wait_event(after)
        latent_BFCHW.record_stream(self._own)
        with torch.cuda.stream(self._own), timed:
            return self._begun(latent_BFCHW, copying)

    def kept(self, copy: Callable[[Tensor], Tensor]) -> DecoderState:
        """What is remembered of all blocks that were begun; each tensor is made by `copy`."""
        with torch.cuda.stream(self._own):
            return DecoderState(tuple(map(copy, self._stream.state)), self._stream.latent_shape)

    def restore(self, state: DecoderState) -> None:
        """Go on from there, before any block was begun."""
        self._stream.state = list(state.memory)
        self._stream.latent_shape = state.latent_shape

    def _begun(
        self, latent_BFCHW: Tensor, copying: Callable[[], AbstractContextManager[object]]
    ) -> Callable[[], Pictures]:
        count = 0
        parts = self._parts(latent_BFCHW)
        for number, part_BFCHW in enumerate(parts):
            bytes_BFHWC, finite = self._decoded(part_BFCHW)
            bytes_FHWC = bytes_BFHWC[0]
            if self._host is None or self._finite_host is None:
                most = PICTURES_PER_LATENT_FRAME * latent_BFCHW.shape[1]
                shape = (most, *bytes_FHWC.shape[1:])
                self._host = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
                self._finite_host = torch.empty(len(parts), dtype=torch.bool, pin_memory=True)
            with copying():
                self._host[count : count + len(bytes_FHWC)].copy_(bytes_FHWC, non_blocking=True)
                self._finite_host[number].copy_(finite, non_blocking=True)
            count += len(bytes_FHWC)
        done = torch.cuda.Event(blocking=True)
        done.record()

        def pictures() -> Pictures:
            done.synchronize()
            self.finite = bool(self._finite_host.all())  # type: ignore[union-attr]  # made above
            copied: Pictures = self._host[:count].numpy().copy()  # type: ignore[index]  # made above
            return copied

        return pictures

    def _parts(self, latent_BFCHW: Tensor) -> Sequence[Tensor]:
        return latent_BFCHW.split(self._at_once or latent_BFCHW.shape[1], dim=1)

    def _decoded(self, latent_BFCHW: Tensor) -> tuple[Tensor, Tensor]:
        """8-bit pictures, `BFHWC`, and whether all latents are finite, on the device."""
        if self._static is not None:
            return self._static.decode(latent_BFCHW), self._static.finite
        return to_bytes(self._stream.decode(latent_BFCHW)), all_finite(latent_BFCHW)

    def _now(self, latent_BFCHW: Tensor) -> Pictures:
        if self._static is None:
            return decode_now(self._stream, latent_BFCHW)
        copied: Pictures = self._static.decode(latent_BFCHW)[0].cpu().numpy().copy()
        return copied


class _StaticStream:
    """A decoder's stream whose memory and pictures, once blocks are alike, have their places.

    With a recorder those blocks are recorded and replayed. `finite` is a place too: whether all
    latents of the last block were.
    """

    def __init__(self, stream: DecoderStream, record: Recorder | None = None) -> None:
        self._stream = stream
        self._record = record
        self._alike: tuple[torch.Size, Tensor] | None = None
        self._again: Step | None = None
        self._latent = torch.empty(0)
        self._state: list[Tensor] = []
        self.finite = torch.empty(0)

    def decode(self, latent_BFCHW: Tensor) -> Tensor:
        """The next 8-bit pictures, `BFHWC`; they are overwritten by the ones after."""
        if self._alike is None or self._alike[0] != latent_BFCHW.shape:
            return self._decoded_anew(latent_BFCHW)
        _, bytes_BFHWC = self._alike
        if self._again is None:
            self._latent = latent_BFCHW.clone()
            self._state = self._stream.state = [kept.clone() for kept in self._stream.state]
            step = partial(self._step, bytes_BFHWC)
            self._again = step if self._record is None else self._record(step)
        self._latent.copy_(latent_BFCHW)
        self._again()
        return bytes_BFHWC

    def _decoded_anew(self, latent_BFCHW: Tensor) -> Tensor:
        if self._again is not None:
            raise GeometryError(
                f"a block of {latent_BFCHW.shape[1]} latent frames after others of "
                f"{self._latent.shape[1]}: a decoder in its places takes blocks of one size"
            )
        self.finite = all_finite(latent_BFCHW)
        before = [kept.shape for kept in self._stream.state]
        bytes_BFHWC = to_bytes(self._stream.decode(latent_BFCHW))
        if before == [kept.shape for kept in self._stream.state]:
            self._alike = latent_BFCHW.shape, torch.empty_like(bytes_BFHWC)
        return bytes_BFHWC

    def _step(self, bytes_BFHWC: Tensor) -> Tensor:
        pictures_BFCHW, kept = self._stream.decoder(self._latent, self._state)
        torch._foreach_copy_(self._state, kept)
        self.finite.copy_(all_finite(self._latent))
        return bytes_BFHWC.copy_(to_bytes(pictures_BFCHW))


def all_finite(latent_BFCHW: Tensor) -> Tensor:
    """Whether no number is infinite or none at all: one bool, on the device of the latents."""
    return latent_BFCHW.isfinite().all()


def decode_now(stream: DecoderStream, latent_BFCHW: Tensor) -> Pictures:
    """The pictures of one block, uint8 RGB `FHWC`; waits for the device."""
    pictures: Pictures = to_bytes(stream.decode(latent_BFCHW))[0].cpu().numpy()
    return pictures
