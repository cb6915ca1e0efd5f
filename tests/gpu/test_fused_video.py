"""The decoder with kernels of our own between its convolutions, against itself in float64.

Without a GPU they run in Triton's interpreter, where it is asked for: TRITON_INTERPRET=1.
"""

import os

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from longlive_widget.model.video_decoder import (
    RmsNorm,
    VideoDecoder,
    VideoDecoderConfig,
    frames_of,
    video_of,
)
from tests.gpu.seeds import generator

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (torch.cuda.is_available() or INTERPRETED), reason="no CUDA device"),
]
fused_video = pytest.importorskip("longlive_widget.model.fused_video")
folded = pytest.importorskip("longlive_widget.model.folded")
winograd = pytest.importorskip("longlive_widget.model.winograd")
Folded, Winograd = folded.Folded, winograd.Winograd
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
HALF = torch.float16 if INTERPRETED else torch.bfloat16  # the interpreter cuts bfloat16 off
MANY = 2 if INTERPRETED else 4  # cases: it is slow
BATCH, ROWS, COLUMNS, LATENT_FRAMES = 2, 2, 5, (3, 1, 3)


def decoder(width: int, dtype: torch.dtype) -> VideoDecoder:
    """A small decoder, with the same weights each time in a run."""
    drawing = generator(2)
    made = VideoDecoder(VideoDecoderConfig(dim=width, num_res_blocks=1))
    for parameter in made.parameters():
        noise = torch.randn(parameter.shape, generator=drawing)
        by = 0.2 if parameter.ndim == 1 or parameter[0].numel() == 1 else 1.0
        fan_in = max(1, parameter[0].numel())
        parameter.data = (by * noise / fan_in**0.5 + (by != 1.0)).to(dtype)
    return made.to(DEVICE, dtype)


def pictures(network: VideoDecoder, dtype: torch.dtype) -> list[Tensor]:
    """What a stream makes of some blocks of noise."""
    drawing, stream = generator(3), network.stream()
    drawn = (torch.randn(BATCH, n, 16, ROWS, COLUMNS, generator=drawing) for n in LATENT_FRAMES)
    return [stream.decode(latent.to(DEVICE, dtype)) for latent in drawn]


@pytest.mark.parametrize(("channels", "made"), [(96, 96), (64, 192), (192, 384)][:MANY])
@pytest.mark.parametrize("frames", [1, 4])
@torch.inference_mode()
def test_a_convolution_is_as_near_to_float64_as_its_plain_twin(
    channels: int, made: int, frames: int
):
    x, past = drawn(BATCH, channels, frames, 6, 13), drawn(BATCH, channels, 2, 6, 13)
    weight, bias = drawn(made, channels, 3, 3, 3, by=(27 * channels) ** -0.5), drawn(channels)
    norm = RmsNorm(channels, axes=3, silu=True).to(DEVICE, HALF)
    kernel = Winograd.of(weight, norm.gamma)
    for before in (None, past):
        mixed, kept = winograd.mixed_behind(before, x, norm.gamma, least_square=1e-24, bias=bias)
        seen = torch.zeros_like(past) if before is None else before
        joined = torch.cat((seen, norm(x + bias[:, None, None, None])), dim=2)
        exact = torch.cat((seen.double(), exactly_normed(x, bias)), dim=2)
        near(
            winograd.convolved(mixed, kernel, HALF),
            functional.conv3d(joined, weight, padding=(0, 1, 1)),
            functional.conv3d(exact, weight.double(), padding=(0, 1, 1)),
            at_most=2.0 if HALF is winograd.MIXED else 1.0,
        )
        near(kept.to(HALF), joined[:, :, -2:], exact[:, :, -2:])


def exactly_normed(x: Tensor, bias: Tensor, gamma: Tensor | float = 1.0) -> Tensor:
    """What a norm and SiLU make of the sum of both, in float64 after the sum."""
    value = (x + bias[:, None, None, None]).double()
    scale = value.shape[1] ** 0.5 / value.square().sum(1, keepdim=True).sqrt()
    return functional.silu(value * scale * gamma)


ODD = ((5, 3, 7, 11), (37, 1, 5, 13), (96, 2, 3, 67))
"""Channels, frames, rows and columns: a program's last pixels are border, or past it."""


@pytest.mark.parametrize(("channels", "frames", "rows", "columns"), ODD)
@pytest.mark.parametrize("before", [0, 1, 2])
@torch.inference_mode()
def test_pixels_normed_behind_a_past_are_as_near_to_float64_as_their_plain_twin(
    channels: int, frames: int, rows: int, columns: int, before: int
):
    x, bias = drawn(BATCH, channels, frames, rows, columns), drawn(channels)
    past = drawn(BATCH, channels, before, rows, columns)
    norm = RmsNorm(channels, axes=3, silu=True).to(DEVICE, HALF)
    norm.gamma.copy_(1 + 0.3 * drawn(channels, 1, 1, 1))
    given = before, x, norm.gamma
    for seen in (past, None):
        made = fused_video.normed_behind(seen, *given, least_square=1e-24, bias=bias)
        ours = fused_video.within(made)
        assert functional.pad(ours, (1, 1, 1, 1)).equal(made), "a border of zeros"
        assert ours[:, :, :before].equal(torch.zeros_like(past) if seen is None else past)
        biased = x + bias[:, None, None, None]
        near(ours[:, :, before:], norm(biased), exactly_normed(x, bias, norm.gamma))
    assert fused_video.bordered(x).equal(functional.pad(x, (1, 1, 1, 1)))


