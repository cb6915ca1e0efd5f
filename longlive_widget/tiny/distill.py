"""Third stage of training: few steps, learned on the student's own running videos.

The student makes videos as a session does: window, re-cache, named steps. At every step it is
shown where the teacher's many-step path from the same noisy latents ends, under the same history.
So it learns sharp pictures in few steps, and to go on from its own pictures rather than from
perfect ones.

Source: regression onto a teacher's ODE paths, as T. Yin et al., CausVid (2024), do at the start;
rolling out the student itself as X. Huang et al., Self Forcing (2025), do.

Axes: B batch, F latent frames, C channels, H rows, W columns.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import Level, levels
from longlive_widget.geometry import Geometry
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import TRAINING_STEPS
from longlive_widget.tiny.captions import caption, switch_caption
from longlive_widget.tiny.clips import WINDOW_FRAMES
from longlive_widget.tiny.scenes import LEARNED, random_change, random_scene

SHORTEST_BLOCKS, LONGEST_BLOCKS = 4, 20
SWITCH_SHARE = 0.25
TEACHER_STEPS = 12


@dataclass(frozen=True, eq=False)
class Pupil:
    """A transformer whose adapter is the student; without it, it is the teacher."""

    transformer: Transformer
    text_encoder: TextEncoder

    @contextmanager
    def as_teacher(self) -> Iterator[None]:
        """Inside, the adapter is off and nothing is learned."""
        adapted = [m for m in self.transformer.modules() if isinstance(m, BaseTunerLayer)]
        for layer in adapted:
            layer.enable_adapters(enabled=False)
        try:
            with torch.no_grad():
                yield
        finally:
            for layer in adapted:
                layer.enable_adapters(enabled=True)


class Videos:
    """Many running videos of the student, and the teacher's memory of the same pictures."""

    def __init__(self, pupil: Pupil, geometry: Geometry, sink_frames: int, count: int) -> None:
        self._pupil = pupil
        self._geometry = geometry
        self._sink_frames = sink_frames
        self._count = count
        self._length = self._block = 0

    def losses(self, steps: Sequence[Level], seed: int) -> list[Tensor]:
        """Make the next block of every video; one loss per denoising step."""
        rng = random.Random(seed)
        frames = self._geometry.block_frames
        self._steer(rng)
        for denoiser in (self._student, self._teacher):
            denoiser.window.open_block(self._block * frames, frames)
        draw = self._noise(seed)
        x, losses = draw(), []
        for index, level in enumerate(steps):
            target = self._path_end(x, level)
            x0 = level.clean(x, self._student.flow(x, level.timestep, self._student_text))
            losses.append((x0 - target).square().mean())
            if index + 1 < len(steps):
                x = steps[index + 1].noisy(x0.detach(), draw())
        self._remember(x0.detach())
        return losses

    def _steer(self, rng: random.Random) -> None:
        """Begin new videos where these have ended, or switch all their prompts now and then."""
        if self._block == self._length:
            self._begin(rng)
            return
        if rng.random() > SWITCH_SHARE:
            return
        prompts = [self._switched(index, rng) for index in range(self._count)]
        self._read(prompts)
        frame = self._block * self._geometry.block_frames
        latest = torch.cat(self._latest, dim=1)[:, -self._student.window.window_frames :]
        with torch.no_grad():
            self._student.recache(latest, frame, self._student_text)
        with self._pupil.as_teacher():
            self._teacher.recache(latest, frame, self._teacher_text)

    def _begin(self, rng: random.Random) -> None:
        self._length = rng.randint(SHORTEST_BLOCKS, LONGEST_BLOCKS)
        self._block = 0
        self._latest: list[Tensor] = []
        self._student, self._teacher = self._denoiser(), self._denoiser()
        self._scenes = [random_scene(rng, LEARNED) for _ in range(self._count)]
        self._read([caption(scene, rng) for scene in self._scenes])

    def _switched(self, index: int, rng: random.Random) -> str:
        change = random_change(rng, self._scenes[index], LEARNED)
        self._scenes[index] = self._scenes[index].switched(change, self._scenes[index].since + 1)
        return switch_caption(self._scenes[index], change, rng)

    def _read(self, prompts: list[str]) -> None:
        with torch.no_grad():
            embeds = self._pupil.text_encoder.encode(prompts)
            self._student_text = self._pupil.transformer.read_text(embeds)
        with self._pupil.as_teacher():
            self._teacher_text = self._pupil.transformer.read_text(embeds)

    def _path_end(self, x_BFCHW: Tensor, level: Level) -> Tensor:
        """Where the teacher's path of small steps from `x` ends, without noise."""
        with self._pupil.as_teacher():
            for here, there in pairwise(teacher_path(level)):
                flow = self._teacher.flow(x_BFCHW, here.timestep, self._teacher_text)
                x_BFCHW = x_BFCHW + (there.sigma - here.sigma) * flow.float()
        return x_BFCHW

    def _remember(self, latent_BFCHW: Tensor) -> None:
        with torch.no_grad():
            self._student.write_context(latent_BFCHW, self._student_text)
        with self._pupil.as_teacher():
            self._teacher.write_context(latent_BFCHW, self._teacher_text)
        self._latest = [*self._latest, latent_BFCHW][-LONGEST_BLOCKS:]
        self._block += 1

    def _denoiser(self) -> Denoiser:
        layers = self._pupil.transformer.config.layers
        tokens = self._geometry.tokens_per_frame
        window = RollingWindow(layers, tokens, WINDOW_FRAMES, self._sink_frames, relative=True)
        return Denoiser(self._pupil.transformer, window)

    def _noise(self, seed: int) -> Callable[[], Tensor]:
        device = self._pupil.transformer.patch_embedding.weight.device
        generator = torch.Generator(device).manual_seed(seed)
        shape = (self._count, *self._geometry.latent_block_shape)
        return lambda: torch.randn(shape, generator=generator, device=device)


def teacher_path(level: Level) -> list[Level]:
    """The levels of the teacher's path from `level` to clean latents, evenly spaced by step."""
    spaced = [TRAINING_STEPS * (index + 1) // TEACHER_STEPS for index in range(TEACHER_STEPS)]
    below = [lower for lower in levels(spaced[::-1]) if lower.sigma < level.sigma - 1e-4]
    return [level, *below, Level(0.0, 0.0)]


def add_adapter(transformer: Transformer, rank: int) -> None:
    """Give every linear layer inside the layers a LoRA adapter; only that is learned then."""
    names = [name for name, m in transformer.named_modules() if isinstance(m, nn.Linear)]
    inside = [name for name in names if name.startswith("blocks.")]
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=inside)
    inject_adapter_in_model(config, transformer)


def adapter_weights(transformer: Transformer) -> dict[str, Tensor]:
    """The adapter's tensors under the names that `lora.pt` gives them."""
    weights = get_peft_model_state_dict(transformer)
    return {f"base_model.model.{name}": tensor.contiguous() for name, tensor in weights.items()}
