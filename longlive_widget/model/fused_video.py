"""A video decoder's convolutions and what lies between them, as kernels of our own in Triton.

Each rounds where its plain twin in PyTorch does (`RmsNorm`, the bias of a convolution, a sum), so
they differ by the order of sums alone. No gradient flows through them.

A convolution is one product: rows and columns have a border of zeros, so that whatever a tap of the
kernel sees of some pixels in a row lies in a row as well, and the taps side by side are one run.

Axes: B batch, T frames, C channels in, N channels out, H rows, W columns, K taps and channels.
"""

from dataclasses import asdict, dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.model.fused import AS_WRITTEN

LAYOUT = torch.channels_last_3d
_NUMBERS = 4096
"""How many numbers a program handles at once, those past the last channel counted."""
_MOST_PIXELS = 512
"""More than a tile of a convolution has, and its kernel sees behind them."""


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
    dtype = x.dtype
    if BIAS:
        bias = tl.load(bias_ptr + channel, mask=known, other=0.0)
        x = tl.where(seen, x.to(tl.float32) + bias.to(tl.float32), 0.0).to(dtype)
    if NORM:
        value = x.to(tl.float32)
        scale = root * tl.rsqrt(tl.maximum(tl.sum(value * value, axis=1), least))[:, None]
        gamma = tl.load(gamma_ptr + channel, mask=known, other=0.0).to(tl.float32)
        normed = value * scale * gamma
        x = (normed * tl.sigmoid(normed)).to(dtype)
    goes = frame // frames * (frames_before + frames) + frames_before + frame % frames
    made_ptr += ((goes * (rows + 2) + row + 1).to(tl.int64) * (columns + 2) + 1) * width
    tl.store(made_ptr + place, x, mask=(column <= columns)[:, None] & known)


