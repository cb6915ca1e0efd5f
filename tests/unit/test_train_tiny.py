"""The training command: stages in their order, weights that load, and going on after a stop."""

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import simplejpeg
import torch

from longlive_widget import Engine
from longlive_widget.cli import main
from longlive_widget.engine.model import (
    ADAPTER,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
    Placement,
    Sizes,
    fresh_model,
    load_model,
)
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import CapabilityError
from longlive_widget.model.checkpoint import read_weights
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.umt5 import TOKEN_EMBEDDING
from longlive_widget.presets import PRESETS
from longlive_widget.tiny import (
    clips,
    distill,
    optimizers,
    samples,
    train,
    train_autoencoder,
    train_reward,
)
from longlive_widget.tiny.clips import OPENING_SHARDS
from longlive_widget.tiny.probe import PROBE_PATH, load_probe
from longlive_widget.tiny.recipe import StageName
from longlive_widget.tiny.scenes import LEARNED, Vocabulary
from longlive_widget.tiny.teacher_forcing import TaughtWindow
from longlive_widget.tiny.tokenizer import save_tokenizer
from longlive_widget.tiny.train_probe import train_probe

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Clips, videos and rounds of the optimizer are few; what they are made of stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "SHARD_CLIPS", 2)
        patch.setattr(train, "POOL_SHARDS", 1)
        patch.setattr(train_reward, "SHARD_CLIPS", 2)
        patch.setattr(train_reward, "POOL_SHARDS", 1)
        patch.setattr(train_reward, "UNSEEN_CLIPS", 4)
        patch.setattr(clips, "ENCODED_CLIPS", 2)
        patch.setattr(distill, "TEACHER_STEPS", 4)
        patch.setattr(samples, "SAMPLES_A_GROUND", 1)
        patch.setattr(samples, "BLOCKS", 1)
        patch.setattr(train_autoencoder, "_UNSEEN_CLIPS", 1)
        patch.setattr(train_autoencoder, "_UNSEEN_PICTURES", 5)
        patch.setattr(train_autoencoder, "_CLIPS_AT_ONCE", 1)
        patch.setattr(optimizers, "NEWTON_SCHULZ_STEPS", 0)  # slow in 16 bits on most CPUs
        yield


def begun(folder: Path) -> train.Plan:
    """A run whose autoencoder and text encoder are there."""
    run = train.Plan(folder, device="cpu", batch=1, steps=2)
    shutil.copytree(model_folder("tiny"), run.model_folder)
    shutil.copy(run.model_folder / TEXT_ENCODER, run.taught_text)
    (run.model_folder / TRANSFORMER).unlink()
    return run


@pytest.fixture
def plan(tmp_path: Path) -> train.Plan:
    return begun(tmp_path)


