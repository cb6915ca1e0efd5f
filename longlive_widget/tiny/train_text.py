"""The training of the text encoder: it learns what prompts say.

The full-size model gets its text encoder ready-made, trained on language alone; so does this one.
From the mean of a prompt's rows a linear layer must say what each thing is, looks like and does,
and what a switch changes. The layer is thrown away: what remains is an encoder whose rows tell it
to whoever attends to them, however evenly.

Axes: B batch, L tokens, Q questions.
"""

import json
import random
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from longlive_widget.engine.model import TEXT_ENCODER, Placement, fresh_model, save_weights
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.umt5 import TOKEN_EMBEDDING
from longlive_widget.tiny.captions import caption, switch_caption
from longlive_widget.tiny.grounds import GROUNDS
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.motions import MOTIONS, SPEEDS
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.scenes import (
    COLORS,
    LEARNED,
    SIZES,
    Change,
    Thing,
    random_change,
    random_scene,
)
from longlive_widget.tiny.shapes import SHAPES
from longlive_widget.tiny.team import Team
from longlive_widget.tiny.training import MadeAhead, Stage
from longlive_widget.tiny.words import PLURAL_SHAPES

TEXT_RATE = 2e-3
SWITCH_SHARE = 0.3
TWO_THINGS_SHARE = 0.5
"""More than the scenes have: which word belongs to which thing is the hard part."""
_OF_A_THING: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "color": COLORS,
    "size": SIZES,
    "motion": MOTIONS,
    "speed": SPEEDS,
}
QUESTIONS: dict[str, tuple[str, ...]] = {
    **{f"first {name}": values for name, values in _OF_A_THING.items()},
    **{f"second {name}": values for name, values in _OF_A_THING.items()},
    **{f"new {name}": values for name, values in _OF_A_THING.items()},
    "ground": GROUNDS,
}
"""What a prompt is asked, and the answers that there are. The first thing is the left one."""
_NO_ANSWER = -100
_SINGULARS = {plural: shape for shape, plural in PLURAL_SHAPES.items()}
_UNSEEN_PROMPTS = 2000


@dataclass(frozen=True, eq=False)
class Exam:
    """Prompts, and the right answers to `QUESTIONS`, `BQ`; some questions have none."""

    prompts: tuple[str, ...]
    answers_BQ: Tensor


def exam(seed: int, count: int, number: int) -> Exam:
    """That many prompts; the seed and the number say which."""
    rng = random.Random(f"text {seed} {number}")
    asked = [_asked(rng) for _ in range(count)]
    return Exam(tuple(prompt for prompt, _ in asked), torch.tensor([row for _, row in asked]))


class Reader(nn.Module):
    """A text encoder with the layer that answers for it."""

    def __init__(self, text_encoder: TextEncoder) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        answers = sum(len(values) for values in QUESTIONS.values())
        self.answer = nn.Linear(text_encoder.config.dim, answers)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> tuple[Tensor, ...]:
        """For each question how likely each answer is, as logits."""
        rows_BLC = self.text_encoder(ids_BL, mask_BL)
        mean_BC = rows_BLC.sum(1) / mask_BL.sum(1, keepdim=True)
        said: tuple[Tensor, ...] = self.answer(mean_BC).split(
            [len(v) for v in QUESTIONS.values()], 1
        )
        return said

    def loss(self, ids_BL: Tensor, mask_BL: Tensor, answers_BQ: Tensor) -> Tensor:
        """Cross entropy in nats, summed over the questions; of each the mean over who has one."""
        losses = [
            F.cross_entropy(said, right, ignore_index=_NO_ANSWER, reduction="sum")
            / (right != _NO_ANSWER).sum().clamp(min=1)
            for said, right in zip(self(ids_BL, mask_BL), answers_BQ.unbind(1), strict=True)
        ]
        return torch.stack(losses).sum()


