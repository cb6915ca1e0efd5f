"""A decoder's convolutions over frames, rows and columns, by Winograd's F(2, 3), in Triton.

Along the rows: of four rows, as they are mixed here, four products make two rows of the picture,
where six are needed otherwise. Mixed numbers and weights are in float16, which has eight
times the precision of bfloat16 and room for all that an RMS norm gives: what comes out is nearer to
exact sums than by products of bfloat16 numbers. No gradient flows through it.

Axes: B batch, T frames, C channels in, N channels out, H rows, W columns, K taps and channels,
M mixtures, Q pairs of rows (H / 2).

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.model.fused import AS_WRITTEN
from longlive_widget.model.fused_video import (
    LAYOUT,
    empty_with_more,
    has_much_shared_memory,
    normed_pixels,
)

MIXED = torch.float16
PAST_FRAMES = 2
"""What a kernel of three frames sees before each one."""
_MIXTURES = 4
_PIXELS, _MADE_AT_ONCE, _AT_ONCE = 128, 192, 32
"""What a program makes: pixels of pairs of rows, and their channels; how much of K it reads."""
_MIXED_AT_ONCE, _PAIRS_IN_TURN = 1024, 13
"""How many numbers of a row a program mixes, and how many pairs of rows, one after the other."""


@triton.jit  # type: ignore[untyped-decorator]
def _row(
    x_ptr: tl.tensor,
    past_ptr: tl.tensor,
    bias: tl.tensor,
    gamma: tl.tensor,
    row: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    place: tl.tensor,
    seen: tl.tensor,
    is_past: tl.tensor,
    root: tl.tensor,
    least: tl.tensor,
    width: tl.constexpr,
    BIAS: tl.constexpr,
    PAST: tl.constexpr,
) -> tl.tensor:
    """Some pixels of a row, in float16: of the past as they are, of `x` normed; else zeros."""
    seen = seen & (row >= 0) & (row < rows)
    place += row * (columns * width)
    if is_past:
        made = tl.zeros(place.shape, tl.float16)
        if PAST:
            made = tl.load(past_ptr + place, mask=seen, other=0.0)
    else:
        x = tl.load(x_ptr + place, mask=seen, other=0.0)
        if BIAS:
            x = tl.where(seen, x.to(tl.float32) + bias, 0.0).to(x.dtype)
        made = normed_pixels(x, gamma, root, least).to(tl.float16)
    return made


@triton.jit  # type: ignore[untyped-decorator]
def _mixed_rows(
    x_ptr: tl.tensor,
    past_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    gamma_ptr: tl.tensor,
    made_ptr: tl.tensor,
    kept_ptr: tl.tensor,
    frames: tl.tensor,
    pairs: tl.tensor,
    columns: tl.tensor,
    root: tl.tensor,
    least: tl.tensor,
    width: tl.constexpr,
    padded: tl.constexpr,
    at_once: tl.constexpr,
    in_turn: tl.constexpr,
    past: tl.constexpr,
    BIAS: tl.constexpr,
    PAST: tl.constexpr,
) -> None:
    """Some columns of one frame, border columns too: pairs of rows in turn, as they are mixed.

    The first `past` frames are those before. The last `past` of all are kept as they are, too.
    """
    frame, video = tl.program_id(2) % (past + frames), tl.program_id(2) // (past + frames)
    column = tl.program_id(0) * at_once - 1 + tl.arange(0, at_once)
    channel = tl.arange(0, padded)[None, :]
    known = channel < width
    seen = known & ((column >= 0) & (column < columns))[:, None]
    place = column[:, None] * width + channel
    rows = 2 * pairs
    a_row = columns * width
    a_frame = rows * a_row
    x_ptr += (video * frames + frame - past).to(tl.int64) * a_frame
    past_ptr += (video * past + frame).to(tl.int64) * a_frame
    kept_ptr += (video * past + frame - frames).to(tl.int64) * a_frame
    a_mixed_row = (columns + 2) * width
    mixture = pairs * a_mixed_row
    made_ptr += (video * (past + frames) + frame).to(tl.int64) * (4 * mixture) + width
    stored = known & (column <= columns)[:, None]
    is_past, is_kept = frame < past, frame >= frames
    bias = tl.load(bias_ptr + channel, mask=known, other=0.0).to(tl.float32)
    gamma = tl.load(gamma_ptr + channel, mask=known, other=0.0).to(tl.float32)
    first = tl.program_id(1) * in_turn
    above = _row(
        x_ptr, past_ptr, bias, gamma, 2 * first - 1, rows, columns, place, seen, is_past,
        root, least, width, BIAS, PAST,
    )  # fmt: skip
    here = _row(
        x_ptr, past_ptr, bias, gamma, 2 * first, rows, columns, place, seen, is_past,
        root, least, width, BIAS, PAST,
    )  # fmt: skip
    for turn in range(in_turn):
        pair = first + turn
        below = _row(
            x_ptr, past_ptr, bias, gamma, 2 * pair + 1, rows, columns, place, seen, is_past,
            root, least, width, BIAS, PAST,
        )  # fmt: skip
        far = _row(
            x_ptr, past_ptr, bias, gamma, 2 * pair + 2, rows, columns, place, seen, is_past,
            root, least, width, BIAS, PAST,
        )  # fmt: skip
        at = made_ptr + pair * a_mixed_row + place
        there = stored & (pair < pairs)
        tl.store(at, above - below, mask=there)
        tl.store(at + mixture, here + below, mask=there)
        tl.store(at + 2 * mixture, below - here, mask=there)
        tl.store(at + 3 * mixture, here - far, mask=there)
        if is_kept:
            at = kept_ptr + 2 * pair * a_row + place
            tl.store(at, here, mask=seen & (pair < pairs))
            tl.store(at + a_row, below, mask=seen & (pair < pairs))
        above, here = below, far


@triton.jit  # type: ignore[untyped-decorator]
def _convolved_pairs(
    mixed_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    made_ptr: tl.tensor,
    frames: tl.tensor,
    frames_before: tl.tensor,
    pairs: tl.tensor,
    columns: tl.tensor,
    width: tl.constexpr,
    made_width: tl.constexpr,
    made_frames: tl.constexpr,
    pixels: tl.constexpr,
    most: tl.constexpr,
    fewest: tl.constexpr,
    at_once: tl.constexpr,
) -> None:
    """Some pixels of pairs of rows of `made_frames` frames, `most` + `fewest` of their channels.

    The channels of later frames follow those of the first one: their kernels are shifted by a
    frame each, with zeros for what they do not see.
    """
    tl.static_assert(width % at_once == 0)
    many: tl.constexpr = (2 + made_frames) * 3 * width
    all_made: tl.constexpr = made_frames * made_width
    groups = tl.cdiv(frames, made_frames)
    video = tl.program_id(2) // groups
    frame = tl.program_id(2) % groups * made_frames
    first = tl.program_id(1) * (most + fewest)
    place = tl.program_id(0) * pixels + tl.arange(0, pixels)
    mixture = pairs * (columns + 2) * width
    a_frame = 4 * mixture
    run: tl.constexpr = 3 * width
    mixed_ptr += (video * (frames + frames_before) + frame).to(tl.int64) * a_frame
    last = frames + frames_before - 1 - frame  # behind it are zeros for weights, but no frames
    weight_ptr += first
    number = tl.arange(0, at_once)
    channel, later = tl.arange(0, most), most + tl.arange(0, fewest)
    offset = place[:, None] * width + number[None, :]
    apart: tl.constexpr = many * all_made
    one = tl.zeros((pixels, most), tl.float32)
    two = tl.zeros((pixels, most), tl.float32)
    one_later = tl.zeros((pixels, fewest), tl.float32)
    two_later = tl.zeros((pixels, fewest), tl.float32)
    for step in range(many // at_once):
        done = step * at_once
        tap = done // run
        x = mixed_ptr + tl.minimum(tap, last) * a_frame + (done - tap * run) + offset
        weights = weight_ptr + (done + number)[:, None] * all_made
        mixed = tl.load(x + mixture)
        one = tl.dot(mixed, tl.load(weights + apart + channel[None, :]), one)
        one_later = tl.dot(mixed, tl.load(weights + apart + later[None, :]), one_later)
        mixed = tl.load(x + 2 * mixture)
        two = tl.dot(mixed, tl.load(weights + 2 * apart + channel[None, :]), two)
        two_later = tl.dot(mixed, tl.load(weights + 2 * apart + later[None, :]), two_later)
    even, even_later = one + two, one_later + two_later
    odd, odd_later = one - two, one_later - two_later
    for step in range(many // at_once):
        done = step * at_once
        tap = done // run
        x = mixed_ptr + tl.minimum(tap, last) * a_frame + (done - tap * run) + offset
        weights = weight_ptr + (done + number)[:, None] * all_made
        mixed = tl.load(x)
        even = tl.dot(mixed, tl.load(weights + channel[None, :]), even)
        even_later = tl.dot(mixed, tl.load(weights + later[None, :]), even_later)
        mixed = tl.load(x + 3 * mixture)
        odd = tl.dot(mixed, tl.load(weights + 3 * apart + channel[None, :]), odd)
        odd_later = tl.dot(mixed, tl.load(weights + 3 * apart + later[None, :]), odd_later)
    made_ptr += (video * frames + frame).to(tl.int64) * (pairs * columns * (2 * made_width))
    left = frames - frame
    _store(made_ptr, even, odd, place, first + channel, left, pairs, columns, made_width)
    _store(made_ptr, even_later, odd_later, place, first + later, left, pairs, columns, made_width)


@triton.jit  # type: ignore[untyped-decorator]
def _store(
    made_ptr: tl.tensor,
    even: tl.tensor,
    odd: tl.tensor,
    place: tl.tensor,
    channel: tl.tensor,
    frames: tl.tensor,
    pairs: tl.tensor,
    columns: tl.tensor,
    made_width: tl.constexpr,
) -> None:
    """Both rows of pairs; channels past those of a frame are those of the next, if it is one."""
    frame = channel // made_width
    pair, column = place // (columns + 2), place % (columns + 2)
    pixel = (2 * pair * columns + column)[:, None] * made_width + (channel % made_width)[None, :]
    a_frame = pairs * columns * (2 * made_width)
    goes = made_ptr + frame.to(tl.int64)[None, :] * a_frame + pixel
    drawn = (pair < pairs) & (column < columns)
    stored = drawn[:, None] & (frame < frames)[None, :]
    tl.store(goes, even.to(made_ptr.dtype.element_ty), mask=stored)
    tl.store(goes + columns * made_width, odd.to(made_ptr.dtype.element_ty), mask=stored)


@dataclass(frozen=True, eq=False)
class Winograd:
    """A convolution of 3 x 3 x 3 as its kernel reads it.

    K is frame, column, channel. Few channels are made of two frames at once, as twice as many: N is
    `made_frames` times `channels`.
    """

    weight_MKN: Tensor
    channels: int
    made_frames: int

    @classmethod
    def of(cls, weight_NCTHW: Tensor, gamma: Tensor) -> "Winograd | None":
        """Of a convolution after an RMS norm with that gamma.

        None where the kernel does not suit, or where a sum of two numbers that the norm may give is
        no float16.
        """
        made, read, *kernel = weight_NCTHW.shape
        if kernel != [3, 3, 3] or made % 96 or read % _AT_ONCE or weight_NCTHW.element_size() != 2:
            return None
        if not 2 * read**0.5 * float(gamma.detach().abs().max()) < torch.finfo(MIXED).max:
            return None
        made_frames = 2 if made % _MADE_AT_ONCE else 1
        first, second, third = weight_NCTHW.float().permute(3, 2, 4, 1, 0)
        mixed = torch.stack(
            (first, (first + second + third) / 2, (first - second + third) / 2, -third)
        )
        shifted = (_shifted(mixed, by, made_frames) for by in range(made_frames))
        weight_MKN = torch.cat(tuple(shifted), dim=-1).flatten(1, 3).to(MIXED).contiguous()
        return cls(weight_MKN, made, made_frames)

    def suits(self, x_BCTHW: Tensor) -> bool:
        """Whether it can convolve such frames; it counts the numbers that it sees in 32 bits."""
        _, channels, _, rows, columns = x_BCTHW.shape
        seen = (PAST_FRAMES + self.made_frames) * 2 * rows * (columns + 2) * channels
        return x_BCTHW.element_size() == 2 and rows % 2 == 0 and seen < 2**31


def _shifted(mixed_MTWCN: Tensor, by: int, made_frames: int) -> Tensor:
    """Kernels that see `by` frames later, with zeros for those that they do not see."""
    zeros = torch.zeros_like(mixed_MTWCN[:, :1])
    before, after = [zeros] * by, [zeros] * (made_frames - 1 - by)
    return torch.cat((*before, mixed_MTWCN, *after), dim=1)


def mixed_behind(
    past_BCTHW: Tensor | None,
    x_BCTHW: Tensor,
    gamma: Tensor,
    *,
    least_square: float,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """SiLU of `x`, normalised over its channels, behind its past or zeros: mixed; and a new past.

    `bias` is what the convolution that made `x` has left out. Columns have a border of zeros. The
    past is not mixed.

    Returns:
        `BTMQWC`, with `PAST_FRAMES` frames and two columns more than `x`; `BCTHW`. Both float16.
    """
    x_BCTHW = x_BCTHW.contiguous(memory_format=LAYOUT)
    batch, channels, frames, rows, columns = x_BCTHW.shape
    pairs, all_frames = rows // 2, PAST_FRAMES + frames
    shape = batch, all_frames, _MIXTURES, pairs, columns + 2, channels
    mixed = empty_with_more(x_BCTHW, shape, MIXED)
    kept = x_BCTHW.new_empty((batch, PAST_FRAMES, rows, columns, channels), dtype=MIXED)
    if past_BCTHW is not None:
        past_BCTHW = past_BCTHW.to(MIXED).contiguous(memory_format=LAYOUT)
    padded = triton.next_power_of_2(channels)
    at_once = max(1, _MIXED_AT_ONCE // padded)
    turns = triton.cdiv(pairs, _PAIRS_IN_TURN)
    _mixed_rows[(triton.cdiv(columns + 2, at_once), turns, batch * all_frames)](
        x_BCTHW,
        x_BCTHW if past_BCTHW is None else past_BCTHW,
        gamma if bias is None else bias,
        gamma,
        mixed,
        kept,
        frames,
        pairs,
        columns,
        channels**0.5,
        least_square,
        width=channels,
        padded=padded,
        at_once=at_once,
        in_turn=_PAIRS_IN_TURN,
        past=PAST_FRAMES,
        BIAS=bias is not None,
        PAST=past_BCTHW is not None,
        num_warps=4,
        **AS_WRITTEN,
    )
    return mixed, kept.movedim(-1, 1)


def convolved(mixed_BTMQWC: Tensor, kernel: Winograd, dtype: torch.dtype) -> Tensor:
    """The convolution, without its bias, of what `mixed_behind` gives: `BCTHW`."""
    batch, joined, _, pairs, columns, channels = mixed_BTMQWC.shape
    frames, columns = joined - PAST_FRAMES, columns - 2
    shape = batch, kernel.channels, frames, 2 * pairs, columns
    device = mixed_BTMQWC.device
    made = torch.empty(shape, dtype=dtype, device=device, memory_format=LAYOUT)
    slices = kernel.made_frames * kernel.channels // _MADE_AT_ONCE
    groups = triton.cdiv(frames, kernel.made_frames)
    tiles = triton.cdiv(pairs * (columns + 2), _PIXELS)
    _convolved_pairs[(tiles, slices, batch * groups)](
        mixed_BTMQWC,
        kernel.weight_MKN,
        made,
        frames,
        PAST_FRAMES,
        pairs,
        columns,
        width=channels,
        made_width=kernel.channels,
        made_frames=kernel.made_frames,
        pixels=_PIXELS,
        most=_MADE_AT_ONCE // 3 * 2,
        fewest=_MADE_AT_ONCE // 3,
        at_once=_AT_ONCE,
        num_warps=8,
        num_stages=3 if has_much_shared_memory(mixed_BTMQWC) else 2,  # 40 KiB each
    )
    return made
