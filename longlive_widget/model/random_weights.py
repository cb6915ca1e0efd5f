"""Random weights under which a network behaves: what goes through all its layers is of order one.

Under the numbers that torch gives new layers it does not: a linear lets 0.58 of what it is given
through and gates are nearly shut, so that thirty layers change little, and an error in one of them
does not reach the pictures.
"""

from collections.abc import Mapping

import torch
from torch import nn

from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import ResidualBlock, VideoDecoder

Gains = Mapping[str, float]
"""By the end of a weight's name, how far spread its layer's numbers are beside what it takes."""
_AFTER_SILU, _AFTER_GELU, _AFTER_RELU = 1.68, 1.53, 1.71
"""What an activation leaves of normal numbers, made good; of ReLU's without their mean."""
_PICTURE_DEVIATION = 0.45
"""That of photographs in [-1, 1]; a few of a hundred numbers are beyond black and white."""
_SHARPNESS = 1.8
"""Of queries and of keys: at less all of a full window is seen alike, and that is nearly nothing.

Each query then has some ten keys of 18,720 that it looks at.
"""
_SEEN = 1.5
"""Makes good what attention takes away: what is seen is a mean."""
_SMALL_SHARE = 0.2
"""What a block of the small decoder adds, beside what it is given: with more, ReLU makes of an
error in its latents many times that in its pictures, as no trained one does."""
_BIAS_DEVIATION, _MODULATION_DEVIATION = 0.1, 0.3


def draw_transformer(network: Transformer) -> None:
    """Draw all weights, in place: each kind of a layer's parts changes as much as the others.

    All layers together add about twice what they are given, so the deviation grows from 1
    to about 2. The gates are about 1.
    """
    part = (2 / 3 / network.config.layers) ** 0.5
    gains = {
        "text_embedding.2.weight": _AFTER_GELU,
        "time_embedding.2.weight": _MODULATION_DEVIATION * _AFTER_SILU,
        "time_projection.1.weight": 2.0,  # of small numbers SiLU leaves half
        "norm_q.weight": _SHARPNESS,
        "norm_k.weight": _SHARPNESS,
        "attn.o.weight": _SEEN * part,
        "ffn.2.weight": _AFTER_GELU * part,
    }
    _draw(network, gains)


def draw_decoder(network: VideoDecoder) -> None:
    """Draw all weights, in place: its blocks together add about twice what they are given."""
    blocks = sum(isinstance(module, ResidualBlock) for module in network.modules())
    part = (2 / blocks) ** 0.5
    gains = {
        "conv2.weight": 1 / 2,  # latents that are not normalised are twice as far spread
        "residual.2.weight": _AFTER_SILU,
        "residual.6.weight": _AFTER_SILU * part,
        "to_qkv.weight": _SHARPNESS,
        "proj.weight": part,
        "head.2.weight": _AFTER_SILU * _PICTURE_DEVIATION,
    }
    _draw(network, gains)


@torch.no_grad()
def draw_small_decoder(network: TinyDecoder) -> None:
    """Draw all weights, in place: every filter's have the mean 0.

    What ReLU leaves has a mean, which would grow from layer to layer until pictures are flat.
    """
    last = network.decoder[-1]
    gains = {
        "conv.0.weight": _AFTER_RELU,
        "conv.2.weight": _AFTER_RELU,
        "conv.4.weight": _AFTER_RELU * _SMALL_SHARE,
        ".conv.weight": _AFTER_RELU,  # in front of what grows in time
        f"decoder.{len(network.decoder) - 1}.weight": _AFTER_RELU * _PICTURE_DEVIATION / 2,
    }
    _draw(network, gains)
    for module in network.decoder.modules():
        if isinstance(module, nn.Conv2d):
            module.weight -= module.weight.mean((1, 2, 3), keepdim=True)
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None  # it has one
    last.bias += 0.5  # it makes pictures of [0, 1]


@torch.no_grad()
def _draw(network: nn.Module, gains: Gains) -> None:
    """Each weight by what it is: of a norm, a bias, the modulation or a linear map."""
    for name, weight in network.named_parameters():
        gain = next((gain for end, gain in gains.items() if name.endswith(end)), 1.0)
        if name.endswith("modulation"):
            weight.normal_(std=_MODULATION_DEVIATION)
            weight[:, 2::3] += 1  # the gates; a head has none
        elif name.endswith("bias"):
            weight.normal_(std=_BIAS_DEVIATION)
        elif weight[0].numel() == 1:  # of a norm
            weight.normal_(gain, _BIAS_DEVIATION)
        else:
            weight.normal_(std=gain * weight[0].numel() ** -0.5)
