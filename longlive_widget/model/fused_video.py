"""What lies between a video decoder's convolutions, as few kernels of our own in Triton.

Each rounds where its plain twin in PyTorch does (`RmsNorm`, the bias of a convolution, a sum), so
they differ by the order of sums alone. No gradient flows through them.

Axes: B batch, T frames, C channels, H rows, W columns.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.model.fused import AS_WRITTEN

LAYOUT = torch.channels_last_3d
_NUMBERS = 4096
"""How many numbers a program handles at once, those past the last channel counted."""


@triton.jit  # type: ignore[untyped-decorator]
def _normed_pixels(
    x_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    gamma_ptr: tl.tensor,
    made_ptr: tl.tensor,
    pixels: tl.tensor,
    pixels_before: tl.tensor,
    root: tl.tensor,
    least: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
    BIAS: tl.constexpr,
) -> None:
    """Some pixels of one video: a bias if it is asked for, an RMS norm, SiLU; put further back."""
    video = tl.program_id(1).to(tl.int64)
    pixel = (tl.program_id(0) * at_once + tl.arange(0, at_once)).to(tl.int64)[:, None]
    channel = tl.arange(0, padded)[None, :]
    known = channel < width
    inside = (pixel < pixels) & known
    dtype = x_ptr.dtype.element_ty
    x = tl.load(x_ptr + (video * pixels + pixel) * width + channel, mask=inside, other=0.0)
    if BIAS:
        bias = tl.load(bias_ptr + channel, mask=known, other=0.0)
        x = (x.to(tl.float32) + bias.to(tl.float32)).to(dtype)
    value = x.to(tl.float32)
    scale = root * tl.rsqrt(tl.maximum(tl.sum(value * value, axis=1), least))[:, None]
    gamma = tl.load(gamma_ptr + channel, mask=known, other=0.0).to(tl.float32)
    normed = value * scale * gamma
    made = (normed * tl.sigmoid(normed)).to(dtype)
    place = video * (pixels + pixels_before) + pixels_before + pixel
    tl.store(made_ptr + place * width + channel, made, mask=inside)


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

    `bias` is what the convolution that made `x` has left out.
    """
    x_BCTHW = x_BCTHW.contiguous(memory_format=LAYOUT)
    batch, channels, new, *sides = x_BCTHW.shape
    shape = batch, channels, frames + new, *sides
    joined = torch.empty(shape, dtype=x_BCTHW.dtype, device=x_BCTHW.device, memory_format=LAYOUT)
    before = joined[:, :, :frames]
    before.zero_() if past_BCTHW is None else before.copy_(past_BCTHW)
    a_frame = sides[0] * sides[1]
    padded = triton.next_power_of_2(channels)
    at_once = max(1, _NUMBERS // padded)
    if x_BCTHW.numel() == 0:
        return joined
    _normed_pixels[(triton.cdiv(new * a_frame, at_once), batch)](
        x_BCTHW,
        x_BCTHW if bias is None else bias,
        gamma,
        joined,
        new * a_frame,
        frames * a_frame,
        channels**0.5,
        least_square,
        width=channels,
        padded=padded,
        at_once=at_once,
        BIAS=bias is not None,
        **AS_WRITTEN,
    )
    return joined


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
