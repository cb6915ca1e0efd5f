"""The last training of the text encoder: it learns to read prompts as people type them.

Transformer and adapter stay as they are. The model makes the first blocks of drawn scenes under
captions, and what cross attention hears of a caption, layer by layer, is what it is to hear of the
same scene in looser words. The captions themselves, and prompts of switches, are to say what they
said before. So new wordings cost no new training of the transformer.

Source: a student that is taught the features of a teacher, as A. Romero et al., FitNets (2014), do.

Axes: B batch, N layers, T tokens that ask, H heads, D head size, C features, L rows of text.
"""

import json
import random
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.fingerprint import fingerprint
from longlive_widget.engine.model import (
    TEXT_ENCODER,
    TOKENIZER,
    Model,
    Placement,
    Sizes,
    load_model,
    save_weights,
)
from longlive_widget.engine.noise_schedule import Level, levels
from longlive_widget.errors import CapabilityError, CheckpointError
from longlive_widget.model.attention import torch_attention
from longlive_widget.model.checkpoint import load_strictly
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import PRESETS
from longlive_widget.tiny.captions import caption, switch_caption
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.loose_captions import loose_caption
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.scenes import LEARNED, Scene, random_change, random_scene
from longlive_widget.tiny.team import Team
from longlive_widget.tiny.tokenizer import save_tokenizer, tiny_tokenizer
from longlive_widget.tiny.train_text import known_words
from longlive_widget.tiny.training import Stage

WORDING_RATE = 1e-3
TWO_THINGS_SHARE = 0.5
SAME_SHAPE_SHARE = 0.6
"""Of the pairs: only things of one shape can be counted."""
LOOSE_SHARE, SWITCH_SHARE = 0.6, 0.2
"""Of the prompts of a step. The others are captions, which are to say what they said."""
ASKED_BLOCKS = 2
TOKENS_A_PASS = 32
"""So many tokens of each pass are remembered, drawn at random."""
TOKENS_A_STEP = 64
SET_SCENES = 32
STEPS_A_SET = 64
"""Videos of so many scenes are made at once, after so many steps."""
POOL_SETS = 48
"""So many sets are learned from at most; what they ask takes 37 MB each."""
RESUMED_SETS = 8
"""A run that goes on after a stop begins with so many new ones."""
LEAST_BATCH = 2


@dataclass(frozen=True, eq=False)
class Questions:
    """Scenes, and what tokens of their videos ask of the prompt in each layer."""

    scenes: tuple[Scene, ...]
    query_BNTHD: Tensor


@dataclass(frozen=True)
class Reworded:
    """A scene's prompt that is to be learned, and one that says the same and is understood."""

    said: str
    meant: str


def random_scenes(rng: random.Random, count: int) -> tuple[Scene, ...]:
    """Scenes to make videos of, with more pairs than prompts ask for."""
    return tuple(_random_scene(rng) for _ in range(count))


def reworded(scene: Scene, rng: random.Random) -> Reworded:
    """One lesson in a scene's words."""
    kind = rng.random()
    if kind < LOOSE_SHARE:
        return Reworded(loose_caption(scene, rng), meant=caption(scene, rng))
    said = caption(scene, rng)
    if kind < LOOSE_SHARE + SWITCH_SHARE:
        change = random_change(rng, scene, LEARNED)
        said = switch_caption(scene.switched(change, 1), change, rng)
    return Reworded(said, meant=said)


