"""Convolutions that fold something in, each as one product, as kernels of our own in Triton.

Pixels that are doubled before a convolution are read as the single ones, by weights that are summed
where they see the same one; a convolution over frames puts the two frames that it makes of each
where they belong; few channels are made for all pixels of a kernel at once, then summed where they
meet. No gradient flows through them.

Axes: B batch, T frames, C channels in, N channels out, H rows, W columns, K taps and channels, P
phases: the kernels that are applied in turn.
"""

from dataclasses import asdict, dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from longlive_widget.model.fused_video import LAYOUT, bordered, has_much_shared_memory

_SIDE = 3
"""Rows and columns of the kernel whose pixels are summed where they meet."""


@triton.jit  # type: ignore[untyped-decorator]
def _products(
    x_ptr: tl.tensor,
    weight_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    made_ptr: tl.tensor,
    frames: tl.tensor,
    frames_before: tl.tensor,
    frames_made: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    width: tl.constexpr,
    made_width: tl.constexpr,
    made_frames: tl.constexpr,
    tap_frames: tl.constexpr,
    taps: tl.constexpr,
    border: tl.constexpr,
    doubles: tl.constexpr,
    pixels: tl.constexpr,
    most: tl.constexpr,
    fewest: tl.constexpr,
    at_once: tl.constexpr,
    BIAS: tl.constexpr,
) -> None:
    """Some pixels in a row of one frame, `most` + `fewest` of their channels, a bias if asked for.

    A kernel has `taps` rows and columns: whatever one of its rows sees of some pixels in a row lies
    in a row as well. If it `doubles`, there are four in turn, each of which makes every other pixel
    of every other row. Past the end of a row lies the border: what comes of it is made too, and not
    stored. The channels of all `made_frames` frames that are made of one lie side by side.
    """
    tl.static_assert(taps * width % at_once == 0)
    tl.static_assert(made_width % (most + fewest) == 0)  # a program's channels are one frame's
    all_made: tl.constexpr = made_frames * made_width
    slices: tl.constexpr = all_made // (most + fewest)
    frame, video = tl.program_id(2) % frames, tl.program_id(2) // frames
    phase, part = tl.program_id(1) // slices, tl.program_id(1) % slices
    first = part * (most + fewest)
    a_row = columns + 2 * border
    a_frame = (rows + 2 * border) * a_row * width
    place = tl.program_id(0) * pixels + tl.arange(0, pixels)
    run: tl.constexpr = taps * width
    many: tl.constexpr = tap_frames * taps * run
    x_ptr += (video * (frames + frames_before) + frame).to(tl.int64) * a_frame
    if doubles:
        x_ptr += (phase // 2 * a_row + phase % 2) * width
    weight_ptr += phase * (many * all_made) + first
    number = tl.arange(0, at_once)
    channel, later = tl.arange(0, most), most + tl.arange(0, fewest)
    made = tl.zeros((pixels, most), tl.float32)
    made_later = tl.zeros((pixels, fewest), tl.float32)
    for step in range(many // at_once):
        done = step * at_once
        tap_row = done // run
        begins = tap_row // taps * a_frame + tap_row % taps * (a_row * width)
        tap = begins + (done - tap_row * run) + number  # a remainder would hide how it is aligned
        x_ptrs = x_ptr + place[:, None] * width + tap[None, :]
        if border:
            x = tl.load(x_ptrs)  # there is room behind the last pixel
        else:
            x = tl.load(x_ptrs, mask=(place < rows * columns)[:, None], other=0.0)
        weights = weight_ptr + (done + number)[:, None] * all_made
        made = tl.dot(x, tl.load(weights + channel[None, :]), made)
        made_later = tl.dot(x, tl.load(weights + later[None, :]), made_later)
    if BIAS:
        bias_ptr += first
        made += tl.load(bias_ptr + channel).to(tl.float32)[None, :]
        made_later += tl.load(bias_ptr + later).to(tl.float32)[None, :]
    row, column = place // a_row, place % a_row
    stored = (row < rows) & (column < columns)
    more: tl.constexpr = 2 if doubles else 1
    goes = (row * more + phase // 2) * (columns * more) + column * more + phase % 2
    a_made_frame = rows * columns * (more * more * made_width)
    made_ptr += (video * frames_made + frame * made_frames).to(tl.int64) * a_made_frame
    of_later = first // made_width
    made_ptr += of_later * a_made_frame + (first - of_later * made_width)
    made_ptr += (goes * made_width)[:, None]
    dtype = made_ptr.dtype.element_ty
    tl.store(made_ptr + channel[None, :], made.to(dtype), mask=stored[:, None])
    tl.store(made_ptr + later[None, :], made_later.to(dtype), mask=stored[:, None])


@triton.jit  # type: ignore[untyped-decorator]
def _met_pixels(
    parts_ptr: tl.tensor,
    bias_ptr: tl.tensor,
    made_ptr: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    parts: tl.constexpr,
    channels: tl.constexpr,
    padded: tl.constexpr,
    side: tl.constexpr,
    pixels: tl.constexpr,
) -> None:
    """Some pixels of a frame: the sum of what all pixels that their kernel sees have for them."""
    place = tl.program_id(0) * pixels + tl.arange(0, pixels)
    frame = tl.program_id(1).to(tl.int64)
    row, column = place // columns, place % columns
    channel = tl.arange(0, padded)[None, :]
    a_row = columns + 2
    parts_ptr += frame * (rows + 2) * a_row * parts
    stored = (row < rows)[:, None] & (channel < channels)
    made = tl.load(bias_ptr + channel, mask=channel < channels, other=0.0).to(tl.float32)
    made = tl.broadcast_to(made, (pixels, padded))
    for down in tl.static_range(side):
        for right in tl.static_range(side):
            at = ((row + down) * a_row + column + right) * parts + (down * side + right) * channels
            made += tl.load(parts_ptr + at[:, None] + channel, mask=stored, other=0.0)
    made_ptr += frame * rows * columns * channels
    goes = place[:, None] * channels + channel
    tl.store(made_ptr + goes, made.to(made_ptr.dtype.element_ty), mask=stored)


@dataclass(frozen=True, eq=False)
class Folded:
    """A convolution's weights as its kernel reads them, `PKN`: K is frame, row, column, channel.

    P is 1, or of doubled pixels the made one's row, then column, in its pair.
    """

    weight_PKN: Tensor
    frames: int
    side: int
    made_frames: int = 1

    @classmethod
    def of_doubled_pixels(cls, weight_NCHW: Tensor) -> "Folded":
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
        return cls(torch.stack(rows).to(weight_NCHW.dtype), frames=1, side=2)

    @classmethod
    def of_frames(cls, weight_NCTHW: Tensor) -> "Folded":
        """Of a convolution over frames alone, kernel (T, 1, 1), that makes two frames of each."""
        weight_TNC = weight_NCTHW[..., 0, 0].movedim(2, 0)
        rows_KN = weight_TNC.mT.flatten(0, 1).contiguous()
        return cls(rows_KN[None], len(weight_TNC), side=1, made_frames=2)

    @classmethod
    def of_few_channels(cls, weight_NCTHW: Tensor) -> "Folded":
        """Of a convolution to few channels: what each pixel has for all those that see it.

        N is row, column, channel, then zeros up to a number that a program can make.
        """
        weight_TCHWN = weight_NCTHW.permute(2, 1, 3, 4, 0)
        rows_KN = weight_TCHWN.flatten(2).flatten(0, 1)
        parts = triton.next_power_of_2(max(32, rows_KN.shape[1]))
        padded = torch.nn.functional.pad(rows_KN, (0, parts - rows_KN.shape[1]))
        return cls(padded.contiguous()[None], len(weight_TCHWN), side=1)

    @property
    def channels(self) -> int:
        """Channels of each frame that is made."""
        return self.weight_PKN.shape[2] // self.made_frames

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
        if run % 32 or x.element_size() != 2:
            return None
        if made_channels == 32:
            return cls(256, 16, 16, 32, num_warps=8, num_stages=4)
        if made_channels % 96:
            return None
        most, fewest = (128, 64) if made_channels % 192 == 0 else (64, 32)
        if not has_much_shared_memory(x):
            return cls(128, most, fewest, 32, num_warps=8, num_stages=3)
        if run % 64 == 0 and most == 128:
            return cls(256, most, fewest, 64, num_warps=8, num_stages=3)
        return cls(256, most, fewest, 32, num_warps=8, num_stages=5)


def doubled_pixels(x_BCTHW: Tensor, folded: Folded, bias: Tensor) -> Tensor | None:
    """A convolution of `x` with its rows and columns doubled; None where no tile suits it."""
    if (tile := folded.tile(x_BCTHW)) is None:
        return None
    batch, _, frames, rows, columns = x_BCTHW.shape
    made = _empty(x_BCTHW, (batch, folded.channels, frames, 2 * rows, 2 * columns))
    _multiply(bordered(x_BCTHW), folded, bias, made, tile, frames=frames, border=1)
    return made


def doubled_frames(
    first_BCTHW: Tensor, joined_BCTHW: Tensor, folded: Folded, bias: Tensor
) -> Tensor | None:
    """`first`, then two frames of each that a convolution over frames makes of `joined`.

    `joined` has the frames before in front. The channels made are those of one frame, then those of
    the other. None where no tile suits.
    """
    if (tile := folded.tile(joined_BCTHW)) is None:
        return None
    batch, channels, alone, rows, columns = first_BCTHW.shape
    frames = joined_BCTHW.shape[2] - folded.frames + 1
    made = _empty(joined_BCTHW, (batch, channels, alone + 2 * frames, rows, columns))
    made[:, :, :alone] = first_BCTHW
    joined_BCTHW = joined_BCTHW.contiguous(memory_format=LAYOUT)
    later = made[:, :, alone:]
    _multiply(joined_BCTHW, folded, bias, later, tile, frames=frames)
    return made


def few_channels(joined_BCTHW: Tensor, folded: Folded, bias: Tensor) -> Tensor | None:
    """A convolution of frames with a border, the frames before in front; None where none suits."""
    if (tile := folded.tile(joined_BCTHW)) is None:
        return None
    batch, _, joined, rows, columns = joined_BCTHW.shape
    frames, channels = joined - folded.frames + 1, len(bias)
    parts = _empty(joined_BCTHW, (batch, folded.channels, frames, rows, columns), torch.float32)
    _multiply(joined_BCTHW, folded, None, parts, tile, frames=frames)
    rows, columns = rows - 2, columns - 2
    made = _empty(joined_BCTHW, (batch, channels, frames, rows, columns))
    _met_pixels[(triton.cdiv(rows * columns, tile.pixels), batch * frames)](
        parts,
        bias,
        made,
        rows,
        columns,
        parts=folded.channels,
        channels=channels,
        padded=triton.next_power_of_2(channels),
        side=_SIDE,
        pixels=tile.pixels,
    )
    return made


def _empty(x: Tensor, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> Tensor:
    dtype = x.dtype if dtype is None else dtype
    return torch.empty(shape, dtype=dtype, device=x.device, memory_format=LAYOUT)


def _multiply(
    x_BCTHW: Tensor,
    folded: Folded,
    bias: Tensor | None,
    made_BCTHW: Tensor,
    tile: _Tile,
    *,
    frames: int,
    border: int = 0,
) -> None:
    """Have a kernel fill `made`, whose videos may have frames in front of it."""
    batch, channels, joined, rows, columns = x_BCTHW.shape
    if frames < 1:
        return
    rows, columns = rows - 2 * border, columns - 2 * border
    tiles = triton.cdiv(rows * (columns + 2 * border), tile.pixels)
    slices = folded.weight_PKN.shape[2] // (tile.most + tile.fewest)
    _products[(tiles, slices * len(folded.weight_PKN), batch * frames)](
        x_BCTHW,
        folded.weight_PKN,
        folded.weight_PKN if bias is None else bias,
        made_BCTHW,
        frames,
        joined - frames,
        made_BCTHW.stride(0) // made_BCTHW.stride(2),
        rows,
        columns,
        width=channels,
        made_width=folded.channels,
        made_frames=folded.made_frames,
        tap_frames=folded.frames,
        taps=folded.side,
        border=border,
        doubles=folded.doubles,
        BIAS=bias is not None,
        **asdict(tile),
    )
