"""Reads colours and shapes off latents: how far shapes are from those asked for, what is too much.

The network is trained on drawn scenes alone, in `train_reward`, and is thrown away after the
training of the adapter. It is no part of the judge, which reads pictures by a network of its own.

Source: differentiable rewards as K. Clark et al., Directly fine-tuning diffusion models on
differentiable rewards (2023), with one step to go through.

Axes: B blocks, F latent frames, C channels, H rows, W columns, T things, K colours or shapes.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.geometry import PIXELS_PER_LATENT
from longlive_widget.tiny.motions import GROWN
from longlive_widget.tiny.scenes import COLORS, MOST_THINGS, RADIUS_PX, Size, Thing
from longlive_widget.tiny.shapes import SHAPES

_WIDTH, _LAYERS = 96, 6
_SURE_OF_COLOR = 0.5
_FEWEST_CELLS = 2.0
"""So many latents must show a thing before its shape is read."""
_SURE_OF_SHAPE = 0.6
_TWIN_SHARE = 0.25
"""Of the latents in a thing's colour: if more are apart from it, they are another one."""
_SIZES: tuple[Size, ...] = tuple(RADIUS_PX)


def _cells_across(size: Size) -> int:
    """So many latents in a row hold a thing of that size wherever it lies, grown too."""
    return math.ceil(2 * GROWN * RADIUS_PX[size] / PIXELS_PER_LATENT) + 1


_CELLS_ACROSS = tuple(map(_cells_across, _SIZES))


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

        `asked_BTK` has the numbers of colour, shape and size of each thing, -1 where there is
        none. A thing is found by its colour; one that is not seen counts as right.
        """
        seen_BT, log_BTK = self._by_thing(latent_BFCHW, asked_BTK[..., 0])
        shape_BT1 = asked_BTK[..., 1:2].clamp(min=0)
        wrong_BT = -log_BTK.gather(-1, shape_BT1)[..., 0]
        return (wrong_BT * seen_BT).sum() / asked_BTK[..., 0].ge(0).sum().clamp(min=1)

    @torch.no_grad()
    def shapes_seen(self, latent_BFCHW: Tensor, colors_BT: Tensor) -> Tensor:
        """The number of the shape that each thing has, -1 where it is not clear, `BT`."""
        seen_BT, log_BTK = self._by_thing(latent_BFCHW, colors_BT)
        surest = log_BTK.exp().max(-1)
        clear = seen_BT & (surest.values > _SURE_OF_SHAPE)
        return torch.where(clear, surest.indices, -1)

    def surplus(self, latent_BFCHW: Tensor, asked_BTK: Tensor) -> Tensor:
        """The mean of -log(1 - q) over all things and latent frames, q being what is too much.

        Of the latents in a thing's colour, those are too much that lie outside of the square that
        holds the most of them and is as large as the thing may be: they are it once more, or
        another one in its colour. Two that are to have one colour count as right.
        """
        return -(1 - self._apart(latent_BFCHW, asked_BTK)).log().mean()

    @torch.no_grad()
    def there_twice(self, latent_BFCHW: Tensor, asked_BTK: Tensor) -> Tensor:
        """Whether each thing is there twice in any latent frame, `BT`."""
        return (self._apart(latent_BFCHW, asked_BTK) > _TWIN_SHARE).any(-1)

    def _apart(self, latent_BFCHW: Tensor, asked_BTK: Tensor) -> Tensor:
        """The share of what shows a thing that lies apart from most of it, `BTF`."""
        color_BT, size_BT = asked_BTK[..., 0], asked_BTK[..., 2].clamp(min=0)
        share_BKFHW = self._reader(latent_BFCHW)[0].softmax(1)
        index = color_BT.clamp(min=0)[..., None, None, None].expand(-1, -1, *share_BKFHW.shape[2:])
        share_BTFHW = share_BKFHW.gather(1, index)
        share_BTFHW = share_BTFHW * (share_BTFHW.detach() > _SURE_OF_COLOR)
        whole_BTF = share_BTFHW.sum((-2, -1))
        most = [_most_in_a_square(share_BTFHW, across) for across in _CELLS_ACROSS]
        most_BTFS = torch.stack(most, dim=-1)
        size_BTF1 = size_BT[..., None, None].expand(-1, -1, most_BTFS.shape[2], 1)
        most_BTF = most_BTFS.gather(-1, size_BTF1)[..., 0]
        alike_BTT = color_BT[:, :, None] == color_BT[:, None]
        alone_BT1 = ((alike_BTT.sum(-1) == 1) & (color_BT >= 0))[..., None]
        apart_BTF = (whole_BTF - most_BTF) / whole_BTF.clamp(min=_FEWEST_CELLS)
        return apart_BTF.clamp(min=0) * alone_BT1

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


def _most_in_a_square(share_BTFHW: Tensor, across: int) -> Tensor:
    """The largest sum over a square of so many latents, of those inside the picture, `BTF`."""
    height, width = share_BTFHW.shape[-2:]
    size = min(across, height), min(across, width)
    mean = F.avg_pool2d(share_BTFHW.flatten(0, 2)[:, None], size, stride=1)
    return (mean.flatten(1).amax(1) * size[0] * size[1]).view(share_BTFHW.shape[:3])


def asked_for(things: Sequence[Sequence[Thing]]) -> Tensor:
    """The numbers of colour, shape and size of some scenes' things, as `Reward` takes them."""
    asked_BTK = torch.full((len(things), MOST_THINGS, 3), -1)
    for row, scene in enumerate(things):
        for slot, thing in enumerate(scene):
            asked_BTK[row, slot, 0] = COLORS.index(thing.color)
            asked_BTK[row, slot, 1] = SHAPES.index(thing.shape)
            asked_BTK[row, slot, 2] = _SIZES.index(thing.size)
    return asked_BTK
