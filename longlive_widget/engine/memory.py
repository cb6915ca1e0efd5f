"""The memory that a preset asks for, and whether it is there."""

import math
from functools import lru_cache
from pathlib import Path

import psutil
import torch
from torch import nn

from longlive_widget.engine.capability import within_reach
from longlive_widget.engine.dry_run import decoding_work, passing_bytes
from longlive_widget.engine.model import Placement, Sizes
from longlive_widget.engine.windows import STORAGES
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.model.bare import bare
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.umt5 import TextEncoderConfig
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.optimization_log import PROMPTS
from longlive_widget.presets import PRESETS, Preset

_REPLAYED_LONG_BYTES = 50_000_000
"""More than all that is counted, by 300 replayed blocks of `ultra` and `turbo`; of what is open.

docs/measured/elsewhere/h200-more.jsonl
"""
_ASIDE_BYTES = 250_000_000
"""What lies beside weights and tensors on a GPU: work space of cuBLAS and cuDNN, turns of keys.

0.1 GB is on record (docs/measured/elsewhere/h100.jsonl).
"""
_COMPILED_SHARE = 0.75
"""Of what a decoder computes with, as much on a GPU if it is compiled: 5.9 of 8.1 GB on record."""
_READ_SHARE = 1.5
"""Of a decoder's weights, what kernels of our own hold once more: 1.36 by count, rounded up."""
_PLENTY = 4
"""Times weights, a window and a block of pictures is more than any preset takes, by its dry run."""
_HOST = torch.device("cpu")
_CGROUP = Path("/sys/fs/cgroup")


def require_memory(preset: Preset, sizes: Sizes) -> None:
    """Make sure that a model of these sizes can run over the preset's window, block by block.

    Raises:
        PresetError: the window cannot hold the sink and one block, or the decoder cannot take a
            block in equal parts.
    """
    block = sizes.geometry.block_frames
    if preset.decode_frames is not None and block % preset.decode_frames:
        parts = [str(n) for n in range(1, block + 1) if block % n == 0]
        raise PresetError(
            f"preset {preset.name!r} decodes {preset.decode_frames} latent frames at once, and a "
            f"block of {sizes.name!r} has {block}: use decode_frames={' or '.join(parts)}"
        )
    needed = sizes.sink_frames + sizes.geometry.block_frames
    if preset.window_frames < needed:
        raise PresetError(
            f"preset {preset.name!r} keeps {preset.window_frames} latent frames, but "
            f"{sizes.name!r} needs {needed}, a sink of {sizes.sink_frames} and a block of "
            f"{block}: use window_frames={needed}"
        )


