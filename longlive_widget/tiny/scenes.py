"""Little moving scenes, drawn by a seed: coloured shapes in motion over a ground.

A scene says what is there; `draw` makes pictures of many scenes at once, at any time, on any
device. What a scene is called is said in `captions`.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.tiny.grounds import GROUNDS, Ground, ground_pictures, ground_rows, signed
from longlive_widget.tiny.motions import (
    MOTIONS,
    PICTURE,
    SPEEDS,
    Motion,
    Path,
    Pictures,
    Pose,
    Speed,
    path_from,
)
from longlive_widget.tiny.shapes import DISTANCES, SHAPES, SYMMETRY, Shape

# B clips, F pictures, C colours, H rows, W columns, N pictures of all clips in a row, T things

Color = Literal[
    "red", "green", "blue", "yellow", "orange", "purple", "pink", "white", "cyan", "black"
]
COLORS: tuple[Color, ...] = get_args(Color)
_Value = TypeVar("_Value")
Size = Literal["small", "medium", "big"]
SIZES: tuple[Size, ...] = get_args(Size)

RADIUS_PX: dict[Size, float] = {"small": 10.5, "medium": 15.0, "big": 21.0}

_RGB: dict[Color, tuple[int, int, int]] = {
    "red": (232, 36, 40),
    "green": (36, 176, 66),
    "blue": (48, 98, 244),
    "yellow": (252, 216, 28),
    "orange": (252, 136, 16),
    "purple": (150, 56, 212),
    "pink": (255, 132, 192),
    "white": (250, 250, 250),
    "cyan": (36, 214, 232),
    "black": (8, 8, 8),
}
_CLASHES: dict[Ground, frozenset[Color]] = {
    "black": frozenset({"black"}),
    "white": frozenset({"white"}),
    "grey": frozenset(),
    "navy": frozenset({"black"}),
    "night": frozenset({"black"}),
    "sunset": frozenset({"red", "orange", "pink", "purple"}),
    "meadow": frozenset({"green", "blue", "cyan"}),
    "sea": frozenset({"blue", "cyan"}),
    "snow": frozenset({"white"}),
    "rain": frozenset(),
}
_GLIDE_PICTURES = 4.0
_APART_PX = 56.0
_ANCHOR_PX = 6.0
_ANCHOR_RAD = 0.15
_ALIKE_SHARE = 0.2  # of the pairs that set out from their anchors: they move alike
_PICTURES_AT_ONCE = 1024  # bounds the memory that drawing takes
_ABSENT_PX = -1e4  # a radius at which a thing covers nothing


@dataclass(frozen=True)
class Thing:
    """One coloured shape in motion."""

    shape: Shape
    color: Color
    size: Size
    path: Path

    @property
    def motion(self) -> Motion:
        """How it moves."""
        return self.path.motion

    @property
    def speed(self) -> Speed:
        """How fast it moves."""
        return self.path.speed


@dataclass(frozen=True)
class Change:
    """What a switch changes of one thing and of the ground; None is kept."""

    shape: Shape | None = None
    color: Color | None = None
    size: Size | None = None
    motion: Motion | None = None
    speed: Speed | None = None
    ground: Ground | None = None
    thing: int = 0


@dataclass(frozen=True)
class Scene:
    """Things over a ground, from picture `since` on; earlier pictures show the scene `before`.

    Where a scene follows another, its things set out from where they are at that picture: what
    their new path doesn't allow at once (another size, a place too near the edge) they glide to.
    """

    things: tuple[Thing, ...]
    ground: Ground
    since: int = 0
    before: "Scene | None" = None

    def at(self, picture: int) -> "Scene":
        """The scene in this one's past that shows that picture, or this one itself."""
        earlier = self.before is not None and picture < self.since
        return self.before.at(picture) if self.before and earlier else self

    @property
    def ground_since(self) -> int:
        """The picture at which its ground came: a switch that keeps the ground lets it go on."""
        kept = self.before is not None and self.before.ground == self.ground
        return self.before.ground_since if self.before and kept else self.since

    def poses(self, pictures: Pictures) -> tuple[Pose, ...]:
        """The pose of each thing of this scene at each of the pictures, none before `since`."""
        elapsed = pictures - self.since
        own = tuple(thing.path.pose(elapsed) for thing in self.things)
        if self.before is None:
            return own
        last = self.before.poses(np.array(float(self.since)))
        left = np.exp(-elapsed / _GLIDE_PICTURES)
        return tuple(
            _glided(thing, pose, start, left)
            for thing, pose, start in zip(self.things, own, last, strict=True)
        )

    def switched(self, change: Change, at_picture: int) -> "Scene":
        """This scene up to `at_picture`, and from there on the changed one."""
        old = self.things[change.thing]
        now = self.poses(np.array(float(at_picture)))
        size = change.size or old.size
        things = [
            replace(thing, path=thing.path.after(at_picture - self.since)) for thing in self.things
        ]
        here = things[change.thing].path
        things[change.thing] = Thing(
            shape=change.shape or old.shape,
            color=change.color or old.color,
            size=size,
            path=_changed_path(here, change, RADIUS_PX[size], now[change.thing]),
        )
        return Scene(tuple(things), change.ground or self.ground, at_picture, before=self)


