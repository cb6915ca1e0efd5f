"""Queries, keys and values in FP8, as few kernels of our own in Triton: as `fp8_attention.in_fp8`.

Two passes over all three: the largest and the least of every feature, then the numbers. They are
those of the plain twin, but that halves may fall to either side. No gradient flows through them.

Axes: B batch, T tokens, H heads, D head size.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.model.fp8 import DTYPE
from longlive_widget.model.fused import AS_WRITTEN, LEAST, MOST

_TOKENS_AT_ONCE, _TOKENS_IN_TURN = 4, 32
"""How many tokens a program looks at for their extremes: at once, and in all."""
_TOKENS_MADE = 16
"""How many tokens a program makes, one after the other."""


@triton.jit  # type: ignore[untyped-decorator]
def _extremes(
    q_ptr: tl.tensor,
    k_ptr: tl.tensor,
    v_ptr: tl.tensor,
    extremes_ptr: tl.tensor,
    queries: tl.tensor,
    keys: tl.tensor,
    q_stride: tl.tensor,
    k_stride: tl.tensor,
    v_stride: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
    in_turn: tl.constexpr,
) -> None:
    """Of some tokens of queries, keys or values: the largest and the largest negated features."""
    which, video = tl.program_id(1), tl.program_id(2)
    tokens = tl.where(which == 0, queries, keys)
    first = tl.program_id(0) * in_turn
    if first < tokens:
        if which == 0:
            x_ptr = q_ptr + video.to(tl.int64) * q_stride
        elif which == 1:
            x_ptr = k_ptr + video.to(tl.int64) * k_stride
        else:
            x_ptr = v_ptr + video.to(tl.int64) * v_stride
        feature = tl.arange(0, padded)
        inside = feature < width
        row = tl.arange(0, at_once)
        most = tl.full((at_once, padded), float("-inf"), tl.float32)
        least = tl.full((at_once, padded), float("-inf"), tl.float32)
        for turn in range(in_turn // at_once):
            token = tl.minimum(first + turn * at_once + row, tokens - 1)
            place = token[:, None] * width + feature[None, :]
            x = tl.load(x_ptr + place, mask=inside[None, :], other=0.0).to(tl.float32)
            most, least = tl.maximum(most, x), tl.maximum(least, -x)
        goes = extremes_ptr + (video * 3 + which) * 2 * width + feature
        tl.atomic_max(goes, tl.max(most, axis=0), mask=inside, sem="relaxed")
        tl.atomic_max(goes + width, tl.max(least, axis=0), mask=inside, sem="relaxed")


@triton.jit  # type: ignore[untyped-decorator]
def _numbers(
    q_ptr: tl.tensor,
    k_ptr: tl.tensor,
    v_ptr: tl.tensor,
    extremes_ptr: tl.tensor,
    q_made_ptr: tl.tensor,
    k_made_ptr: tl.tensor,
    v_made_ptr: tl.tensor,
    scale_ptr: tl.tensor,
    queries: tl.tensor,
    keys: tl.tensor,
    q_stride: tl.tensor,
    k_stride: tl.tensor,
    v_stride: tl.tensor,
    heads: tl.constexpr,
    padded_heads: tl.constexpr,
    head_dim: tl.constexpr,
    in_turn: tl.constexpr,
) -> None:
    """Some tokens in FP8; keys from the middle of their features on."""
    which, video = tl.program_id(1), tl.program_id(2)
    tokens = tl.where(which == 0, queries, keys)
    first = tl.program_id(0) * in_turn
    if first < tokens:
        width: tl.constexpr = heads * head_dim
        if which == 0:
            x_ptr = q_ptr + video.to(tl.int64) * q_stride
            made_ptr = q_made_ptr
        elif which == 1:
            x_ptr = k_ptr + video.to(tl.int64) * k_stride
            made_ptr = k_made_ptr
        else:
            x_ptr = v_ptr + video.to(tl.int64) * v_stride
            made_ptr = v_made_ptr
        made_ptr += video.to(tl.int64) * tokens * width
        head = tl.arange(0, padded_heads)
        place = head[:, None] * head_dim + tl.arange(0, head_dim)[None, :]
        inside = (head < heads)[:, None]
        found = extremes_ptr + (video * 3 + which) * 2 * width + place
        most = tl.load(found, mask=inside, other=0.0)
        least = tl.load(found + width, mask=inside, other=0.0)
        dtype = q_ptr.dtype.element_ty
        middle = tl.where(which == 1, 0.5 * (most - least), 0.0).to(dtype).to(tl.float32)
        spread = tl.maximum((most - middle).to(dtype), (least + middle).to(dtype)).to(tl.float32)
        largest = tl.maximum(tl.max(spread, axis=1), LEAST)
        if first == 0:
            goes = scale_ptr + (which * tl.num_programs(2) + video) * heads + head
            tl.store(goes, tl.div_rn(largest, MOST), mask=head < heads)
        inverse = tl.div_rn(MOST, largest)[:, None]
        for turn in range(in_turn):
            token = first + turn
            there = inside & (token < tokens)
            x = tl.load(x_ptr + token * width + place, mask=there, other=0.0).to(tl.float32)
            apart = (x - middle).to(dtype).to(tl.float32) * inverse
            tl.store(
                made_ptr + token * width + place, apart.to(made_ptr.dtype.element_ty), mask=there
            )


def in_fp8(
    q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """As `fp8_attention.in_fp8`."""
    given = tuple(map(_in_rows, (q_BTHD, k_BTHD, v_BTHD)))
    made = tuple(torch.empty(x.shape, dtype=DTYPE, device=x.device) for x in given)
    batch, queries, heads, head_dim = q_BTHD.shape
    keys, width = k_BTHD.shape[1], heads * head_dim
    extremes = q_BTHD.new_full((batch, 3, 2, width), -torch.inf, dtype=torch.float32)
    scale_3BH = q_BTHD.new_empty((3, batch, heads), dtype=torch.float32)
    strides = tuple(x.stride(0) for x in given)
    many = max(queries, keys)
    _extremes[(triton.cdiv(many, _TOKENS_IN_TURN), 3, batch)](
        *given,
        extremes,
        queries,
        keys,
        *strides,
        width=width,
        padded=triton.next_power_of_2(width),
        at_once=_TOKENS_AT_ONCE,
        in_turn=_TOKENS_IN_TURN,
        num_warps=8,
        **AS_WRITTEN,
    )
    _numbers[(triton.cdiv(many, _TOKENS_MADE), 3, batch)](
        *given,
        extremes,
        *made,
        scale_3BH,
        queries,
        keys,
        *strides,
        heads=heads,
        padded_heads=triton.next_power_of_2(heads),
        head_dim=head_dim,
        in_turn=_TOKENS_MADE,
        num_warps=8,
        **AS_WRITTEN,
    )
    q, k, v = zip(made, scale_3BH, strict=True)
    return q, k, v


def _in_rows(x_BTHD: Tensor) -> Tensor:
    """The same with whole tokens one after the other, as a window's buffer has them."""
    return x_BTHD if x_BTHD[:1].is_contiguous() else x_BTHD.contiguous()
