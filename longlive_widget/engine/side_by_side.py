"""Several engines on one history: what each makes of a block if all remember the same latents.

So errors do not add up over blocks: what differs is what one block of a preset costs.

Axes: B batch, F latent frames or pictures, C channels, H rows, W columns.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from longlive_widget.engine.decode import decoder_for
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.gpu import current
from longlive_widget.engine.memory import new_window
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.session import block_noise
from longlive_widget.geometry import Geometry
from longlive_widget.model.stream import to_bytes
from longlive_widget.timeline import Timeline


@torch.inference_mode()
def side_by_side(
    engines: Sequence[Engine],
    timeline: Timeline,
    blocks: int,
    *,
    seed: int = 0,
    geometry: Geometry | None = None,
) -> Iterator[list[Tensor]]:
    """The pictures that each engine makes of every block, after the latents of the first engine.

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
        For each block one tensor an engine: uint8, `FHWC`, on the host.
    """
    size = geometry or engines[0].geometry
    first, *later = timeline.landings(size.block_frames)
    followers = [_Follower(engine, size, first.prompt) for engine in engines]
    prompts = {landing.block: landing.prompt for landing in later}
    for block in range(blocks):
        if block in prompts:
            for follower in followers:
                follower.steer(prompts[block], block)
        made = [follower.attempt(block, seed) for follower in followers]
        yield [pictures for _, pictures in made]
        for follower in followers:
            follower.remember(made[0][0])


def squared_error(one: Tensor, other: Tensor) -> float:
    """The mean squared error of 8-bit pictures, 0 to 255 squared."""
    return float((one.double() - other.double()).square().mean())


def psnr_db(error: float) -> float:
    """The peak signal-to-noise ratio of a mean squared error of 8-bit pictures; infinite for 0."""
    return 10 * math.log10(255**2 / error) if error else math.inf


class _Follower:
    """One engine at work on a history that is given to it."""

    def __init__(self, engine: Engine, geometry: Geometry, prompt: str) -> None:
        self._model, self._geometry = engine.model, geometry
        window = new_window(engine.preset, engine.model, geometry, "relative")
        self._denoiser = Denoiser(engine.model.transformer, window)
        self._levels = levels(engine.preset.denoise_steps)
        self._whole_window = engine.preset.recache == "window"
        self._stream = decoder_for(engine.preset, engine.model).stream()
        self._latest: list[Tensor] = []
        with current(self._model.device):
            self._text = self._model.read(prompt)

    def steer(self, prompt: str, block: int) -> None:
        """Follow this prompt from that block on."""
        with current(self._model.device):
            self._text = self._model.read(prompt)
            latest_BFCHW = torch.cat(self._latest, dim=1)
            frame = block * self._geometry.block_frames
            self._denoiser.recache(latest_BFCHW, frame, self._text, whole_window=self._whole_window)

    def attempt(self, block: int, seed: int) -> tuple[Tensor, Tensor]:
        """The clean latents that it makes of a block, and its pictures of them."""
        frames = self._geometry.block_frames
        draw = block_noise(seed, block, self._geometry)
        with current(self._model.device):
            self._denoiser.window.open_block(block * frames, frames)
            latent_BFCHW = self._denoiser.denoise(draw(), draw, self._text, self._levels)
            (pictures_FHWC,) = to_bytes(self._stream.branch().decode(latent_BFCHW))
            return latent_BFCHW, pictures_FHWC.cpu()

    def remember(self, latent_BFCHW: Tensor) -> None:
        """Take these latents for the block's, whoever has made them."""
        with current(self._model.device):
            own_BFCHW = latent_BFCHW.to(self._model.device, self._model.dtype)
            self._denoiser.write_context(own_BFCHW, self._text)
            self._stream.decode(own_BFCHW)
        self._latest.append(own_BFCHW)
        window = self._denoiser.window.window_frames
        while sum(block.shape[1] for block in self._latest[1:]) >= window:
            del self._latest[0]
