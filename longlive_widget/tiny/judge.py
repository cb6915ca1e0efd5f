"""Reads colour, shape, size, motion and ground off pictures, and holds them against a scene.

Knows no model of video: drawn and generated pictures are read in the same way.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME
from longlive_widget.tiny.grounds import Ground
from longlive_widget.tiny.motions import MOTIONS, PICTURE, Motion
from longlive_widget.tiny.probe import JUDGED_PICTURES, Probe, Track, load_probe
from longlive_widget.tiny.scenes import COLORS, RADIUS_PX, SIZES, Change, Color, Scene, Size, Thing
from longlive_widget.tiny.shapes import DISTANCES, SHAPES, SYMMETRY, Shape
from longlive_widget.tiny.sightings import Sighting, look

BLOCK_PICTURES = PICTURE.block_pictures
"""Of every block but a video's first one."""
FEWEST_MOTION_PICTURES = 36
"""In fewer pictures no motion is read."""
_SHAPE_PICTURES = 16
_Name = TypeVar("_Name", Shape, Motion)
_JUMP_SHARE = 0.05
"""Of the picture's width: how far a thing may jump at a switch that leaves its motion alone."""
_TWIN_SHARE = 0.25
"""In so many of the pictures a second part of a thing's colour makes two of it."""


@dataclass(frozen=True, eq=False)
class ReadThing:
    """One thing that was seen; shape and motion are None where it has none that is known.

    `x_px`, `y_px` and `area_px` have one number a picture; the area is 0 where the thing is not
    seen, and its place not a number. Probabilities that don't sum to 1 leave the rest to "none".
    """

    color: Color
    shape: Shape | None
    size: Size
    motion: Motion | None
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    area_px: NDArray[np.float64]
    whole: bool
    """Whether it is seen whole in any picture: else neither shape nor size can be relied on."""
    twin: bool
    """Whether it is there twice: another part of its colour, not much smaller, apart from it."""
    color_probability: Mapping[Color, float]
    shape_probability: Mapping[Shape, float]
    motion_probability: Mapping[Motion, float]


@dataclass(frozen=True, eq=False)
class Reading:
    """What pictures show: the ground, None if it is none of the known ones, and the things."""

    ground: Ground | None
    ground_probability: Mapping[Ground, float]
    things: tuple[ReadThing, ...]


@dataclass(frozen=True)
class Adherence:
    """Which attributes of a scene were read off pictures; with two things, off both.

    A thing that is missing has no attribute right, and neither has one that nobody asked for.
    """

    color: bool
    shape: bool
    size: bool
    motion: bool
    ground: bool

    @property
    def whole(self) -> bool:
        """Whether colour, shape, motion and ground are all right."""
        return self.color and self.shape and self.motion and self.ground


@torch.inference_mode()
def read_scene(frames: NDArray[np.uint8], probe: Probe | None = None) -> Reading:
    """Read one scene off its pictures.

    Args:
        frames: uint8 RGB, `[F, H, W, 3]`, of the size that scenes are drawn at. Shape and motion
            are read from the last 48 of them, a motion only if there are 36 or more. A shape that
            is whole in none of these is read from those before.
        probe: the networks; None takes those that come with the package.
    """
    network = probe or load_probe()
    sight = look(frames)
    things = tuple(_read_thing(thing, network) for thing in sight.things)
    return Reading(sight.ground, sight.ground_probability, things)


def adherence(reading: Reading, scene: Scene) -> Adherence:
    """What of the scene was read: its last attributes, not those before a switch.

    A ball or a ring looks the same at any turn, so there "spins" and "rests" count as one motion.
    """
    ground = reading.ground == scene.ground
    if _extra_things(reading, scene):
        return Adherence(color=False, shape=False, size=False, motion=False, ground=ground)
    pairs = _matched(reading, scene)
    return Adherence(
        color=all(seen is not None and seen.color == said.color for said, seen in pairs),
        shape=all(seen is not None and seen.shape == said.shape for said, seen in pairs),
        size=all(seen is not None and seen.size == said.size for said, seen in pairs),
        motion=all(seen is not None and seen.motion in _motions_like(said) for said, seen in pairs),
        ground=ground,
    )


