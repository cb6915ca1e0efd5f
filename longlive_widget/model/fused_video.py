"""What lies between a video decoder's convolutions, as kernels of our own in Triton.

Each rounds where its plain twin in PyTorch does (`RmsNorm`, the bias of a convolution, a sum), so
they differ by the order of sums alone. No gradient flows through them.

Axes: B batch, T frames, C channels, H rows, W columns.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.model.fused import AS_WRITTEN

LAYOUT = torch.channels_last_3d
_NUMBERS = 4096
"""How many numbers a program handles at once, those past the last channel counted."""
_MUCH_SHARED_MEMORY = (9, 10)
"""Compute capabilities, by their first number."""
_MOST_PIXELS = 512
"""More than a tile of a convolution has, and its kernel sees behind them."""


@triton.jit  # type: ignore[untyped-decorator]
def normed_pixels(x: tl.tensor, gamma: tl.tensor, root: tl.tensor, least: tl.tensor) -> tl.tensor:
    """Pixels after an RMS norm and SiLU, in float32."""
    value = x.to(tl.float32)
    scale = root * tl.rsqrt(tl.maximum(tl.sum(value * value, axis=1), least))[:, None]
    normed = value * scale * gamma
    return normed * tl.sigmoid(normed)


@triton.jit  # type: ignore[untyped-decorator]
def _bordered_pixels(
    x_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    gamma_ptr: tl.tensor,
    made_ptr: tl.tensor,
    frames: tl.tensor,
    frames_before: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    root: tl.tensor,
    least: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
    BIAS: tl.constexpr,
    NORM: tl.constexpr,
) -> None:
    """Some pixels in a row, or zeros of the border: a bias, an RMS norm and SiLU if asked for.

    They go behind `frames_before` frames.
    """
    frame = tl.program_id(2)
    row = tl.program_id(1) - 1
    column = tl.program_id(0) * at_once - 1 + tl.arange(0, at_once)
    channel = tl.arange(0, padded)[None, :]
    known = channel < width
    drawn = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    seen = drawn[:, None] & known
    place = column[:, None] * width + channel
    x_ptr += ((frame * rows + row).to(tl.int64) * columns) * width
    x = tl.load(x_ptr + place, mask=seen, other=0.0)
    if BIAS:
        bias = tl.load(bias_ptr + channel, mask=known, other=0.0)
        x = tl.where(seen, x.to(tl.float32) + bias.to(tl.float32), 0.0).to(x.dtype)
    if NORM:
        gamma = tl.load(gamma_ptr + channel, mask=known, other=0.0).to(tl.float32)
        x = normed_pixels(x, gamma, root, least).to(x.dtype)
    goes = frame // frames * (frames_before + frames) + frames_before + frame % frames
    made_ptr += ((goes * (rows + 2) + row + 1).to(tl.int64) * (columns + 2) + 1) * width
    tl.store(made_ptr + place, x, mask=(column <= columns)[:, None] & known)


@triton.jit  # type: ignore[untyped-decorator]
def _summed_numbers(
    x_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    added_ptr: tl.tensor,
    made_ptr: tl.tensor,
    numbers: tl.tensor,
    width: tl.constexpr,
    at_once: tl.constexpr,
) -> None:
    """Some numbers: a bias by channel, then a sum."""
    number = tl.program_id(0).to(tl.int64) * at_once + tl.arange(0, at_once)
    inside = number < numbers
    dtype = x_ptr.dtype.element_ty
    x = tl.load(x_ptr + number, mask=inside, other=0.0).to(tl.float32)
    bias = tl.load(bias_ptr + number % width, mask=inside, other=0.0).to(tl.float32)
    added = tl.load(added_ptr + number, mask=inside, other=0.0).to(tl.float32)
    made = (x + bias).to(dtype).to(tl.float32) + added
    tl.store(made_ptr + number, made.to(dtype), mask=inside)


def normed_behind(
    past_BCTHW: Tensor | None,
    frames: int,
    x_BCTHW: Tensor,
    gamma: Tensor,
    *,
    least_square: float,
    bias: Tensor | None = None,
) -> Tensor:
    """SiLU of `x`, normalised over its channels, behind `frames` frames of the past or zeros.

    All of it has a border of zeros, one row or column on each side. `bias` is what the convolution
    that made `x` has left out.
    """
    x_BCTHW = x_BCTHW.contiguous(memory_format=LAYOUT)
    joined = _empty_with_border(x_BCTHW, frames_before=frames)
    before = joined[:, :, :frames].zero_()
    if past_BCTHW is not None:
        within(before).copy_(past_BCTHW)
    _put_behind(joined, frames, x_BCTHW, bias, gamma, least_square)
    return joined


def within(joined_BCTHW: Tensor) -> Tensor:
    """A view without the border."""
    return joined_BCTHW[..., 1:-1, 1:-1]


def bordered(x_BCTHW: Tensor) -> Tensor:
    """`x` with a border of zeros."""
    x_BCTHW = x_BCTHW.contiguous(memory_format=LAYOUT)
    made = _empty_with_border(x_BCTHW, frames_before=0)
    _put_behind(made, 0, x_BCTHW)
    return made


def _empty_with_border(x_BCTHW: Tensor, *, frames_before: int) -> Tensor:
    """Room for it behind other frames."""
    batch, channels, frames, rows, columns = x_BCTHW.shape
    shape = batch, frames_before + frames, rows + 2, columns + 2, channels
    return empty_with_more(x_BCTHW, shape, x_BCTHW.dtype).movedim(-1, 1)


def empty_with_more(x: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Room of a shape that ends with the channels; what a tile reads behind its end is ours too."""
    numbers = math.prod(shape)
    place = x.new_empty(numbers + _MOST_PIXELS * shape[-1], dtype=dtype)
    return place[:numbers].view(shape)


