"""The text encoder's own stage: what prompts are asked, and that the answers are learned."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from longlive_widget.engine.model import TEXT_ENCODER, Placement, Sizes, fresh_model
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import CheckpointError
from longlive_widget.model.checkpoint import read_weights
from longlive_widget.tiny import train, train_text
from longlive_widget.tiny.tokenizer import save_tokenizer
from longlive_widget.tiny.train_text import QUESTIONS, Reader, exam, right_answers
from longlive_widget.tiny.words import COLOR_WORDS, SHAPE_WORDS, labels, places

CPU = torch.device("cpu")
NAMES = list(QUESTIONS)


@pytest.fixture
def begun(tmp_path: Path) -> train.Plan:
    """A run in which the autoencoder is done, so that there is a folder with a tokenizer."""
    plan = train.Plan(tmp_path, device="cpu", batch=8, steps=2)
    plan.model_folder.mkdir()
    sizes = Sizes.read(model_folder("tiny"))
    sizes.write(plan.model_folder)
    save_tokenizer(plan.model_folder / "tokenizer")
    (plan.model_folder / "autoencoder.safetensors").touch()
    return plan


def test_an_exam_depends_on_the_seed_and_its_number_alone():
    one, again, other = exam(1, 8, 3), exam(1, 8, 3), exam(1, 8, 4)
    assert one.prompts == again.prompts and torch.equal(one.answers_BQ, again.answers_BQ)
    assert one.prompts != other.prompts and one.prompts != exam(2, 8, 3).prompts


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("first color", COLOR_WORDS),
        ("second color", COLOR_WORDS),
        ("new color", COLOR_WORDS),
        ("first shape", SHAPE_WORDS),
        ("second shape", SHAPE_WORDS),
        ("new shape", SHAPE_WORDS),
        ("ground", None),
    ],
)
def test_the_right_answer_is_in_the_prompt(question: str, words: dict[str, tuple[str, ...]] | None):
    asked = exam(5, 300, 0)
    column = NAMES.index(question)
    answered = 0
    for prompt, row in zip(asked.prompts, asked.answers_BQ.tolist(), strict=True):
        if row[column] >= 0:
            value = QUESTIONS[question][row[column]]
            ways = (*labels(value), *places(value)) if words is None else words[value]
            assert any(way in prompt.lower() for way in ways), prompt
            answered += 1
    assert answered > 20


def test_a_thing_that_is_not_there_has_no_answer():
    asked = exam(5, 200, 1)
    second = [NAMES.index(f"second {name}") for name in ("shape", "color", "motion")]
    new = [NAMES.index(f"new {name}") for name in ("shape", "color", "motion")]
    first = [NAMES.index(f"first {name}") for name in ("shape", "color", "motion")]
    rows = asked.answers_BQ
    assert ((rows[:, second] >= 0).all(1) | (rows[:, second] < 0).all(1)).all()
    assert not ((rows[:, first] >= 0).any(1) & (rows[:, new] >= 0).any(1)).any()
    assert (rows[:, second] < 0).all(1).sum() > 50


def test_training_answers_better_than_guessing(begun: train.Plan):
    torch.manual_seed(0)
    reader = Reader(fresh_model(begun.model_folder, Placement(CPU)).text_encoder).requires_grad_()
    optimizer = torch.optim.AdamW(reader.parameters(), 2e-3)
    for step in range(25):
        loss = reader.loss(*train_text._tensors(exam(0, 48, step), reader.text_encoder, CPU))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = right_answers(reader, exam(0, 300, -1), CPU)
    assert right["ground"] > 0.3  # a guess is right in a tenth


def test_the_stage_leaves_what_the_transformer_sets_out_from(begun: train.Plan):
    assert train.train("text", begun)
    left = read_weights(begun.taught_text)
    fresh = fresh_model(begun.model_folder, Placement(CPU)).text_encoder.state_dict()
    assert left.keys() == fresh.keys()
    assert not all(torch.equal(left[name], fresh[name].half()) for name in left)
    assert set(json.loads((begun.folder / "text_encoder.json").read_text())) == set(QUESTIONS)


def test_the_transformer_needs_it_unless_another_model_has_one(begun: train.Plan):
    with pytest.raises(CheckpointError, match=f"no {TEXT_ENCODER}: run the stage 'text' before"):
        train.require_possible("transformer", begun)
    train.require_possible("transformer", replace(begun, begin_with=model_folder("tiny")))
