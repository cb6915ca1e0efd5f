"""The training of the judge's probe, on things in drawn scenes that are worsened as models do.

It never sees a generated picture.

Axes: B batch, N examples, F pictures, C colours, H rows, W columns.
"""

import math
import random
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.engine.model import save_weights
from longlive_widget.model.stream import to_bytes
from longlive_widget.tiny.grounds import GROUND_PERIOD_PICTURES
from longlive_widget.tiny.motions import MOTIONS, PICTURE, Motion
from longlive_widget.tiny.probe import JUDGED_PICTURES, Probe, Track
from longlive_widget.tiny.scenes import COLORS, FULL, draw, random_scene
from longlive_widget.tiny.shapes import DISTANCES, REACH, SHAPES, SYMMETRY, ball, square
from longlive_widget.tiny.sightings import CROP_PX, look, palette

_CPU = torch.device("cpu")
_BATCH = 96
_PICTURES_A_VIDEO = 32
_TRACK_PICTURES = 64
_BROKEN_SHARE = _STRAY_SHARE = 0.05
_PAIRS_SHARE = 0.6
_MIRRORED: dict[Motion, Motion] = {"moves right": "moves left", "moves left": "moves right"}
_BACKWARDS: dict[Motion, Motion] = {
    **_MIRRORED,
    "moves up": "moves down",
    "moves down": "moves up",
    "grows": "shrinks",
    "shrinks": "grows",
}


def train_probe(
    path: Path, *, seed: int = 0, videos: int = 200, scenes: int = 800, steps: int = 2400
) -> Probe:
    """Train both networks on drawn scenes and write them; on one core in about seven minutes.

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
    """The tracks of things in drawn and then worsened scenes; in pairs, one may hide the other."""
    tracks, labels = [], []
    for index in range(scenes):
        vocabulary = replace(FULL, two_things=_PAIRS_SHARE, scattered=rng.random() < 0.5)
        scene = random_scene(rng, vocabulary)
        drawn = draw([scene], rng.randrange(400), _TRACK_PICTURES, _CPU)[0]
        if index % 3 == 0:
            drawn = worsened(drawn, rng)
        motions = {
            thing.color: MOTIONS.index(thing.motion)
            for thing in scene.things
            if SYMMETRY[thing.shape] or thing.motion != "spins"  # a ball's turn is not seen
        }
        for seen in look(to_bytes(drawn[None])[0].numpy()).things:
            if seen.color in motions:
                tracks.append(Track.of(seen))
                labels.append(motions[seen.color])
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
