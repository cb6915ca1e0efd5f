"""Third stage of training: few steps, learned on the student's own running videos.

The student makes videos as a session does: window, re-cache, named steps. For every step of every
block the teacher says where its guided many-step path from the same noisy latents ends, under the
same history. On that the student is trained: so it learns sharp pictures in few steps, and to go
on from its own pictures rather than from perfect ones.

Source: regression onto a teacher's ODE paths, as T. Yin et al., CausVid (2024), do at the start;
rolling out the student itself as X. Huang et al., Self Forcing (2025), do; guidance as J. Ho,
T. Salimans, Classifier-free diffusion guidance (2022).

Axes: B batch, F latent frames, C channels, H rows, W columns, S denoising steps, N keys and values
of all layers in turn, T tokens, D head size, L rows of text.
"""

import random
from collections.abc import Iterator, Sequence
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
from longlive_widget.tiny.teacher_forcing import after, first_rows, repeated

SHORTEST_BLOCKS, LONGEST_BLOCKS = 2, 24
"""Of the student's videos, most of them short: a first block is the hardest."""
SWITCH_SHARE = 0.4
TEACHER_STEPS = 12
GUIDANCE = 2.0
"""How far the teacher goes from what it does without a prompt, past what it does with it."""
Kept = tuple[tuple[Tensor, Tensor], ...]
"""What a window keeps: keys and values of each layer, `BTHD`."""


@dataclass(frozen=True, eq=False)
class Pupil:
    """A transformer whose adapter is the student; without it, it is the teacher."""

    transformer: Transformer
    text_encoder: TextEncoder

    @contextmanager
    def as_teacher(self) -> Iterator[None]:
        """Inside, the adapter is off."""
        adapted = [m for m in self.transformer.modules() if isinstance(m, BaseTunerLayer)]
        for layer in adapted:
            layer.enable_adapters(enabled=False)
        try:
            yield
        finally:
            for layer in adapted:
                layer.enable_adapters(enabled=True)


@dataclass(frozen=True, eq=False)
class Attempts:
    """A block of some of the student's videos: what it saw, and what the teacher makes of that.

    All of them remember `kept_frames` latent frames.
    """

    kept_frames: int
    memory_BNTHD: Tensor
    x_BSFCHW: Tensor
    """The noisy latents before each step."""
    target_BSFCHW: Tensor
    """Where the teacher's path from there ends."""
    embeds_BLC: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All but the number of frames, in their order."""
        return self.memory_BNTHD, self.x_BSFCHW, self.target_BSFCHW, self.embeds_BLC

    def __len__(self) -> int:
        return len(self.embeds_BLC)

    def __getitem__(self, rows: Tensor) -> "Attempts":
        """Those of some of the videos."""
        return Attempts(self.kept_frames, *(tensor[rows] for tensor in self.tensors))


class HeldWindow:
    """A window whose memory is given and stays as it is; several copies of a video may read it."""

    relative = True

    def __init__(self, memory_BNTHD: Tensor, kept_frames: int, open_frames: int) -> None:
        self._layers = memory_BNTHD.unflatten(1, (-1, 2)).unbind(1)
        self.key_positions = tuple(range(kept_frames + open_frames))
        self.query_positions = self.key_positions[kept_frames:]

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """What the layer remembers, then what the open block has written."""
        k, v = self._layers[layer].type_as(k_BTHD).unbind(1)
        return after(k, k_BTHD), after(v, v_BTHD)


class Distillation:
    """The loss of a student on attempts."""

    def __init__(self, transformer: Transformer, steps: Sequence[Level]) -> None:
        self._transformer = transformer
        self._steps = tuple(steps)

    def loss(
        self,
        kept_frames: int,
        memory_BNTHD: Tensor,
        x_BSFCHW: Tensor,
        target_BSFCHW: Tensor,
        embeds_BLC: Tensor,
    ) -> Tensor:
        """Mean squared error of the flow to where the teacher's path ends, over all steps."""
        frames = x_BSFCHW.shape[2]
        text = self._transformer.read_text(embeds_BLC)
        losses = []
        for step, level in enumerate(self._steps):
            x_BFCHW, target_BFCHW = x_BSFCHW[:, step], target_BSFCHW[:, step]
            window = HeldWindow(memory_BNTHD, kept_frames, frames)
            told_BF = x_BFCHW.new_full(x_BFCHW.shape[:2], level.timestep)
            flow = self._transformer(x_BFCHW, told_BF, text, window)
            losses.append((flow - (x_BFCHW - target_BFCHW) / level.sigma).square().mean())
        return torch.stack(losses).mean()


