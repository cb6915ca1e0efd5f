"""The embedded model, read by the judge: it shows what a prompt names."""

import random

import numpy as np
import pytest
import torch

from longlive_widget import Engine, Timeline
from longlive_widget.engine.model import load_encoder
from longlive_widget.engine.source import model_folder
from longlive_widget.tiny.evaluate import FEWER_STEPS, fewer_steps_psnr_db
from longlive_widget.tiny.judge import Reading, read_scene
from longlive_widget.tiny.library import LIBRARY
from longlive_widget.tiny.scenes import LEARNED, draw, random_scene
from longlive_widget.tiny.train_autoencoder import SCENES, psnr_db, reconstructed

BIG_THINGS = {
    "a big red ball bounces on a white background": ("red", "ball", "bounces", "white"),
    "on black, a huge cyan square slides slowly up": ("cyan", "square", "moves up", "black"),
    "a big pink triangle rests on navy": ("pink", "triangle", "rests", "navy"),
    "grey ground, a large yellow square moves left": ("yellow", "square", "moves left", "grey"),
    "a big white triangle falls in the night sky": ("white", "triangle", "moves down", "night"),
    "a large purple ball circles over a meadow": ("purple", "ball", "circles", "meadow"),
}
BLOCKS = 5
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny")


def _read(engine: Engine, timeline: Timeline | str, blocks: int = BLOCKS) -> Reading:
    made = engine.session(timeline, seed=3).blocks(blocks)
    return read_scene(np.concatenate([block.frames for block in made])[-48:])


@pytest.mark.parametrize("prompt", BIG_THINGS)
def test_a_big_thing_is_what_its_prompt_says(engine: Engine, prompt: str):
    reading = _read(engine, prompt)
    (thing,) = reading.things
    assert (thing.color, thing.shape, thing.motion, reading.ground) == BIG_THINGS[prompt]


def test_a_switch_changes_what_it_names_and_keeps_the_rest(engine: Engine):
    timeline = Timeline.of(
        "a big pink triangle rests on navy", (15, "it becomes a big blue square")
    )
    reading = _read(engine, timeline, blocks=10)
    (thing,) = reading.things
    assert (thing.color, thing.shape) == ("blue", "square")
    assert (thing.motion, reading.ground) == ("rests", "navy")


@torch.inference_mode()
def test_the_small_decoder_makes_nearly_the_pictures_of_the_full_one(engine: Engine):
    encoder, model = load_encoder(model_folder("tiny"), CPU), engine.model
    draws = random.Random("small decoder")
    scenes = [random_scene(draws, LEARNED) for _ in range(2)]
    pictures = draw(scenes, 0, 33, CPU)
    assert model.small_decoder is not None
    small, full = (
        psnr_db((reconstructed(encoder, decoder, pictures) - pictures).square().mean())
        for decoder in (model.small_decoder, model.decoder)
    )
    assert 30 < small < full


@pytest.mark.slow
@torch.inference_mode()
def test_unseen_scenes_come_back_through_the_autoencoder_at_34_decibels(engine: Engine):
    encoder, draws = load_encoder(model_folder("tiny"), CPU), random.Random("eight clips")
    errors = []
    for _ in range(8):
        pictures = draw([random_scene(draws, SCENES)], 0, 33, CPU)
        seen = reconstructed(encoder, engine.model.decoder, pictures)
        errors.append((seen - pictures).square().mean())
    assert psnr_db(torch.stack(errors).mean()) >= 34


@pytest.mark.slow
def test_three_steps_are_nearer_to_four_than_two_in_each_of_five_seeds(engine: Engine):
    for seed in range(5):
        found = fewer_steps_psnr_db(engine, prompts=1, blocks=3, seed=seed)
        assert found.keys() == FEWER_STEPS.keys()
        assert found["3 steps"] > found["2 steps"], seed


def test_a_prompt_with_a_word_that_is_not_known_is_said_to_be_taken_without_it(engine: Engine):
    assert engine.unheeded("a red dragon") == (
        "prompt 'a red dragon' is taken without 'dragon', which tiny does not know"
    )


def test_every_prompt_to_begin_with_is_read_to_its_last_word(engine: Engine):
    assert [engine.unheeded(prompt) for prompt in LIBRARY] == [""] * len(LIBRARY)