@dataclass(frozen=True)
class Vocabulary:
    """What random scenes may be made of."""

    shapes: tuple[Shape, ...] = SHAPES
    colors: tuple[Color, ...] = COLORS
    sizes: tuple[Size, ...] = SIZES
    motions: tuple[Motion, ...] = MOTIONS
    speeds: tuple[Speed, ...] = SPEEDS
    grounds: tuple[Ground, ...] = GROUNDS
    two_things: float = 0.0  # the share of scenes with two
    scattered: bool = True  # things set out from anywhere and at any turn, or from fixed anchors


FULL = Vocabulary()
SIMPLE = Vocabulary(
    shapes=("ball", "square", "triangle", "star"),
    motions=(
        "rests",
        "moves right",
        "moves left",
        "moves up",
        "moves down",
        "bounces",
        "circles",
        "spins",
    ),
    grounds=("black", "white", "grey", "navy", "night", "sunset", "meadow"),
    scattered=False,
)
WORLD = Vocabulary(two_things=0.25, scattered=False)
"""All of it, with prompts that nearly say the first picture."""
LEARNED = WORLD
"""What the embedded model is taught."""


def random_scene(rng: random.Random, vocabulary: Vocabulary = SIMPLE) -> Scene:
    """A scene whose things are in the picture at its start, none coloured like the ground."""
    ground = rng.choice(vocabulary.grounds)
    colors = [color for color in vocabulary.colors if color not in _CLASHES[ground]]
    count = 2 if rng.random() < vocabulary.two_things else 1
    starts = _anywhere(rng, count) if vocabulary.scattered else _side_by_side(rng, count)
    alike = count > 1 and not vocabulary.scattered and rng.random() < _ALIKE_SHARE
    things: list[Thing] = []
    for color, start in zip(rng.sample(colors, count), starts, strict=True):
        thing = _random_thing(rng, vocabulary, color, start)
        things.append(thing)
        if alike:
            vocabulary = replace(vocabulary, motions=(thing.motion,), speeds=(thing.speed,))
    return Scene(tuple(things), ground)


def thing_in_the_middle(
    shape: Shape, color: Color, size: Size, motion: Motion, speed: Speed = "medium"
) -> Thing:
    """A thing of these attributes, for a scene whose places do not count."""
    middle = _still(PICTURE.width_px / 2, PICTURE.height_px / 2, angle=0.0)
    return Thing(shape, color, size, path_from(motion, speed, RADIUS_PX[size], middle))


def random_change(rng: random.Random, scene: Scene, vocabulary: Vocabulary = SIMPLE) -> Change:
    """A change of one to three attributes, each to another value than the scene has now.

    A new motion brings its own speed, as a prompt that names one does.
    """
    index = rng.randrange(len(scene.things))
    thing = scene.things[index]
    picked = _picked(rng)
    kept = {other.color for other in scene.things if other is not thing or "color" not in picked}
    grounds = [ground for ground in vocabulary.grounds if not _CLASHES[ground] & kept]
    ground = _other(rng, grounds, scene.ground) if "ground" in picked else None
    taken = _CLASHES[ground or scene.ground] | {other.color for other in scene.things}
    colors = [color for color in vocabulary.colors if color not in taken]
    motion = _other(rng, vocabulary.motions, thing.motion) if "motion" in picked else None
    change = Change(
        shape=_other(rng, vocabulary.shapes, thing.shape) if "shape" in picked else None,
        color=rng.choice(colors) if "color" in picked and colors else None,
        size=_other(rng, vocabulary.sizes, thing.size) if "size" in picked else None,
        motion=motion,
        speed=_random_speed(rng, vocabulary, motion) if motion else None,
        ground=ground,
        thing=index,
    )
    nothing = change == Change(thing=index)
    return random_change(rng, scene, vocabulary) if nothing else change


def draw(
    scenes: Sequence[Scene], first_picture: int | Sequence[int], count: int, device: torch.device
) -> Tensor:
    """Pictures of each scene: `count` of them from `first_picture` on (one for all, or one each).

    Returns:
        float32 in [-1, 1], `BFCHW`.
    """
    return draw_with_cover(scenes, first_picture, count, device)[0]


