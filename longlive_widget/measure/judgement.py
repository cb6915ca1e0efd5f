"""How well a model of drawn scenes shows what unseen prompts say: all that its judge can tell."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from longlive_widget.engine.engine import Engine
from longlive_widget.measure.environment import measured
from longlive_widget.measure.package_size import zipped_bytes
from longlive_widget.measure.quality_bars import TIMED_PRESET, Bar, bars_of
from longlive_widget.measure.record import Fact, Record
from longlive_widget.model.video_decoder import VideoEncoder
from longlive_widget.presets import PRESETS
from longlive_widget.tiny.evaluate import (
    Case,
    evaluate,
    fewer_steps_psnr_db,
    pictures_per_second,
)
from longlive_widget.tiny.train_autoencoder import measure
from longlive_widget.tiny.written import WrittenPrompt

COMPARED_SEEDS = 5
MOST_COMPARED = 5
"""So many prompts a seed have their pictures compared between schedules."""


@dataclass(frozen=True)
class Plan:
    """How many videos are judged: of 12 blocks or more, of 200 and of 6 in unusual words."""

    prompts: int = 200
    long_prompts: int = 5
    unusual_prompts: int = 20
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found; `found` is as JSON has it, None for what nothing was judged of.

    `bars` are what the embedded model is to reach, under their names.
    """

    engine: Engine
    plan: Plan
    found: dict[str, object]
    bars: dict[str, Bar]

    @property
    def json(self) -> dict[str, object]:
        """All of it, the bars too."""
        return {**self.found, "bars": {name: bar.as_json() for name, bar in self.bars.items()}}

    def lines(self) -> Iterator[str]:
        """All of it, to read: one thing a line, the parts of a mapping beside each other."""
        for name, value in self.found.items():
            parts = value.items() if isinstance(value, Mapping) else ((None, value),)
            said = ", ".join(
                f"{part} {_shown(one)}" if part else _shown(one) for part, one in parts
            )
            yield f"{name.replace('_', ' '):<26}{said}"
        yield "bars"
        for name, bar in self.bars.items():
            yield f"  {name.replace('_', ' '):<30}{bar}"

    def record(self) -> Record:
        """It as a record: each share under its name, the PSNR of fewer steps as samples."""
        facts: dict[str, Fact] = {}
        samples: dict[str, list[float]] = {}
        for name, value in self.found.items():
            if name in asdict(self.plan) or name in {"model", "preset"}:
                continue
            if not isinstance(value, Mapping):
                value = {"": value}
            for part, one in value.items():
                label = f"{name}_{part}".strip("_").replace(" ", "_")
                if isinstance(one, list):
                    samples[label] = one
                elif isinstance(one, int | float):
                    facts[label] = one
        return measured(
            "quality", self.engine, counts=asdict(self.plan), samples=samples, facts=facts
        )


def judge(
    engine: Engine,
    encoder: VideoEncoder,
    plan: Plan,
    *,
    written_prompts: Sequence[WrittenPrompt] = (),
    watched: Callable[[Sequence[Case]], Iterable[Case]] = iter,
) -> Judgement:
    """Judge a model under its preset; `tiny` takes half an hour on two idle cores.

    Args:
        engine: the model, with pictures of the size that scenes are drawn at.
        encoder: the half of its autoencoder that it does without.
        plan: how many videos of prompts that are drawn.
        written_prompts: of each, a video of 6 blocks is judged too.
        watched: how the cases are gone through, for a progress bar.
    """
    report = evaluate(engine, **asdict(plan), written_prompts=written_prompts, watched=watched)
    autoencoder = measure(encoder, engine.model.decoder, plan.seed, engine.device)
    compared = [
        fewer_steps_psnr_db(engine, prompts=min(plan.prompts, MOST_COMPARED), seed=seed)
        for seed in range(plan.seed, plan.seed + COMPARED_SEEDS)
    ]
    psnr_db = {steps: [round(of_seed[steps], 2) for of_seed in compared] for steps in compared[0]}
    found: dict[str, object] = {
        "model": engine.name,
        "preset": engine.preset.name,
        **asdict(plan),
        "adherence": asdict(report.start),
        "adherence_after_switch": asdict(report.switched),
        "ground_kept": _known(report.ground_kept),
        "place_kept": _known(report.place_kept),
        "switches_shown": report.switches_shown,
        "blocks_until_shown": _known(report.blocks_until_shown),
        "adherence_at_block_10": asdict(report.early) if plan.long_prompts else None,
        "adherence_at_block_200": asdict(report.late) if plan.long_prompts else None,
        "adherence_in_unusual_words": asdict(report.unusual) if plan.unusual_prompts else None,
        "written_prompts": len(written_prompts),
        "adherence_in_written_prompts": asdict(report.written) if written_prompts else None,
        "said_probability": report.said_probability,
        "fewer_steps_psnr_db": psnr_db,
        "autoencoder_psnr_db": asdict(autoencoder),
        "pictures_per_second": pictures_per_second(engine),
    }
    bars = bars_of(
        start=asdict(report.start),
        switched=asdict(report.switched),
        ground_kept=_known(report.ground_kept),
        place_kept=_known(report.place_kept),
        early=_known(report.early.whole),
        late=_known(report.late.whole),
        long_prompts=plan.long_prompts,
        reconstruction_db=autoencoder.psnr_db,
        fewer_steps_db={steps: [of_seed[steps] for of_seed in compared] for steps in psnr_db},
        pictures_per_second=_timed(engine),
        package_mb=round(zipped_bytes() / 1e6, 2),
    )
    return Judgement(engine, plan, found, bars)


def _timed(engine: Engine) -> float | None:
    """The rate of the preset that has a bar; None where it cannot run."""
    if engine.why_not(PRESETS[TIMED_PRESET]):
        return None
    return pictures_per_second(engine.under(TIMED_PRESET))


def _known(share: float) -> float | None:
    """None where no video had anything to say of it."""
    return None if math.isnan(share) else share


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