def train_wording(stage: Stage, model_folder: Path, *, seed: int, device: str, batch: int) -> bool:
    """Teach the text encoder of a whole model other wordings, or go on with new videos.

    Returns:
        Whether all steps are done. Only then are the words of `model_folder` replaced: its text
        encoder, and its tokenizer by that of today's captions, which may have more words.

    Keeps the loss in `wording.curve.jsonl`, and in `wording.teacher.json` hashes of the model that
    it began with: it goes on with no other, and with none that has no adapter.

    Raises:
        CapabilityError: one prompt a step, whose answers are compared with no other.
    """
    if batch < LEAST_BATCH:
        raise CapabilityError(
            f"the stage 'wording' compares the prompts of a step with each other, {batch} is too "
            f"few: give it --batch {LEAST_BATCH} or more"
        )
    team = Team.joined()
    place = team.device(device)
    torch.manual_seed(seed)
    model = load_model(model_folder, Placement(place))
    _require_teacher(model, stage, leads=team.leads)
    config = replace(model.sizes.text_encoder, vocab=len(tiny_tokenizer()))
    pupil = TextEncoder(config, tiny_tokenizer())
    load_strictly(pupil, known_words(model.text_encoder, pupil), model_folder)
    pupil.to(place).requires_grad_()
    modules = nn.ModuleDict({"text_encoder": pupil})
    learner = Learner(modules, optimizers_for(modules, (), rate=WORDING_RATE), team)
    wording = Wording(model)
    of_steps = levels(PRESETS["reference"].denoise_steps)
    pool: deque[Questions] = deque(maxlen=POOL_SETS)

    def descend_at(step: int) -> Tensor:
        rng = random.Random(f"wording {team.seed(seed)} {step}")
        torch.manual_seed(team.seed(seed) * 1_000_003 + step)
        resumed = step > 0 and not pool
        for _ in range(RESUMED_SETS if resumed else int(step % STEPS_A_SET == 0)):
            pool.append(wording.questions(random_scenes(rng, SET_SCENES), of_steps, rng))
        asked = rng.choice(pool)
        rows = rng.choices(range(len(asked.scenes)), k=batch)
        lessons = [reworded(asked.scenes[row], rng) for row in rows]
        ids_BL, mask_BL = pupil.tokenize([lesson.said for lesson in lessons])
        tokens = torch.randperm(asked.query_BNTHD.shape[2], device=place)[:TOKENS_A_STEP]
        query_BNTHD = asked.query_BNTHD[torch.tensor(rows, device=place)][:, :, tokens]
        right_BNTC = wording.answers(query_BNTHD, [lesson.meant for lesson in lessons])
        inputs = ids_BL.to(place), mask_BL.to(place), query_BNTHD, right_BNTC
        return learner.descend("wordings", partial(wording.loss, pupil), inputs)

    finished = stage.run(learner, descend_at)
    if finished and team.leads:
        learner.load_average()
        replace(Sizes.read(model_folder), text_encoder=config).write(model_folder)
        save_tokenizer(model_folder / TOKENIZER)
        save_weights(model_folder / TEXT_ENCODER, pupil.state_dict())
    return finished


