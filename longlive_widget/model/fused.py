"""What lies between a layer's products and attentions, as few kernels of our own in Triton.

Each has its plain twins in PyTorch (`modulated`, `gated_sum`, `RMSNorm`, `turned`) and rounds where
they round, so they differ by the order of sums alone; a turn sums nothing, and is equal to the bit.
No gradient flows through them.

Axes: B batch, F latent frames, T tokens (frame, row, column), C features, H heads, D head size,
P pairs (D / 2).
"""

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from longlive_widget.model.attention import RMSNorm
from longlive_widget.model.rotary import Turn

if TYPE_CHECKING:
    from longlive_widget.model.transformer import Layer

_AS_WRITTEN = {"enable_fp_fusion": False}
"""A product and a sum are rounded each, as PyTorch does."""


@triton.jit  # type: ignore[untyped-decorator]
def _rows(
    x_ptr: tl.tensor,
    added_ptr: tl.tensor,
    modulation_ptr: tl.tensor,
    time_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    sum_ptr: tl.tensor,
    normed_ptr: tl.tensor,
    tokens_per_frame: tl.tensor,
    eps: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    ADDED: tl.constexpr,
    GATE: tl.constexpr,
    SHIFT: tl.constexpr,
    AFFINE: tl.constexpr,
) -> None:
    """One token: a sum, then a layer norm, each if it is asked for.

    GATE and SHIFT are rows of the six, -1 for none.
    """
    token = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, padded)
    inside = column < width
    dtype = x_ptr.dtype.element_ty
    time_ptr += token // tokens_per_frame * 6 * width
    x = tl.load(x_ptr + token * width + column, mask=inside, other=0.0)
    if ADDED:
        added = tl.load(added_ptr + token * width + column, mask=inside, other=0.0)
        if GATE >= 0:
            gate = _time_part(modulation_ptr, time_ptr, GATE, width, column, inside)
            added = (added.to(tl.float32) * gate.to(tl.float32)).to(dtype)
        x = (x.to(tl.float32) + added.to(tl.float32)).to(dtype)
        tl.store(sum_ptr + token * width + column, x, mask=inside)
    if SHIFT >= 0 or AFFINE:
        value = x.to(tl.float32)
        apart = tl.where(inside, value - tl.sum(value, axis=0) / width, 0.0)
        spread = tl.sum(apart * apart, axis=0) / width
        normed = apart * tl.rsqrt(spread + eps)
        if AFFINE:
            weight = tl.load(weight_ptr + column, mask=inside, other=0.0).to(tl.float32)
            bias = tl.load(bias_ptr + column, mask=inside, other=0.0).to(tl.float32)
            normed = normed * weight + bias
        else:
            shift = _time_part(modulation_ptr, time_ptr, SHIFT, width, column, inside)
            scale = _time_part(modulation_ptr, time_ptr, SHIFT + 1, width, column, inside)
            scale = (1.0 + scale.to(tl.float32)).to(dtype)
            normed = normed * scale.to(tl.float32) + shift.to(tl.float32)
        tl.store(normed_ptr + token * width + column, normed.to(dtype), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _time_part(
    modulation_ptr: tl.tensor,
    time_ptr: tl.tensor,
    row: tl.constexpr,
    width: tl.constexpr,
    column: tl.tensor,
    inside: tl.tensor,
) -> tl.tensor:
    """One of the six rows of a frame's modulation."""
    own = tl.load(modulation_ptr + row * width + column, mask=inside, other=0.0)
    time = tl.load(time_ptr + row * width + column, mask=inside, other=0.0)
    return (own.to(tl.float32) + time.to(tl.float32)).to(time_ptr.dtype.element_ty)


@triton.jit  # type: ignore[untyped-decorator]
def _heads(
    x_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    cos_ptr: tl.tensor,
    sin_ptr: tl.tensor,
    made_ptr: tl.tensor,
    tokens: tl.tensor,
    batch_stride: tl.tensor,
    eps: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    pairs: tl.constexpr,
    NORM: tl.constexpr,
    TURN: tl.constexpr,
) -> None:
    """One token's heads: an RMS norm, then a turn, each if it is asked for."""
    row = tl.program_id(0).to(tl.int64)
    batch, token = row // tokens, row % tokens
    column = tl.arange(0, padded)
    inside = column < width
    dtype = x_ptr.dtype.element_ty
    x = tl.load(x_ptr + batch * batch_stride + token * width + column, mask=inside, other=0.0)
    if NORM:
        value = x.to(tl.float32)
        inverse = tl.rsqrt(tl.sum(value * value, axis=0) / width + eps)
        weight = tl.load(weight_ptr + column, mask=inside, other=0.0)
        x = ((value * inverse).to(dtype).to(tl.float32) * weight.to(tl.float32)).to(dtype)
    if TURN:
        pair = tl.arange(0, padded // 2)
        known = 2 * pair < width
        cos = tl.load(cos_ptr + token * pairs + pair % pairs, mask=known, other=0.0)
        sin = tl.load(sin_ptr + token * pairs + pair % pairs, mask=known, other=0.0)
        even, odd = tl.split(tl.reshape(x.to(tl.float32), (padded // 2, 2)))
        turned = tl.join(even * cos - odd * sin, even * sin + odd * cos)
        x = tl.reshape(turned, (padded,)).to(dtype)
    tl.store(made_ptr + row * width + column, x, mask=inside)


def turned(x_BTHD: Tensor, turn: Turn) -> Tensor:
    """Queries or keys with their pairs turned, as `rotary.turned`."""
    return _of_heads(x_BTHD, None, turn)


def normed_heads(x_BTC: Tensor, norm: RMSNorm, head_dim: int, turn: Turn | None) -> Tensor:
    """Queries or keys, `BTHD`: normalised, and turned where a turn is given."""
    return _of_heads(x_BTC.unflatten(-1, (-1, head_dim)), norm, turn)


def before(
    layer: "Layer", x_BTC: Tensor, time_BF6C: Tensor, query_turn: Turn, key_turn: Turn | None
) -> tuple[Tensor, Tensor, Tensor]:
    """As `Layer.before`."""
    attention = layer.self_attn
    _, x_BTC = _of_rows(layer, x_BTC, time_BF6C, shift=0)
    k, v = attention.k(x_BTC), attention.v(x_BTC)
    q_BTHD = normed_heads(attention.q(x_BTC), attention.norm_q, attention.head_dim, query_turn)
    k_BTHD = normed_heads(k, attention.norm_k, attention.head_dim, key_turn)
    return q_BTHD, k_BTHD, v.unflatten(-1, (-1, attention.head_dim))


def between(
    layer: "Layer", x_BTC: Tensor, seen_BTC: Tensor, time_BF6C: Tensor
) -> tuple[Tensor, Tensor]:
    """As `Layer.between`."""
    seen = layer.self_attn.o(seen_BTC)
    x_BTC, normed = _of_rows(layer, x_BTC, time_BF6C, added=seen, gate=2, norm=layer.norm3)
    cross = layer.cross_attn
    return x_BTC, normed_heads(cross.q(normed), cross.norm_q, cross.head_dim, None)


def after(layer: "Layer", x_BTC: Tensor, seen_BTC: Tensor, time_BF6C: Tensor) -> Tensor:
    """As `Layer.after`."""
    x_BTC, normed = _of_rows(layer, x_BTC, time_BF6C, added=layer.cross_attn.o(seen_BTC), shift=3)
    x_BTC, _ = _of_rows(layer, x_BTC, time_BF6C, added=layer.ffn(normed), gate=5)
    return x_BTC


PARTS = (before, between, after)
"""The parts of a layer, each named as the one of `Layer` that it stands for."""


def _of_rows(
    layer: "Layer",
    x_BTC: Tensor,
    time_BF6C: Tensor,
    *,
    added: Tensor | None = None,
    gate: int = -1,
    shift: int = -1,
    norm: nn.LayerNorm | None = None,
) -> tuple[Tensor, Tensor]:
    """`x` with what is added to it, and that normalised; what is not asked for is `x` itself.

    `gate` and `shift` are rows of the layer's modulation, the row after `shift` its scale.
    """
    x_BTC, time_BF6C = x_BTC.contiguous(), time_BF6C.contiguous()
    batch, tokens, width = x_BTC.shape
    normed = shift >= 0 or norm is not None
    sum_BTC = x_BTC if added is None else torch.empty_like(x_BTC)
    normed_BTC = torch.empty_like(x_BTC) if normed else x_BTC
    weight, bias = (x_BTC, x_BTC) if norm is None else (norm.weight, norm.bias)
    _rows[(batch * tokens,)](
        x_BTC,
        x_BTC if added is None else added.contiguous(),
        layer.modulation,
        time_BF6C,
        weight,
        bias,
        sum_BTC,
        normed_BTC,
        tokens // time_BF6C.shape[1],
        layer.eps,
        width=width,
        padded=triton.next_power_of_2(width),
        ADDED=added is not None,
        GATE=gate,
        SHIFT=shift,
        AFFINE=norm is not None,
        **_AS_WRITTEN,
    )
    return sum_BTC, normed_BTC


def _of_heads(x_BTHD: Tensor, norm: RMSNorm | None, turn: Turn | None) -> Tensor:
    batch, tokens, heads, head_dim = x_BTHD.shape
    if x_BTHD[:1].is_contiguous():  # a window's buffer has room behind its tokens
        batch_stride = x_BTHD.stride(0)
    else:
        x_BTHD = x_BTHD.contiguous()
        batch_stride = tokens * heads * head_dim
    made_BTHD = torch.empty(x_BTHD.shape, dtype=x_BTHD.dtype, device=x_BTHD.device)
    _heads[(batch * tokens,)](
        x_BTHD,
        x_BTHD if norm is None else norm.weight,
        x_BTHD if turn is None else turn.cos_T1P,
        x_BTHD if turn is None else turn.sin_T1P,
        made_BTHD,
        tokens,
        batch_stride,
        0.0 if norm is None else norm.eps,
        width=heads * head_dim,
        padded=triton.next_power_of_2(heads * head_dim),
        pairs=head_dim // 2,
        NORM=norm is not None,
        TURN=turn is not None,
        **_AS_WRITTEN,
    )
    return made_BTHD
