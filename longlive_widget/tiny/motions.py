"""Where a moving thing is at any picture, and how one motion goes on from where another ended.

A motion is a closed form of time without an end: what leaves the picture comes in again on the
other side, all else repeats. So any picture of an endless video costs the same, and a few pictures
show all that the next ones depend on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never, get_args

import numpy as np
from numpy.typing import NDArray

from longlive_widget.geometry import Geometry
from longlive_widget.tiny.shapes import REACH

Motion = Literal[
    "rests",
    "moves right",
    "moves left",
    "moves up",
    "moves down",
    "bounces",
    "circles",
    "spins",
    "swings",
    "grows",
    "shrinks",
]
MOTIONS: tuple[Motion, ...] = get_args(Motion)
Speed = Literal["slowly", "medium", "fast"]
SPEEDS: tuple[Speed, ...] = get_args(Speed)

PICTURE = Geometry(160, 96)
"""The size of the pictures that scenes are drawn at."""

Pictures = NDArray[np.float64]
"""Times, counted in pictures; any shape."""

_PACE: dict[Speed, float] = {"slowly": 0.5, "medium": 1.0, "fast": 1.7}
_DIRECTION: dict[Motion, tuple[int, int]] = {
    "moves right": (1, 0),
    "moves left": (-1, 0),
    "moves up": (0, -1),
    "moves down": (0, 1),
}
_MOVE_PX = 2.0  # a picture, at medium speed
_ROUND_PICTURES: dict[Motion, float] = {  # the period at medium speed
    "bounces": 28,
    "circles": 48,
    "spins": 72,
    "swings": 44,
    "grows": 56,
    "shrinks": 56,
}
_CIRCLE_PX = 25.0
_NEAR_MIDDLE_PX = 12.0
_SWING_PX = 44.0  # from the pivot
_SWING_RAD = 0.7
_GROWN, _SHRUNK = 1.4, 0.6
_GROW_SHARE = 0.8  # of the period; the rest brings the thing back
_EDGE_PX = 3.0


@dataclass(frozen=True)
class Pose:
    """Place, size and turn of one thing, at one picture or (as arrays) at many."""

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    radius_px: NDArray[np.float64]
    angle_rad: NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """One motion: `place_px` is what it is about, `phase` where in its round it begins, in turns.

    The place is the thing's middle at the start; for `circles` the middle of the circle, for
    `swings` the lowest point, and for `bounces` its height does not count.
    """

    motion: Motion
    speed: Speed
    radius_px: float
    place_px: tuple[float, float]
    phase: float = 0.0

    def pose(self, elapsed: Pictures) -> Pose:
        """The pose `elapsed` pictures after the start; angles grow clockwise."""
        x, y = (np.full_like(elapsed, along) for along in self.place_px)
        at_rest = Pose(x, y, np.full_like(elapsed, self.radius_px), np.zeros_like(elapsed))
        paced = elapsed * _PACE[self.speed]
        if self.motion in _DIRECTION:
            return _moved(self, at_rest, paced)
        if self.motion == "rests":
            return at_rest
        turn = (paced / _ROUND_PICTURES[self.motion] + self.phase) % 1
        return _POSES[self.motion](self, at_rest, turn)

    def after(self, elapsed: float) -> "Path":
        """The same path with its start moved on by `elapsed` pictures."""
        if self.motion in _DIRECTION:
            then = self.pose(np.array(elapsed))
            return replace(self, place_px=(float(then.x_px), float(then.y_px)))
        rounds = elapsed * _PACE[self.speed] / _ROUND_PICTURES.get(self.motion, math.inf)
        return replace(self, phase=(self.phase + rounds) % 1)

    def resized(self, radius_px: float) -> "Path":
        """The same path for a thing of another radius, moved away from the edges if need be."""
        place = _allowed(self.motion, self.place_px, radius_px)
        return replace(self, radius_px=radius_px, place_px=place)


def _moved(path: Path, pose: Pose, paced: Pictures) -> Pose:
    to_right, to_bottom = _DIRECTION[path.motion]
    margin = REACH * path.radius_px
    x = _wrapped(pose.x_px + to_right * _MOVE_PX * paced, PICTURE.width_px, margin)
    y = _wrapped(pose.y_px + to_bottom * _MOVE_PX * paced, PICTURE.height_px, margin)
    return replace(pose, x_px=x, y_px=y)


def _bounced(path: Path, pose: Pose, turn: Pictures) -> Pose:
    floor_px, height_px = _bounce_px(path.radius_px)
    return replace(pose, y_px=floor_px - height_px * 4 * turn * (1 - turn))


def _circled(path: Path, pose: Pose, turn: Pictures) -> Pose:
    reach_px = _circle_px(path.radius_px)
    return replace(
        pose,
        x_px=pose.x_px + reach_px * np.cos(2 * np.pi * turn),
        y_px=pose.y_px + reach_px * np.sin(2 * np.pi * turn),
    )


def _spun(_: Path, pose: Pose, turn: Pictures) -> Pose:
    return replace(pose, angle_rad=2 * np.pi * turn)


def _swung(_: Path, pose: Pose, turn: Pictures) -> Pose:
    angle = _SWING_RAD * np.sin(2 * np.pi * turn)
    return replace(
        pose,
        x_px=pose.x_px + _SWING_PX * np.sin(angle),
        y_px=pose.y_px - _SWING_PX * (1 - np.cos(angle)),
        angle_rad=-angle,
    )


def _resized(path: Path, pose: Pose, turn: Pictures) -> Pose:
    done = np.where(turn < _GROW_SHARE, turn / _GROW_SHARE, (1 - turn) / (1 - _GROW_SHARE))
    grown = done if path.motion == "grows" else 1 - done
    return replace(pose, radius_px=pose.radius_px * (_SHRUNK + (_GROWN - _SHRUNK) * grown))


_POSES: dict[Motion, Callable[[Path, Pose, Pictures], Pose]] = {
    "bounces": _bounced,
    "circles": _circled,
    "spins": _spun,
    "swings": _swung,
    "grows": _resized,
    "shrinks": _resized,
}


def path_from(motion: Motion, speed: Speed, radius_px: float, start: Pose) -> Path:
    """The path of that motion whose first pose is the nearest that it can have to `start`.

    A thing that left the picture goes on from inside it, unless it is to move across the edge.
    """
    x, y = float(start.x_px), float(start.y_px)
    place, phase = _allowed(motion, (x, y), radius_px), 0.0
    match motion:
        case "bounces":
            phase = _falling_phase(y, radius_px)
        case "circles":
            place, phase = _circle_through(place, radius_px)
        case "spins":
            phase = float(start.angle_rad) / (2 * math.pi) % 1
        case "swings":
            place, phase = _swing_through(place, REACH * radius_px + _EDGE_PX)
        case "grows" | "shrinks":
            phase = _size_phase(motion, float(start.radius_px) / radius_px)
        case "rests" | "moves right" | "moves left" | "moves up" | "moves down":
            pass
        case _:
            assert_never(motion)
    return Path(motion, speed, radius_px, place, phase)


def inside(place_px: tuple[float, float], margin_px: float) -> tuple[float, float]:
    """The nearest place that is `margin_px` or more from each edge, or as far as can be."""
    x_margin = min(margin_px, PICTURE.width_px / 2)
    y_margin = min(margin_px, PICTURE.height_px / 2)
    x = min(max(place_px[0], x_margin), PICTURE.width_px - x_margin)
    y = min(max(place_px[1], y_margin), PICTURE.height_px - y_margin)
    return x, y


def _allowed(
    motion: Motion, place_px: tuple[float, float], radius_px: float
) -> tuple[float, float]:
    to_right, to_bottom = _DIRECTION.get(motion, (0, 0))
    largest_px = radius_px * _GROWN if motion in {"grows", "shrinks"} else radius_px
    x, y = inside(place_px, REACH * largest_px + _EDGE_PX)
    beyond = REACH * radius_px - 1e-6  # where a thing has just left, before it comes in again
    if to_right:
        x = min(max(place_px[0], -beyond), PICTURE.width_px + beyond)
    if to_bottom:
        y = min(max(place_px[1], -beyond), PICTURE.height_px + beyond)
    return x, y


def _wrapped(along_px: Pictures, side_px: int, margin_px: float) -> Pictures:
    return (along_px + margin_px) % (side_px + 2 * margin_px) - margin_px


def _bounce_px(radius_px: float) -> tuple[float, float]:
    floor_px = PICTURE.height_px - radius_px - _EDGE_PX
    return floor_px, floor_px - REACH * radius_px - _EDGE_PX


def _falling_phase(y_px: float, radius_px: float) -> float:
    floor_px, height_px = _bounce_px(radius_px)
    height = min(max((floor_px - y_px) / height_px, 0.0), 1.0)
    return 0.5 + 0.5 * math.sqrt(1 - height)


def _circle_px(radius_px: float) -> float:
    return min(_CIRCLE_PX, PICTURE.height_px / 2 - REACH * radius_px - _EDGE_PX)


def _circle_through(
    place_px: tuple[float, float], radius_px: float
) -> tuple[tuple[float, float], float]:
    x, y = place_px
    reach_px = _circle_px(radius_px)
    to_x, to_y = PICTURE.width_px / 2 - x, PICTURE.height_px / 2 - y
    if math.hypot(to_x, to_y) < _NEAR_MIDDLE_PX:  # no side is nearer: every prompt means this one
        to_x, to_y = -1.0, 0.0
    step = reach_px / math.hypot(to_x, to_y)
    margin_px = reach_px + REACH * radius_px + _EDGE_PX
    middle = inside((x + step * to_x, y + step * to_y), margin_px)
    return middle, math.atan2(y - middle[1], x - middle[0]) / (2 * math.pi) % 1


def _swing_through(
    place_px: tuple[float, float], margin_px: float
) -> tuple[tuple[float, float], float]:
    x, y = place_px
    side_px = _SWING_PX * math.sin(_SWING_RAD)
    lift_px = _SWING_PX * (1 - math.cos(_SWING_RAD))
    lowest_x, _ = inside(place_px, margin_px + side_px)
    angle = math.asin(min(max((x - lowest_x) / side_px, -1), 1) * math.sin(_SWING_RAD))
    lowest_y = max(y + _SWING_PX * (1 - math.cos(angle)), margin_px + lift_px)
    _, lowest_y = inside((x, lowest_y), margin_px)
    return (lowest_x, lowest_y), math.asin(angle / _SWING_RAD) / (2 * math.pi) % 1


def _size_phase(motion: Motion, scale: float) -> float:
    grown = min(max((scale - _SHRUNK) / (_GROWN - _SHRUNK), 0.0), 1.0)
    return _GROW_SHARE * (grown if motion == "grows" else 1 - grown)
