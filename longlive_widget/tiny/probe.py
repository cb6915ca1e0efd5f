"""What the judge sees in pictures: things apart from their ground, and two small networks on them.

The networks learn from drawn scenes alone and never saw a generated picture. Knows no prompt and no
model of video.

Axes: B batch, F pictures, P phases of a ground, C colours, K colours of the palette, H rows,
W columns.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from longlive_widget.engine.model import save_weights
from longlive_widget.model.checkpoint import load_strictly, read_weights
from longlive_widget.model.stream import to_bytes
from longlive_widget.tiny.grounds import GROUND_PERIOD_PICTURES, GROUNDS, Ground
from longlive_widget.tiny.motions import MOTIONS, PICTURE, Motion
from longlive_widget.tiny.scenes import COLORS, FULL, Color, Scene, draw, random_scene
from longlive_widget.tiny.shapes import DISTANCES, REACH, SHAPES, SYMMETRY, ball, square

PROBE_PATH = Path(__file__).parent / "weights" / "probe.safetensors"
JUDGED_PICTURES = 48
"""A motion is read from so many pictures."""
CROP_PX = 32
MOST_THINGS = 2

_CPU = torch.device("cpu")
_COARSE = 4  # grounds are compared in squares of so many pixels
_GROUND_CAP = 0.3  # an error larger than this is a thing's, and counts no more
_GROUND_PICTURES = 8
_GROUND_TEMPERATURE = 0.02
_WORST_GROUND = 0.55  # of pixels beyond the cap: the ground is none of the known ones
_OUTSIDE = 0.25  # so far from all that the ground is nearby, a pixel shows a thing
_UNEXPLAINED = 0.4  # a colour so far from a thing's own, or from a mixture of it, is another's
_BRIGHTEST = 1.5  # times a thing's own colour is still the same one
_SEEN_PX = 45.0
_LEAST_VOTES = 25  # pixels in a picture, and their
_LEAST_SHARE = 0.25  # share of the pictures, for a colour to be a thing
_CROP_REACH = 1.25  # half a crop's side, in square roots of the thing's area
_INKED, _CROWD = 0.2, 5  # of a coarse square; coarse squares
_SPREAD_STEPS = 30
_NEAR = 0.8  # of the sum of the square roots of two areas


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
    seen_F = area_F >= _SEEN_PX
    weight = area_F.clamp(min=1)
    x_F = (own_FHW.sum(1) * (torch.arange(PICTURE.width_px) + 0.5)).sum(1) / weight
    y_F = (own_FHW.sum(2) * (torch.arange(PICTURE.height_px) + 0.5)).sum(1) / weight
    inked = own_FHW > 0.5
    sides = (inked[:, 0], inked[:, -1], inked[:, :, 0], inked[:, :, -1])
    cut_F = torch.stack([side.any(1) for side in sides]).any(0)
    crops = _crops(own_FHW, x_F, y_F, area_F.clamp(min=_SEEN_PX)) * seen_F[:, None, None]
    nowhere = torch.full_like(x_F, math.nan)
    return Sighting(
        color,
        share_K,
        torch.where(seen_F, x_F, nowhere).double().numpy(),
        torch.where(seen_F, y_F, nowhere).double().numpy(),
        (area_F * seen_F).double().numpy(),
        cut_F.numpy(),
        crops,
    )


def _main_part(cover_FHW: Tensor) -> Tensor:
    """Where the largest connected part of a cover is, with a margin; small gaps connect."""
    inked = (F.avg_pool2d(cover_FHW, _COARSE) > _INKED).float()
    crowd = F.avg_pool2d(inked, _CROWD, 1, _CROWD // 2) * inked
    part = ((crowd == crowd.amax((1, 2), keepdim=True)) & (crowd > 0)).float()
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


_BATCH = 96
_PICTURES_A_VIDEO = 32
_TRACK_PICTURES = 64
_BROKEN_SHARE = _STRAY_SHARE = 0.05
_MIRRORED: dict[Motion, Motion] = {"moves right": "moves left", "moves left": "moves right"}
_BACKWARDS: dict[Motion, Motion] = {
    **_MIRRORED,
    "moves up": "moves down",
    "moves down": "moves up",
    "grows": "shrinks",
    "shrinks": "grows",
}
MOTION_CHANNELS = 12
_TURNS = (3, 4, 5)
_LONGEST_STEP_PX = 30.0


@dataclass(frozen=True, eq=False)
class Track:
    """Where a thing is, how large, and how it turns: all `[..., F]`, `turning` `[..., 4, F]`.

    Places in pixels from the middle of the picture, the size as the logarithm of a radius; both 0
    where the thing is not seen. `whole`: seen, and not cut off.
    """

    x: Tensor
    y: Tensor
    size: Tensor
    seen: Tensor
    whole: Tensor
    turning: Tensor

    @classmethod
    def of(cls, thing: Sighting) -> "Track":
        """The track of a thing that was seen."""
        seen = torch.from_numpy(thing.seen_F)
        whole = seen & ~torch.from_numpy(thing.cut_F)
        x, y = (torch.from_numpy(a).float() for a in (thing.x_px, thing.y_px))
        size = torch.from_numpy(thing.area_px).float().clamp(min=_SEEN_PX).log() / 2
        return cls(
            (x - PICTURE.width_px / 2).nan_to_num(0.0),
            (y - PICTURE.height_px / 2).nan_to_num(0.0),
            size * seen,
            seen,
            whole,
            _turning(thing.crops_FHW, whole),
        )

    def signs(self) -> Tensor:
        """What a motion is read from: place, steps, size and turning, `[..., channels, F]`."""
        right, down = _steps(self.x, self.seen), _steps(self.y, self.seen)
        far = torch.maximum(right.abs(), down.abs()) > _LONGEST_STEP_PX
        right, down = (step.masked_fill(far, 0.0) / 4 for step in (right, down))
        seen, whole = self.seen.float(), self.whole.float()
        usual = (self.size * seen).sum(-1) / seen.sum(-1).clamp(min=1)
        size = (self.size - usual[..., None]) * seen
        growth = 10 * _steps(self.size, self.whole).clamp(-0.2, 0.2)
        place = (self.x / 80, self.y / 48, right, down, size, growth, seen, whole)
        return torch.cat((torch.stack(place, dim=-2), self.turning), dim=-2)


def _turning(crops_FHW: Tensor, whole_F: Tensor) -> Tensor:
    """How crops change from one picture to the next: their turn, by symmetry, and in all: `[4, F]`.

    A turn is read off the phase of the crop's angular frequencies 3, 4 and 5.
    """
    both = (whole_F[1:] & whole_F[:-1]).float()
    waves = torch.einsum("fhw,nhw->fn", crops_FHW.to(torch.complex64), _angular_waves())
    waves = waves / crops_FHW.sum((1, 2)).clamp(min=1.0)[:, None]
    moved = waves[1:] * waves[:-1].conj()
    strength = (moved.abs() / 0.003).clamp(max=1)
    turns = torch.sin(moved.angle()) * strength * both[:, None]
    change = (crops_FHW[1:] - crops_FHW[:-1]).abs().mean((1, 2)) * both * 10
    return F.pad(torch.cat((turns.T, change[None])), (1, 0))


@lru_cache(maxsize=1)
def _angular_waves() -> Tensor:
    along = (torch.arange(CROP_PX) + 0.5) / CROP_PX * 2 - 1
    angle = torch.atan2(along[:, None].expand(-1, CROP_PX), along.expand(CROP_PX, -1))
    inside = (torch.hypot(along[:, None], along) < 1).float()
    far = torch.hypot(along[:, None], along) * inside
    return torch.stack([torch.polar(far, -turn * angle) for turn in _TURNS])


def _steps(values_F: Tensor, known_F: Tensor) -> Tensor:
    both = known_F[..., 1:] & known_F[..., :-1]
    return F.pad((values_F[..., 1:] - values_F[..., :-1]) * both, (1, 0))


class ShapeProbe(nn.Module):
    """Crops to shapes; the last class is "none of these"."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 12, 24, 32)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )
        self.hidden = nn.Linear(widths[-1] * (CROP_PX // 8) ** 2, 48)
        self.out = nn.Linear(48, len(SHAPES) + 1)

    def forward(self, crops_BHW: Tensor) -> Tensor:
        """Logits, `[B, shapes + 1]`."""
        x = crops_BHW[:, None] * 2 - 1
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.out(F.relu(self.hidden(x.flatten(1))))


class MotionProbe(nn.Module):
    """Signs of motion to motions; the last class is "none of these"."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(MOTION_CHANNELS if dilation == 1 else 32, 32, 5, dilation=dilation)
            for dilation in (1, 2, 3)
        )
        self.hidden = nn.Linear(64, 64)
        self.out = nn.Linear(64, len(MOTIONS) + 1)

    def forward(self, signs_BCF: Tensor) -> Tensor:
        """Logits, `[B, motions + 1]`, from 25 pictures or more."""
        x = signs_BCF
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.out(F.relu(self.hidden(torch.cat((x.mean(-1), x.amax(-1)), dim=1))))


class Probe(nn.Module):
    """Both networks."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = ShapeProbe()
        self.motion = MotionProbe()


@lru_cache(maxsize=1)
def load_probe() -> Probe:
    """The probe that comes with the package; a file that is damaged is a `CheckpointError`."""
    probe = Probe()
    load_strictly(probe, read_weights(PROBE_PATH), PROBE_PATH)
    return probe.eval().requires_grad_(requires_grad=False)


def train_probe(
    path: Path, *, seed: int = 0, videos: int = 200, scenes: int = 330, steps: int = 1200
) -> Probe:
    """Train both networks on drawn scenes and write them; on one core in about four minutes.

    Args:
        path: the file to write, safetensors in 16 bits.
        seed: what is drawn and in which order it is learned.
        videos: sets of pictures that the shapes are learned from.
        scenes: moving scenes that the motions are learned from.
        steps: of training, for each of the two.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        probe = Probe()
        crops, shapes = _shape_examples(random.Random(f"probe shapes {seed}"), videos)
        _fit(probe.shape, steps, lambda: _shape_batch(crops, shapes))
        tracks, motions = _motion_examples(random.Random(f"probe motions {seed}"), scenes)
        _fit(probe.motion, steps, lambda: _motion_batch(tracks, motions))
    save_weights(path, probe.state_dict())
    return probe.eval().requires_grad_(requires_grad=False)


def _fit(network: nn.Module, steps: int, batch: Callable[[], tuple[Tensor, Tensor]]) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(steps):
        examples, labels = batch()
        loss = F.cross_entropy(network(examples), labels, label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _shape_examples(rng: random.Random, videos: int) -> tuple[Tensor, Tensor]:
    """Crops of drawn and then worsened things at all turns, and of things that are no shape."""
    crops, labels = [], []
    for _ in range(videos):
        scene = random_scene(rng, FULL)
        (thing,) = scene.things
        picked = [rng.randrange(len(SHAPES) + 2) for _ in range(_PICTURES_A_VIDEO)]
        cover_B1HW = torch.stack([_placed_cover(rng, min(p, len(SHAPES))) for p in picked])
        phase = rng.randrange(GROUND_PERIOD_PICTURES)
        ground = draw([replace(scene, things=())], phase, 1, _CPU)[0]
        color = palette()[COLORS.index(thing.color)][:, None, None]
        pictures = worsened(torch.lerp(ground, color, cover_B1HW), rng)
        for seen in look(to_bytes(pictures[None])[0].numpy()).things[:1]:
            fit = seen.seen_F & ~seen.cut_F
            crops.append(seen.crops_FHW[fit])
            labels += [min(p, len(SHAPES)) for p, whole in zip(picked, fit, strict=True) if whole]
    return torch.cat(crops), torch.tensor(labels)


def _shape_batch(crops_NHW: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
    """Some crops at other turns, mirrored, a little moved and stretched."""
    rows = torch.randint(len(labels_N), (_BATCH,))
    turn = torch.rand(_BATCH) * 2 * math.pi
    turned = torch.stack((turn.cos(), -turn.sin(), turn.sin(), turn.cos()), dim=1).view(-1, 2, 2)
    stretch = 1 + 0.05 * torch.randn(_BATCH, 1, 2)
    mirror = torch.where(torch.rand(_BATCH, 1, 1) < 0.5, -1.0, 1.0)
    way = torch.cat((turned * stretch * mirror, 0.03 * torch.randn(_BATCH, 2, 1)), dim=2)
    way[:, :, 0] *= torch.where(torch.rand(_BATCH, 1) < 0.5, -1.0, 1.0)
    grid = F.affine_grid(way, [_BATCH, 1, CROP_PX, CROP_PX], align_corners=False)
    crops = F.grid_sample(crops_NHW[rows][:, None], grid, align_corners=False)[:, 0]
    return (crops + 0.03 * torch.randn_like(crops)).clamp(0, 1), labels_N[rows]


def _placed_cover(rng: random.Random, kind: int) -> Tensor:
    """How much of each pixel one thing covers, anywhere in the picture and at any turn: `1HW`."""
    radius = 8.0 * 3.2 ** rng.random()
    margin = min(REACH * radius + 2, PICTURE.height_px / 2 - 1)
    x0 = rng.uniform(margin, PICTURE.width_px - margin)
    y0 = rng.uniform(margin, PICTURE.height_px - margin)
    x, y = _turned_grid(x0, y0, rng.uniform(0, 2 * math.pi))
    size = torch.tensor(radius)
    if kind < len(SHAPES):
        return (0.5 - DISTANCES[SHAPES[kind]](x, y, size)).clamp(0, 1)[None]
    return rng.choice((_wavy, _long, _merged, _soft, _halved))(rng, x, y, size)[None]


def _turned_grid(x0: float, y0: float, angle: float) -> tuple[Tensor, Tensor]:
    columns = torch.arange(PICTURE.width_px) + 0.5 - x0
    rows = (torch.arange(PICTURE.height_px) + 0.5 - y0)[:, None]
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * columns + sin * rows, cos * rows - sin * columns


def _wavy(rng: random.Random, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A blob with an uneven outline."""
    turn, outline = torch.atan2(y, x), torch.ones_like(x)
    for waves in (2, *rng.sample((3, 4, 5), 2)):
        outline += rng.uniform(0.08, 0.22) * torch.cos(waves * turn + rng.uniform(0, 6.3))
    return (0.5 - (torch.hypot(x, y) - outline * radius)).clamp(0, 1)


def _long(rng: random.Random, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """An ellipse or a bar, clearly longer than wide."""
    ratio = rng.uniform(1.3, 2.4) ** 0.5
    distance = ball if rng.random() < 0.6 else square
    return (0.5 - distance(x / ratio, y * ratio, radius)).clamp(0, 1)


def _merged(rng: random.Random, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """Two shapes in each other, or halfway from one to the other."""
    first, second = rng.sample(SHAPES, 2)
    if rng.random() < 0.5:
        shift = rng.uniform(0.8, 1.3) * radius
        pair = DISTANCES[first](x, y, radius), DISTANCES[second](x + shift, y, 0.8 * radius)
        return (0.5 - torch.minimum(*pair)).clamp(0, 1)
    pair = DISTANCES[first](x, y, radius), DISTANCES[second](y, x + 0.3 * radius, radius)
    one, other = ((0.5 - distance).clamp(0, 1) for distance in pair)
    return torch.lerp(one, other, rng.uniform(0.4, 0.6))


def _soft(rng: random.Random, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A spot without an outline: it fades over about its radius or more."""
    fade = rng.uniform(0.85, 2.2)
    distance = rng.choice((ball, ball, square))(x, y * rng.uniform(0.85, 1), radius)
    return (0.5 - distance / (fade * radius)).clamp(0, 1)


def _halved(rng: random.Random, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """A shape of which a part is missing."""
    shape = rng.choice([shape for shape in SHAPES if shape != "triangle"])
    whole = (0.5 - DISTANCES[shape](x, y, radius)).clamp(0, 1)
    angle, cut = rng.uniform(0, 6.3), rng.uniform(0.0, 0.35) * radius
    return whole * (0.5 - (x * math.cos(angle) + y * math.sin(angle) - cut)).clamp(0, 1)


def worsened(pictures_BCHW: Tensor, rng: random.Random) -> Tensor:
    """Pictures as an autoencoder may leave them: bent, blurred, off in colour, noisy."""
    generator = torch.Generator().manual_seed(rng.getrandbits(40))
    count, _, height, width = pictures_BCHW.shape
    coarse = torch.randn(1, 2, 5, 8, generator=generator) * rng.uniform(0, 1.3)
    bend = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    straight = F.affine_grid(torch.eye(2, 3)[None], [1, 1, height, width], align_corners=False)
    grid = straight + bend.movedim(1, -1) * torch.tensor([2 / width, 2 / height])
    pictures = F.grid_sample(
        pictures_BCHW, grid.expand(count, -1, -1, -1), padding_mode="border", align_corners=False
    )
    sigma = rng.uniform(0.05, 1.6)
    spread = torch.exp(-0.5 * (torch.arange(-3, 4) / sigma).square())
    spread = (spread / spread.sum()).expand(3, 1, 1, 7)
    pictures = F.conv2d(F.pad(pictures, (3, 3, 0, 0), "replicate"), spread, groups=3)
    pictures = F.conv2d(F.pad(pictures, (0, 0, 3, 3), "replicate"), spread.mT, groups=3)
    pictures = pictures + 0.05 * torch.randn(3, 1, 1, generator=generator)
    noise = torch.randn(pictures.shape, generator=generator)
    return pictures + rng.uniform(0, 0.06) * noise


def _motion_examples(rng: random.Random, scenes: int) -> tuple[Track, Tensor]:
    """The tracks of drawn and then worsened things, about as many of each motion."""
    tracks, labels = [], []
    for index in range(scenes):
        motion = MOTIONS[index % len(MOTIONS)]
        shapes = tuple(s for s in SHAPES if SYMMETRY[s]) if motion == "spins" else SHAPES
        vocabulary = replace(FULL, motions=(motion,), shapes=shapes, scattered=rng.random() < 0.5)
        scene = random_scene(rng, vocabulary)
        drawn = draw([scene], rng.randrange(400), _TRACK_PICTURES, _CPU)[0]
        if index % 3 == 0:
            drawn = worsened(drawn, rng)
        for seen in look(to_bytes(drawn[None])[0].numpy()).things[:1]:
            tracks.append(Track.of(seen))
            labels.append(index % len(MOTIONS))
    names = [field.name for field in fields(Track)]
    stacked = (torch.stack([getattr(track, name) for track in tracks]) for name in names)
    return Track(*stacked), torch.tensor(labels)


def _motion_batch(tracks: Track, motions_N: Tensor) -> tuple[Tensor, Tensor]:
    """Stretches of some tracks, mirrored, backwards or shaken; a few are made into no motion."""
    rows = torch.randint(len(motions_N), (_BATCH,))
    labels = motions_N[rows]
    start = int(torch.randint(_TRACK_PICTURES - JUDGED_PICTURES + 1, ()))
    window = slice(start, start + JUDGED_PICTURES)
    cut = {field.name: getattr(tracks, field.name)[rows][..., window] for field in fields(Track)}
    track, labels = _mirrored(Track(**cut), labels, torch.rand(_BATCH, 1) < 0.5)
    track, labels = _backwards(track, labels, torch.rand(_BATCH, 1) < 0.5)
    broken = (torch.rand(_BATCH, 1) < _BROKEN_SHARE) & (labels != labels.roll(1))[:, None]
    track, labels = _broken(track, broken), labels.masked_fill(broken[:, 0], len(MOTIONS))
    stray = torch.rand(_BATCH, 1) < _STRAY_SHARE
    track, labels = _stray(track, stray), labels.masked_fill(stray[:, 0], len(MOTIONS))
    return _shaken(track).signs(), labels


def _mirrored(track: Track, labels: Tensor, which: Tensor) -> tuple[Track, Tensor]:
    turning = torch.cat((-track.turning[:, :-1], track.turning[:, -1:]), dim=1)
    mirrored = replace(
        track,
        x=torch.where(which, -track.x, track.x),
        turning=torch.where(which[..., None], turning, track.turning),
    )
    return mirrored, torch.where(which[:, 0], _renamed(_MIRRORED)[labels], labels)


def _backwards(track: Track, labels: Tensor, which: Tensor) -> tuple[Track, Tensor]:
    late = F.pad(track.turning.flip(-1)[..., :-1], (1, 0))
    flipped = {
        name: torch.where(which, getattr(track, name).flip(-1), getattr(track, name))
        for name in ("x", "y", "size", "seen", "whole")
    }
    turning = torch.cat((-late[:, :-1], late[:, -1:]), dim=1)
    backwards = Track(**flipped, turning=torch.where(which[..., None], turning, track.turning))
    return backwards, torch.where(which[:, 0], _renamed(_BACKWARDS)[labels], labels)


def _renamed(names: dict[Motion, Motion]) -> Tensor:
    to = [MOTIONS.index(names.get(motion, motion)) for motion in MOTIONS]
    return torch.tensor([*to, len(MOTIONS)])


def _broken(track: Track, which: Tensor) -> Track:
    """Tracks that go on as another one does from some picture on."""
    cut = int(torch.randint(JUDGED_PICTURES // 3, 2 * JUDGED_PICTURES // 3, ()))
    late = which & (torch.arange(JUDGED_PICTURES) >= cut)
    parts = {}
    for field in fields(Track):
        own = getattr(track, field.name)
        chosen = late[:, None] if own.dim() > late.dim() else late
        parts[field.name] = torch.where(chosen, own.roll(1, 0), own)
    return Track(**parts)


def _stray(track: Track, which: Tensor) -> Track:
    """Tracks that wander about."""
    pace = F.avg_pool1d(torch.randn(2, len(which), JUDGED_PICTURES + 8), 9, 1) * 9
    x, y = (pace * (0.4 + 0.8 * torch.rand(2, len(which), 1))).cumsum(-1)
    x = 70 * torch.sin((track.x[:, :1] + x) / 70)
    y = 38 * torch.sin((track.y[:, :1] + y) / 38)
    return replace(track, x=torch.where(which, x, track.x), y=torch.where(which, y, track.y))


def _shaken(track: Track) -> Track:
    """Tracks as they are read off unsteady pictures."""
    shape = track.x.shape
    size, turning = torch.randn(shape), torch.randn(track.turning.shape)
    turning = track.turning + turning * 0.15 * torch.rand(_BATCH, 1, 1)
    lost = torch.rand(shape) < 0.02 * torch.rand(_BATCH, 1)
    return Track(
        track.x + _unrest(shape),
        track.y + _unrest(shape),
        track.size + 0.02 * size * torch.rand(_BATCH, 1),
        track.seen & ~lost,
        track.whole & ~lost,
        turning,
    )


def _unrest(shape: torch.Size) -> Tensor:
    fast = torch.randn(shape) * 0.6 * torch.rand(_BATCH, 1)
    slow = F.avg_pool1d(torch.randn(shape[0], shape[1] + 10), 11, 1) * 3.3
    return fast + slow * torch.rand(_BATCH, 1)