def has_much_shared_memory(x: Tensor) -> bool:
    """Whether the multiprocessors of a tensor's GPU hold the largest tiles of a convolution.

    These take 3 * 2 * 64 * (256 + 192) bytes of shared memory, 168 KiB. The interpreter holds all.
    """
    return not x.is_cuda or torch.cuda.get_device_capability(x.device)[0] in _MUCH_SHARED_MEMORY


def _put_behind(
    joined_BCTHW: Tensor,
    frames_before: int,
    x_BCTHW: Tensor,
    bias: Tensor | None = None,
    gamma: Tensor | None = None,
    least_square: float = 1.0,
) -> None:
    """Fill `joined` behind its first frames, the border too; normalised where a gamma is given."""
    batch, channels, frames, rows, columns = x_BCTHW.shape
    padded = triton.next_power_of_2(channels)
    at_once = max(1, _NUMBERS // padded)
    if x_BCTHW.numel() == 0:
        return
    _bordered_pixels[(triton.cdiv(columns + 2, at_once), rows + 2, batch * frames)](
        x_BCTHW,
        x_BCTHW if bias is None else bias,
        x_BCTHW if gamma is None else gamma,
        joined_BCTHW,
        frames,
        frames_before,
        rows,
        columns,
        channels**0.5,
        least_square,
        width=channels,
        padded=padded,
        at_once=at_once,
        BIAS=bias is not None,
        NORM=gamma is not None,
        num_warps=8,
        **AS_WRITTEN,
    )


def summed(x_BCTHW: Tensor, bias: Tensor, added_BCTHW: Tensor) -> Tensor:
    """`x`, the bias that its convolution has left out, and what is added to them."""
    x_BCTHW, added_BCTHW = (x.contiguous(memory_format=LAYOUT) for x in (x_BCTHW, added_BCTHW))
    made_BCTHW = torch.empty_like(x_BCTHW)
    numbers = x_BCTHW.numel()
    if numbers:
        _summed_numbers[(triton.cdiv(numbers, _NUMBERS),)](
            x_BCTHW,
            bias,
            added_BCTHW,
            made_BCTHW,
            numbers,
            width=x_BCTHW.shape[1],
            at_once=_NUMBERS,
            **AS_WRITTEN,
        )
    return made_BCTHW
