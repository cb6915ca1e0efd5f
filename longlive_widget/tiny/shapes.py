"""Signed distances of the shapes that scenes are made of.

Each function takes coordinates relative to the shape's middle, x to the right and y down, and a
radius, all in pixels, and gives the distance to the outline: negative inside. Distances are exact
near the outline, which is where anti-aliasing reads them; shapes of one radius look equally big.
"""

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

Shape = Literal["ball", "square", "triangle", "star", "ring", "cross", "heart"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

SYMMETRY: dict[Shape, int] = {
    "ball": 0,
    "square": 4,
    "triangle": 3,
    "star": 5,
    "ring": 0,
    "cross": 4,
    "heart": 1,
}
"""How often a full turn brings the shape back onto itself; 0: any turn does."""

REACH = 1.4
"""No shape reaches further from its middle than this many radii."""

_STAR_WAIST = 0.46


def ball(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A disc."""
    return torch.hypot(x, y) - radius


def square(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A square that stands on its side."""
    return torch.maximum(x.abs(), y.abs()) - 0.88 * radius


def triangle(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """An equilateral triangle, one corner up: the furthest of its three edges counts."""
    slanted = x.abs() * math.cos(math.pi / 6) - y * math.sin(math.pi / 6)
    return torch.maximum(slanted, y) - 0.69 * radius


def star(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A star of five points, one of them up.

    All ten edges fold onto one: the line from a tip to the waist half a sector further.
    """
    sector = 2 * math.pi / 5
    turn = torch.atan2(x, -y)
    from_tip = (turn - sector * torch.round(turn / sector)).abs()
    length = torch.hypot(x, y)
    along, across = length * torch.cos(from_tip), length * torch.sin(from_tip)
    waist_along = _STAR_WAIST * math.cos(sector / 2)
    waist_across = _STAR_WAIST * math.sin(sector / 2)
    edge = math.hypot(1 - waist_along, waist_across)
    tip = 1.4 * radius
    return ((along - tip) * waist_across + across * (1 - waist_along)) / edge


def ring(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A ring whose hole is half as wide as itself."""
    return (torch.hypot(x, y) - 0.84 * radius).abs() - 0.28 * radius


def cross(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """An upright cross with four equal arms."""
    x, y = x.abs(), y.abs()
    long, short = torch.maximum(x, y), torch.minimum(x, y)
    return torch.maximum(long - 1.15 * radius, short - 0.38 * radius)


def heart(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A heart: a square on its corner, with half discs on its two upper sides."""
    half_side = 0.65 * radius
    x, y = x.abs(), y - 0.2 * radius
    diamond = (x + y.abs()) / math.sqrt(2) - half_side
    lobe = torch.hypot(x - half_side / math.sqrt(2), y + half_side / math.sqrt(2)) - half_side
    return torch.minimum(diamond, lobe)


DISTANCES: dict[Shape, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "ball": ball,
    "square": square,
    "triangle": triangle,
    "star": star,
    "ring": ring,
    "cross": cross,
    "heart": heart,
}