@pytest.fixture
def without_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than the training of a few steps, and `straight` has them."""
    monkeypatch.setattr(train, "_write_samples", lambda _: None)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> train.Plan:
    """A run whose transformer was trained without a stop."""
    run = begun(tmp_path_factory.mktemp("straight"))
    assert train.train("transformer", run)
    return run


def test_a_stage_names_the_one_that_it_needs(plan: train.Plan, capsys):
    given = ["--stage", "adapter", "--folder", str(plan.folder), "--device", "cpu"]
    assert main(["train-tiny", *given]) == 2
    assert "run the stage 'transformer' before 'adapter'" in capsys.readouterr().err
    (plan.model_folder / TRANSFORMER).touch()
    assert main(["train-tiny", *given]) == 2
    assert "run the stage 'reward' before 'adapter'" in capsys.readouterr().err


def test_only_a_run_that_sets_out_from_nothing_begins_with_openings(plan: train.Plan, monkeypatch):
    def told(*_: object, openings: int) -> None:
        raise RuntimeError(f"begins with {openings} openings")

    monkeypatch.setattr(train, "outline", told)
    for begin_with, openings in ((None, OPENING_SHARDS), (model_folder("tiny"), 0)):
        with pytest.raises(RuntimeError, match=f"begins with {openings} openings"):
            train.train("transformer", replace(plan, begin_with=begin_with))


def test_the_trained_stages_are_a_model_that_makes_videos(straight: train.Plan, tmp_path: Path):
    plan = replace(straight, folder=tmp_path)
    shutil.copytree(straight.model_folder, plan.model_folder)
    assert train.train("reward", replace(plan, batch=2))
    told = json.loads((plan.folder / "reward.json").read_text())
    assert told["clips"] == 4
    assert all(0 <= share <= 1 for share in told["reading"].values())
    assert train.train("adapter", replace(plan, steps=1))
    engine = Engine.load(plan.model_folder)
    assert engine.model.sizes.adapter
    assert (plan.model_folder / ADAPTER).exists()
    (block,) = engine.session("a red ball").blocks(1)
    assert block.frames.shape == (9, 96, 160, 3)


def test_the_small_decoder_is_a_part_of_the_model_that_a_preset_can_ask_for(
    straight: train.Plan, tmp_path: Path
):
    plan = replace(straight, folder=tmp_path)
    shutil.copytree(straight.model_folder, plan.model_folder)
    assert train.train("small-decoder", plan)
    engine = Engine.load(plan.model_folder, PRESETS["reference"].with_(decoder="small"))
    (block,) = engine.session("a red ball").blocks(1)
    assert block.frames.shape == (9, 96, 160, 3)
    told = json.loads((plan.folder / "small-decoder.json").read_text())
    assert math.isfinite(told["quality"]["psnr_db"])


def test_each_trained_stage_shows_what_the_model_makes_of_every_ground(straight: train.Plan):
    shown = straight.folder / "samples"
    prompts = (shown / "prompts.md").read_text()
    for ground in LEARNED.grounds:
        picture = shown / f"{ground}.jpg"
        pixels = simplejpeg.decode_jpeg(picture.read_bytes())
        assert pixels.shape == (96, 8 * 160, 3)
        assert picture.name in prompts


@pytest.mark.parametrize(
    ("stage", "asked"),
    [
        ("probe", {"batch": 4}),
        ("probe", {"max_seconds": 9.0}),
        ("probe", {"begin_with": Path("tiny")}),
        ("probe", {"compiled": True}),
        ("adapter", {"begin_with": Path("tiny")}),
        ("reward", {"begin_with": Path("tiny")}),
        ("small-decoder", {"begin_with": Path("tiny")}),
        ("small-decoder", {"compiled": True}),
        ("text", {"begin_with": Path("tiny")}),
        ("text", {"compiled": True}),
        ("wording", {"begin_with": Path("tiny")}),
        ("wording", {"compiled": True}),
    ],
)
def test_a_stage_says_what_it_cannot_do(stage, asked, tmp_path: Path):
    (option,) = (name.replace("compiled", "compile") for name in asked)
    with pytest.raises(
        CapabilityError, match=f"the stage '{stage}' cannot do --{option.replace('_', '-')}"
    ):
        train.require_possible(stage, replace(train.Plan(tmp_path), **asked))


@pytest.mark.usefixtures("without_samples")
def test_an_adapter_goes_with_the_transformer_that_it_was_trained_on(
    straight: train.Plan, tmp_path: Path
):
    plan = replace(straight, folder=tmp_path)
    shutil.copytree(straight.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "transformer.state.pt").unlink()
    sizes = Sizes.read(plan.model_folder)
    replace(sizes, adapter=True).write(plan.model_folder)
    train.train("transformer", replace(plan, steps=1))
    assert not Sizes.read(plan.model_folder).adapter


def test_the_probe_needs_no_other_stage(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(train, "train_probe", partial(train_probe, videos=1, scenes=2))
    assert train.train("probe", train.Plan(tmp_path, device="cpu", steps=3))
    weights = read_weights(tmp_path / "model" / PROBE_PATH.name)
    assert weights.keys() == load_probe().state_dict().keys()


def test_a_model_that_another_sets_out_from_hands_over_its_weights_and_words(
    plan: train.Plan, tmp_path: Path
):
    older = tmp_path / "older"
    shutil.copytree(model_folder("tiny"), older)
    save_tokenizer(older / TOKENIZER, Vocabulary(shapes=("ball",)))
    before = load_model(older, Placement(CPU))
    model = fresh_model(plan.model_folder, Placement(CPU))
    train.take_over(model, older)
    ours, theirs = model.transformer.state_dict(), before.transformer.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    (new, words), (old, known) = (
        (m.text_encoder.state_dict()[TOKEN_EMBEDDING], m.text_encoder.vocabulary)
        for m in (model, before)
    )
    assert words["yellow"] != known["yellow"]
    assert torch.equal(new[words["yellow"]], old[known["yellow"]])
    assert "cross" not in known
    assert torch.equal(new[words["cross"]], old.mean(0))


def test_a_transformer_that_has_grown_does_the_same():
    torch.manual_seed(0)
    sizes = TransformerConfig(
        dim=24, heads=2, layers=3, ffn_dim=32, text_dim=8, text_length=4, frequency_dim=16
    )
    shallow, deep = Transformer(sizes), Transformer(replace(sizes, layers=5))
    deep.load_state_dict(train.grown(shallow.state_dict(), 5))
    x, told, embeds = torch.randn(2, 3, 16, 4, 6), torch.full((2, 3), 500.0), torch.randn(2, 4, 8)
    flows = []
    for network in (shallow, deep):
        window = TaughtWindow(network.config.layers)
        window.open_block(3)
        flows.append(network(x, told, network.read_text(embeds), window))
    assert torch.allclose(*flows, atol=1e-6)
    alike = shallow.blocks[1].self_attn.q.weight, deep.blocks[2].self_attn.q.weight
    assert torch.equal(*alike)
    assert deep.blocks[1].ffn[2].weight.eq(0).all()


@pytest.mark.usefixtures("without_samples")
@pytest.mark.parametrize("stage", ["transformer", "reward"])
def test_a_stopped_run_goes_on_to_the_same_weights(
    stage: StageName, straight: train.Plan, plan: train.Plan, tmp_path: Path
):
    whole = replace(straight, folder=tmp_path / "whole") if stage == "reward" else straight
    if stage == "reward":
        shutil.copytree(straight.model_folder, whole.model_folder)
        assert train.train(stage, whole)
    assert not train.train(stage, replace(plan, max_seconds=0))
    assert train.train(stage, plan)
    at_once, resumed = (
        torch.load(run.folder / f"{stage}.state.pt")["learner"]["modules"] for run in (whole, plan)
    )
    assert all(torch.equal(at_once[name], resumed[name]) for name in at_once)
