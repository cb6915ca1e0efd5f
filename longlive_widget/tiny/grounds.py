"""What lies behind the things of a scene."""

import math
import random
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

from longlive_widget.tiny.motions import PICTURE

Ground = Literal["black", "white", "grey", "navy", "night", "sunset", "meadow"]
GROUNDS: tuple[Ground, ...] = get_args(Ground)

_Color = tuple[int, int, int]
_PLAIN: dict[Ground, _Color] = {
    "black": (10, 10, 12),
    "white": (242, 242, 240),
    "grey": (128, 128, 130),
    "navy": (18, 26, 78),
}
_STARS = 42


@lru_cache(maxsize=4)
def ground_pictures(device: torch.device) -> Tensor:
    """One picture per ground, in the order of `GROUNDS`: float32 in [-1, 1], `NCHW`."""
    pictures = [_PAINTED[ground]() if ground in _PAINTED else _plain(ground) for ground in GROUNDS]
    return torch.stack(pictures).to(device)


def signed(red: float, green: float, blue: float) -> Tensor:
    """A colour of 8-bit parts as three floats in [-1, 1]."""
    return torch.tensor([red, green, blue], dtype=torch.float32) / 127.5 - 1


def _plain(ground: Ground) -> Tensor:
    return _filled(_PLAIN[ground])


def _night() -> Tensor:
    """A dark sky with stars that shine unequally, in fixed places."""
    sky = _blended((8, 10, 34), (30, 34, 78), _y_px() / PICTURE.height_px)
    draws = random.Random("stars")
    for _ in range(_STARS):
        x, y = draws.uniform(2, PICTURE.width_px - 2), draws.uniform(2, PICTURE.height_px - 2)
        radius, light = draws.uniform(0.5, 1.0), draws.uniform(0.5, 1.0)
        spot = torch.exp(-((_x_px() - x).square() + (_y_px() - y).square()) / radius**2)
        sky = sky + light * spot * (signed(255, 250, 225)[:, None, None] - sky)
    return sky


def _sunset() -> Tensor:
    """A sky from violet over red to gold, above dark land."""
    down = _y_px() / (0.8 * PICTURE.height_px)
    sky = _blended((62, 42, 112), (206, 84, 96), 1.6 * down)
    sky = sky + (signed(255, 190, 92)[:, None, None] - sky) * (1.8 * down - 0.8).clamp(0, 1)
    return _over(sky, _filled((44, 28, 52)), _hill_px(0.84, 2.0))


def _meadow() -> Tensor:
    """Green grass under a blue sky."""
    down = _y_px() / PICTURE.height_px
    sky = _blended((84, 158, 236), (190, 224, 250), 1.6 * down)
    return _over(
        sky, _blended((108, 184, 74), (54, 132, 50), 2.5 * down - 1.5), _hill_px(0.62, 3.0)
    )


_PAINTED: dict[Ground, Callable[[], Tensor]] = {
    "night": _night,
    "sunset": _sunset,
    "meadow": _meadow,
}


def _x_px() -> Tensor:
    return (torch.arange(PICTURE.width_px) + 0.5).expand(PICTURE.height_px, -1)


def _y_px() -> Tensor:
    return (torch.arange(PICTURE.height_px) + 0.5)[:, None].expand(-1, PICTURE.width_px)


def _filled(color: _Color) -> Tensor:
    return signed(*color)[:, None, None].expand(-1, PICTURE.height_px, PICTURE.width_px)


def _blended(top: _Color, bottom: _Color, share: Tensor) -> Tensor:
    return torch.lerp(_filled(top), _filled(bottom), share.clamp(0, 1))


def _hill_px(height_share: float, swell_px: float) -> Tensor:
    """Where land begins in each column, from the top."""
    turn = 2 * math.pi * _x_px() / PICTURE.width_px
    return height_share * PICTURE.height_px + swell_px * torch.sin(turn + 1)


def _over(sky: Tensor, land: Tensor, begins_px: Tensor) -> Tensor:
    return torch.lerp(sky, land, (_y_px() - begins_px + 0.5).clamp(0, 1))
