"""The training of the adapter: few steps, learned on the student's own running videos.

The student makes videos as a session does: window, re-cache, named steps. For every step of every
block the teacher says where its guided many-step path from the same noisy latents ends, under the
same history. On that the student is trained: so it learns sharp pictures in few steps, and to go
on from its own pictures rather than from perfect ones. Where the teacher's shapes are none, a
reward says so, and a path that ends in a wrong one counts for less.

Source: regression onto a teacher's ODE paths, as T. Yin et al., CausVid (2024), do at the start;
rolling out the student itself as X. Huang et al., Self Forcing (2025), do; guidance as J. Ho,
T. Salimans, Classifier-free diffusion guidance (2022).

Axes: B batch, F latent frames, C channels, H rows, W columns, S denoising steps, N keys and values
of all layers in turn, T tokens, D head size, L rows of text.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from longlive_widget.cache.text import TextMemory
from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import Level, levels
from longlive_widget.geometry import Geometry
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import TRAINING_STEPS
from longlive_widget.tiny.captions import caption, switch_caption
from longlive_widget.tiny.clips import WINDOW_FRAMES
from longlive_widget.tiny.reward import Reward, asked_for
from longlive_widget.tiny.scenes import LEARNED, MOST_THINGS, random_change, random_scene
from longlive_widget.tiny.teacher_forcing import after, first_rows, repeated
from longlive_widget.tiny.words import names_shape

SHORTEST_BLOCKS, LONGEST_BLOCKS = 2, 24
"""Of the student's videos, most of them short: a first block is the hardest."""
PUPILS = replace(LEARNED, two_things=0.6)
"""More pairs than prompts ask for: of two things few steps lose more than of one."""
SWITCH_SHARE = 0.4
TEACHER_STEPS = 12
SHAPE_WEIGHT = 0.3
"""Of a shape that is not read as the one asked for, against the error of the flow."""
REWARDED_STEPS = 2
"""So many of the last steps: the first ones cannot know yet what is to be seen in the end."""
WRONG_PATH_WEIGHT = 0.3
"""Of a teacher's path that ends in a shape that is clearly another one than was asked for."""
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


@dataclass(frozen=True)
class AttemptForm:
    """How attempts run.

    `kept_frames`: so many latent frames are remembered. `recached_frames`: so many of these, and of
    those that have left since, a re-cache right before the block has passed. `sink_stays`: that
    pass has left the sink as it was.
    """

    kept_frames: int
    recached_frames: int = 0
    sink_stays: bool = False


@dataclass(frozen=True, eq=False)
class Attempts:
    """A block of some of the student's videos: what it saw, and what the teacher makes of that."""

    form: AttemptForm
    memory_BNTHD: Tensor
    recached_BFCHW: Tensor
    """The latents that a re-cache right before the block has passed, none where there was none."""
    x_BSFCHW: Tensor
    """The noisy latents before each step."""
    target_BSFCHW: Tensor
    """Where the teacher's path from there ends."""
    weight_BS: Tensor
    """How much of that is learned."""
    embeds_BLC: Tensor
    asked_BTK: Tensor
    """The numbers of colour and shape of each thing, as `Reward` takes them."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All but the form, in their order."""
        return (
            self.memory_BNTHD,
            self.recached_BFCHW,
            self.x_BSFCHW,
            self.target_BSFCHW,
            self.weight_BS,
            self.embeds_BLC,
            self.asked_BTK,
        )

    def __len__(self) -> int:
        return len(self.embeds_BLC)

    def __getitem__(self, rows: Tensor) -> "Attempts":
        """Those of some of the videos."""
        return Attempts(self.form, *(tensor[rows] for tensor in self.tensors))


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