def require_room(preset: Preset, sizes: Sizes, where: Placement, *, beside: bool = False) -> None:
    """Make sure that what a model needs is free on the device, before anything is loaded.

    Where a device does not tell what is free, nothing is checked. `beside` says that others of its
    kind are there and stay.

    Raises:
        CapabilityError: it is not; the message says which preset would fit.
    """
    free = free_bytes(where.device)
    if free is None or plenty_bytes(preset, sizes, where.dtype) <= free:
        return
    needed, more = window_bytes(preset, sizes, where.dtype), "more than "
    # of a larger one no dry run is made: it keeps a number for each frame, on the host
    if needed <= free or preset.window_frames <= sizes.window_frames:
        needed, more = _needed_there(preset, sizes, where), ""
    if needed <= free:
        return
    there = " beside what is loaded" if beside else ""
    raise CapabilityError(
        f"{sizes.name!r} under preset {preset.name!r} needs {more}{said_bytes(needed)} on device "
        f"'{where.device}', and {said_bytes(free)} are free{there}: "
        f"{_way_out(preset, sizes, where, free)}"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the host, had not what was asked for: torch tells so in several ways."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def no_more_memory(preset: Preset, sizes: Sizes, where: Placement, block: int) -> CapabilityError:
    """What is told where memory ran out inside of a block, with the presets that need less."""
    needed = needed_bytes(preset, sizes, where.dtype, where.device)
    by_need = sorted(_needs(sizes, where).items(), key=lambda need: need[1])
    less = [f"{name!r} ({said_bytes(need)})" for name, need in by_need if need < needed]
    smaller = f"use the preset {' or '.join(less[:3])}, or " if less else ""
    return CapabilityError(
        f"block {block} found no more memory on device '{where.device}', where preset "
        f"{preset.name!r} needs {said_bytes(needed)} in all: {smaller}close what else uses it, "
        "or take smaller pictures"
    )


def _way_out(preset: Preset, sizes: Sizes, where: Placement, free: int) -> str:
    """What to do where a preset needs too much: what fits, and what this device can run."""
    ways = []
    usual = {"window_frames": sizes.window_frames, "prompt_cache": PROMPTS}
    if less := {name: most for name, most in usual.items() if getattr(preset, name) > most}:
        need = _needed_there(preset.with_(**less), sizes, where)
        if need <= free:
            said = ", ".join(f"{name}={most}" for name, most in less.items())
            ways.append(f"use {said} ({said_bytes(need)})")
    needs = _needs(sizes, where).items()
    fitting = [f"{name!r} ({said_bytes(need)})" for name, need in needs if need <= free]
    if fitting:
        ways.append(f"use the preset {' or '.join(fitting)}")
    if ways:
        return "; or ".join(ways)
    return "no preset needs that little: close what else uses it, or take another device"


def _needs(sizes: Sizes, where: Placement) -> dict[str, int]:
    """The presets that this device can run, with the bytes that each needs there."""
    possible = [one for one in PRESETS.values() if _can_run(one, sizes, where.device)]
    return {one.name: _needed_there(one, sizes, where) for one in possible}


def _needed_there(preset: Preset, sizes: Sizes, where: Placement) -> int:
    """The bytes that a preset needs beside a text encoder that is there, if it can have that.

    One that stays on the host takes its turns on the device all the same.
    """
    needed = needed_bytes(preset, sizes, where.dtype, where.device)
    same_place = preset.offload_text_encoder == where.offload_text_encoder
    if where.text_encoder is None or not same_place or _offloads(preset, where.device):
        return needed
    return needed - text_bytes(preset, sizes, where.dtype, where.device)


def _can_run(preset: Preset, sizes: Sizes, device: torch.device) -> bool:
    try:
        within_reach(preset, device, allow_fallback=False)
        require_memory(preset, sizes)
    except (CapabilityError, PresetError):
        return False
    return True


def needed_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype, device: torch.device) -> int:
    """The bytes that it takes on the device at its peak, at the model's own picture size.

    Those of weights, a full window, as many prompts as are remembered, and what is computed with:
    decoding, and passes of the transformer.
    """
    text = text_bytes(preset, sizes, dtype, device)
    on_gpu = device.type == "cuda"
    replayed = preset.replays(device.type)
    # torch's kernels were not measured to take less where the graphs are of a block in parts
    whole_block = replayed and preset.kernels == "torch"
    decoded = preset.with_(decode_first=False) if whole_block else preset
    decoding = decoding_work(decoded, sizes, dtype, device.type)
    passing = passing_bytes(preset, sizes, dtype)
    is_less = on_gpu and preset.compiled is not None and preset.decoder == "full"
    most = int(_COMPILED_SHARE * decoding.most_bytes) if is_less else decoding.most_bytes
    if replayed and preset.decoder == "small":
        most *= 2  # measured: 22.5 GB at the peak of a switch, where once makes 22.1
    # both at once, or each in memory of its own
    apart = preset.decode_behind or replayed
    working = most + passing if apart else max(most, passing)
    if replayed:  # a re-cache is not, and graphs were measured to take as much more as
        # what the full decoder keeps, with either decoder
        full = decoded.with_(decoder="full")
        whole = decoding if full == decoded else decoding_work(full, sizes, dtype, device.type)
        working += passing + whole.kept_bytes + _REPLAYED_LONG_BYTES
    # what is offloaded is there only while a prompt is read, and nothing is decoded then
    alternates = _offloads(preset, device) and not preset.decode_behind
    return (
        video_bytes(sizes, dtype)
        + window_bytes(preset, sizes, dtype)
        + kernel_bytes(preset, sizes, dtype, device)
        + prompt_bytes(preset, sizes, dtype)
        + decoding.kept_bytes
        + (max(text, working) if alternates else text + working)
        + (_ASIDE_BYTES if on_gpu else 0)
    )


