"""What is seen in pictures apart from their ground: things, as colours that the ground has not.

Knows no network, no prompt and no model of video.

Axes: F pictures, N pixels, P phases of a ground, C colours, K colours of the palette, H rows,
W columns.
"""

import math
import random
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.tiny.grounds import GROUND_PERIOD_PICTURES, GROUNDS, Ground
from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.scenes import COLORS, FULL, Color, Scene, draw, random_scene

MOST_THINGS = 2
CROP_PX = 32
"""The side of a crop."""
SEEN_PX = 45.0
"""A thing of a smaller area is not seen."""

_CPU = torch.device("cpu")
_COARSE = 4  # grounds are compared in squares of so many pixels
_GROUND_CAP = 0.3  # an error larger than this is a thing's, and counts no more
_GROUND_PICTURES = 8
_GROUND_TEMPERATURE = 0.02
_WORST_GROUND = 0.55  # of pixels beyond the cap: the ground is none of the known ones
_OUTSIDE = 0.25  # so far from all that the ground is nearby, a pixel shows a thing
_UNEXPLAINED = 0.4  # a colour so far from a thing's own, or from a mixture of it, is another's
_BRIGHTEST = 1.5  # times a thing's own colour is still the same one
_LEAST_VOTES = 25  # pixels in a picture, and their
_LEAST_SHARE = 0.25  # share of the pictures, for a colour to be a thing
_CROP_REACH = 1.25  # half a crop's side, in square roots of the thing's area
_INKED, _CROWD = 0.2, 5  # of a coarse square; coarse squares
_SPREAD_STEPS = 30
_NEAR = 0.8  # of the sum of the square roots of two areas
_TWIN = 0.5  # of a thing's area: as large another part of its colour is no crumb of it


@dataclass(frozen=True, eq=False)
class Sighting:
    """One thing in every picture: its colour, where it is, and what it looks like by itself."""

    color: Color
    color_share_K: Tensor
    """How much of its inside is nearest to each colour of the palette."""
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    area_px: NDArray[np.float64]
    """0 where it is not seen; its place is not a number there."""
    cut_F: NDArray[np.bool_]
    """Whether an edge of the picture, or another thing, cuts it off."""
    crops_FHW: Tensor
    """How much of each pixel it covers, centred and at one size."""
    twin_F: NDArray[np.bool_]
    """Whether another part of its colour, not much smaller, lies apart from it."""

    @property
    def seen_F(self) -> NDArray[np.bool_]:
        """In which pictures it is seen."""
        return self.area_px > 0


@dataclass(frozen=True, eq=False)
class Sight:
    """What pictures show: how likely each ground is, and the things, the larger one first."""

    ground: Ground | None
    ground_probability: dict[Ground, float]
    things: tuple[Sighting, ...]


def look(pictures: NDArray[np.uint8]) -> Sight:
    """Tell things from their ground in the pictures of one scene: uint8 RGB, `FHWC`."""
    seen_FCHW = torch.from_numpy(pictures.copy()).movedim(-1, 1).float() / 127.5 - 1
    coarse_FCHW = F.avg_pool2d(seen_FCHW, _COARSE)
    scores = _ground_scores(coarse_FCHW)
    best = int(scores.argmin())
    likely = (-scores / _GROUND_TEMPERATURE).softmax(0).tolist()
    known = GROUNDS[best] if float(scores[best]) < _WORST_GROUND else None
    phases_F = _ground_errors(coarse_FCHW, best).argmin(1)
    ground_FCHW, low, high = (part[phases_F] for part in _ground_loops()[best])
    beyond = (seen_FCHW - high).relu() + (low - seen_FCHW).relu()
    outside_FHW = beyond.norm(dim=1) > _OUTSIDE
    return Sight(
        known,
        dict(zip(GROUNDS, likely, strict=True)),
        _things(seen_FCHW, ground_FCHW, outside_FHW),
    )