@triton.jit  # type: ignore[untyped-decorator]
def _convolved_pixels(
    x_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    made_ptr: tl.tensor,
    frames: tl.tensor,
    frames_before: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    width: tl.constexpr,
    made_width: tl.constexpr,
    tap_frames: tl.constexpr,
    taps: tl.constexpr,
    doubles: tl.constexpr,
    pixels: tl.constexpr,
    most: tl.constexpr,
    fewest: tl.constexpr,
    at_once: tl.constexpr,
    BIAS: tl.constexpr,
) -> None:
    """Some pixels in a row of one frame, `most` + `fewest` of their channels, a bias if asked for.

    A kernel has `taps` rows and columns. If it `doubles`, there are four in turn, each of which
    makes every other pixel of every other row. Past the end of a row lies the border: what comes of
    it is made too, and not stored.
    """
    tl.static_assert(taps * width % at_once == 0)
    slices: tl.constexpr = made_width // (most + fewest)
    frame = tl.program_id(2)
    phase = tl.program_id(1) // slices
    first = tl.program_id(1) % slices * (most + fewest)
    a_row = columns + 2
    place = tl.program_id(0) * pixels + tl.arange(0, pixels)
    run: tl.constexpr = taps * width
    many: tl.constexpr = tap_frames * taps * run
    reads = frame // frames * (frames + frames_before) + frame % frames
    x_ptr += reads.to(tl.int64) * ((rows + 2) * a_row * width)
    if doubles:
        x_ptr += (phase // 2 * a_row + phase % 2) * width
    weight_ptr += phase * (many * made_width) + first
    number = tl.arange(0, at_once)
    channel, later = tl.arange(0, most), most + tl.arange(0, fewest)
    made = tl.zeros((pixels, most), tl.float32)
    made_later = tl.zeros((pixels, fewest), tl.float32)
    for step in range(many // at_once):
        done = step * at_once
        tap_row = done // run
        begins = tap_row // taps * ((rows + 2) * a_row * width) + tap_row % taps * (a_row * width)
        tap = begins + (done - tap_row * run) + number  # a remainder would hide how it is aligned
        x = tl.load(x_ptr + place[:, None] * width + tap[None, :])
        weights = weight_ptr + (done + number)[:, None] * made_width
        made = tl.dot(x, tl.load(weights + channel[None, :]), made)
        made_later = tl.dot(x, tl.load(weights + later[None, :]), made_later)
    row, column = place // a_row, place % a_row
    stored = (row < rows) & (column < columns)
    if BIAS:
        bias_ptr += first
        made += tl.load(bias_ptr + channel).to(tl.float32)[None, :]
        made_later += tl.load(bias_ptr + later).to(tl.float32)[None, :]
    if doubles:
        made_ptr += frame.to(tl.int64) * (rows * columns * 4 * made_width)
        goes = (row * 2 + phase // 2) * (columns * 2) + column * 2 + phase % 2
    else:
        made_ptr += frame.to(tl.int64) * (rows * columns * made_width)
        goes = row * columns + column
    made_ptr += (goes * made_width + first)[:, None]
    dtype = made_ptr.dtype.element_ty
    tl.store(made_ptr + channel[None, :], made.to(dtype), mask=stored[:, None])
    tl.store(made_ptr + later[None, :], made_later.to(dtype), mask=stored[:, None])


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
    """Room for it behind other frames; what a tile reads behind the last pixel is ours too."""
    batch, channels, frames, rows, columns = x_BCTHW.shape
    pixels = batch * (frames_before + frames) * (rows + 2) * (columns + 2)
    place = x_BCTHW.new_empty((pixels + _MOST_PIXELS) * channels)
    shape = batch, frames_before + frames, rows + 2, columns + 2, channels
    return place[: pixels * channels].view(shape).movedim(-1, 1)


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


@dataclass(frozen=True, eq=False)
class Taps:
    """A convolution's weights as its kernel reads them, `PKN`: K is frame, row, column, channel.

    P is 1, or of doubled pixels the made one's row, then column, in its pair.
    """

    weight_PKN: Tensor
    frames: int
    side: int

    @classmethod
    def of(cls, weight_NCTHW: Tensor) -> "Taps":
        """Of a convolution over frames, rows and columns."""
        rows_KN = weight_NCTHW.permute(2, 3, 4, 1, 0).flatten(0, 3).contiguous()
        return cls(rows_KN[None], *weight_NCTHW.shape[2:4])

    @classmethod
    def doubling(cls, weight_NCHW: Tensor) -> "Taps":
        """Of a convolution of pixels that are doubled first, over the single ones.

        A made pixel sees two rows and columns of these; of the kernel's three, two lie on the same
        one: their weights are summed, in float32.
        """
        by_phase = (
            _paired(_paired(weight_NCHW.float(), 2, row), 3, column)
            for row in range(2)
            for column in range(2)
        )
        rows = [w.permute(2, 3, 1, 0).flatten(0, 2) for w in by_phase]
        return cls(torch.stack(rows).to(weight_NCHW.dtype), 1, 2)

    @property
    def channels(self) -> int:
        """Channels made."""
        return self.weight_PKN.shape[2]

    @property
    def doubles(self) -> bool:
        """Whether it makes four pixels of one."""
        return len(self.weight_PKN) > 1

    def tile(self, x: Tensor) -> "_Tile | None":
        """What a program makes of such tensors at once; None where the kernel does not suit."""
        run = self.weight_PKN.shape[1] // (self.frames * self.side)
        return _Tile.of(run, self.channels, x)


def _paired(weight: Tensor, axis: int, phase: int) -> Tensor:
    """Three taps along an axis as two, for the first or the second pixel of a pair."""
    first, second, third = weight.unbind(axis)
    pair = (first + second, third) if phase else (first, second + third)
    return torch.stack(pair, dim=axis)


def convolved(joined_BCTHW: Tensor, taps: Taps) -> Tensor | None:
    """A convolution without its bias of frames with a border, of these only whole windows.

    None where no tile suits it.
    """
    tile = taps.tile(joined_BCTHW)
    return None if tile is None else _products(joined_BCTHW, taps, None, tile)


def convolved_doubled(x_BCTHW: Tensor, taps: Taps, bias: Tensor) -> Tensor | None:
    """A convolution of `x` with its rows and columns doubled; None where no tile suits it."""
    tile = taps.tile(x_BCTHW)
    return None if tile is None else _products(bordered(x_BCTHW), taps, bias, tile)


@dataclass(frozen=True)
class _Tile:
    """What a program of a convolution makes and holds: `most` and `fewest` are channels."""

    pixels: int
    most: int
    fewest: int
    at_once: int
    num_warps: int
    num_stages: int

    @classmethod
    def of(cls, run: int, made_channels: int, x: Tensor) -> "_Tile | None":
        """For runs of so many numbers and so many channels made; None: cuDNN may do it better."""
        if made_channels % 96 or run % 32 or x.element_size() != 2:
            return None
        most, fewest = (128, 64) if made_channels % 192 == 0 else (64, 32)
        if x.is_cuda and torch.cuda.get_device_capability(x.device)[0] not in _MUCH_SHARED_MEMORY:
            return cls(128, most, fewest, 32, num_warps=8, num_stages=3)
        if run % 64 == 0 and most == 128:
            return cls(256, most, fewest, 64, num_warps=8, num_stages=3)
        return cls(256, most, fewest, 32, num_warps=8, num_stages=5)


_MUCH_SHARED_MEMORY = (9, 10)
"""Compute capabilities, by their first number, whose multiprocessors hold the largest tiles.

These take 3 * 2 * 64 * (256 + 192) bytes of shared memory, 168 KiB.
"""


def _products(joined_BCTHW: Tensor, taps: Taps, bias: Tensor | None, tile: _Tile) -> Tensor:
    """What a kernel makes of frames with a border."""
    batch, channels, joined, rows, columns = joined_BCTHW.shape
    rows, columns, frames = rows - 2, columns - 2, joined - taps.frames + 1
    phases, by = len(taps.weight_PKN), 2 if taps.doubles else 1
    shape = batch, taps.channels, frames, by * rows, by * columns
    like = joined_BCTHW.dtype, joined_BCTHW.device
    made = torch.empty(shape, dtype=like[0], device=like[1], memory_format=LAYOUT)
    if frames < 1:
        return made
    tiles = triton.cdiv(rows * (columns + 2), tile.pixels)
    slices = taps.channels // (tile.most + tile.fewest)
    _convolved_pixels[(tiles, slices * phases, batch * frames)](
        joined_BCTHW,
        taps.weight_PKN,
        taps.weight_PKN if bias is None else bias,
        made,
        frames,
        taps.frames - 1,
        rows,
        columns,
        width=channels,
        made_width=taps.channels,
        tap_frames=taps.frames,
        taps=taps.side,
        doubles=taps.doubles,
        BIAS=bias is not None,
        **asdict(tile),
    )
    return made


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
