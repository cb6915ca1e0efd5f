"""The text encoder's last stage: other wordings are heard as captions are."""

import random
from dataclasses import replace
from itertools import product
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import pytest
import torch

from longlive_widget.engine.model import (
    ADAPTER,
    TEXT_ENCODER,
    TOKENIZER,
    Placement,
    Sizes,
    load_model,
)
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import CapabilityError, CheckpointError
from longlive_widget.model.attention import math_attention
from longlive_widget.model.checkpoint import read_weights
from longlive_widget.model.tokenizer import load_tokenizer
from longlive_widget.presets import PRESETS
from longlive_widget.tiny import train, train_wording
from longlive_widget.tiny.captions import caption
from longlive_widget.tiny.loose_captions import loose_caption
from longlive_widget.tiny.scenes import SIMPLE
from longlive_widget.tiny.tokenizer import save_tokenizer, tiny_tokenizer
from longlive_widget.tiny.train_text import known_words
from longlive_widget.tiny.train_wording import Reworded, Wording, random_scenes, reworded
from longlive_widget.tiny.words import COLOR_WORDS, SHAPE_WORDS, labels, places

STEPS = levels(PRESETS["reference"].denoise_steps)
SCENES = 4


@pytest.fixture(scope="module")
def model():
    return load_model(model_folder("tiny"), Placement(torch.device("cpu")))


@pytest.fixture(scope="module")
def wording(model):
    return Wording(model)


@pytest.fixture(scope="module")
def asked(wording):
    torch.manual_seed(0)
    rng = random.Random(0)
    return wording.questions(random_scenes(rng, SCENES), STEPS, rng)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch) -> train.Plan:
    """A whole model whose tokenizer has fewer words than captions of today."""
    monkeypatch.setattr(train_wording, "SET_SCENES", SCENES)
    monkeypatch.setattr(train_wording, "RESUMED_SETS", 2)
    monkeypatch.setattr(train, "_write_samples", lambda _: None)
    run = train.Plan(tmp_path, device="cpu", batch=2, steps=3)
    copytree(model_folder("tiny"), run.model_folder)
    fewer = replace(SIMPLE, colors=("red", "blue", "yellow"))
    save_tokenizer(run.model_folder / TOKENIZER, fewer)
    words = len(tiny_tokenizer(fewer))
    sizes = Sizes.read(run.model_folder)
    replace(sizes, text_encoder=replace(sizes.text_encoder, vocab=words)).write(run.model_folder)
    weights = read_weights(run.model_folder / TEXT_ENCODER)
    weights["token_embedding.weight"] = weights["token_embedding.weight"][:words].clone()
    train_wording.save_weights(run.model_folder / TEXT_ENCODER, weights)
    return run


def test_captions_and_switches_are_to_mean_what_they_say_and_loose_words_what_a_caption_says():
    rng = random.Random(1)
    scenes = random_scenes(rng, 1000)
    lessons = [(scene, reworded(scene, rng)) for scene in scenes]
    loose = [(scene, lesson) for scene, lesson in lessons if lesson.said != lesson.meant]
    assert len(loose) / len(lessons) == pytest.approx(train_wording.LOOSE_SHARE, abs=0.05)
    assert any(" one " in lesson.said for _, lesson in loose)
    assert not any(" one " in lesson.meant for _, lesson in lessons)
    for scene, lesson in loose:
        for thing, text in product(scene.things, (lesson.said.lower(), lesson.meant.lower())):
            assert any(color in text for color in COLOR_WORDS[thing.color]), text
            assert any(shape in text for shape in SHAPE_WORDS[thing.shape]), text
        grounds = (*places(scene.ground), *labels(scene.ground))
        assert all(any(g in t.lower() for g in grounds) for t in (lesson.said, lesson.meant))
    changes = "it turns", "it becomes", "now"
    switches = [lesson for _, lesson in lessons if lesson.said.lower().startswith(changes)]
    assert len(switches) > 20
    assert all(lesson.said == lesson.meant for lesson in switches)


def test_tokens_of_each_pass_over_the_first_blocks_ask_in_each_layer(model, asked):
    passes = train_wording.ASKED_BLOCKS * (len(STEPS) + 1)
    heads, layers = model.transformer.config.heads, model.transformer.config.layers
    tokens = passes * train_wording.TOKENS_A_PASS
    size = (SCENES, layers, tokens, heads, model.transformer.config.head_dim)
    assert asked.query_BNTHD.shape == size
    assert len(asked.scenes) == SCENES


def test_asking_leaves_the_transformer_as_it_was(model, wording):
    attend, rows = model.transformer.attend, model.transformer.attend_rows
    rng = random.Random(2)
    model.transformer.attend_with(attend, rows=math_attention)
    try:
        wording.questions(random_scenes(rng, 1), STEPS, rng)
        assert model.transformer.attend is attend
        assert model.transformer.blocks[3].attend_rows is math_attention
    finally:
        model.transformer.attend_with(attend, rows=rows)


