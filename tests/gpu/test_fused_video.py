"""The decoder with kernels of our own between its convolutions, against itself in float64.

Without a GPU they run in Triton's interpreter, where it is asked for: TRITON_INTERPRET=1.
"""

import os

import pytest
import torch
from torch import Tensor

from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (torch.cuda.is_available() or INTERPRETED), reason="no CUDA device"),
]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPES = (torch.float32,) if INTERPRETED else (torch.float32, torch.bfloat16)
BATCH, ROWS, COLUMNS, LATENT_FRAMES = 2, 3, 5, (3, 1, 3)


def decoder(dtype: torch.dtype) -> VideoDecoder:
    """A small decoder of an odd width, with the same weights each time."""
    generator = torch.Generator().manual_seed(2)
    made = VideoDecoder(VideoDecoderConfig(dim=24, num_res_blocks=1))
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


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_pictures_are_as_near_to_float64_as_those_of_the_plain_twin(dtype: torch.dtype):
    plain = pictures(network := decoder(dtype), dtype)
    network.fuse()
    ours = pictures(network, dtype)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Tensor, "float", Tensor.double)
        right = pictures(decoder(dtype).double(), torch.float64)
    for one, other, exact in zip(ours, plain, right, strict=True):
        error, twins = ((each.double() - exact).square().mean().sqrt() for each in (one, other))
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert exact.std() > 0.1
        assert error <= 1.2 * twins
