"""cuDNN's convolutions in bfloat16 as the video decoder calls them: some versions' were wrong."""

import pytest
import torch

from longlive_widget.model.video_decoder import channels_last, convolve
from tests.gpu.seeds import generator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
STAGES = ((96, 480, 832), (192, 240, 416), (384, 120, 208))
"""Channels, rows and columns at 832 x 480: what cuDNN takes hangs on them."""


@pytest.mark.parametrize(("channels", "rows", "columns"), STAGES)
@torch.inference_mode()
def test_convolutions_of_bfloat16_are_those_of_float64_but_for_the_rounding_of_what_they_make(
    channels: int, rows: int, columns: int
):
    drawing = generator(channels)
    x = torch.randn(1, channels, 4, rows, columns, generator=drawing).to(DEVICE, torch.bfloat16)
    weight = torch.randn(channels, channels, 3, 3, 3, generator=drawing) * (27 * channels) ** -0.5
    weight, bias = weight.to(x), torch.randn(channels, generator=drawing).to(x)
    exact = convolve(channels_last(x).double(), weight.double(), bias.double())
    off = (convolve(channels_last(x), weight, bias).double() - exact).abs()
    assert off.norm() < 0.003 * exact.norm()
    assert off.max() < 2**-7 * exact.abs().max()  # rounded before its bias and after