class RecachedWindow:
    """A window while it is written anew: the sink, where it stays, and all that one pass writes."""

    relative = True

    def __init__(self, sink_BNTHD: Tensor, sink_frames: int, frames: int) -> None:
        self._sink = sink_BNTHD.unflatten(1, (-1, 2)).unbind(1)
        self._written: list[Tensor] = []
        self.key_positions = tuple(range(sink_frames + frames))
        self.query_positions = self.key_positions[sink_frames:]

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """What the layer remembers of the sink, then what the pass has written."""
        self._written += [k_BTHD, v_BTHD]
        k, v = self._sink[layer].type_as(k_BTHD).unbind(1)
        return after(k, k_BTHD), after(v, v_BTHD)

    @property
    def written_BNTHD(self) -> Tensor:
        """What the pass has written, all layers in turn."""
        return torch.stack(self._written, dim=1)


class Distillation:
    """The loss of a student on attempts."""

    def __init__(
        self, transformer: Transformer, steps: Sequence[Level], sink_frames: int, reward: Reward
    ) -> None:
        self._transformer = transformer
        self._sink_frames = sink_frames
        self._steps = tuple(steps)
        self._reward = reward

    def loss(
        self,
        form: AttemptForm,
        memory_BNTHD: Tensor,
        recached_BFCHW: Tensor,
        x_BSFCHW: Tensor,
        target_BSFCHW: Tensor,
        weight_BS: Tensor,
        embeds_BLC: Tensor,
        asked_BTK: Tensor,
    ) -> Tensor:
        """How far the flow leads from where the teacher's path ends, and from the shapes asked for.

        The squared error of the first over all steps, by what each path weighs, and the shortfall
        of the last steps in the second. Through a re-cache gradients flow: it learns what to write.
        """
        frames = x_BSFCHW.shape[2]
        text = self._transformer.read_text(embeds_BLC)
        if form.recached_frames:
            memory_BNTHD = self._written_anew(form, memory_BNTHD, recached_BFCHW, text)
        losses, made = [], []
        for step, level in enumerate(self._steps):
            x_BFCHW, target_BFCHW = x_BSFCHW[:, step], target_BSFCHW[:, step]
            window = HeldWindow(memory_BNTHD, form.kept_frames, frames)
            told_BF = x_BFCHW.new_full(x_BFCHW.shape[:2], level.timestep)
            flow = self._transformer(x_BFCHW, told_BF, text, window)
            error_BFCHW = (flow - (x_BFCHW - target_BFCHW) / level.sigma).square()
            losses.append((error_BFCHW.flatten(1).mean(1) * weight_BS[:, step]).mean())
            made.append(level.clean(x_BFCHW, flow))
        last = made[-REWARDED_STEPS:]
        shortfall = self._reward.shortfall(torch.cat(last), asked_BTK.repeat(len(last), 1, 1))
        return torch.stack(losses).mean() + SHAPE_WEIGHT * shortfall

    def _written_anew(
        self, form: AttemptForm, memory_BNTHD: Tensor, recached_BFCHW: Tensor, text: TextMemory
    ) -> Tensor:
        """What is kept of memory that is written anew: the sink, and as much as goes beside it.

        The sink stays as it is where the window was full, or else it is written anew too.
        """
        sink_tokens = self._sink_frames * (memory_BNTHD.shape[2] // form.kept_frames)
        stays_BNTHD = memory_BNTHD[:, :, : sink_tokens * form.sink_stays]
        frames = self._sink_frames * form.sink_stays
        window = RecachedWindow(stays_BNTHD, frames, form.recached_frames)
        told_BF = recached_BFCHW.new_zeros(recached_BFCHW.shape[:2])
        self._transformer(recached_BFCHW, told_BF, text, window)
        whole_BNTHD = torch.cat([stays_BNTHD, window.written_BNTHD.type_as(stays_BNTHD)], dim=2)
        sink_BNTHD, others_BNTHD = whole_BNTHD.tensor_split([sink_tokens], dim=2)
        latest = memory_BNTHD.shape[2] - sink_tokens
        gone = others_BNTHD.shape[2] - latest
        return torch.cat([sink_BNTHD, others_BNTHD[:, :, gone:]], dim=2)


class Videos:
    """Many running videos of the student, and the teacher's memory of the same pictures."""

    def __init__(
        self,
        pupil: Pupil,
        geometry: Geometry,
        sink_frames: int,
        count: int,
        steps: Sequence[Level],
        reward: Reward,
    ) -> None:
        self._pupil = pupil
        self._reward = reward
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
        ends = self._path_ends(seen)
        attempts = Attempts(
            AttemptForm(self._frames_in(kept), self._recached.shape[1], self._sink_stays),
            self._stacked(kept, self._count),
            self._recached,
            torch.stack(seen, dim=1),
            torch.stack(ends, dim=1),
            torch.stack([self._trust(end) for end in ends], dim=1),
            self._embeds,
            self._asked_BTK,
        )
        self._remember(x0)
        return attempts

    def _steer(self, rng: random.Random) -> None:
        """Begin new videos where these have ended, or switch all their prompts now and then."""
        nothing = (self._count, 0, *self._geometry.latent_block_shape[1:])
        self._recached, self._sink_stays = torch.empty(nothing, device=self._device), False
        if self._block == self._length:
            self._begin(rng)
            return
        if rng.random() > SWITCH_SHARE:
            return
        before_BTK = self._asked_BTK
        prompts = [self._switched(index, rng) for index in range(self._count)]
        self._read(prompts)
        self._ask(prompts, before_BTK)
        frame = self._block * self._geometry.block_frames
        latest = torch.cat(self._latest, dim=1)[:, -WINDOW_FRAMES:]
        self._student.recache(latest, frame, self._student_text)
        self._sink_stays = frame > WINDOW_FRAMES
        self._recached = latest[:, self._sink_frames * self._sink_stays :]
        with self._pupil.as_teacher():
            self._teacher.recache(_twice(latest), frame, self._teacher_text)

    def _begin(self, rng: random.Random) -> None:
        longer = LONGEST_BLOCKS / SHORTEST_BLOCKS
        self._length = round(SHORTEST_BLOCKS * longer ** rng.random())
        self._block = 0
        self._latest: list[Tensor] = []
        self._student, self._teacher = self._denoiser(), self._denoiser()
        self._scenes = [random_scene(rng, PUPILS) for _ in range(self._count)]
        self._read([caption(scene, rng) for scene in self._scenes])
        self._asked_BTK = asked_for([scene.things for scene in self._scenes]).to(self._device)

    def _switched(self, index: int, rng: random.Random) -> str:
        change = random_change(rng, self._scenes[index], LEARNED)
        self._scenes[index] = self._scenes[index].switched(change, self._scenes[index].since + 1)
        return switch_caption(self._scenes[index], change, rng)

    def _ask(self, prompts: list[str], before_BTK: Tensor) -> None:
        """What shapes the new prompts ask for: a shape that is not named is to stay as it is seen.

        Where it is not seen clearly, it is to be what was asked for before.
        """
        asked_BTK = asked_for([scene.things for scene in self._scenes]).to(self._device)
        seen_BT = self._reward.shapes_seen(self._latest[-1], before_BTK[..., 0])
        kept_BT = torch.where(seen_BT < 0, before_BTK[..., 1], seen_BT)
        named_BT = torch.tensor(
            [
                [
                    slot < len(scene.things) and names_shape(prompt, scene.things[slot].shape)
                    for slot in range(MOST_THINGS)
                ]
                for prompt, scene in zip(prompts, self._scenes, strict=True)
            ],
            device=self._device,
        )
        asked_BTK[..., 1] = torch.where(named_BT, asked_BTK[..., 1], kept_BT)
        self._asked_BTK = asked_BTK

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

    def _trust(self, end_BFCHW: Tensor) -> Tensor:
        """How much each video learns from a path, by the shapes that it ends in, `B`.

        A thing that is not to be seen there, or not clearly, counts as right.
        """
        seen_BT = self._reward.shapes_seen(end_BFCHW, self._asked_BTK[..., 0])
        wrong_BT = (seen_BT >= 0) & (seen_BT != self._asked_BTK[..., 1])
        return torch.where(wrong_BT.any(1), WRONG_PATH_WEIGHT, 1.0)

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
