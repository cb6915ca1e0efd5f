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
from longlive_widget.model.fp8 import DTYPE, Fp8Linear, Scaled
from longlive_widget.model.rotary import Turn

if TYPE_CHECKING:
    from longlive_widget.model.transformer import Layer

MOST = tl.constexpr(torch.finfo(DTYPE).max)
LEAST = tl.constexpr(torch.finfo(torch.float32).tiny * torch.finfo(DTYPE).max)
AS_WRITTEN = {"enable_fp_fusion": False}
"""A product and a sum are rounded each, as PyTorch does."""
_WIDE = 4096


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
    scale_ptr: tl.tensor,
    tokens_per_frame: tl.tensor,
    eps: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    ADDED: tl.constexpr,
    GATE: tl.constexpr,
    SHIFT: tl.constexpr,
    AFFINE: tl.constexpr,
    SCALED: tl.constexpr,
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
        if SCALED:
            normed = tl.where(inside, normed, 0.0).to(dtype)
            largest = _largest(normed)
            _store_scaled(normed, largest, normed_ptr + token * width + column, inside)
            tl.store(scale_ptr + token, tl.div_rn(largest, MOST))
        else:
            tl.store(normed_ptr + token * width + column, normed.to(dtype), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _largest(x: tl.tensor) -> tl.tensor:
    """The largest of some numbers by size, and never so small that it can't be divided by."""
    return tl.maximum(tl.max(tl.abs(x.to(tl.float32)), axis=0), LEAST)


@triton.jit  # type: ignore[untyped-decorator]
def _store_scaled(
    x: tl.tensor, largest: tl.tensor, numbers_ptr: tl.tensor, inside: tl.tensor
) -> None:
    """Numbers in FP8, as `cache.storage.scaled` makes them."""
    numbers = x.to(tl.float32) * (tl.div_rn(1.0, largest) * MOST)  # as torch divides a number
    tl.store(numbers_ptr, numbers.to(numbers_ptr.dtype.element_ty), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _scaled_rows(
    x_ptr: tl.tensor,
    numbers_ptr: tl.tensor,
    scale_ptr: tl.tensor,
    width: tl.constexpr,
    most: tl.constexpr,
    rest: tl.constexpr,
    GELU: tl.constexpr,
) -> None:
    """One token in FP8, after GELU if that is asked for: its first `most` numbers, then others."""
    token = tl.program_id(0).to(tl.int64)
    x_ptr += token * width
    numbers_ptr += token * width
    first, later = tl.arange(0, most), most + tl.arange(0, rest)
    there, more = first < width, later < width
    x = tl.load(x_ptr + first, mask=there, other=0.0)
    last = tl.load(x_ptr + later, mask=more, other=0.0)
    if GELU:
        x, last = _gelu(x), _gelu(last)
    largest = tl.maximum(_largest(x), _largest(last))
    _store_scaled(x, largest, numbers_ptr + first, there)
    _store_scaled(last, largest, numbers_ptr + later, more)
    tl.store(scale_ptr + token, tl.div_rn(largest, MOST))


@triton.jit  # type: ignore[untyped-decorator]
def _gelu(x: tl.tensor) -> tl.tensor:
    """By its tanh formula."""
    value = x.to(tl.float32)
    inner = 0.7978845608028654 * (value + 0.044715 * value * value * value)
    return (value * tl.sigmoid(2.0 * inner)).to(x.dtype)  # (1 + tanh) / 2


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
    token_stride: tl.tensor,
    made_batch_stride: tl.tensor,
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
    x_ptr += batch * batch_stride + token * token_stride
    x = tl.load(x_ptr + column, mask=inside, other=0.0)
    if NORM:
        value = x.to(tl.float32)
        inverse = tl.rsqrt(tl.sum(value * value, axis=0) / width + eps)
        weight = tl.load(weight_ptr + column, mask=inside, other=0.0)
        x = ((value * inverse).to(dtype).to(tl.float32) * weight.to(tl.float32)).to(dtype)
    if TURN:
        pair = tl.arange(0, padded // 2)
        known = pair < width // 2
        cos = tl.load(cos_ptr + token * pairs + pair % pairs, mask=known, other=0.0)
        sin = tl.load(sin_ptr + token * pairs + pair % pairs, mask=known, other=0.0)
        even, odd = tl.split(tl.reshape(x.to(tl.float32), (padded // 2, 2)))
        turned = tl.join(even * cos - odd * sin, even * sin + odd * cos)
        x = tl.reshape(turned, (padded,)).to(dtype)
    tl.store(made_ptr + batch * made_batch_stride + token * width + column, x, mask=inside)


def turned(x_BTHD: Tensor, turn: Turn) -> Tensor:
    """Queries or keys with their pairs turned, as `rotary.turned`."""
    return _of_heads(x_BTHD, None, turn)


def turn_into(x_BTHD: Tensor, turn: Turn, made_BTHD: Tensor) -> None:
    """As `turned`, into a place that there is: some tokens of a window's buffer."""
    _of_heads(x_BTHD, None, turn, made_BTHD)


def normed_heads(x_BTC: Tensor, norm: RMSNorm, head_dim: int, turn: Turn | None) -> Tensor:
    """Queries or keys, `BTHD`: normalised, and turned where a turn is given."""
    return _of_heads(x_BTC.unflatten(-1, (-1, head_dim)), norm, turn)


def scaled(x: Tensor, *, gelu: bool = False) -> Scaled:
    """As `Scaled.of`, after GELU if that is asked for: a linear layer in FP8 takes it as it is."""
    x_TK = x.flatten(0, -2).contiguous()
    tokens, width = x_TK.shape
    made = _empty_scaled(x)
    most = 1 << (width.bit_length() - 1)
    _scaled_rows[(tokens,)](
        x_TK,
        made.numbers_TK,
        made.scale_T1,
        width=width,
        most=most,
        rest=triton.next_power_of_2(max(1, width - most)),
        GELU=gelu,
        num_warps=8 if width > _WIDE else 4,
        **AS_WRITTEN,
    )
    return made


def before(
    layer: "Layer", x_BTC: Tensor, time_BF6C: Tensor, query_turn: Turn, key_turn: Turn | None
) -> tuple[Tensor, Tensor, Tensor]:
    """As `Layer.before`."""
    own = layer.self_attn
    _, normed = _of_rows(layer, x_BTC, time_BF6C, reader=own.q, shift=0)
    q, k, v = own.projected(normed)
    q_BTHD = normed_heads(q, own.norm_q, own.head_dim, query_turn)
    k_BTHD = normed_heads(k, own.norm_k, own.head_dim, key_turn)
    return q_BTHD, k_BTHD, v.unflatten(-1, (-1, own.head_dim))


def between(
    layer: "Layer", x_BTC: Tensor, seen_BTC: Tensor, time_BF6C: Tensor
) -> tuple[Tensor, Tensor]:
    """As `Layer.between`."""
    own, cross = layer.self_attn, layer.cross_attn
    seen_BTC = own.o(_read_by(own.o, seen_BTC))
    x_BTC, normed = _of_rows(
        layer, x_BTC, time_BF6C, added=seen_BTC, gate=2, norm=layer.norm3, reader=cross.q
    )
    return x_BTC, normed_heads(cross.q(normed), cross.norm_q, cross.head_dim, None)


def after(layer: "Layer", x_BTC: Tensor, seen_BTC: Tensor, time_BF6C: Tensor) -> Tensor:
    """As `Layer.after`."""
    up, _, down = layer.ffn
    seen_BTC = layer.cross_attn.o(_read_by(layer.cross_attn.o, seen_BTC))
    x_BTC, normed = _of_rows(layer, x_BTC, time_BF6C, added=seen_BTC, shift=3, reader=up)
    wide = layer.risen(normed)  # type: ignore[arg-type]  # it is the one below
    x_BTC, _ = _of_rows(layer, x_BTC, time_BF6C, added=down(wide), gate=5)
    return x_BTC


def risen(layer: "Layer", x: Tensor | Scaled) -> Tensor | Scaled:
    """As `Layer.risen`; cuBLAS does both at once in 16 bits, and rounds once."""
    up, activation, down = layer.ffn
    if isinstance(down, Fp8Linear):
        return scaled(up(x), gelu=True)
    if isinstance(up, nn.Linear) and isinstance(x, Tensor) and x.is_cuda and x.element_size() == 2:
        wide: Tensor = torch._addmm_activation(up.bias, x.flatten(0, 1), up.weight.T, use_gelu=True)
        return wide.unflatten(0, x.shape[:2])
    return activation(up(x))


PARTS = (before, between, after, risen)
"""The parts of a layer, each named as the one of `Layer` that it stands for."""


def _read_by(linear: nn.Module, x: Tensor) -> Tensor | Scaled:
    return scaled(x) if isinstance(linear, Fp8Linear) else x


def _of_rows(
    layer: "Layer",
    x_BTC: Tensor,
    time_BF6C: Tensor,
    *,
    added: Tensor | None = None,
    gate: int = -1,
    shift: int = -1,
    norm: nn.LayerNorm | None = None,
    reader: nn.Module | None = None,
) -> tuple[Tensor, Tensor | Scaled]:
    """`x` with what is added to it, and that normalised, as `reader` takes it.

    What is not asked for is `x` itself. `gate` and `shift` are rows of the layer's modulation, the
    row after `shift` its scale.
    """
    x_BTC, time_BF6C = x_BTC.contiguous(), time_BF6C.contiguous()
    batch, tokens, width = x_BTC.shape
    sum_BTC = x_BTC if added is None else torch.empty_like(x_BTC)
    in_fp8 = _empty_scaled(x_BTC) if isinstance(reader, Fp8Linear) else None
    normed_BTC = x_BTC if reader is None or in_fp8 else torch.empty_like(x_BTC)
    weight, bias = (x_BTC, x_BTC) if norm is None else (norm.weight, norm.bias)
    _rows[(batch * tokens,)](
        x_BTC,
        x_BTC if added is None else added.contiguous(),
        layer.modulation,
        time_BF6C,
        weight,
        bias,
        sum_BTC,
        in_fp8.numbers_TK if in_fp8 else normed_BTC,
        in_fp8.scale_T1 if in_fp8 else x_BTC,
        tokens // time_BF6C.shape[1],
        layer.eps,
        **_sizes(width),
        ADDED=added is not None,
        GATE=gate,
        SHIFT=shift,
        AFFINE=norm is not None,
        SCALED=in_fp8 is not None,
        **AS_WRITTEN,
    )
    return sum_BTC, in_fp8 or normed_BTC


def _empty_scaled(x: Tensor) -> Scaled:
    tokens = x.numel() // x.shape[-1]
    numbers_TK = x.new_empty(tokens, x.shape[-1], dtype=DTYPE)
    return Scaled(numbers_TK, x.new_empty(tokens, 1, dtype=torch.float32), x.shape, x.dtype)


def _sizes(width: int) -> dict[str, int]:
    """What a kernel over rows is told of their width; a wide row takes more threads."""
    padded = triton.next_power_of_2(width)
    return {"width": width, "padded": padded, "num_warps": 16 if padded > _WIDE else 4}


def _of_heads(
    x_BTHD: Tensor, norm: RMSNorm | None, turn: Turn | None, made_BTHD: Tensor | None = None
) -> Tensor:
    batch, tokens, heads, head_dim = x_BTHD.shape
    if not x_BTHD[:1, :1].is_contiguous():  # tokens may lie apart, and videos
        x_BTHD = x_BTHD.contiguous()
    if made_BTHD is None:
        made_BTHD = torch.empty(x_BTHD.shape, dtype=x_BTHD.dtype, device=x_BTHD.device)
    _heads[(batch * tokens,)](
        x_BTHD,
        x_BTHD if norm is None else norm.weight,
        x_BTHD if turn is None else turn.cos_T1P,
        x_BTHD if turn is None else turn.sin_T1P,
        made_BTHD,
        tokens,
        x_BTHD.stride(0),
        x_BTHD.stride(1),
        made_BTHD.stride(0),
        0.0 if norm is None else norm.eps,
        **_sizes(heads * head_dim),
        pairs=head_dim // 2,
        NORM=norm is not None,
        TURN=turn is not None,
        **AS_WRITTEN,
    )
    return made_BTHD