@pytest.mark.parametrize(("channels", "frames", "rows", "columns"), ODD)
@torch.inference_mode()
def test_a_sum_behind_a_bias_is_as_near_to_float64_as_its_plain_twin(
    channels: int, frames: int, rows: int, columns: int
):
    x, bias = drawn(BATCH, channels, frames, rows, columns), drawn(channels)
    added = 0.3 * x.flip(-1)
    column = bias[:, None, None, None]
    exact = x.double() + column.double() + added.double()
    near(fused_video.summed(x, bias, added), x + column + added, exact)


@pytest.mark.parametrize(("channels", "made"), [(192, 96), (384, 192)])
@torch.inference_mode()
def test_a_convolution_of_doubled_pixels_is_as_near_to_float64_as_its_plain_twin(
    channels: int, made: int
):
    x = drawn(BATCH, channels, 2, 5, 9).contiguous(memory_format=torch.channels_last_3d)
    weight = drawn(made, channels, 3, 3, by=(9 * channels) ** -0.5)
    bias = drawn(made)
    doubled = x.repeat_interleave(2, 3).repeat_interleave(2, 4)
    near(
        folded.doubled_pixels(x, Folded.of_doubled_pixels(weight), bias),
        convolved_by_frame(doubled, weight, bias),
        convolved_by_frame(doubled.double(), weight.double(), bias.double()),
    )


@pytest.mark.parametrize(("alone", "frames"), [(0, 3), (1, 2), (1, 0)])
@torch.inference_mode()
def test_frames_that_are_doubled_are_as_near_to_float64_as_their_plain_twins(
    alone: int, frames: int
):
    first, joined = drawn(BATCH, 96, alone, 5, 9), drawn(BATCH, 96, 2 + frames, 5, 9)
    weight, bias = drawn(192, 96, 3, 1, 1, by=(3 * 96) ** -0.5), drawn(192)

    def plainly(first: Tensor, joined: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        made = [
            functional.conv3d(joined[:, :, frame : frame + 3], weight, bias).unflatten(1, (2, -1))
            for frame in range(frames)
        ]
        return torch.cat((first, *(each[:, half] for each in made for half in range(2))), dim=2)

    given = first, joined, weight, bias
    ours = folded.doubled_frames(first, joined, Folded.of_frames(weight), bias)
    near(ours, plainly(*given), plainly(*(each.double() for each in given)))


@torch.inference_mode()
def test_a_convolution_to_few_channels_is_as_near_to_float64_as_its_plain_twin():
    x = drawn(BATCH, 96, 4, 7, 37)
    weight, bias = drawn(3, 96, 3, 3, 3, by=(27 * 96) ** -0.5), drawn(3)
    near(
        folded.few_channels(fused_video.bordered(x), Folded.of_few_channels(weight), bias),
        functional.conv3d(x, weight, bias, padding=(0, 1, 1)),
        functional.conv3d(x.double(), weight.double(), bias.double(), padding=(0, 1, 1)),
    )


@torch.inference_mode()
def test_what_no_kernel_of_ours_suits_is_left_to_torch():
    x, bias = drawn(1, 48, 3, 4, 4), drawn(24)
    gamma = torch.ones(96, device=DEVICE)
    assert Winograd.of(drawn(24, 48, 3, 3, 3), gamma) is None
    assert Winograd.of(drawn(96, 96, 3, 3, 3).float(), gamma) is None
    assert Winograd.of(drawn(96, 96, 3, 1, 1), gamma) is None
    assert Winograd.of(drawn(96, 96, 3, 3, 3), 4000 * gamma) is None
    kernel = Winograd.of(drawn(96, 96, 3, 3, 3), 3000 * gamma)
    assert not kernel.suits(drawn(1, 96, 3, 5, 4))
    assert not kernel.suits(torch.empty(1, 96, 3, 2160, 3840, dtype=HALF, device="meta"))
    assert kernel.suits(torch.empty(1, 96, 3, 1080, 1920, dtype=HALF, device="meta"))
    assert folded.doubled_pixels(x, Folded.of_doubled_pixels(drawn(24, 48, 3, 3)), bias) is None
    assert folded.doubled_frames(x, x, Folded.of_frames(drawn(96, 48, 3, 1, 1)), bias) is None
    assert folded.few_channels(x, Folded.of_few_channels(drawn(3, 48, 3, 3, 3)), bias) is None


def convolved_by_frame(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return video_of(functional.conv2d(frames_of(x), weight, bias, padding=1), batch=x.shape[0])


def drawn(*shape: int, by: float = 1.0) -> Tensor:
    return (by * torch.randn(shape, generator=generator(sum(shape)))).to(DEVICE, HALF)


def near(ours: Tensor | None, plain: Tensor, exact: Tensor, *, at_most: float = 1.5) -> None:
    """No farther from float64 than the plain twin is, but for the rounding of folded weights."""
    assert ours is not None
    assert ours.shape == plain.shape
    assert ours.dtype == plain.dtype
    error, twins = ((each.double() - exact).square().mean().sqrt() for each in (ours, plain))
    assert error <= at_most * twins


WIDTHS = ((24, torch.float32), (24, HALF), *(() if INTERPRETED else ((96, HALF),)))


@pytest.mark.parametrize(("width", "dtype"), WIDTHS)
@torch.inference_mode()
def test_pictures_are_as_near_to_float64_as_those_of_the_plain_twin(width: int, dtype: torch.dtype):
    plain = pictures(network := decoder(width, dtype), dtype)
    network.fuse()
    ours = pictures(network, dtype)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Tensor, "float", Tensor.double)
        right = pictures(decoder(width, dtype).double(), torch.float64)
    for one, other, exact in zip(ours, plain, right, strict=True):
        error, twins = ((each.double() - exact).square().mean().sqrt() for each in (one, other))
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert exact.std() > 0.1
        assert error <= 1.2 * twins