def train_text(
    stage: Stage,
    model_folder: Path,
    *,
    seed: int,
    device: str,
    batch: int,
    workers: int = 0,
) -> bool:
    """Teach the text encoder of a model's folder, or go on where an earlier run stopped.

    Returns:
        Whether all steps are done.

    Writes into the stage's folder: `text_encoder.safetensors`, `text_encoder.json` (the share of
    right answers to each question over unseen prompts), and the loss in `text.curve.jsonl`.
    """
    team = Team.joined()
    place = team.device(device)
    torch.manual_seed(seed)
    encoder = fresh_model(model_folder, Placement(place)).text_encoder
    reader = Reader(encoder).to(place).requires_grad_()
    modules = nn.ModuleDict({"reader": reader})
    learner = Learner(modules, optimizers_for(modules, (), rate=TEXT_RATE), team)
    exams = MadeAhead(partial(exam, team.seed(seed), batch), workers)

    def descend_at(step: int) -> Tensor:
        inputs = _tensors(exams.at(step), encoder, place)
        return learner.descend("exam", reader.loss, inputs)

    finished = stage.run(learner, descend_at)
    if team.leads:
        learner.load_average()
        right = right_answers(reader, exam(seed, _UNSEEN_PROMPTS, -1), place)
        (stage.folder / "text_encoder.json").write_text(json.dumps(right, indent=2) + "\n")
        save_weights(stage.folder / TEXT_ENCODER, encoder.state_dict())
    return finished


@torch.no_grad()
def right_answers(reader: Reader, asked: Exam, device: torch.device) -> dict[str, float]:
    """The share of right answers to each question."""
    ids_BL, mask_BL, answers_BQ = _tensors(asked, reader.text_encoder, device)
    shares = {}
    for name, said, right in zip(
        QUESTIONS, reader(ids_BL, mask_BL), answers_BQ.unbind(1), strict=True
    ):
        has_one = right != _NO_ANSWER
        shares[name] = round(float((said.argmax(1) == right)[has_one].float().mean()), 4)
    return shares


def known_words(before: TextEncoder, now: TextEncoder) -> dict[str, Tensor]:
    """The weights of one encoder for another, whose vocabulary may be another one.

    A word keeps what it meant, whatever its place. A new plural begins as its singular, any other
    new word as the mean of all that were known.
    """
    weights = before.state_dict()
    known, rows_VD = before.vocabulary, weights[TOKEN_EMBEDDING]
    words_VD = rows_VD.mean(0).repeat(len(now.vocabulary), 1)
    for word, row in now.vocabulary.items():
        like = word if word in known else _SINGULARS.get(word)
        if like in known:
            words_VD[row] = rows_VD[known[like]]
    return weights | {TOKEN_EMBEDDING: words_VD}


def _asked(rng: random.Random) -> tuple[str, list[int]]:
    """A prompt, and the number of the right answer to each question."""
    vocabulary = replace(LEARNED, two_things=TWO_THINGS_SHARE)
    scene = random_scene(rng, vocabulary)
    nothing = [_NO_ANSWER] * len(_OF_A_THING)
    if rng.random() >= SWITCH_SHARE:
        first, *others = scene.things
        second = _answers(others[0]) if others else nothing
        row = [*_answers(first), *second, *nothing, GROUNDS.index(scene.ground)]
        return caption(scene, rng), row
    change = random_change(rng, scene, vocabulary)
    switched = scene.switched(change, 1)
    new = _answers(switched.things[change.thing], change)
    ground = _NO_ANSWER if change.ground is None else GROUNDS.index(change.ground)
    return switch_caption(switched, change, rng), [*nothing, *nothing, *new, ground]


def _answers(thing: Thing, change: Change | None = None) -> list[int]:
    """What a thing is like; where a change led to it, only that which the change names."""
    return [
        values.index(getattr(thing, name))
        if change is None or getattr(change, name) is not None
        else _NO_ANSWER
        for name, values in _OF_A_THING.items()
    ]


def _tensors(
    asked: Exam, text_encoder: TextEncoder, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    ids_BL, mask_BL = text_encoder.tokenize(asked.prompts)
    return ids_BL.to(device), mask_BL.to(device), asked.answers_BQ.to(device)