class Wording:
    """Has a text encoder mean what another one does, for a transformer that hears both."""

    def __init__(self, model: Model) -> None:
        self._transformer = model.transformer
        self._text_encoder = model.text_encoder
        self._sizes = model.sizes
        outs = [layer.cross_attn.o.weight for layer in model.transformer.layers()]
        self._out_NCC = torch.stack(outs).detach()

    @torch.no_grad()
    def questions(
        self, scenes: Sequence[Scene], steps: Sequence[Level], rng: random.Random
    ) -> Questions:
        """Make the first blocks of a video of each scene, and keep what some tokens ask.

        Noise and tokens are torch's own generator's.
        """
        network, sizes = self._transformer, self._sizes
        embeds = self._text_encoder.encode([caption(scene, rng) for scene in scenes])
        text = network.read_text(embeds)
        layers, frames = network.config.layers, sizes.geometry.block_frames
        window = RollingWindow(
            layers,
            sizes.geometry.tokens_per_frame,
            sizes.window_frames,
            sizes.sink_frames,
            relative=True,
        )
        denoiser = Denoiser(network, window)
        noise = partial(
            torch.randn, (len(scenes), *sizes.geometry.latent_block_shape), device=embeds.device
        )
        with _listened_to(network) as asked:
            for block in range(ASKED_BLOCKS):
                window.open_block(block * frames, frames)
                latent_BFCHW = denoiser.denoise(noise(), lambda _: noise(), text, steps)
                denoiser.flow(latent_BFCHW, 0.0, text)  # a context pass in which all layers ask
        heard = []
        for at in range(0, len(asked), layers):
            of_a_pass_BNTHD = torch.stack(asked[at : at + layers], dim=1)
            tokens = torch.randperm(of_a_pass_BNTHD.shape[2], device=embeds.device)
            heard.append(of_a_pass_BNTHD[:, :, tokens[:TOKENS_A_PASS]].half())
        return Questions(tuple(scenes), torch.cat(heard, dim=2))

    @torch.no_grad()
    def answers(self, query_BNTHD: Tensor, prompts: Sequence[str]) -> Tensor:
        """What tokens hear of prompts by the encoder that teaches, `BNTC`."""
        return self._heard(query_BNTHD, self._text_encoder.encode(prompts))

    def loss(
        self, pupil: TextEncoder, ids_BL: Tensor, mask_BL: Tensor, query: Tensor, right: Tensor
    ) -> Tensor:
        """How far what is heard is from the right answers, in their variance of each layer."""
        error = (self._heard(query, pupil(ids_BL, mask_BL)) - right) @ self._out_NCC.mT
        spread = (right - right.mean(0)) @ self._out_NCC.mT
        return (error.square().mean((0, 2, 3)) / spread.square().mean((0, 2, 3))).mean()

    def _heard(self, query_BNTHD: Tensor, embeds_BLC: Tensor) -> Tensor:
        """What tokens see of the prompt in each layer, `BNTC`, before it is projected."""
        text = self._transformer.read_text(embeds_BLC.float())
        seen = [
            torch_attention(query_BTHD.type_as(k_BLHD), k_BLHD, v_BLHD).flatten(2)
            for query_BTHD, (k_BLHD, v_BLHD) in zip(query_BNTHD.unbind(1), text.layers, strict=True)
        ]
        return torch.stack(seen, dim=1)


def _random_scene(rng: random.Random) -> Scene:
    scene = random_scene(rng, replace(LEARNED, two_things=TWO_THINGS_SHARE))
    if len(scene.things) == 1 or rng.random() >= SAME_SHAPE_SHARE:
        return scene
    first, second = scene.things
    return replace(scene, things=(first, replace(second, shape=first.shape)))


@contextmanager
def _listened_to(transformer: Transformer) -> Iterator[list[Tensor]]:
    """Inside, the queries of cross attention, `BTHD`, of each layer in turn, pass after pass."""
    asked: list[Tensor] = []
    attend, rows = transformer.attend, transformer.attend_rows

    def listening(q_BTHD: Tensor, k_BLHD: Tensor, v_BLHD: Tensor) -> Tensor:
        asked.append(q_BTHD)
        return rows(q_BTHD, k_BLHD, v_BLHD)

    transformer.attend_with(attend, rows=listening)
    try:
        yield asked
    finally:
        transformer.attend_with(attend, rows=rows)


def _require_teacher(model: Model, stage: Stage, *, leads: bool) -> None:
    """Make sure that the model is the one that the stage began with, if it has begun."""
    if not model.sizes.adapter:
        raise CheckpointError(
            "the model has no adapter for its transformer: run the stage 'adapter' before 'wording'"
        )
    path, now = stage.folder / "wording.teacher.json", fingerprint(model)
    if not stage.state_path.exists():
        if leads:
            path.write_text(json.dumps(now, indent=2) + "\n")
        return
    before = json.loads(path.read_text())
    if changed := [part for part in before if before[part] != now.get(part)]:
        raise CheckpointError(
            f"{', '.join(changed)} of the model in {stage.folder} changed since the stage "
            "'wording' began, perhaps by its own end: to begin anew from the model as it is, "
            f"delete {stage.state_path}"
        )
