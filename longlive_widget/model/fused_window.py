"""The way into a window in 8 bits and out of it, as kernels of our own in Triton.

What is read back and turned, or written, turned and copied, is read and written once. Each rounds
where its plain twins do (`ScaledStorage`, `rotary.turned`): what is read back is equal to the bit,
and what is written but for a scale's last bit. Knows no frames, and no window but its tensors.

Axes: B batch, T tokens (frame, row, column), H heads, D head size, P pairs (D / 2).
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.cache.storage import Parts
from longlive_widget.model.fused import AS_WRITTEN, turn_into
from longlive_widget.model.rotary import Turn

_NUMBERS = 4096
_WARPS = 16
"""Eight numbers a thread: of keys, of values and of the cosines that turn both, it loads as many as
it computes with, so that nothing changes hands; and a token's heads are in one program."""
_LEAST = tl.constexpr(torch.finfo(torch.float32).tiny)
_ROUND = tl.constexpr(1.5 * 2**23)
"""Added to a float32 and taken away again it leaves a whole number, halves to even."""


@triton.jit  # type: ignore[untyped-decorator]
def _turned_rows(
    x: tl.tensor,
    cos_ptr: tl.tensor,
    sin_ptr: tl.tensor,
    row: tl.tensor,
    there: tl.tensor,
    heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
) -> tl.tensor:
    """Keys with their pairs turned, in float32."""
    pair = tl.arange(0, padded // 2)[None, :]
    known = there[:, None] & (pair < head_dim // 2)
    place = (row // heads)[:, None] * (head_dim // 2) + pair
    cos = tl.load(cos_ptr + place, mask=known, other=0.0)
    sin = tl.load(sin_ptr + place, mask=known, other=0.0)
    even, odd = tl.split(tl.reshape(x, (at_once, padded // 2, 2)))
    turned = tl.join(even * cos - odd * sin, even * sin + odd * cos)
    return tl.reshape(turned, (at_once, padded))


@triton.jit  # type: ignore[untyped-decorator]
def _unpacked_rows(
    k_ptr: tl.tensor,
    k_scale_ptr: tl.tensor,
    v_ptr: tl.tensor,
    v_scale_ptr: tl.tensor,
    cos_ptr: tl.tensor,
    sin_ptr: tl.tensor,
    k_made_ptr: tl.tensor,
    v_made_ptr: tl.tensor,
    rows: tl.tensor,
    stride: tl.tensor,
    made_stride: tl.tensor,
    heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
) -> None:
    """Some heads of tokens out of 8 bits: keys turned, values."""
    batch = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * at_once + tl.arange(0, at_once)
    column = tl.arange(0, padded)[None, :]
    there = row < rows
    known = there[:, None] & (column < head_dim)
    place = row[:, None] * head_dim + column
    dtype = k_made_ptr.dtype.element_ty
    at, scale_at = batch * stride, batch * stride // head_dim
    made_at = batch * made_stride
    k = tl.load(k_ptr + at + place, mask=known, other=0.0).to(tl.float32)
    v = tl.load(v_ptr + at + place, mask=known, other=0.0).to(tl.float32)
    k_scale = tl.load(k_scale_ptr + scale_at + row, mask=there, other=0.0)
    v_scale = tl.load(v_scale_ptr + scale_at + row, mask=there, other=0.0)
    k = (k * k_scale[:, None]).to(dtype).to(tl.float32)
    k = _turned_rows(k, cos_ptr, sin_ptr, row, there, heads, head_dim, padded, at_once)
    tl.store(k_made_ptr + made_at + place, k.to(dtype), mask=known)
    tl.store(v_made_ptr + made_at + place, (v * v_scale[:, None]).to(dtype), mask=known)


@triton.jit  # type: ignore[untyped-decorator]
def _packed_rows(
    k_ptr: tl.tensor,
    v_ptr: tl.tensor,
    cos_ptr: tl.tensor,
    sin_ptr: tl.tensor,
    k_packed_ptr: tl.tensor,
    k_scale_ptr: tl.tensor,
    v_packed_ptr: tl.tensor,
    v_scale_ptr: tl.tensor,
    k_made_ptr: tl.tensor,
    v_made_ptr: tl.tensor,
    rows: tl.tensor,
    k_stride: tl.tensor,
    v_stride: tl.tensor,
    packed_stride: tl.tensor,
    made_stride: tl.tensor,
    heads: tl.constexpr,
    head_dim: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
    most: tl.constexpr,
    WHOLE: tl.constexpr,
) -> None:
    """Some heads of tokens into 8 bits; and as they are, the keys turned."""
    batch = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * at_once + tl.arange(0, at_once)
    column = tl.arange(0, padded)[None, :]
    there = row < rows
    known = there[:, None] & (column < head_dim)
    place = row[:, None] * head_dim + column
    packed_at, scale_at = batch * packed_stride, batch * packed_stride // head_dim
    made_at = batch * made_stride
    k = tl.load(k_ptr + batch * k_stride + place, mask=known, other=0.0)
    v = tl.load(v_ptr + batch * v_stride + place, mask=known, other=0.0)
    dtype = k.dtype
    tl.store(v_made_ptr + made_at + place, v, mask=known)
    k, v = k.to(tl.float32), v.to(tl.float32)
    number, scale = _scaled(k, most, WHOLE)
    tl.store(k_packed_ptr + packed_at + place, number.to(k_packed_ptr.dtype.element_ty), mask=known)
    tl.store(k_scale_ptr + scale_at + row, scale, mask=there)
    number, scale = _scaled(v, most, WHOLE)
    tl.store(v_packed_ptr + packed_at + place, number.to(v_packed_ptr.dtype.element_ty), mask=known)
    tl.store(v_scale_ptr + scale_at + row, scale, mask=there)
    k = _turned_rows(k, cos_ptr, sin_ptr, row, there, heads, head_dim, padded, at_once)
    tl.store(k_made_ptr + made_at + place, k.to(dtype), mask=known)


@triton.jit  # type: ignore[untyped-decorator]
def _scaled(x: tl.tensor, most: tl.constexpr, WHOLE: tl.constexpr) -> tuple[tl.tensor, tl.tensor]:
    """Rows as numbers up to `most`, and by what to multiply each row."""
    largest = tl.maximum(tl.max(tl.abs(x), axis=1), _LEAST * most)
    unknown = tl.max((x != x).to(tl.int32), axis=1) > 0  # the largest of others would hide it
    largest = tl.where(unknown, float("nan"), largest)
    number = x * (tl.div_rn(1.0, largest) * most)[:, None]
    if WHOLE:
        number = (number + _ROUND) - _ROUND
    return number, tl.div_rn(largest, most)


@dataclass(frozen=True, eq=False)
class KeyTurning:
    """Turns the keys of a window as they are read: see `cache.window.Turning`."""

    key_turn: Turn

    def turn(self, k_BTHD: Tensor, first: int, made_BTHD: Tensor) -> None:
        """Keys as they are held."""
        turn_into(k_BTHD, self.key_turn.of(first, k_BTHD.shape[1]), made_BTHD)

    def unpack(self, packed: Parts, first: int, made: Parts) -> None:
        """Keys and values out of 8 bits."""
        k_BTHD, k_scale_BTH1, v_BTHD, v_scale_BTH1 = packed
        turn, sizes = self._over(k_BTHD, first)
        rows, grid = _launched(k_BTHD, sizes["at_once"])
        _unpacked_rows[grid](
            k_BTHD,
            k_scale_BTH1,
            v_BTHD,
            v_scale_BTH1,
            turn.cos_T1P,
            turn.sin_T1P,
            *made,
            rows,
            k_BTHD.stride(0),
            made[0].stride(0),
            **sizes,
            num_warps=_WARPS,
            **AS_WRITTEN,
        )

    def pack(self, block: Parts, packed: Parts, first: int, made: Parts) -> None:
        """Keys and values of the open block: into 8 bits, and as they are with the keys turned."""
        k_BTHD, v_BTHD = (x if x[:1].is_contiguous() else x.contiguous() for x in block)
        turn, sizes = self._over(k_BTHD, first)
        rows, grid = _launched(k_BTHD, sizes["at_once"])
        numbers = packed[0].dtype
        whole = not numbers.is_floating_point
        _packed_rows[grid](
            k_BTHD,
            v_BTHD,
            turn.cos_T1P,
            turn.sin_T1P,
            *packed,
            *made,
            rows,
            k_BTHD.stride(0),
            v_BTHD.stride(0),
            packed[0].stride(0),
            made[0].stride(0),
            **sizes,
            most=float((torch.iinfo if whole else torch.finfo)(numbers).max),
            WHOLE=whole,
            num_warps=_WARPS,
            **AS_WRITTEN,
        )

    def _over(self, x_BTHD: Tensor, first: int) -> tuple[Turn, dict[str, int]]:
        """The turns of some tokens, and what a kernel is told of them."""
        _, tokens, heads, head_dim = x_BTHD.shape
        padded = triton.next_power_of_2(head_dim)
        sizes = {"heads": heads, "head_dim": head_dim, "padded": padded}
        return self.key_turn.of(first, tokens), sizes | {"at_once": max(1, _NUMBERS // padded)}


def _launched(x_BTHD: Tensor, at_once: int) -> tuple[int, tuple[int, int]]:
    """The rows of each video, and the programs that they take."""
    batch, tokens, heads, _ = x_BTHD.shape
    return tokens * heads, (triton.cdiv(tokens * heads, at_once), batch)
