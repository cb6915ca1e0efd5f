"""What falls in snow and rain: specks, near and far.

Draws how much of each pixel they cover; knows neither their colour nor what is behind them.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longlive_widget.tiny.motions import PICTURE

_GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples spread evenly over the turns
_SWAY_PX = 70.0  # of falling, for a speck to swing once there and back


@dataclass(frozen=True)
class Fall:
    """Many specks that fall evenly, each from its own place at its own time of the period.

    A picture takes each `fall_px` down and `drift_px` to the right; `sway_px` is how far it swings
    to both sides, `radius_px` the least and the largest, `length_px` that of the streak behind it.
    """

    seed: str
    count: int
    fall_px: float
    drift_px: float
    sway_px: float
    radius_px: tuple[float, float]
    length_px: float = 0.0
    light: float = 1.0

    @property
    def margin_px(self) -> float:
        """How far around its place a speck may be seen."""
        return self.length_px + 3 * self.radius_px[1]


FLAKES = (
    Fall("far flakes", 14, 0.7, 0.1, 2.0, (1.4, 1.8), light=0.6),
    Fall("near flakes", 16, 1.1, 0.2, 3.0, (2.0, 2.5)),
)
"""Of snow."""
DROPS = Fall("drops", 64, 4.6, -1.1, 0.0, (0.9, 1.1), length_px=10.0, light=0.5)
"""Of rain."""


def fallen(fall: Fall, turn: float, period_pictures: int) -> Tensor:
    """How much of each pixel the specks cover, `HW`; each is drawn where it is, which is fast.

    Args:
        fall: the specks.
        turn: the share of the period that is over.
        period_pictures: after so many pictures, all is the same again.
    """
    bare = np.ones((PICTURE.height_px, PICTURE.width_px), dtype=np.float32)
    columns, rows = np.arange(PICTURE.width_px) + 0.5, np.arange(PICTURE.height_px)[:, None] + 0.5
    steep = math.hypot(fall.drift_px, fall.fall_px)
    to_right, to_bottom = fall.drift_px / steep, fall.fall_px / steep
    for x_px, y_px, radius_px in _specks(fall, turn, period_pictures):
        high, wide = _window(y_px, fall.margin_px), _window(x_px, fall.margin_px)
        right, down = columns[wide] - x_px, rows[high] - y_px
        behind = np.clip(-right * to_right - down * to_bottom, 0, fall.length_px)
        square = (right + behind * to_right) ** 2 + (down + behind * to_bottom) ** 2
        bare[high, wide] *= 1 - fall.light * np.exp(-square / radius_px**2)
    return torch.from_numpy(1 - bare)


def _window(middle_px: float, margin_px: float) -> slice:
    """The pixels around a place, as far as they are in the picture on the upper or left side."""
    return slice(
        max(0, math.floor(middle_px - margin_px)), max(0, math.ceil(middle_px + margin_px))
    )


def _specks(fall: Fall, turn: float, period_pictures: int) -> Iterator[tuple[float, float, float]]:
    """Place and radius of each speck; one sets out every period while others are on their way."""
    draws = random.Random(fall.seed)
    margin_px = fall.margin_px
    step_px = fall.fall_px * period_pictures
    on_the_way = math.ceil((PICTURE.height_px + 2 * margin_px) / step_px)
    for index in range(fall.count):
        side = (index + draws.random()) / fall.count
        begins = index * _GOLDEN + 0.3 * draws.random()
        swings, radius_px = draws.random(), draws.uniform(*fall.radius_px)
        for earlier in range(on_the_way):
            fallen_px = step_px * ((turn + begins) % 1 + earlier)
            x_px = side * PICTURE.width_px + fallen_px * fall.drift_px / fall.fall_px
            x_px += fall.sway_px * math.sin(2 * math.pi * (fallen_px / _SWAY_PX + swings))
            x_px = (x_px + margin_px) % (PICTURE.width_px + 2 * margin_px) - margin_px
            yield x_px, fallen_px - margin_px, radius_px