def outline_adherence(readings: Sequence[Reading], scene: Scene) -> tuple[bool, bool, bool]:
    """Shape, size, and whether these could be read, off some stretches of pictures in their order.

    Each thing of the scene is read in the first stretch that shows it whole; where none does, in
    the last one that shows it. With two things, what holds for both; a stretch that shows a thing
    more than the scene has shows none of them right.
    """
    stretches = [(_matched(reading, scene), _extra_things(reading, scene)) for reading in readings]
    shape = size = whole = True
    for slot, said in enumerate(scene.things):
        shown = [(seen, more) for pairs, more in stretches if (seen := pairs[slot][1]) is not None]
        if not shown:
            return False, False, False
        best, more = next(((seen, more) for seen, more in shown if seen.whole), shown[-1])
        shape &= not more and best.shape == said.shape
        size &= not more and best.size == said.size
        whole &= best.whole
    return shape, size, whole


def said_probability(reading: Reading, scene: Scene) -> float:
    """The mean probability that the judge gives to colour, shape, motion and ground of the scene.

    From 0 to 1; what is not seen has the probability 0. With two things, the mean over both; one
    that nobody asked for counts as one that is not seen.
    """
    ground = reading.ground_probability.get(scene.ground, 0.0)
    each = [ground / 4] * _extra_things(reading, scene)
    for said, seen in _matched(reading, scene):
        if seen is None:
            each.append(ground / 4)
            continue
        color, shape = seen.color_probability[said.color], seen.shape_probability[said.shape]
        motion = sum(seen.motion_probability.get(like, 0.0) for like in _motions_like(said))
        each.append((color + shape + motion + ground) / 4)
    return sum(each) / len(each)


def follows(read: Adherence, change: Change) -> bool:
    """Whether all that a change names was read."""
    named = {
        "color": change.color,
        "shape": change.shape,
        "size": change.size,
        "motion": change.motion,
        "ground": change.ground,
    }
    return all(getattr(read, name) for name, value in named.items() if value is not None)


def blocks_until_shown(
    after: NDArray[np.uint8], scene: Scene, change: Change, probe: Probe | None = None
) -> int | None:
    """How many whole blocks pass after a switch before its change shows; None: it never does.

    Colour, shape, size and ground must show in one block; a motion in the 48 pictures that begin
    with that block.

    Args:
        after: the pictures from the switch on, in blocks of 12.
        scene: the scene after the switch.
        change: what the switch names.
        probe: the networks; None takes those that come with the package.
    """
    needed = JUDGED_PICTURES if change.motion is not None else BLOCK_PICTURES
    still = replace(change, motion=None)
    for first in range(0, len(after) - needed + 1, BLOCK_PICTURES):
        now = read_scene(after[first : first + BLOCK_PICTURES], probe)
        if not follows(adherence(now, scene), still):
            continue
        if change.motion is None:
            return first // BLOCK_PICTURES
        moving = read_scene(after[first : first + JUDGED_PICTURES], probe)
        if adherence(moving, scene).motion:
            return first // BLOCK_PICTURES
    return None


def stays_in_place(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    probe: Probe | None = None,
    *,
    may_leave: bool = False,
) -> bool | None:
    """Whether the largest thing goes on from where it is, over a switch that keeps its motion.

    In the first latent frame after the switch no step may be longer than the longest one before it
    by more than 5 % of the picture's width. None where it isn't seen before the switch.

    Args:
        before: the pictures up to the switch, about two blocks of them.
        after: the pictures from the switch on.
        probe: the networks; None takes those that come with the package.
        may_leave: whether its way leads out of the picture there: then one that is gone says
            nothing, and else it did not stay.
    """
    readings = read_scene(before, probe), read_scene(after[:BLOCK_PICTURES], probe)
    if not readings[0].things or math.isnan(readings[0].things[0].x_px[-1]):
        return None
    gone = None if may_leave else False
    if not readings[1].things:
        return gone
    old = readings[0].things[0]
    new = min(readings[1].things, key=lambda thing: _gap_px(old, thing))
    x = np.concatenate((old.x_px, new.x_px[: PICTURES_PER_LATENT_FRAME + 1]))
    y = np.concatenate((old.y_px, new.y_px[: PICTURES_PER_LATENT_FRAME + 1]))
    steps = np.hypot(np.diff(x), np.diff(y))
    usual, across = steps[: len(before) - 1], steps[len(before) - 1 :]
    if np.isnan(across).any():
        return gone
    if np.isnan(usual).all():
        return None
    return bool(across.max() <= np.nanmax(usual) + _JUMP_SHARE * PICTURE.width_px)