class Videos:
    """Many running videos of the student, and the teacher's memory of the same pictures."""

    def __init__(
        self,
        pupil: Pupil,
        geometry: Geometry,
        sink_frames: int,
        count: int,
        steps: Sequence[Level],
    ) -> None:
        self._pupil = pupil
        self._geometry = geometry
        self._sink_frames = sink_frames
        self._count = count
        self._steps = tuple(steps)
        self._length = self._block = 0

    @torch.no_grad()
    def go_on(self, seed: int) -> Attempts:
        """Make the next block of every video, in the student's steps."""
        rng = random.Random(seed)
        frames = self._geometry.block_frames
        self._steer(rng)
        for denoiser in (self._student, self._teacher):
            denoiser.window.open_block(self._block * frames, frames)
        kept = self._student.window.kept
        generator = torch.Generator(self._device).manual_seed(seed)
        seen = [self._noise(generator)]
        for index, level in enumerate(self._steps):
            flow = self._student.flow(seen[-1], level.timestep, self._student_text)
            x0 = level.clean(seen[-1], flow)
            if index + 1 < len(self._steps):
                seen.append(self._steps[index + 1].noisy(x0, self._noise(generator)))
        attempts = Attempts(
            self._frames_in(kept),
            self._stacked(kept, self._count),
            torch.stack(seen, dim=1),
            torch.stack(self._path_ends(seen), dim=1),
            self._embeds,
        )
        self._remember(x0)
        return attempts

    def _steer(self, rng: random.Random) -> None:
        """Begin new videos where these have ended, or switch all their prompts now and then."""
        if self._block == self._length:
            self._begin(rng)
            return
        if rng.random() > SWITCH_SHARE:
            return
        self._read([self._switched(index, rng) for index in range(self._count)])
        frame = self._block * self._geometry.block_frames
        latest = torch.cat(self._latest, dim=1)[:, -WINDOW_FRAMES:]
        self._student.recache(latest, frame, self._student_text)
        with self._pupil.as_teacher():
            self._teacher.recache(_twice(latest), frame, self._teacher_text)

    def _begin(self, rng: random.Random) -> None:
        longer = LONGEST_BLOCKS / SHORTEST_BLOCKS
        self._length = round(SHORTEST_BLOCKS * longer ** rng.random())
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
        """Take in prompts; the teacher has each video twice, with its prompt and then without."""
        transformer, encode = self._pupil.transformer, self._pupil.text_encoder.encode
        self._embeds = encode(prompts)
        self._student_text = transformer.read_text(self._embeds)
        with self._pupil.as_teacher():
            unprompted = encode([""]).expand_as(self._embeds)
            self._teacher_text = transformer.read_text(torch.cat([self._embeds, unprompted]))

    def _path_ends(self, seen: Sequence[Tensor]) -> list[Tensor]:
        """Where the teacher's guided paths of small steps end, from what each step has seen.

        The paths go side by side: one that sets out from less noise joins in at its own level.
        """
        kept = self._teacher.window.kept
        memory = self._stacked(kept, 2 * self._count)
        window = HeldWindow(memory, self._frames_in(kept), self._geometry.block_frames)
        texts = repeated(self._teacher_text, len(seen))
        ends = list(seen)
        with self._pupil.as_teacher():
            for here, there in pairwise(teacher_path(self._steps)):
                going = [x for x, level in zip(ends, self._steps, strict=True) if level >= here]
                x_SBFCHW = torch.stack(going)
                both = torch.stack([x_SBFCHW, x_SBFCHW], dim=1)
                text = first_rows(texts, 2 * self._count * len(going))
                both_BFCHW = both.flatten(0, 2)
                told_BF = both.new_full(both_BFCHW.shape[:2], here.timestep)
                flow = self._pupil.transformer(both_BFCHW, told_BF, text, window).float()
                said, free = flow.view_as(both).unbind(1)
                guided = free + GUIDANCE * (said - free)
                ends[: len(going)] = (x_SBFCHW + (there.sigma - here.sigma) * guided).unbind()
        return ends

    def _remember(self, latent_BFCHW: Tensor) -> None:
        self._student.write_context(latent_BFCHW, self._student_text)
        with self._pupil.as_teacher():
            self._teacher.write_context(_twice(latent_BFCHW), self._teacher_text)
        window_blocks = -(-WINDOW_FRAMES // self._geometry.block_frames)
        self._latest = [*self._latest, latent_BFCHW][-window_blocks:]
        self._block += 1

    def _frames_in(self, kept: Kept) -> int:
        return kept[0][0].shape[1] // self._geometry.tokens_per_frame if kept else 0

    def _stacked(self, kept: Kept, videos: int) -> Tensor:
        """Memory as one tensor, `BNTHD`; without a token where nothing is remembered."""
        config = self._pupil.transformer.config
        if not kept:
            shape = (videos, 2 * config.layers, 0, config.heads, config.head_dim)
            return torch.empty(shape, device=self._device)
        return torch.stack([tensor for layer in kept for tensor in layer], dim=1)

    def _denoiser(self) -> Denoiser:
        layers = self._pupil.transformer.config.layers
        tokens = self._geometry.tokens_per_frame
        window = RollingWindow(layers, tokens, WINDOW_FRAMES, self._sink_frames, relative=True)
        return Denoiser(self._pupil.transformer, window)

    def _noise(self, generator: torch.Generator) -> Tensor:
        shape = (self._count, *self._geometry.latent_block_shape)
        return torch.randn(shape, generator=generator, device=self._device)

    @property
    def _device(self) -> torch.device:
        return self._pupil.transformer.patch_embedding.weight.device


def teacher_path(steps: Sequence[Level]) -> list[Level]:
    """The levels of the teacher's path to clean latents: evenly spaced by step, and `steps` too."""
    spaced = [TRAINING_STEPS * (index + 1) // TEACHER_STEPS for index in range(TEACHER_STEPS)]
    on_the_way = {level for level in (*levels(spaced), *steps) if level <= steps[0]}
    return [*sorted(on_the_way, reverse=True), Level(0.0, 0.0)]


def _twice(latent_BFCHW: Tensor) -> Tensor:
    return torch.cat([latent_BFCHW, latent_BFCHW])


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
