"""The bytes that a model computes with, counted on torch's meta device, where nothing is computed.

Everything runs as it is, but for compiled code and kernels of attention, which take less.

Axes: B batch, F latent frames, C channels, H rows, W columns, T tokens, D head size.
"""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.model import Sizes
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.windows import new_window
from longlive_widget.model.attention import math_attention
from longlive_widget.model.bare import bare
from longlive_widget.model.stream import to_bytes
from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.presets import Decoder, Preset

_META = torch.device("meta")
_OF_A_PASS = ("window_cache", "window_frames", "window_dtype", "attention", "recache")
"""The settings of a preset that decide what a pass takes: presets that share them share a run."""


@dataclass(frozen=True)
class Work:
    """`kept_bytes` stay from one call to the next; `most_bytes` come on top of them inside one."""

    kept_bytes: int
    most_bytes: int


class LiveBytes(TorchDispatchMode):
    """The bytes of tensors that operators have made inside, and the most of them at once.

    `device_type` counts only those there, as "cpu".
    """

    def __init__(self, device_type: str | None = None) -> None:
        super().__init__()
        self._device_type = device_type
        self.now = self.most = 0
        self._storages: dict[int, int] = {}

    def restart(self) -> int:
        """Begin to look for the most anew; gives what is there now."""
        self.most = self.now
        return self.now

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Do it, and count what is made: a view of what was given is not."""
        made = func(*args, **(kwargs or {}))
        given = {_place(x) for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and _place(tensor) not in given:
                self._count(tensor)
        return made

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place = _place(tensor)
        if place in self._storages or self._device_type not in (None, tensor.device.type):
            return
        self._storages[place] = storage.nbytes()
        self.now += storage.nbytes()
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._gone, place)

    def _gone(self, place: int) -> None:
        self.now -= self._storages.pop(place)


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def decoding_work(
    preset: Preset, sizes: Sizes, dtype: torch.dtype, device_type: str = "cpu"
) -> Work:
    """What the preset's decoder remembers, and takes for a block, at the model's own size."""
    frames = max(preset.decoded_parts(sizes.geometry.block_frames, device_type))
    return _decoding_work(preset.decoder, frames, sizes, dtype)


@lru_cache
@torch.inference_mode()
def _decoding_work(kind: Decoder, frames: int, sizes: Sizes, dtype: torch.dtype) -> Work:
    with bare():
        decoder = (
            TinyDecoder(sizes.small_decoder)
            if kind == "small" and sizes.small_decoder
            else VideoDecoder(sizes.autoencoder)
        )
    stream = decoder.to(_META, dtype).stream()
    latent_BFCHW = _latents(sizes, frames, dtype)
    with LiveBytes() as live:
        for _ in range(2):  # the first one has no past, and the second none in time
            stream.decode(latent_BFCHW)
        kept = live.restart()
        to_bytes(stream.decode(latent_BFCHW))
        return Work(kept, live.most - kept)


def passing_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """What a pass of the transformer takes beyond window and prompt: of a step or of a re-cache.

    All layers take the same, one after the other, but the last one, which only writes in a pass
    that is for the memory alone.
    """
    looked_at = {name: getattr(preset, name) for name in _OF_A_PASS}
    return _passing_bytes(Preset("what a pass depends on", "", **looked_at), sizes, dtype)


@lru_cache
@torch.inference_mode()
def _passing_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    few_layers = replace(sizes, transformer=replace(sizes.transformer, layers=2))
    config, geometry = few_layers.transformer, few_layers.geometry
    with bare():
        network = Transformer(config)
    network.to(_META, dtype).attend_with(
        math_attention if preset.attention == "math" else lambda q, _k, _v: torch.empty_like(q)
    )
    denoiser = Denoiser(network, new_window(preset, few_layers, geometry, "relative"))
    block, window_frames = geometry.block_frames, preset.window_frames
    tokens = window_frames * geometry.tokens_per_frame
    k_BTHD = torch.empty(1, tokens, config.heads, config.head_dim, dtype=dtype, device=_META)
    noise_BFCHW = _latents(sizes, block, dtype)
    embeds = torch.empty(1, config.text_length, config.text_dim, dtype=dtype, device=_META)
    text = network.read_text(embeds)
    with LiveBytes() as live:
        denoiser.window.open_block(0, window_frames)
        for layer in range(config.layers):
            denoiser.window.append(layer, k_BTHD.clone(), k_BTHD.clone())
        kept = live.restart()
        denoiser.window.open_block(window_frames, block)
        denoiser.denoise(noise_BFCHW, lambda _: noise_BFCHW, text, levels((1000,)))
        latest_BFCHW = _latents(sizes, window_frames, dtype)
        denoiser.recache(
            latest_BFCHW,
            window_frames + block,
            text,
            next_frames=block,
            whole_window=preset.recache == "window",
        )
        return live.most - kept


def _latents(sizes: Sizes, frames: int, dtype: torch.dtype) -> Tensor:
    _, *shape = sizes.geometry.latent_block_shape
    return torch.empty(1, frames, *shape, dtype=dtype, device=_META)