def plenty_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> float:
    """More bytes than it takes on any device, told at once: no dry run, which takes a second.

    Where attention keeps all its scores there is no such number: infinity.
    """
    if preset.attention == "math":
        return math.inf
    geometry = sizes.geometry
    window = window_bytes(preset.with_(window_dtype="model"), sizes, dtype)
    texts = text_bytes(preset.with_(offload_text_encoder=False), sizes, dtype, _HOST)
    pixels = geometry.pictures_in_block(1) * geometry.width_px * geometry.height_px
    pictures = pixels * sizes.autoencoder.dim * dtype.itemsize
    counted = video_bytes(sizes, dtype) + texts + window + pictures
    beside = _ASIDE_BYTES + _REPLAYED_LONG_BYTES
    return _PLENTY * counted + prompt_bytes(preset, sizes, dtype) + beside


def _offloads(preset: Preset, device: torch.device) -> bool:
    """Whether the text encoder's weights are elsewhere: the host is where a processor computes."""
    return preset.offload_text_encoder and device.type != "cpu"


def video_bytes(sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of the weights of transformer and decoders."""
    return _video_numbers(sizes) * dtype.itemsize


def text_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype, device: torch.device) -> int:
    """The bytes of the text encoder's weights that are on the device at once."""
    count = max if _offloads(preset, device) else sum
    return count(_text_numbers(sizes.text_encoder)) * dtype.itemsize


@lru_cache
def _video_numbers(sizes: Sizes) -> int:
    with bare():
        parts: list[nn.Module] = [Transformer(sizes.transformer), VideoDecoder(sizes.autoencoder)]
        parts += [TinyDecoder(sizes.small_decoder)] if sizes.small_decoder else []
    return sum(weight.numel() for part in parts for weight in part.parameters())


@lru_cache
def _text_numbers(config: TextEncoderConfig) -> tuple[int, ...]:
    """Of each weight."""
    with bare():
        return tuple(weight.numel() for weight in TextEncoder(config).parameters())


def window_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of keys and values in a full window, at the model's own picture size."""
    config = sizes.transformer
    one = torch.empty(1, 1, config.heads, config.head_dim, dtype=dtype)
    held = STORAGES[preset.window_dtype].pack(one, one)
    tokens = preset.window_frames * sizes.geometry.tokens_per_frame
    return config.layers * tokens * sum(part.nbytes for part in held)


def kernel_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype, device: torch.device) -> int:
    """The bytes that kernels of our own hold beside the rest, where they may run.

    The decoder's weights as they read them, and the keys that lie turned beside a window in place.
    """
    if preset.kernels == "torch" or device.type != "cuda":
        return 0
    with bare():
        numbers = sum(weight.numel() for weight in VideoDecoder(sizes.autoencoder).parameters())
    weights = int(_READ_SHARE * numbers * dtype.itemsize)
    lies_still = preset.window_cache != "rolling" and preset.window_dtype == "model"
    return weights + (window_bytes(preset, sizes, dtype) // 2 if lies_still else 0)


def prompt_bytes(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> int:
    """The bytes of keys and values of the prompts that are remembered, and of the one that steers.

    The places of a memory pool hold it once more.
    """
    config = sizes.transformer
    prompts = max(preset.prompt_cache, 1) + preset.memory_pool
    return prompts * config.layers * config.text_length * 2 * config.dim * dtype.itemsize


def free_bytes(device: torch.device) -> int | None:
    """The bytes that are free for weights on a device; None where it does not tell.

    What torch keeps of a GPU for later counts as free, and so do files that the system remembers;
    what a container may not have does not.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if device.type != "cpu":
        return None
    available = int(psutil.virtual_memory().available)
    try:
        most, used = (int((_CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        remembered = {name: int(count) for name, count in map(str.split, lines)}["inactive_file"]
    except (OSError, ValueError, KeyError):  # there is no limit
        return available
    return min(available, most - used + remembered)


def room_bytes(device: torch.device) -> int | None:
    """The bytes that this process has or may have on a device; None where it does not tell."""
    free = free_bytes(device)
    if free is None:
        return None
    if device.type == "cuda":
        return free + int(torch.cuda.memory_allocated(device))
    return free + int(psutil.Process().memory_info().rss)


def said_bytes(count: int) -> str:
    """So many bytes as a reader takes them: 28.1 GB, or 47 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
