"""What lies behind the things of a scene: still pictures, and some that move and repeat.

A moving ground is a closed form of its phase, the number of pictures since it came, and the same
again every `GROUND_PERIOD_PICTURES`. So all that a ground can look like fits into one table.
"""

import math
import random
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.weather import DROPS, FLAKES, Fall, fallen

Ground = Literal[
    "black", "white", "grey", "navy", "night", "sunset", "meadow", "sea", "snow", "rain"
]
GROUNDS: tuple[Ground, ...] = get_args(Ground)
GROUND_PERIOD_PICTURES = 48

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
    """All that grounds look like, in the order of `ground_rows`: float32 in [-1, 1], `NCHW`."""
    return torch.cat([_pictures(ground) for ground in GROUNDS]).to(device)


def ground_rows(ground: Ground, phase: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in `ground_pictures` a ground is at each phase."""
    return _FIRST_ROW[ground] + phase % _rows_of(ground)


def signed(red: float, green: float, blue: float) -> Tensor:
    """A colour of 8-bit parts as three floats in [-1, 1]."""
    return torch.tensor([red, green, blue], dtype=torch.float32) / 127.5 - 1


def _night() -> Tensor:
    """A dark sky with stars that shine unequally, in fixed places."""
    sky = _blended((8, 10, 34), (30, 34, 78), _y_px() / PICTURE.height_px)
    draws = random.Random("stars")
    for _ in range(_STARS):
        x, y = draws.uniform(2, PICTURE.width_px - 2), draws.uniform(2, PICTURE.height_px - 2)
        radius, light = draws.uniform(0.8, 1.2), draws.uniform(0.4, 1.0)
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


def _sea(turn: float) -> Tensor:
    """A pale sky over rows of waves; the nearer, the bigger, faster and darker."""
    picture = _blended((120, 186, 232), (202, 226, 242), 2.4 * _y_px() / PICTURE.height_px)
    for begins, length_px, height_px, times, color in _WAVES:
        along = _x_px() / length_px - times * turn + begins
        swell = torch.sin(2 * math.pi * along) + 0.25 * torch.cos(4 * math.pi * along)
        below_px = _y_px() - begins * PICTURE.height_px - height_px * swell
        picture = torch.lerp(picture, _filled(color), (below_px + 0.5).clamp(0, 1))
        foam = torch.exp(-((below_px - 1.5) / 1.5).square())
        picture = torch.lerp(picture, _filled((226, 240, 248)), 0.4 * foam)
    return picture


def _snow(turn: float) -> Tensor:
    """White flakes, near and far ones, in grey-blue air above white land."""
    air = _blended((112, 132, 162), (164, 182, 204), 1.2 * _y_px() / PICTURE.height_px)
    picture = _over(air, _filled((226, 232, 240)), _hill_px(0.86, 2.0))
    for flakes in FLAKES:
        picture = torch.lerp(picture, _filled((250, 252, 255)), _fallen(flakes, turn))
    return picture


def _rain(turn: float) -> Tensor:
    """Slanted streaks of light in dark air above wet land."""
    air = _blended((56, 66, 84), (104, 116, 134), 1.2 * _y_px() / PICTURE.height_px)
    picture = _over(air, _filled((58, 68, 80)), _hill_px(0.88, 1.5))
    return torch.lerp(picture, _filled((188, 206, 226)), _fallen(DROPS, turn))


_WAVES: tuple[tuple[float, float, float, int, _Color], ...] = (
    (0.46, 26.0, 1.0, 1, (92, 160, 208)),
    (0.57, 36.0, 1.8, 1, (66, 138, 196)),
    (0.71, 48.0, 2.6, 1, (44, 114, 180)),
    (0.88, 64.0, 3.4, 1, (28, 90, 158)),
)
"""Where it begins, as a share of the height, length, height, lengths that it moves, and colour."""

_STILL: dict[Ground, Callable[[], Tensor]] = {
    "night": _night,
    "sunset": _sunset,
    "meadow": _meadow,
}
_MOVING: dict[Ground, Callable[[float], Tensor]] = {"sea": _sea, "snow": _snow, "rain": _rain}


def _rows_of(ground: Ground) -> int:
    return GROUND_PERIOD_PICTURES if ground in _MOVING else 1


_FIRST_ROW: dict[Ground, int] = dict(
    zip(GROUNDS, accumulate(map(_rows_of, GROUNDS), initial=0), strict=False)
)


def _pictures(ground: Ground) -> Tensor:
    """All that a ground looks like, `NCHW`."""
    if ground in _PLAIN:
        return _filled(_PLAIN[ground])[None]
    if ground in _STILL:
        return _STILL[ground]()[None]
    turns = [phase / GROUND_PERIOD_PICTURES for phase in range(GROUND_PERIOD_PICTURES)]
    return torch.stack([_MOVING[ground](turn) for turn in turns])


def _fallen(fall: Fall, turn: float) -> Tensor:
    return fallen(fall, turn, GROUND_PERIOD_PICTURES)


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