def _gap_px(before: ReadThing, after: ReadThing) -> float:
    """From the last place of one to the first place of another."""
    gap = math.hypot(after.x_px[0] - before.x_px[-1], after.y_px[0] - before.y_px[-1])
    return math.inf if math.isnan(gap) else gap


def _read_thing(thing: Sighting, probe: Probe) -> ReadThing:
    shape_probability = _shape_probability(thing, probe)
    motion_probability = _motion_probability(thing, probe)
    shape = _likeliest(shape_probability)
    return ReadThing(
        color=thing.color,
        shape=shape,
        size=_size(thing, shape),
        motion=_likeliest(motion_probability) if motion_probability else None,
        x_px=thing.x_px,
        y_px=thing.y_px,
        area_px=thing.area_px,
        whole=bool((thing.seen_F & ~thing.cut_F).any()),
        twin=bool((thing.twin_F & ~thing.cut_F).mean() >= _TWIN_SHARE),
        color_probability=dict(zip(COLORS, thing.color_share_K.tolist(), strict=True)),
        shape_probability=shape_probability,
        motion_probability=motion_probability,
    )


def _shape_probability(thing: Sighting, probe: Probe) -> dict[Shape, float]:
    """Of the logits' mean over some pictures: the last that show it whole, or else the last."""
    recent = np.arange(len(thing.seen_F)) >= len(thing.seen_F) - JUDGED_PICTURES
    whole = thing.seen_F & ~thing.cut_F
    choices = (whole & recent, whole, thing.seen_F & recent, thing.seen_F)
    pictures = next(np.flatnonzero(choice) for choice in choices if choice.any())
    picked = pictures[np.linspace(0, len(pictures) - 1, _SHAPE_PICTURES).astype(int)]
    logits = probe.shape(thing.crops_FHW[torch.from_numpy(picked)]).mean(0)
    return dict(zip(SHAPES, logits.softmax(0)[: len(SHAPES)].tolist(), strict=True))


def _motion_probability(thing: Sighting, probe: Probe) -> dict[Motion, float]:
    if len(thing.x_px) < FEWEST_MOTION_PICTURES:
        return {}
    signs = Track.of(thing).signs()[:, -JUDGED_PICTURES:]
    logits: Tensor = probe.motion(signs[None])[0]
    return dict(zip(MOTIONS, logits.softmax(0)[: len(MOTIONS)].tolist(), strict=True))


def _likeliest(probability: Mapping[_Name, float]) -> _Name | None:
    """The likeliest name, unless "none of these" is likelier."""
    best = max(probability, key=lambda name: probability[name])
    none = 1 - sum(probability.values())
    return best if probability[best] > none else None


def _size(thing: Sighting, shape: Shape | None) -> Size:
    """The size whose radius is nearest, by ratio, to that of the usual area."""
    whole = thing.seen_F & ~thing.cut_F
    area_px = float(np.median(thing.area_px[whole if whole.any() else thing.seen_F]))
    radius_px = math.sqrt(area_px / _unit_area(shape or "ball"))
    return min(SIZES, key=lambda size: abs(math.log(radius_px / RADIUS_PX[size])))


@lru_cache(maxsize=len(SHAPES))
def _unit_area(shape: Shape) -> float:
    """The area of a shape of radius 1."""
    fine = torch.linspace(-1.5, 1.5, 301)
    inside = DISTANCES[shape](fine, fine[:, None], torch.tensor(1.0)) < 0
    return float(inside.sum()) * (3 / 300) ** 2


def _matched(reading: Reading, scene: Scene) -> list[tuple[Thing, ReadThing | None]]:
    """Each thing of the scene with the one that was read in its colour, or else with a rest."""
    left = list(reading.things)
    pairs: dict[int, ReadThing | None] = {}
    for index, said in enumerate(scene.things):
        alike = next((seen for seen in left if seen.color == said.color), None)
        if alike is not None:
            left.remove(alike)
            pairs[index] = alike
    return [
        (said, pairs[index] if index in pairs else left.pop(0) if left else None)
        for index, said in enumerate(scene.things)
    ]


def _extra_things(reading: Reading, scene: Scene) -> int:
    """How many more things are seen than the scene has; each that is there twice counts as two."""
    seen = len(reading.things) + sum(thing.twin for thing in reading.things)
    return max(0, seen - len(scene.things))


def _motions_like(said: Thing) -> frozenset[Motion]:
    if not SYMMETRY[said.shape] and said.motion in {"spins", "rests"}:
        return frozenset({"spins", "rests"})
    return frozenset({said.motion})
