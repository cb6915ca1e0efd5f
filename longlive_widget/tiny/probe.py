"""What the judge reads off things that were seen: two small networks, for shapes and for motions.

Knows neither how they were trained nor where the pictures come from.

Axes: B batch, F pictures, C channels, H rows, W columns.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.model.checkpoint import load_strictly, read_weights
from longlive_widget.tiny.motions import MOTIONS, PICTURE
from longlive_widget.tiny.shapes import SHAPES
from longlive_widget.tiny.sightings import CROP_PX, SEEN_PX, Sighting

PROBE_PATH = Path(__file__).parent / "weights" / "probe.safetensors"
JUDGED_PICTURES = 48
"""A motion is read from so many pictures."""
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
        size = torch.from_numpy(thing.area_px).float().clamp(min=SEEN_PX).log() / 2
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
