"""How far rounding goes: nothing where the preset computes as the exact one does, else measured."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from longlive_widget import PRESETS, Engine
from longlive_widget.cli import main
from longlive_widget.engine.model import RANDOM_WEIGHTS
from longlive_widget.errors import PresetError
from longlive_widget.measure import rounding as module
from longlive_widget.measure.likeness import Plan
from longlive_widget.measure.records import read
from longlive_widget.measure.rounding import Rounding, _by_picture, roundings

PLAN = Plan(prompts=1, blocks=2, size_px=(64, 48))
load = partial(Engine.load, "tiny", device="cpu")


@pytest.fixture(scope="module")
def found() -> dict[str, Rounding]:
    low, two = PRESETS["low_memory"], PRESETS["reference"].with_(denoise_steps=(1000, 250))
    some = roundings([PRESETS["reference"], low, two.with_(name="two")], load, PLAN)
    return {one.engine.preset.name: one for one in some}


def test_what_computes_in_float32_is_exact_and_a_window_in_8_bits_is_not(found):
    plain_of_two = "reference+denoise_steps=1000,250"
    assert list(found) == ["reference", "low_memory", plain_of_two]
    assert found["reference"].worst_db == found[plain_of_two].worst_db == float("inf")
    low = found["low_memory"]
    assert 30 < low.worst_db <= low.mean_db < 80
    assert len(low.squared_errors) == len(low.latent_errors) == PLAN.blocks
    assert found["reference"].latent_errors == [0.0] * PLAN.blocks
    assert low.latent_errors[0] < 1e-5, "float32 rounds as its numbers lie in memory"
    assert 1e-4 < low.latent_errors[1] < 0.1, "a window that is read"


def test_numbers_of_16_bits_are_rounded(found):
    half = partial(load, dtype="bfloat16")
    (one,) = roundings([PRESETS["reference"]], half, PLAN)
    assert one.engine.model.dtype == torch.bfloat16
    assert 20 < one.worst_db < found["low_memory"].worst_db


def test_presets_are_held_against_their_own_steps_window_and_decoder():
    found = _by_picture([*PRESETS.values(), PRESETS["ultra"].with_(decoder="small")])
    assert {plain.name: [one.name for one in some] for plain, some in found.items()} == {
        "reference": ["quality", "balanced", "speed", "low_memory"],
        "reference+denoise_steps=1000,500,250+window_frames=8": ["turbo", "turbo_fp8"],
        "reference+denoise_steps=1000,250+window_frames=6": ["ultra"],
        "reference+denoise_steps=1000,250+window_frames=6+decoder=small": ["ultra+decoder=small"],
    }


def test_convolutions_are_cudnns_and_exact_while_it_runs(monkeypatch: pytest.MonkeyPatch):
    """Those of float32 without TF32, and those of the plain preset as it runs elsewhere."""
    found = []

    def told(*_given: object, **_options: object) -> Iterator[list[object]]:
        found.append((torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32))
        return iter(())

    before = torch.backends.cudnn.enabled
    monkeypatch.setattr(module, "attempts", told)
    list(roundings([PRESETS["reference"]], load, PLAN))
    assert found == [(True, False)]
    assert torch.backends.cudnn.enabled == before


def test_nothing_to_compare_is_told():
    with pytest.raises(PresetError, match="nothing is compared with exact pictures: name a preset"):
        next(roundings([], load, PLAN))


def test_the_command_tells_and_keeps_what_it_found(tmp_path, capsys):
    file = tmp_path / "records.jsonl"
    plan = ["--prompts", "1", "--blocks", "1", "--size", "64x48", "--device", "cpu"]
    assert main(["rounding", *plan, "--preset", "low_memory", "--out", str(file)]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    told = (
        "worst block equal, mean equal; latents off by 0.00 % at most; against 4 steps, 12 latent"
    )
    told += " frames, full decoder in float32"
    assert first.split() == ["reference", *told.split()]
    assert any(line.startswith("low_memory ") for line in others)
    plain, low = read(file)
    assert (plain.kind, plain.facts) == ("rounding", {"against": "float32"})
    assert plain.samples == {"squared_error": (0.0,), "latent_error": (0.0,)}
    assert low.preset == PRESETS["low_memory"]


def test_a_presets_file_with_the_small_decoder_is_held_against_that(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    own = PRESETS["ultra"].with_(name="mine", decoder="small", compiled=None)
    file.write_text(own.to_yaml())
    plan = ["--prompts", "1", "--blocks", "1", "--size", "64x48", "--device", "cpu"]
    assert main(["rounding", *plan, "--preset", str(file)]) == 0
    printed = capsys.readouterr()
    _, mine = printed.out.splitlines()
    assert mine.startswith("mine ")
    against = "against 2 steps, 6 latent frames, small decoder in float32"
    assert mine.endswith(f"; {against}")
    assert f"reference+denoise_steps=1000,250+window_frames=6+decoder=small, mine {against}" in (
        printed.err
    )


def test_all_are_those_that_have_a_name_and_others_may_be_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file, asked = tmp_path / "mine.yaml", []
    file.write_text(PRESETS["ultra"].with_(name="mine", decoder="small").to_yaml())
    monkeypatch.setattr(module, "roundings", lambda presets, *_, **__: asked.append(presets) or ())
    for words in ([], ["all"], ["all", str(file)], ["ultra"]):
        assert main(["rounding", *(f"--preset={word}" for word in words)]) == 0
    names = [[preset.name for preset in presets] for presets in asked]
    assert names == [[*PRESETS], [*PRESETS], [*PRESETS, "mine"], ["ultra"]]


def test_a_record_says_under_which_random_weights_it_was_made():
    """None where they are trained: that is in the test above."""
    random = partial(load, weights="random")
    (one,) = roundings([PRESETS["reference"]], random, Plan(prompts=1, blocks=1, size_px=(64, 48)))
    assert one.record().facts == {"against": "float32", "random_weights": RANDOM_WEIGHTS}
