"""How near a preset's pictures are to exact ones: those of its own steps, window and decoder.

Transformer and decoder of the exact ones compute in float32 by torch's own kernels, from the same
weights and embeddings. What is left of a preset is then how its numbers are rounded: 16 bits,
kernels, compiled layers, FP8, a window in 8 bits. All make each block from the same latents, the
exact ones, so errors do not add up.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.model import RANDOM_WEIGHTS
from longlive_widget.engine.side_by_side import attempts, squared_error, worst_and_mean_db
from longlive_widget.errors import PresetError
from longlive_widget.measure.environment import measured
from longlive_widget.measure.figures import decibels
from longlive_widget.measure.likeness import Plan
from longlive_widget.measure.random_kind import FACT
from longlive_widget.measure.record import Fact, Record
from longlive_widget.presets import PRESETS, Preset

KIND = "rounding"
EXACT = "float32"


@dataclass(frozen=True, eq=False)
class Rounding:
    """How far one preset's pictures and latents are from exact ones: a number a block each.

    The squared error of 8-bit pictures; and how large the error of the latents is beside them, by
    the roots of their mean squares: what the decoder rounds is not in that.
    """

    engine: Engine
    plan: Plan
    squared_errors: list[float]
    latent_errors: list[float]

    @property
    def mean_db(self) -> float:
        """The PSNR of all blocks together; infinite if all are equal."""
        return worst_and_mean_db(self.squared_errors)[1]

    @property
    def worst_db(self) -> float:
        """The PSNR of the worst block; infinite if all are equal."""
        return worst_and_mean_db(self.squared_errors)[0]

    def line(self) -> str:
        """It, to read."""
        worst, usual = map(decibels, worst_and_mean_db(self.squared_errors))
        latents = f"latents off by {100 * max(self.latent_errors):.2f} % at most"
        preset = self.engine.preset
        found = f"{preset.name:<32}worst block {worst}, mean {usual}; {latents}"
        return f"{found}; {_against(preset)}"

    def record(self) -> Record:
        """It as a record."""
        plan = self.plan
        facts: dict[str, Fact] = {"against": EXACT}
        if self.engine.weights == "random":
            facts[FACT] = RANDOM_WEIGHTS
        return measured(
            KIND,
            self.engine,
            geometry=self.engine.geometry_at(plan.size_px),
            counts=plan.counts,
            samples={"squared_error": self.squared_errors, "latent_error": self.latent_errors},
            facts=facts,
        )


def roundings(
    presets: Sequence[Preset],
    load: Callable[[Preset], Engine],
    plan: Plan,
    *,
    told: Callable[[str], object] = str,
) -> Iterator[Rounding]:
    """Hold each preset's pictures against exact ones of the same steps, window and decoder.

    Before the presets of each such picture comes the plain one: the reference with that picture,
    in the model's own numbers by torch's own kernels.

    Args:
        presets: at least one.
        load: the engine of a preset.
        plan: how much is compared.
        told: is told what is being done.

    Raises:
        PresetError: there is no preset to compare.
    """
    if not presets:
        raise PresetError("nothing is compared with exact pictures: name a preset or more")
    for plain, some in _by_picture(presets).items():
        told(f"{', '.join(one.name for one in (plain, *some))} {_against(plain)}")
        engines = [load(preset) for preset in (plain, *some)]
        yield from _compared(_exactly(engines[0]), engines, plan)


def _against(preset: Preset) -> str:
    """What a preset's pictures are held against, to read: never those of another preset."""
    steps, window = len(preset.denoise_steps), preset.window_frames
    return f"against {steps} steps, {window} latent frames, {preset.decoder} decoder in {EXACT}"


def _by_picture(presets: Sequence[Preset]) -> dict[Preset, list[Preset]]:
    """By the plain preset with the same picture, those that are not it."""
    found: dict[Preset, list[Preset]] = {}
    for preset in presets:
        plain = PRESETS["reference"].with_(
            denoise_steps=preset.denoise_steps,
            window_frames=preset.window_frames,
            decoder=preset.decoder,
        )
        some = found.setdefault(plain, [])
        if preset.changes() != plain.changes():
            some.append(preset)
    return found


def _exactly(engine: Engine) -> Engine:
    """An engine of the same weights that computes in float32."""
    model = engine.model
    small = model.small_decoder
    exact = replace(
        model,
        transformer=deepcopy(model.transformer).float(),
        decoder=deepcopy(model.decoder).float(),
        small_decoder=None if small is None else deepcopy(small).float(),
    )
    return Engine(exact, engine.preset)


def _compared(exact: Engine, engines: Sequence[Engine], plan: Plan) -> Iterator[Rounding]:
    found = [Rounding(engine, plan, [], []) for engine in engines]
    size = exact.geometry_at(plan.size_px)
    # else convolutions of float32 round to 10 bits
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for timeline in plan.timelines(exact.geometry.block_frames):
            both = attempts((exact, *engines), timeline, plan.blocks, seed=plan.seed, geometry=size)
            for right, *others in both:
                for one, made in zip(found, others, strict=True):
                    error = squared_error(made.pictures_FHWC, right.pictures_FHWC)
                    one.squared_errors.append(error)
                    one.latent_errors.append(_share(made.latent_BFCHW, right.latent_BFCHW))
    yield from found


def _share(latent: Tensor, right: Tensor) -> float:
    """How much the error of some latents is of the right ones."""
    off = latent.double() - right.double()
    return float(off.norm() / right.double().norm())
