"""Reads colours and shapes off latents, and says how far a shape is from the one that was asked.

The network is trained on drawn scenes alone, in `train_reward`, and is thrown away after the
training of the adapter. It is no part of the judge, which reads pictures by a network of its own.

Source: differentiable rewards as K. Clark et al., Directly fine-tuning diffusion models on
differentiable rewards (2023), with one step to go through.

Axes: B blocks, F latent frames, C channels, H rows, W columns, T things, K colours or shapes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.tiny.scenes import COLORS, MOST_THINGS, Thing
from longlive_widget.tiny.shapes import SHAPES

_WIDTH, _LAYERS = 96, 6
_SURE_OF_COLOR = 0.5
_FEWEST_CELLS = 2.0
"""So many latents must show a thing before its shape is read."""
_SURE_OF_SHAPE = 0.6


class LatentReader(nn.Module):
    """What each latent of a block shows: a thing's colour, or the ground, and its shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.into = nn.Conv3d(channels, _WIDTH, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(8, _WIDTH), nn.SiLU(), nn.Conv3d(_WIDTH, _WIDTH, 3, padding=1)
            )
            for _ in range(_LAYERS)
        )
        self.norm = nn.GroupNorm(8, _WIDTH)
        self.color = nn.Conv3d(_WIDTH, len(COLORS) + 1, 1)
        self.shape = nn.Conv3d(_WIDTH, len(SHAPES), 1)

    def forward(self, latent_BFCHW: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of colours, the ground being the last one, and of shapes: `BKFHW` both."""
        x = self.into(latent_BFCHW.transpose(1, 2))
        for layer in self.layers:
            x = x + layer(x)
        x = F.silu(self.norm(x))
        return self.color(x).float(), self.shape(x).float()


class Reward:
    """What a reader that has learned says of latents, held against what was asked for."""

    def __init__(self, reader: LatentReader) -> None:
        self._reader = reader.requires_grad_(requires_grad=False).eval()

    def shortfall(self, latent_BFCHW: Tensor, asked_BTK: Tensor) -> Tensor:
        """The mean of -log p over all things that are asked for, p being that of their shape.

        `asked_BTK` has the numbers of colour and shape of each thing, -1 where there is none. A
        thing is found by its colour; one that is not seen counts as right.
        """
        seen_BT, log_BTK = self._by_thing(latent_BFCHW, asked_BTK[..., 0])
        shape_BT1 = asked_BTK[..., 1:].clamp(min=0)
        wrong_BT = -log_BTK.gather(-1, shape_BT1)[..., 0]
        return (wrong_BT * seen_BT).sum() / asked_BTK[..., 0].ge(0).sum().clamp(min=1)

    @torch.no_grad()
    def shapes_seen(self, latent_BFCHW: Tensor, colors_BT: Tensor) -> Tensor:
        """The number of the shape that each thing has, -1 where it is not clear, `BT`."""
        seen_BT, log_BTK = self._by_thing(latent_BFCHW, colors_BT)
        surest = log_BTK.exp().max(-1)
        clear = seen_BT & (surest.values > _SURE_OF_SHAPE)
        return torch.where(clear, surest.indices, -1)

    def _by_thing(self, latent_BFCHW: Tensor, colors_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Whether each thing is seen, `BT`, and the mean log probability of its shapes, `BTK`."""
        color_BKFHW, shape_BKFHW = self._reader(latent_BFCHW)
        share_BKN = color_BKFHW.detach().softmax(1).flatten(2)
        index_BTN = colors_BT.clamp(min=0)[..., None].expand(-1, -1, share_BKN.shape[-1])
        cells_BTN = share_BKN.gather(1, index_BTN)
        cells_BTN = cells_BTN * (cells_BTN > _SURE_OF_COLOR)
        count_BT = cells_BTN.sum(-1)
        log_BNK = shape_BKFHW.log_softmax(1).flatten(2).mT
        mean_BTK = cells_BTN @ log_BNK / count_BT.clamp(min=_FEWEST_CELLS)[..., None]
        return (count_BT >= _FEWEST_CELLS) & (colors_BT >= 0), mean_BTK


def asked_for(things: Sequence[Sequence[Thing]]) -> Tensor:
    """The numbers of colour and shape of the things of some scenes, as `Reward` takes them."""
    asked_BTK = torch.full((len(things), MOST_THINGS, 2), -1)
    for row, scene in enumerate(things):
        for slot, thing in enumerate(scene):
            asked_BTK[row, slot, 0] = COLORS.index(thing.color)
            asked_BTK[row, slot, 1] = SHAPES.index(thing.shape)
    return asked_BTK
