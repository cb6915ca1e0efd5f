"""The decoder with kernels of our own between its convolutions, against itself in float64.

Without a GPU they run in Triton's interpreter, where it is asked for: TRITON_INTERPRET=1.
"""

import os

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from longlive_widget.model.video_decoder import (
    VideoDecoder,
    VideoDecoderConfig,
    frames_of,
    video_of,
)

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (torch.cuda.is_available() or INTERPRETED), reason="no CUDA device"),
]
fused_video = pytest.importorskip("longlive_widget.model.fused_video")
Taps = fused_video.Taps
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
HALF = torch.float16 if INTERPRETED else torch.bfloat16  # the interpreter cuts bfloat16 off
BATCH, ROWS, COLUMNS, LATENT_FRAMES = 2, 3, 5, (3, 1, 3)


def decoder(width: int, dtype: torch.dtype) -> VideoDecoder:
    """A small decoder, with the same weights each time."""
    generator = torch.Generator().manual_seed(2)
    made = VideoDecoder(VideoDecoderConfig(dim=width, num_res_blocks=1))
    for parameter in made.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        by = 0.2 if parameter.ndim == 1 or parameter[0].numel() == 1 else 1.0
        fan_in = max(1, parameter[0].numel())
        parameter.data = (by * noise / fan_in**0.5 + (by != 1.0)).to(dtype)
    return made.to(DEVICE, dtype)


def pictures(network: VideoDecoder, dtype: torch.dtype) -> list[Tensor]:
    """What a stream makes of some blocks of noise."""
    generator, stream = torch.Generator().manual_seed(3), network.stream()
    drawn = (torch.randn(BATCH, n, 16, ROWS, COLUMNS, generator=generator) for n in LATENT_FRAMES)
    return [stream.decode(latent.to(DEVICE, dtype)) for latent in drawn]


@pytest.mark.parametrize(("channels", "made"), [(96, 96), (64, 192), (192, 384)])
@torch.inference_mode()
def test_a_convolution_is_as_near_to_float64_as_its_plain_twin(channels: int, made: int):
    x = drawn(BATCH, channels, 4, 7, 37).contiguous(memory_format=torch.channels_last_3d)
    weight = drawn(made, channels, 3, 3, 3, by=(27 * channels) ** -0.5)
    exact = functional.conv3d(x.double(), weight.double(), padding=(0, 1, 1))
    plain = functional.conv3d(x, weight, padding=(0, 1, 1))
    near(fused_video.convolved(fused_video.bordered(x), Taps.of(weight)), plain, exact)


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
        fused_video.convolved_doubled(x, Taps.doubling(weight), bias),
        convolved_by_frame(doubled, weight, bias),
        convolved_by_frame(doubled.double(), weight.double(), bias.double()),
    )


@torch.inference_mode()
def test_what_no_tile_suits_is_left_to_torch():
    x = drawn(1, 48, 3, 4, 4)
    assert fused_video.convolved(x, Taps.of(drawn(24, 48, 3, 3, 3))) is None
    assert fused_video.convolved_doubled(x, Taps.doubling(drawn(24, 48, 3, 3)), drawn(24)) is None


def convolved_by_frame(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return video_of(functional.conv2d(frames_of(x), weight, bias, padding=1), batch=x.shape[0])


def drawn(*shape: int, by: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return (by * torch.randn(shape, generator=generator)).to(DEVICE, HALF)


def near(ours: Tensor | None, plain: Tensor, exact: Tensor) -> None:
    """No farther from float64 than the plain twin is, but for the rounding of folded weights."""
    assert ours is not None
    assert ours.shape == plain.shape
    assert ours.dtype == plain.dtype
    error, twins = ((each.double() - exact).square().mean().sqrt() for each in (ours, plain))
    assert error <= 1.5 * twins


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
