"""How like presets are: what must not differ does not, what differs is measured, and kept."""

from functools import partial

import pytest
import torch

from longlive_widget import PRESETS, Engine
from longlive_widget.cli import main
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.measure import likeness as module
from longlive_widget.measure.ablate import alone
from longlive_widget.measure.likeness import PARTS, Likeness, Plan, _mean_or_reason, likeness
from longlive_widget.measure.records import read
from longlive_widget.measure.said import PROMPTS, prompt_said, scene_of
from longlive_widget.model.stream import to_bytes
from longlive_widget.presets_page import PICTURE
from longlive_widget.tiny.scenes import draw

ABLATE = ["ablate", "--preset", "turbo"]
PLAN = Plan(prompts=1, blocks=2, size_px=(64, 48))
COARSE = PRESETS["reference"].with_(name="coarse", denoise_steps=(1000,))
load = partial(Engine.load, "tiny", device="cpu")


@pytest.fixture(scope="module")
def found() -> tuple[Likeness, ...]:
    quiet = PRESETS["reference"].with_(name="quiet", decode_behind=True, window_cache="static")
    return tuple(likeness(PRESETS["reference"], [quiet, COARSE], load, PLAN))


def test_a_preset_that_changes_nothing_is_equal(found: tuple[Likeness, ...]):
    same, coarse = found
    assert same.worst_db == same.mean_db == same.free_db == float("inf")
    assert min(same.samples["ssim"]) == pytest.approx(1, abs=1e-9)
    assert any("worst block equal" in line for line in same.lines())
    assert 5 < coarse.worst_db <= coarse.mean_db < 40
    assert coarse.samples["ssim"][0] < 0.99


def test_there_is_one_number_a_block_and_one_fact_a_metric(found: tuple[Likeness, ...]):
    for alike in found:
        assert {len(sample) for sample in alike.samples.values()} == {PLAN.blocks}
        assert set(alike.facts) >= {"vmaf", "lpips", "clip_score", "flicker"}
        assert alike.record().facts["against"] == "reference"


def test_a_video_switches_in_its_middle():
    first, second = Plan(prompts=2, blocks=12).timelines(block_frames=3)
    assert [entry.latent_frame for entry in first.entries] == [0, 18]
    assert first.entries[1].prompt == second.entries[0].prompt


def test_a_reason_given_once_is_the_fact():
    assert _mean_or_reason([93.0, "not available: x"]) == "not available: x"
    assert _mean_or_reason([1.0, 2.0]) == 1.5


def test_the_clip_score_is_of_the_pictures_before_the_switch(monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(module, "clip_score", lambda pictures, _: seen.append(len(pictures)) or 1.0)
    (timeline,) = Plan(prompts=1, blocks=3).timelines(block_frames=3)
    pictures = torch.zeros(33, 16, 16, 3, dtype=torch.uint8)
    told = dict(module._of_videos(pictures, pictures, timeline, drawn_scenes=True))
    assert told["said_probability"] == "not available: the judge reads 160 x 96"
    shown = torch.linspace(0, 32, module.PICTURES_FOR_METRICS).long()
    assert seen == [int((shown < 9).sum())]


def test_what_the_judge_says_of_tiny_stands_beside_the_clip_score():
    for prompt in PROMPTS:
        scene = scene_of(prompt)
        pictures = to_bytes(draw([scene], 0, 48, torch.device("cpu")))[0]
        assert prompt_said(pictures, prompt, drawn_scenes=True) > 0.85, prompt
    other = prompt_said(pictures, PROMPTS[0], drawn_scenes=True)
    assert other < 0.7
    with pytest.raises(CapabilityError, match="reads drawn scenes alone"):
        prompt_said(pictures, PROMPTS[0], drawn_scenes=False)
    (found,) = likeness(PRESETS["reference"], [COARSE], load, Plan(prompts=1, blocks=1))
    assert 0 <= found.record().facts["said_probability"] <= 1


def test_a_file_that_cannot_be_written_is_told_before_any_work(capsys):
    for command in (["likeness", "--preset", "ultra"], ["benchmark"], ["quality"], ABLATE):
        assert main([*command, "--out", "nowhere/records.jsonl"]) == 2
        assert "the folder of 'nowhere/records.jsonl' does not exist" in capsys.readouterr().err


def test_nothing_to_compare_is_told():
    with pytest.raises(PresetError, match="nothing is compared with 'reference': name a preset"):
        next(likeness(PRESETS["reference"], [], load, PLAN))


def test_the_command_tells_and_keeps_what_it_found(tmp_path, capsys):
    file = tmp_path / "records.jsonl"
    plan = ["--prompts", "1", "--blocks", "1", "--size", "64x48"]
    given = ["--preset", "low_memory", *plan, "--device", "cpu"]
    assert main(["likeness", *given, "--preset", "speed", "--out", str(file)]) == 2
    told = capsys.readouterr()
    assert "low_memory against reference, tiny" in told.out
    assert "device 'cpu' has none" in told.err, "what was found before is kept"
    (record,) = read(file)
    assert (record.kind, record.preset.name) == ("likeness", "low_memory")
    assert record.counts == {"prompts": 1, "blocks": 1, "seed": 0}
    assert len(record.samples["squared_error"]) == 1


def test_the_parts_are_all_settings_that_change_the_picture():
    parts = alone(PRESETS["reference"], PARTS)[1:]
    assert all(len(preset.changes()) == 1 for preset in parts)
    changing = {name for name, said in PICTURE.items() if not said.startswith("the same picture")}
    assert {name for preset in parts for name in preset.changes()} == {*changing, "attention"}


def test_without_a_preset_the_command_takes_the_parts_that_run_here(
    tmp_path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PARTS", ("window_dtype=fp8", "attention=fa3"))
    file = tmp_path / "records.jsonl"
    plan = ["--prompts", "1", "--blocks", "2", "--size", "64x48"]
    given = [*plan, "--device", "cpu", "--out", str(file)]
    assert main(["likeness", *given]) == 0
    assert "left out: preset 'reference, attention=fa3' attends" in capsys.readouterr().err
    (record,) = read(file)
    assert record.preset.changes() == {"window_dtype": "fp8"}
    assert "FP8 that is emulated" in record.facts["fallbacks"]
    first, second = record.samples["squared_error"]
    assert first == 0 < second, "a first block reads no memory"


def test_a_preset_that_does_not_exist_is_told(capsys):
    assert main(["likeness", "--preset", "ulrta"]) == 2
    assert "did you mean 'ultra'?" in capsys.readouterr().err
