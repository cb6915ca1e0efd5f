"""Attention over a prompt, as one kernel of our own in Triton.

A prompt has 512 rows, of which most are past its end, and those are all the same: they are read
once, and count as many times as there are. What comes out differs from attention over every row by
the order of sums alone. No gradient flows through it.

Axes: B batch, T tokens, L rows of text, H heads, D head size.

Source: T. Dao, FlashAttention-2 (2023), for the softmax made as keys come.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.cache.text import TextMemory

_QUERIES, _ROWS = 128, 64
"""How many queries a program has, and how many rows of the prompt it reads at once."""


@triton.jit  # type: ignore[untyped-decorator]
def _attended(
    q_ptr: tl.tensor,
    k_ptr: tl.tensor,
    v_ptr: tl.tensor,
    told_ptr: tl.tensor,
    seen_ptr: tl.tensor,
    tokens: tl.tensor,
    rows: tl.tensor,
    heads: tl.tensor,
    scale: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    queries: tl.constexpr,
    at_once: tl.constexpr,
    PRECISION: tl.constexpr,
) -> None:
    """Some queries of one head; `scale` is for powers of two.

    Of the rows from `told` on the first one stands for all.
    """
    head, video = tl.program_id(1), tl.program_id(2).to(tl.int64)
    token = tl.program_id(0) * queries + tl.arange(0, queries)
    column = tl.arange(0, padded)
    inside = column[None, :] < width
    a_row = heads * width
    place = video * tokens * a_row + head * width + token[:, None] * a_row + column[None, :]
    asked = (token < tokens)[:, None] & inside
    q = tl.load(q_ptr + place, mask=asked, other=0.0)
    k_ptr += video * rows * a_row + head * width
    v_ptr += video * rows * a_row + head * width
    told = tl.load(told_ptr)
    last = tl.minimum(told, rows - 1)
    as_many = tl.log2(tl.maximum(rows - told, 1).to(tl.float32))
    most = tl.full((queries,), float("-inf"), tl.float32)
    total = tl.zeros((queries,), tl.float32)
    seen = tl.zeros((queries, padded), tl.float32)
    first = told * 0
    while first <= last:
        row = first + tl.arange(0, at_once)
        read = (row <= last)[:, None] & inside
        at = row[:, None] * a_row + column[None, :]
        k = tl.load(k_ptr + at, mask=read, other=0.0)
        score = tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale
        score += tl.where(row == told, as_many, 0.0)[None, :]
        score = tl.where((row <= last)[None, :], score, float("-inf"))
        more = tl.maximum(most, tl.max(score, axis=1))
        weight = tl.exp2(score - more[:, None])
        before = tl.exp2(most - more)
        total = total * before + tl.sum(weight, axis=1)
        v = tl.load(v_ptr + at, mask=read, other=0.0)
        seen = tl.dot(weight.to(v.dtype), v, seen * before[:, None], input_precision=PRECISION)
        most = more
        first += at_once
    made = (seen / total[:, None]).to(seen_ptr.dtype.element_ty)
    tl.store(seen_ptr + place, made, mask=asked)


def prompted(q_BTHD: Tensor, text: TextMemory, layer: int) -> Tensor:
    """As `Layer.prompted`."""
    q_BTHD = q_BTHD.contiguous()
    k_BLHD, v_BLHD = (x.contiguous() for x in text.layers[layer])
    batch, tokens, heads, width = q_BTHD.shape
    seen_BTHD = torch.empty_like(q_BTHD)
    _attended[(triton.cdiv(tokens, _QUERIES), heads, batch)](
        q_BTHD,
        k_BLHD,
        v_BLHD,
        text.told,
        seen_BTHD,
        tokens,
        k_BLHD.shape[1],
        heads,
        width**-0.5 / math.log(2),
        width=width,
        padded=triton.next_power_of_2(width),
        queries=_QUERIES,
        at_once=_ROWS,
        PRECISION="ieee" if q_BTHD.element_size() == 4 else "tf32",
        num_warps=8,
        num_stages=2,
    )
    return seen_BTHD