@lru_cache(maxsize=1)
def palette() -> Tensor:
    """What each colour of things is in a picture: `KC`, in [-1, 1]."""
    plain = replace(
        FULL,
        shapes=("square",),
        sizes=("big",),
        motions=("rests",),
        grounds=("grey",),
        scattered=False,
    )
    rng = random.Random(0)
    scenes = [random_scene(rng, replace(plain, colors=(color,))) for color in COLORS]
    drawn = draw(scenes, 0, 1, _CPU)
    return drawn[:, 0, :, PICTURE.height_px // 2, PICTURE.width_px // 2].contiguous()


@lru_cache(maxsize=1)
def _ground_loops() -> tuple[tuple[Tensor, Tensor, Tensor], ...]:
    """Each ground at every phase, and the least and the most that it is nearby: `PCHW` each."""
    loops = []
    for ground in GROUNDS:
        drawn = draw([Scene((), ground)], 0, GROUND_PERIOD_PICTURES, _CPU)[0]
        loop = drawn if (drawn != drawn[:1]).any() else drawn[:1]
        high, low = (sign * F.max_pool2d(sign * loop, 3, 1, 1) for sign in (1, -1))
        if len(loop) > 1:
            high = torch.stack([high.roll(by, 0) for by in (-1, 0, 1)]).amax(0)
            low = torch.stack([low.roll(by, 0) for by in (-1, 0, 1)]).amin(0)
        loops.append((loop, low, high))
    return tuple(loops)


@lru_cache(maxsize=1)
def _coarse_loops() -> tuple[Tensor, ...]:
    return tuple(F.avg_pool2d(loop, _COARSE) for loop, _, _ in _ground_loops())


def _ground_scores(coarse_FCHW: Tensor) -> Tensor:
    """The share of some of the pictures that is not like each ground at its likeliest phase."""
    picked = torch.linspace(0, len(coarse_FCHW) - 1, _GROUND_PICTURES).long()
    errors = [_ground_errors(coarse_FCHW[picked], index) for index in range(len(GROUNDS))]
    return torch.stack([error_FP.amin(1).mean() for error_FP in errors]) / _GROUND_CAP


def _ground_errors(coarse_FCHW: Tensor, ground: int) -> Tensor:
    """How much each picture is unlike each phase of a ground, outside of things: `FP`."""
    loop_PCHW = _coarse_loops()[ground]
    error_FPHW = (coarse_FCHW[:, None] - loop_PCHW).abs().mean(2)
    return error_FPHW.clamp(max=_GROUND_CAP).mean((2, 3))


def _things(seen_FCHW: Tensor, ground_FCHW: Tensor, outside_FHW: Tensor) -> tuple[Sighting, ...]:
    """A colour that much of the outside has is a thing; what it leaves unexplained, another one."""
    seen_FHWC, ground_FHWC = (pictures.movedim(1, -1) for pictures in (seen_FCHW, ground_FCHW))
    found: list[tuple[Color, Tensor, Tensor, Tensor]] = []
    open_FHW = outside_FHW
    for _ in range(MOST_THINGS):
        inside_NF = _eroded(open_FHW).nonzero()
        inside_NC = seen_FHWC[inside_NF.unbind(1)]
        gone_N = (inside_NC - ground_FHWC[inside_NF.unbind(1)]).norm(dim=1)
        nearest_N = torch.cdist(inside_NC, palette()).argmin(1)
        color = int(_votes(nearest_N, gone_N).argmax())
        chosen_N = nearest_N == color
        votes_F = inside_NF[chosen_N, 0].bincount(minlength=len(seen_FCHW))
        if (votes_F >= _LEAST_VOTES).float().mean() < _LEAST_SHARE:
            break
        chosen_N &= gone_N >= gone_N[chosen_N].median()
        cover_FHW, error_FHW = _cover(seen_FCHW, ground_FCHW, inside_NC[chosen_N].mean(0))
        own_N = error_FHW[inside_NF.unbind(1)] < _UNEXPLAINED
        votes_K = _votes(nearest_N[own_N], gone_N[own_N])
        share_K = votes_K / votes_K.sum()
        found.append((COLORS[color], share_K, cover_FHW, error_FHW))
        open_FHW = open_FHW & (error_FHW > _UNEXPLAINED)
    if not found:
        return ()
    owner_FHW = torch.stack([error for *_, error in found]).argmin(0)
    sightings = [
        _sighting(color, share, cover * (owner_FHW == index))
        for index, (color, share, cover, _) in enumerate(found)
    ]
    return tuple(sorted(_cut_off(sightings), key=lambda s: -float(s.area_px.sum())))


def _votes(nearest_N: Tensor, gone_N: Tensor) -> Tensor:
    """How much speaks for each colour: a pixel counts the more, the less ground is mixed in."""
    return nearest_N.bincount(weights=gone_N.square(), minlength=len(COLORS))


def _cut_off(things: list[Sighting]) -> list[Sighting]:
    """The things, with the pictures in which two are too near each other counted as cut off."""
    if len(things) < 2:
        return things
    one, other = things
    apart_F = np.hypot(one.x_px - other.x_px, one.y_px - other.y_px)
    near_F = apart_F < _NEAR * (np.sqrt(one.area_px) + np.sqrt(other.area_px))
    return [replace(thing, cut_F=thing.cut_F | near_F) for thing in things]


def _eroded(mask_FHW: Tensor) -> Tensor:
    """The mask without its rim of one pixel, and without that of the picture."""
    inner = torch.zeros_like(mask_FHW)
    rows = mask_FHW[:, 2:] & mask_FHW[:, 1:-1] & mask_FHW[:, :-2]
    inner[:, 1:-1, 1:-1] = rows[:, :, 2:] & rows[:, :, 1:-1] & rows[:, :, :-2]
    return inner


def _cover(seen_FCHW: Tensor, ground_FCHW: Tensor, own_C: Tensor) -> tuple[Tensor, Tensor]:
    """How much of its colour each pixel is mixed with its ground, and how little that explains."""
    way = own_C[:, None, None] - ground_FCHW
    gone = seen_FCHW - ground_FCHW
    product, length = (gone * way).sum(1), way.square().sum(1)
    along = (product / length.clamp(min=0.05)).clamp(0, _BRIGHTEST)
    left = gone.square().sum(1) - 2 * along * product + along.square() * length
    return along.clamp(max=1), left.clamp(min=0).sqrt()


def _sighting(color: Color, share_K: Tensor, cover_FHW: Tensor) -> Sighting:
    own_FHW = cover_FHW * _main_part(cover_FHW)
    area_F = own_FHW.sum((1, 2))
    seen_F = area_F >= SEEN_PX
    weight = area_F.clamp(min=1)
    x_F = (own_FHW.sum(1) * (torch.arange(PICTURE.width_px) + 0.5)).sum(1) / weight
    y_F = (own_FHW.sum(2) * (torch.arange(PICTURE.height_px) + 0.5)).sum(1) / weight
    inked = own_FHW > 0.5
    sides = (inked[:, 0], inked[:, -1], inked[:, :, 0], inked[:, :, -1])
    cut_F = torch.stack([side.any(1) for side in sides]).any(0)
    crops = _crops(own_FHW, x_F, y_F, area_F.clamp(min=SEEN_PX)) * seen_F[:, None, None]
    nowhere = torch.full_like(x_F, math.nan)
    return Sighting(
        color,
        share_K,
        torch.where(seen_F, x_F, nowhere).double().numpy(),
        torch.where(seen_F, y_F, nowhere).double().numpy(),
        (area_F * seen_F).double().numpy(),
        cut_F.numpy(),
        crops,
        _twin(cover_FHW).numpy(),
    )


def _twin(cover_FHW: Tensor) -> Tensor:
    """In which pictures a part of a cover, not much smaller than its main one, lies apart: `F`."""
    one_FHW = cover_FHW * _main_part(cover_FHW, alone=True)
    rest_FHW = cover_FHW - one_FHW
    areas = one_FHW, rest_FHW * _main_part(rest_FHW, alone=True)
    first_F, second_F = (area.sum((1, 2)) for area in areas)
    return torch.minimum(first_F, second_F) >= (_TWIN * first_F).clamp(min=SEEN_PX)


def _main_part(cover_FHW: Tensor, *, alone: bool = False) -> Tensor:
    """Where the largest connected part of a cover is, with a margin; small gaps connect.

    Of parts that are as large all, or `alone` the first.
    """
    inked = (F.avg_pool2d(cover_FHW, _COARSE) > _INKED).float()
    crowd = F.avg_pool2d(inked, _CROWD, 1, _CROWD // 2) * inked
    most = (crowd == crowd.amax((1, 2), keepdim=True)) & (crowd > 0)
    if alone:
        first = most.flatten(1).cumsum(1) == 1
        most &= first.view_as(most)
    part = most.float()
    for _ in range(_SPREAD_STEPS):
        wider = F.max_pool2d(part, 3, 1, 1) * inked
        if torch.equal(wider, part):
            break
        part = wider
    margin = F.max_pool2d(part, 3, 1, 1)
    return margin.repeat_interleave(_COARSE, 1).repeat_interleave(_COARSE, 2)


def _crops(own_FHW: Tensor, x_F: Tensor, y_F: Tensor, area_F: Tensor) -> Tensor:
    fine = 2 * CROP_PX
    reach_F = _CROP_REACH * area_F.sqrt()
    along = (torch.arange(fine) + 0.5) / fine * 2 - 1
    x = (x_F[:, None] + reach_F[:, None] * along) * 2 / PICTURE.width_px - 1
    y = (y_F[:, None] + reach_F[:, None] * along) * 2 / PICTURE.height_px - 1
    grid = torch.stack(
        (x[:, None, :].expand(-1, fine, -1), y[:, :, None].expand(-1, -1, fine)), dim=-1
    )
    sampled = F.grid_sample(own_FHW[:, None], grid, align_corners=False)
    return F.avg_pool2d(sampled, 2)[:, 0]