def test_the_loss_is_nothing_for_the_same_words_and_grows_with_what_is_meant_otherwise(
    model, wording, asked
):
    query = asked.query_BNTHD[:1].expand(3, -1, -1, -1, -1)
    meant = ["a red ball bounces on white", "a blue star spins at night", "a big ring rests at sea"]
    right = wording.answers(query, meant)

    def loss(*said: str) -> float:
        return float(
            wording.loss(
                model.text_encoder, *model.text_encoder.tokenize(said), query, right
            ).detach()
        )

    assert loss(*meant) == pytest.approx(0, abs=1e-6)
    near = loss("on white a red ball bounces", "at night a blue star spins", meant[2])
    far = loss("a blue star spins at night", "a red ball bounces on white", meant[2])
    assert 0 < near < far / 3


def test_loose_words_come_to_mean_what_captions_say(wording, asked):
    torch.manual_seed(0)
    pupil = load_model(model_folder("tiny"), Placement(torch.device("cpu"))).text_encoder
    pupil.requires_grad_()
    optimizer = torch.optim.AdamW(pupil.parameters(), lr=1e-3)
    rng = random.Random(3)
    query = asked.query_BNTHD[:, :, ::8]
    lessons = [Reworded(loose_caption(scene, rng), caption(scene, rng)) for scene in asked.scenes]
    right = wording.answers(query, [lesson.meant for lesson in lessons])
    told = pupil.tokenize([lesson.said for lesson in lessons])
    losses = []
    for _ in range(12):
        loss = wording.loss(pupil, *told, query, right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_the_words_of_a_model_are_replaced_when_all_steps_are_done_and_not_before(plan):
    before = read_weights(plan.model_folder / TEXT_ENCODER)
    transformer = (plan.model_folder / "transformer.safetensors").read_bytes()
    assert not train.train("wording", replace(plan, max_seconds=0))
    now = read_weights(plan.model_folder / TEXT_ENCODER)
    assert all(torch.equal(now[name], before[name]) for name in before)
    assert "pink" not in load_tokenizer(plan.model_folder / TOKENIZER).vocabulary
    assert train.train("wording", plan)
    taught = load_model(plan.model_folder, Placement(torch.device("cpu"))).text_encoder
    assert taught.vocabulary == tiny_tokenizer().vocabulary
    learned = taught.state_dict()
    words = learned.pop("token_embedding.weight")
    assert len(words) == len(tiny_tokenizer())
    assert any(not torch.equal(learned[name], before[name].float()) for name in learned)
    assert (plan.model_folder / "transformer.safetensors").read_bytes() == transformer


def test_a_word_keeps_what_it_meant_and_a_new_plural_means_its_singular(model, plan):
    fewer = load_model(plan.model_folder, Placement(torch.device("cpu"))).text_encoder
    rows = fewer.state_dict()["token_embedding.weight"]
    known = {w: row for w, row in fewer.vocabulary.items() if w not in {"balls", "two"}}
    forgetful = SimpleNamespace(vocabulary=known, state_dict=fewer.state_dict)
    weights = known_words(forgetful, model.text_encoder)["token_embedding.weight"]
    now = model.text_encoder.vocabulary
    for word in ("ball", "moves", "red"):
        assert torch.equal(weights[now[word]], rows[known[word]])
    assert torch.equal(weights[now["balls"]], rows[known["ball"]])
    assert torch.equal(weights[now["two"]], rows.mean(0))


def test_a_state_goes_on_with_no_other_model_than_that_which_it_began_with(plan):
    assert not train.train("wording", replace(plan, max_seconds=0))
    other = read_weights(plan.model_folder / ADAPTER)
    first = next(iter(other))
    train_wording.save_weights(plan.model_folder / ADAPTER, other | {first: other[first] * 2})
    with pytest.raises(CheckpointError, match=r"adapter own of the model .* delete .*state\.pt"):
        train.train("wording", plan)


def test_one_prompt_a_step_is_too_few(plan):
    with pytest.raises(CapabilityError, match=r"1 is too few: give it --batch 2 or more"):
        train.train("wording", replace(plan, batch=1))


@pytest.mark.parametrize("there", ["nothing", "an adapter of an older transformer"])
def test_the_stage_needs_an_adapter(plan, there):
    sizes = Sizes.read(plan.model_folder)
    replace(sizes, adapter=False).write(plan.model_folder)
    if there == "nothing":
        (plan.model_folder / ADAPTER).unlink()
    train.require_possible("wording", plan)
    with pytest.raises(CheckpointError, match=r"run the stage 'adapter' before 'wording'"):
        train.train("wording", plan)
