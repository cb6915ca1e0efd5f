"""How like the pictures of presets are to those of another one: block by block, and running free.

Block by block all make each block from the same history; running free each goes on from its own
pictures, as a video does. All have the same prompts, switches and seeds.

Axes: F pictures, H rows, W columns, C colours.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import mean

import torch
from torch import Tensor

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.side_by_side import side_by_side, squared_error, worst_and_mean_db
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.geometry import pictures_before
from longlive_widget.measure.benchmark import PROMPTS
from longlive_widget.measure.environment import measured
from longlive_widget.measure.figures import decibels
from longlive_widget.measure.metrics import clip_score, flicker, given, lpips, ssim, vmaf
from longlive_widget.measure.record import Fact, Record
from longlive_widget.measure.said import prompt_said
from longlive_widget.presets import Preset
from longlive_widget.timeline import Timeline

PARTS = (
    "denoise_steps=[1000,500,250],[1000,250]",
    "window_frames=8,6",
    "window_dtype=int8,fp8",
    "linear_dtype=fp8",
    "decoder=small",
    "attention=math,efficient,flash,cudnn,fa3,fa3-fp8",
)
"""What changes the picture, or how sums are rounded, one part after the other: as for `alone`."""
DRAWN = "tiny"
"""The model of drawn scenes, whose pictures the judge reads."""
PICTURES_FOR_METRICS = 24
"""LPIPS and CLIP look at so many pictures of a video, evenly spaced."""


@dataclass(frozen=True)
class Plan:
    """How much is compared: so many prompts, each a video with a switch in its middle."""

    prompts: int = 4
    blocks: int = 12
    seed: int = 0
    size_px: tuple[int, int] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How much it is, as a record says it."""
        return {"prompts": self.prompts, "blocks": self.blocks, "seed": self.seed}

    def timelines(self, block_frames: int) -> Iterator[Timeline]:
        """One for each prompt; it switches to the next one."""
        at = self.blocks // 2 * block_frames
        for index in range(self.prompts):
            first, second = (PROMPTS[(index + step) % len(PROMPTS)] for step in (0, 1))
            yield Timeline.of(first, (at, second)) if at else Timeline.of(first)


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like one preset's pictures are to those of the preset that all were held against.

    `samples` has one number a block: `squared_error` and `ssim` from the same history, `free_...`
    of videos that run by themselves. `facts` has one number each over all videos that run free, or
    why it is not available.
    """

    engine: Engine
    against: Preset
    plan: Plan
    samples: dict[str, list[float]]
    facts: dict[str, float | str] = field(default_factory=dict)

    @property
    def mean_db(self) -> float:
        """The PSNR of all blocks together, from the same history; infinite if all are equal."""
        return worst_and_mean_db(self.samples["squared_error"])[1]

    @property
    def worst_db(self) -> float:
        """The PSNR of the worst block, from the same history; infinite if all are equal."""
        return worst_and_mean_db(self.samples["squared_error"])[0]

    @property
    def free_db(self) -> float:
        """The PSNR of all blocks of videos that run free; infinite if all are equal."""
        return worst_and_mean_db(self.samples["free_squared_error"])[1]

    def lines(self) -> Iterator[str]:
        """All of it, to read."""
        engine = self.engine
        random = ", random weights" if engine.weights == "random" else ""
        yield f"{engine.preset.name} against {self.against.name}, {engine.name}{random}"
        yield from (f"  {sentence}" for sentence in engine.fallbacks)
        worst, usual = decibels(self.worst_db), decibels(self.mean_db)
        yield f"  {'one history, PSNR':<28}worst block {worst}, mean {usual}"
        yield f"  {'running free, PSNR':<28}{decibels(self.free_db)}"
        for name, label in (("ssim", "one history"), ("free_ssim", "running free")):
            if found := self.samples.get(name):
                label = f"{label}, SSIM"
                yield f"  {label:<28}worst block {min(found):.4f}, mean {mean(found):.4f}"
        for name, fact in self.facts.items():
            shown = fact if isinstance(fact, str) else f"{fact:.2f}"
            yield f"  {name:<28}{shown}"

    def record(self) -> Record:
        """It as a record."""
        plan, engine = self.plan, self.engine
        facts: dict[str, Fact] = {"against": self.against.name, **self.facts}
        return measured(
            "likeness",
            engine,
            geometry=engine.geometry_at(plan.size_px),
            counts=plan.counts,
            samples={name: sample for name, sample in self.samples.items() if sample},
            facts=facts,
        )


def likeness(
    against: Preset,
    presets: Sequence[Preset],
    load: Callable[[Preset], Engine],
    plan: Plan,
    *,
    only_possible: bool = False,
    told: Callable[[str], object] = str,
) -> Iterator[Likeness]:
    """Hold the pictures of presets against those of another one, one after the other.

    Args:
        against: what all are held against.
        presets: at least one.
        load: the engine of a preset.
        plan: how much is compared.
        only_possible: leave out what this machine or model cannot do, and tell why.
        told: is told what is being done.

    Raises:
        PresetError: there is no preset to compare.
    """
    if not presets:
        raise PresetError(f"nothing is compared with {against.name!r}: name a preset or more")
    right = load(against)
    videos = _Videos(right, plan)
    for preset in presets:
        told(f"{preset.name} against {against.name}")
        try:
            engine = load(preset)
        except (CapabilityError, PresetError) as error:
            if not only_possible:
                raise
            told(f"left out: {error}")
            continue
        yield _compared(videos, engine, plan)


class _Videos:
    """The videos of the engine that others are held against, each made once."""

    def __init__(self, engine: Engine, plan: Plan) -> None:
        self.engine, self.plan = engine, plan
        self.timelines = tuple(plan.timelines(engine.geometry.block_frames))
        self._made: dict[int, list[Tensor]] = {}

    def free(self, index: int) -> list[Tensor]:
        """The blocks of video `index`."""
        if index not in self._made:
            self._made[index] = _running(self.engine, self.timelines[index], self.plan)
        return self._made[index]


def _compared(videos: _Videos, engine: Engine, plan: Plan) -> Likeness:
    samples: dict[str, list[float]] = {
        name: [] for name in ("squared_error", "ssim", "free_squared_error", "free_ssim")
    }
    metrics: dict[str, list[float | str]] = {}
    size = engine.geometry_at(plan.size_px)
    for index, timeline in enumerate(videos.timelines):
        both = side_by_side(
            (videos.engine, engine), timeline, plan.blocks, seed=plan.seed, geometry=size
        )
        for right, seen in both:
            _add(samples, "", seen, right)
        free, right_free = _running(engine, timeline, plan), videos.free(index)
        for seen, right in zip(free, right_free, strict=True):
            _add(samples, "free_", seen, right)
        drawn = engine.name == DRAWN and engine.weights == "trained"
        whole = torch.cat(free), torch.cat(right_free)
        for name, value in _of_videos(*whole, timeline, drawn_scenes=drawn):
            metrics.setdefault(name, []).append(value)
    return Likeness(
        engine,
        videos.engine.preset,
        plan,
        samples,
        {name: _mean_or_reason(values) for name, values in metrics.items()},
    )


def _running(engine: Engine, timeline: Timeline, plan: Plan) -> list[Tensor]:
    session = engine.session(timeline, seed=plan.seed, size_px=plan.size_px)
    return [torch.from_numpy(block.frames) for block in session.blocks(plan.blocks)]


def _add(samples: dict[str, list[float]], prefix: str, seen: Tensor, right: Tensor) -> None:
    samples[f"{prefix}squared_error"].append(squared_error(seen, right))
    samples[f"{prefix}ssim"].append(ssim(seen, right))


def _of_videos(
    seen_FHWC: Tensor, right_FHWC: Tensor, timeline: Timeline, *, drawn_scenes: bool
) -> Iterator[tuple[str, float | str]]:
    """What is computed of whole videos that ran free."""
    some = torch.linspace(0, len(seen_FHWC) - 1, PICTURES_FOR_METRICS).long()
    first, *later = timeline.entries
    end = pictures_before(later[0].latent_frame) if later else len(seen_FHWC)
    yield "vmaf", given(lambda: vmaf(seen_FHWC, right_FHWC))
    yield "lpips", given(lambda: lpips(seen_FHWC[some], right_FHWC[some]))
    yield "clip_score", given(lambda: clip_score(seen_FHWC[some[some < end]], first.prompt))
    before_FHWC = seen_FHWC[:end]
    yield (
        "said_probability",
        given(lambda: prompt_said(before_FHWC, first.prompt, drawn_scenes=drawn_scenes)),
    )
    yield "flicker", flicker(seen_FHWC)
    yield "flicker_against", flicker(right_FHWC)


def _mean_or_reason(values: Sequence[float | str]) -> float | str:
    reasons = [value for value in values if isinstance(value, str)]
    return reasons[0] if reasons else mean(value for value in values if not isinstance(value, str))
