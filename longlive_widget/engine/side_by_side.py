"""Several engines on one history: what each makes of a block if all remember the same latents.

So errors do not add up over blocks: what differs is what one block of a preset costs.

Axes: B batch, F latent frames or pictures, C channels, H rows, W columns.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import torch
from torch import Tensor

from longlive_widget.engine.decode import decoder_for
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.gpu import current
from longlive_widget.engine.noise import BlockNoise
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.engine.windows import new_window
from longlive_widget.geometry import Geometry
from longlive_widget.model.stream import DecoderStream, PictureDecoder, to_bytes
from longlive_widget.timeline import Timeline


@dataclass(frozen=True, eq=False)
class Attempt:
    """What one engine makes of a block: clean latents, on its device; pictures, on the host."""

    latent_BFCHW: Tensor
    pictures_FHWC: Tensor


def side_by_side(
    engines: Sequence[Engine],
    timeline: Timeline,
    blocks: int,
    *,
    seed: int = 0,
    geometry: Geometry | None = None,
) -> Iterator[list[Tensor]]:
    """The pictures of `attempts`: for each block one tensor an engine, uint8, `FHWC`."""
    for made in attempts(engines, timeline, blocks, seed=seed, geometry=geometry):
        yield [attempt.pictures_FHWC for attempt in made]


@torch.inference_mode()
def attempts(
    engines: Sequence[Engine],
    timeline: Timeline,
    blocks: int,
    *,
    seed: int = 0,
    geometry: Geometry | None = None,
) -> Iterator[list[Attempt]]:
    """What each engine makes of every block, after the latents of the first engine.

    All begin a block from the same noise; each has its own network, window, steps and decoder. What
    makes a preset quick and changes no number (memory in its place, replayed blocks, decoding
    behind) is left out.

    Args:
        engines: the first one makes the history; all of models with the same latents.
        timeline: the prompts, which all follow.
        blocks: how many.
        seed: the noise.
        geometry: the size of the pictures; None takes the first engine's own.

    Yields:
        For each block one attempt an engine.
    """
    size = geometry or engines[0].geometry
    first, *others = followers = [_Follower(engine, size) for engine in engines]
    prompts = {landing.block: landing.prompt for landing in timeline.landings(size.block_frames)}
    for block in range(blocks):
        made = [follower.attempt(block, seed, prompts.get(block)) for follower in followers]
        yield made
        if block < blocks - 1:
            film = first.go_on()
            films = {film.decoder: film}
            for follower in others:
                follower.remember(made[0].latent_BFCHW, films)


def squared_error(one: Tensor, other: Tensor) -> float:
    """The mean squared error of 8-bit pictures, 0 to 255 squared."""
    return float((one.double() - other.double()).square().mean())


def psnr_db(error: float) -> float:
    """The peak signal-to-noise ratio of a mean squared error of 8-bit pictures; infinite for 0."""
    return 10 * math.log10(255**2 / error) if error else math.inf


def worst_and_mean_db(errors: Sequence[float]) -> tuple[float, float]:
    """The PSNR of the worst block and of all blocks together, of a squared error a block."""
    return psnr_db(max(errors)), psnr_db(mean(errors))


class _Follower:
    """One engine at work on a history that is given to it."""

    def __init__(self, engine: Engine, geometry: Geometry) -> None:
        preset, self._model, self._geometry = engine.preset, engine.model, geometry
        window = new_window(preset, self._model.sizes, geometry, "relative")
        denoiser = Denoiser(self._model.transformer, window)
        self._rollout = Rollout(
            denoiser,
            levels(preset.denoise_steps),
            context=preset.context,
            recache=preset.recache,
        )
        self._film = self._attempted = decoder_for(preset, self._model).stream()
        self._known = ""

    def attempt(self, block: int, seed: int, prompt: str | None) -> Attempt:
        """What it makes of a block; a prompt lands with it."""
        draw = BlockNoise(seed, block, self._geometry)
        with current(self._model.device):
            if prompt is not None:
                taken, self._known = self._model.take(prompt, self._known)
                self._rollout.steer(self._model.read(taken))
            latent_BFCHW = self._rollout.next_block(draw(), draw)
            self._attempted = self._film.branch()
            (pictures_FHWC,) = to_bytes(self._attempted.decode(latent_BFCHW))
            return Attempt(latent_BFCHW, pictures_FHWC.cpu())

    def go_on(self) -> DecoderStream:
        """Go on from its own attempt; gives the film so far."""
        self._film = self._attempted
        return self._film

    def remember(self, latent_BFCHW: Tensor, films: dict[PictureDecoder, DecoderStream]) -> None:
        """Take these latents for the block's, whoever has made them.

        `films` are those so far by decoder: they are the same whoever looks.
        """
        with current(self._model.device):
            own_BFCHW = latent_BFCHW.to(self._model.device, self._model.dtype)
            self._rollout.replace_last(own_BFCHW)
            if self._film.decoder not in films:
                self._film.decode(own_BFCHW)
                films[self._film.decoder] = self._film
            self._film = films[self._film.decoder]
