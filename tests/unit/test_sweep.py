"""A grid of videos: each has one record, and a sweep that was stopped does the rest."""

import hashlib
from dataclasses import replace
from functools import partial

import pytest

from longlive_widget import PRESETS, Engine
from longlive_widget.cli import main
from longlive_widget.errors import RecordError, SessionError, TimelineError
from longlive_widget.measure.memory import host_bytes
from longlive_widget.measure.records import read
from longlive_widget.measure.sweep import Grid, Maker, sweep

SIZE_PX = (64, 32)
COARSE = PRESETS["reference"].with_(name="coarse", denoise_steps=(1000,))
GRID = Grid("tiny", (PRESETS["reference"], COARSE), ("a red ball", "a star"), (0, 3), 2, SIZE_PX)
load = partial(Engine.load, "tiny", device="cpu")


def told(records) -> list[tuple[object, ...]]:
    return [
        (r.preset.name, r.facts["prompt"], r.counts["seed"], r.facts["pictures_sha256"])
        for r in records
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "records.jsonl"
    return sweep(GRID, load, path), path


def test_every_video_of_the_grid_has_one_record(whole):
    added, path = whole
    assert len(added) == len({record.facts["item"] for record in added}) == 8
    assert told(read(path)) == told(added)
    assert {len(record.samples["block_ms"]) for record in added} == {2}


def test_a_record_has_what_the_process_took_of_memory(whole):
    now = host_bytes()
    for record in whole[0]:
        assert 0.2 * now < record.facts["host_process_bytes"] < 5 * now
        assert "device_process_peak_bytes" not in record.facts


def test_each_block_and_each_video_is_handed_out_and_an_error_ends_the_video(tmp_path):
    seen, kept = [], []

    def each(item, block):
        seen.append((item.preset.name, block.index))
        if item.preset is COARSE:
            raise KeyboardInterrupt

    grid = replace(GRID, prompts=("a star",), seeds=(3,))
    maker = Maker(load, each=each, keep=kept.append)
    with pytest.raises(KeyboardInterrupt):
        sweep(grid, load, tmp_path / "records.jsonl", spread=lambda _, left: map(maker.make, left))
    assert seen == [("reference", 0), ("reference", 1), ("coarse", 0)]
    (made,) = kept
    assert (made.item, len(made.block_ms)) == (grid.items[0], 2)
    (record,) = read(tmp_path / "records.jsonl")
    digest = hashlib.sha256(b"".join(block.frames.tobytes() for block in made.blocks))
    assert record.facts["pictures_sha256"] == digest.hexdigest()


def test_the_hash_is_that_of_the_pictures_of_a_session(whole):
    digest = hashlib.sha256()
    for block in load(COARSE).session("a star", 3, size_px=SIZE_PX).blocks(2):
        digest.update(block.frames.tobytes())
    (found,) = [one[3] for one in told(whole[0]) if one[:3] == ("coarse", "a star", 3)]
    assert found == digest.hexdigest()


@pytest.mark.fault(
    "Threads, processes and clocks",
    "a sweep of measurements is stopped",
    "the next one does the rest, and nothing twice",
)
def test_a_sweep_that_was_stopped_does_the_rest_and_nothing_twice(whole, tmp_path):
    path, loads = tmp_path / "records.jsonl", []

    def first_only(preset):
        loads.append(preset.name)
        if preset is COARSE:
            raise KeyboardInterrupt
        return load(preset)

    with pytest.raises(KeyboardInterrupt):
        sweep(GRID, first_only, path)
    assert len(read(path)) == 4
    rest = sweep(GRID, lambda preset: loads.append(preset.name) or load(preset), path)
    assert loads == ["reference", "coarse", "coarse"]
    assert len(rest) == 4
    assert told(read(path)) == told(whole[0])
    assert sweep(GRID, lambda _: pytest.fail("nothing is left"), path) == ()


@pytest.mark.parametrize(
    "changes",
    [{"blocks": 1}, {"seeds": (7,)}, {"model": "other"}, {"size_px": (96, 64)}],
    ids=str,
)
def test_another_grid_is_not_taken_for_done(changes):
    other = Grid(**{**vars(GRID), **changes})
    assert not {item.key for item in other.items} & {item.key for item in GRID.items}


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"presets": ()}, RecordError, "a sweep over no presets does nothing"),
        ({"presets": (COARSE, COARSE)}, RecordError, "presets coarse, coarse: give each a name"),
        ({"prompts": ("",)}, TimelineError, "is empty"),
        ({"seeds": (-1,)}, SessionError, "seed -1 is out of range"),
        ({"blocks": 0}, RecordError, "blocks 0 is out of range: use 1 or more"),
    ],
    ids=str,
)
def test_a_grid_that_cannot_be_made_is_told(changes, error, says):
    with pytest.raises(error, match=says):
        Grid(**{**vars(GRID), **changes})


def test_the_command_makes_what_is_left(tmp_path, capsys):
    file = tmp_path / "records.jsonl"
    given = ["sweep", "--preset", "reference", "--prompt", "a red ball", "--blocks", "1"]
    given += ["--seed", "0", "--size", "64x32", "--device", "cpu", "--out", str(file)]
    for said in ("1 videos made, 0 were there already", "0 videos made, 1 were there already"):
        assert main(given) == 0
        assert said in capsys.readouterr().out
    assert len(read(file)) == 1


def test_a_sweep_that_is_stopped_says_that_it_goes_on(tmp_path, capsys, monkeypatch):
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "load", stopped)
    given = ["--preset", "reference", "--prompt", "a red ball", "--out", str(tmp_path / "x.jsonl")]
    assert main(["sweep", *given]) == 130
    told = capsys.readouterr().err
    assert told.endswith("longlive-widget: stopped, goes on when called again\n")