def draw_with_cover(
    scenes: Sequence[Scene], first_picture: int | Sequence[int], count: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What `draw` gives, and how much of each pixel is covered by things: [0, 1], `BF1HW`."""
    return paint(sketch(scenes, first_picture, count), device)


# One row of numbers per thing and picture; a picture with fewer things has rows that cover nothing.
_X, _Y, _RADIUS, _ANGLE, _SHAPE, _COLOR = range(6)
MOST_THINGS = 2


@dataclass(frozen=True, eq=False)
class Sketch:
    """Stretches of scenes, as numbers: cheap to make in one process and to paint in another."""

    things_BFTK: NDArray[np.float32]
    grounds_BF: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.grounds_BF)

    def __getitem__(self, stretches: slice) -> "Sketch":
        """Some of the stretches."""
        return Sketch(self.things_BFTK[stretches], self.grounds_BF[stretches])

    @property
    def colors_BFT(self) -> NDArray[np.int64]:
        """The number of each thing's colour."""
        return self.things_BFTK[..., _COLOR].astype(np.int64)

    @property
    def shapes_BFT(self) -> NDArray[np.int64]:
        """The number of each thing's shape."""
        return self.things_BFTK[..., _SHAPE].astype(np.int64)

    def only(self, thing: int) -> "Sketch":
        """The stretches with one of their things, as if the others were not there."""
        things_BFTK = self.things_BFTK.copy()
        others = np.arange(MOST_THINGS) != thing
        things_BFTK[:, :, others, _RADIUS] = _ABSENT_PX
        return Sketch(things_BFTK, self.grounds_BF)


def sketch(scenes: Sequence[Scene], first_picture: int | Sequence[int], count: int) -> Sketch:
    """`count` pictures of each scene from `first_picture` on (one for all, or one each)."""
    first = [first_picture] * len(scenes) if isinstance(first_picture, int) else first_picture
    rows = [_rows(scene, start, count) for scene, start in zip(scenes, first, strict=True)]
    things, grounds = zip(*rows, strict=True)
    return Sketch(np.stack(things).astype(np.float32), np.stack(grounds))


def paint(sketched: Sketch, device: torch.device) -> tuple[Tensor, Tensor]:
    """The pictures of a sketch, `BFCHW` in [-1, 1], and how much of them things cover, `BF1HW`."""
    things_NTK = sketched.things_BFTK.reshape(-1, MOST_THINGS, 6)
    pictures, cover = _painted(things_NTK, sketched.grounds_BF.reshape(-1), device)
    shape = sketched.grounds_BF.shape
    return pictures.view(*shape, *pictures.shape[1:]), cover.view(*shape, *cover.shape[1:])


def _rows(scene: Scene, first: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Things `[pictures, things, numbers]` and rows of grounds `[pictures]` of a stretch."""
    things = np.zeros((count, MOST_THINGS, 6))
    things[:, :, _RADIUS] = _ABSENT_PX
    grounds = np.zeros(count, dtype=np.int64)
    end = first + count
    part: Scene | None = scene
    while part is not None and end > first:
        start = max(first, part.since) if part.before else first
        here = slice(start - first, end - first)
        pictures = np.arange(start, end)
        grounds[here] = ground_rows(part.ground, pictures - part.ground_since)
        poses = part.poses(pictures.astype(np.float64))
        for index, (thing, pose) in enumerate(zip(part.things, poses, strict=True)):
            look = (SHAPES.index(thing.shape), COLORS.index(thing.color))
            numbers = (pose.x_px, pose.y_px, pose.radius_px, pose.angle_rad, *look)
            things[here, index] = np.stack(np.broadcast_arrays(*numbers), axis=-1)
        part, end = part.before, min(end, start)
    return things, grounds


def _painted(
    things_NTK: NDArray[np.float32], grounds_N: NDArray[np.int64], device: torch.device
) -> tuple[Tensor, Tensor]:
    pictures = ground_pictures(device)[torch.from_numpy(grounds_N).to(device)]
    numbers = torch.from_numpy(things_NTK).to(device)
    palette = torch.stack([signed(*_RGB[color]) for color in COLORS]).to(device)
    bare = torch.ones(len(grounds_N), 1, PICTURE.height_px, PICTURE.width_px, device=device)
    for slot in range(MOST_THINGS):
        for shape_index, shape in enumerate(SHAPES):
            present = things_NTK[:, slot, _RADIUS] > 0
            chosen = np.flatnonzero(present & (things_NTK[:, slot, _SHAPE] == shape_index))
            for some in np.array_split(chosen, -(-len(chosen) // _PICTURES_AT_ONCE) or 1):
                if len(some):
                    index = torch.from_numpy(some).to(device)
                    cover = _cover(shape, numbers[index, slot])
                    color = palette[numbers[index, slot, _COLOR].long()][:, :, None, None]
                    pictures[index] = torch.lerp(pictures[index], color, cover)
                    bare[index] *= 1 - cover
    return pictures, 1 - bare


def _cover(shape: Shape, thing_NK: Tensor) -> Tensor:
    """How much of each pixel the thing covers: its outline is softened over one pixel, `N1HW`."""
    x_px, y_px, radius_px, angle = (
        thing_NK[:, column, None, None, None] for column in (_X, _Y, _RADIUS, _ANGLE)
    )
    columns = torch.arange(PICTURE.width_px, device=thing_NK.device) + 0.5 - x_px
    rows = torch.arange(PICTURE.height_px, device=thing_NK.device)[:, None] + 0.5 - y_px
    x = torch.cos(angle) * columns + torch.sin(angle) * rows
    y = torch.cos(angle) * rows - torch.sin(angle) * columns
    return (0.5 - DISTANCES[shape](x, y, radius_px)).clamp(0, 1)


def _anywhere(rng: random.Random, count: int) -> list[Pose]:
    """Places to set out from, far enough apart to tell two things from each other."""
    while True:
        places = [
            (rng.uniform(0, PICTURE.width_px), rng.uniform(0, PICTURE.height_px))
            for _ in range(count)
        ]
        if all(math.dist(one, other) >= _APART_PX for one, other in pairwise(places)):
            return [_still(x, y, angle=rng.uniform(0, 2 * math.pi)) for x, y in places]


def _side_by_side(rng: random.Random, count: int) -> list[Pose]:
    """Places from left to right, each near the middle of its equal part of the picture."""
    return [
        _still(
            (index + 0.5) / count * PICTURE.width_px + rng.uniform(-_ANCHOR_PX, _ANCHOR_PX),
            PICTURE.height_px / 2 + rng.uniform(-_ANCHOR_PX, _ANCHOR_PX),
            angle=rng.uniform(-_ANCHOR_RAD, _ANCHOR_RAD),
        )
        for index in range(count)
    ]


def _still(x_px: float, y_px: float, angle: float) -> Pose:
    return Pose(np.array(x_px), np.array(y_px), np.array(0.0), np.array(angle))


def _random_thing(rng: random.Random, vocabulary: Vocabulary, color: Color, start: Pose) -> Thing:
    size, motion = rng.choice(vocabulary.sizes), rng.choice(vocabulary.motions)
    speed = _random_speed(rng, vocabulary, motion)
    path = path_from(motion, speed, RADIUS_PX[size], start)
    if vocabulary.scattered and motion in {"bounces", "circles", "swings", "grows", "shrinks"}:
        path = replace(path, phase=rng.random())
    return Thing(rng.choice(vocabulary.shapes), color, size, path)


def _random_speed(rng: random.Random, vocabulary: Vocabulary, motion: Motion) -> Speed:
    return "medium" if motion == "rests" else rng.choice(vocabulary.speeds)


def _picked(rng: random.Random) -> set[str]:
    """The names of one to three attributes, the ones that are seen best more often."""
    weights = {"motion": 4, "color": 4, "shape": 3, "ground": 3, "size": 2}
    count = rng.choices((1, 2, 3), (5, 3, 2))[0]
    return set(rng.choices(list(weights), list(weights.values()), k=count))


def _other(rng: random.Random, values: Sequence[_Value], than: _Value) -> _Value | None:
    others = [value for value in values if value != than]
    return rng.choice(others) if others else None


def _glided(thing: Thing, pose: Pose, start: Pose, left: NDArray[np.float64]) -> Pose:
    """The pose on the way from `start` to the thing's own path; `left` is the share still to go."""
    own = thing.path.pose(np.array(0.0))
    turn = SYMMETRY[thing.shape]
    twist = start.angle_rad - own.angle_rad
    twist = twist - 2 * np.pi / turn * np.round(twist * turn / (2 * np.pi)) if turn else twist * 0
    return Pose(
        pose.x_px + left * (start.x_px - own.x_px),
        pose.y_px + left * (start.y_px - own.y_px),
        pose.radius_px + left * (start.radius_px - own.radius_px),
        pose.angle_rad + left * twist,
    )


def _changed_path(path: Path, change: Change, radius_px: float, now: Pose) -> Path:
    """The path after a change, given the path as it is at the change and the pose there."""
    if change.motion not in {None, path.motion}:
        return path_from(change.motion, change.speed or "medium", radius_px, now)
    path = path if radius_px == path.radius_px else path.resized(radius_px)
    return replace(path, speed=change.speed or path.speed)
