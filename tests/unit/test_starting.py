"""The preset to start with on a machine where nothing was measured, and the reason."""

import json

import pytest
import torch

from longlive_widget import Engine
from longlive_widget.cli import main
from longlive_widget.engine import memory
from longlive_widget.engine.memory import needed_bytes, room_bytes
from longlive_widget.engine.official import longlive_sizes
from longlive_widget.engine.starting import Place, Start, start_in
from longlive_widget.presets import PRESETS

GB = 10**9
GPU, CPU = torch.device("cuda"), torch.device("cpu")


def start(room_gb: float | None, device=GPU, lacking=()) -> Start:
    """Of LongLive-1.3B with so much memory, where these presets cannot run."""
    room = None if room_gb is None else int(room_gb * GB)
    place = Place(longlive_sizes(), torch.bfloat16, device, room)
    return start_in(
        place,
        lambda one: f"preset {one.name!r} needs a wing: grow one" if one.name in lacking else "",
    )


@pytest.mark.parametrize(
    ("room_gb", "device", "lacking", "preset"),
    [
        (140, GPU, (), "balanced"),
        (32, GPU, (), "balanced"),
        (140, GPU, ("balanced",), "quality"),
        (24, GPU, (), "low_memory"),
        (8, GPU, (), None),
        (None, GPU, (), "balanced"),
        (140, CPU, (), "quality"),
        (140, CPU, ("quality",), "reference"),
        (8, CPU, (), None),
    ],
)
def test_it_is_the_first_that_runs_and_has_room(room_gb, device, lacking, preset):
    assert start(room_gb, device, lacking).preset == preset


def test_the_sentence_says_what_there_is_and_what_the_others_need():
    assert start(140).sentence == (
        "balanced to start with, as nothing was measured here yet: "
        f"{PRESETS['balanced'].summary}; this GPU has 140.0 GB for 'longlive-1.3b'"
    )
    needs = needed_bytes(PRESETS["quality"], longlive_sizes(), torch.bfloat16, GPU)
    told = start(24, lacking=("balanced",)).sentence
    assert told.endswith(
        f"this GPU has 24.0 GB for 'longlive-1.3b'; balanced needs a wing; quality needs "
        f"{needs / GB:.1f} GB"
    )
    assert "low_memory needs 11.7 GB" in start(8).sentence
    assert start(8).sentence.startswith("no preset to start with: this GPU has 8.0 GB")
    assert "on a processor what compiles has its first picture late" in start(140, CPU).sentence


def test_room_is_what_is_free_and_what_this_process_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "free_bytes", lambda _: GB)
    assert room_bytes(CPU) > GB + 50_000_000  # torch alone takes more than that
    monkeypatch.setattr(memory, "free_bytes", lambda _: None)
    assert room_bytes(CPU) is None


def test_an_engine_says_it_of_its_own_model_where_it_is():
    found = Engine.load("tiny", device="cpu").preset_to_start()
    assert found.preset == "quality"
    assert "for 'tiny'" in found.sentence


def test_recommend_without_records_says_what_to_start_with(capsys):
    assert main(["recommend"]) == 0
    told = capsys.readouterr().out
    assert " to start with, as nothing was measured here yet: " in told
    assert main(["recommend", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert told.startswith(f"{said['preset']} to start with")
    assert main(["recommend", "--model", "longlive-1.3b"]) == 0
    assert "'longlive-1.3b'" in capsys.readouterr().out


def test_a_limit_without_records_is_refused(capsys):
    for limit in ("--rate=25", "--memory=24", "--worst-db=30", "--no-visible-loss"):
        assert main(["recommend", limit]) == 2
        assert "there are no records: run `longlive-widget benchmark" in capsys.readouterr().err
