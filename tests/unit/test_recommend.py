"""Which preset records speak for: the front, limits, and what is told where none keeps to them."""

import json
import math

import pytest

from longlive_widget import PRESETS
from longlive_widget.cli import main
from longlive_widget.errors import RecordError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.recommend import Candidate, Limits, candidates_in, recommend
from longlive_widget.measure.records import append
from tests.unit.written_record import record


def candidate(name: str, block_ms: float, memory_gb: float | None, worst_db: float | None):
    memory = None if memory_gb is None else memory_gb * 1e9
    rate = 12_000 / block_ms
    return Candidate(name, block_ms, rate, memory, worst_db, worst_db, "tiny")


REFERENCE = candidate("reference", 800, 30, math.inf)
BALANCED = candidate("balanced", 500, 28, 45)
WASTEFUL = candidate("wasteful", 520, 29, 44)
ULTRA = candidate("ultra", 300, 25, 18)
SMALL = candidate("small", 900, 11, 42)
ALL = (REFERENCE, BALANCED, WASTEFUL, ULTRA, SMALL)


def test_the_front_is_what_none_beats_in_everything():
    found = recommend(ALL, Limits())
    assert [one.preset for one in found.front] == ["ultra", "balanced", "reference", "small"]
    assert found.candidates == ALL


@pytest.mark.parametrize(
    ("limits", "preset"),
    [
        (Limits(), "balanced"),  # the reference makes 15 pictures a second
        (Limits(pictures_per_s=14), "reference"),
        (Limits(pictures_per_s=30), "ultra"),
        (Limits(memory_bytes=26e9), "small"),
        (Limits(memory_bytes=26e9, pictures_per_s=16), "ultra"),
        (Limits(worst_db=40), "balanced"),
        (Limits(worst_db=60), "reference"),
    ],
)
def test_the_best_under_limits_is_chosen_and_its_figures_said(limits: Limits, preset: str):
    found = recommend(ALL, limits)
    assert found.chosen is not None
    assert found.chosen.preset == preset
    assert found.sentence.startswith(f"{preset}: {found.chosen.block_ms:.1f} ms a block")


def test_where_none_keeps_to_the_limits_the_nearest_is_told():
    found = recommend(ALL, Limits(pictures_per_s=100, worst_db=40))
    assert found.chosen is None
    assert found.sentence == (
        "none with 100 pictures/s or more, a worst block of 40 dB or better; the nearest is "
        "balanced, with 24.0 pictures/s"
    )


def test_what_was_not_measured_keeps_to_no_limit_and_beats_none():
    unknown = candidate("unknown", 500, None, None)
    assert not unknown.beats(BALANCED)
    assert BALANCED.beats(unknown)
    for limits in (Limits(memory_bytes=1e12), Limits(worst_db=1)):
        assert recommend([unknown], limits).chosen is None
    assert recommend([unknown], Limits(pictures_per_s=20)).chosen == unknown


def timed(name: str, *block_ms: float, **changes: object):
    facts = {"device_peak_bytes": 11e9}
    return record(preset=PRESETS[name], samples={"block_ms": block_ms}, facts=facts, **changes)


def compared(name: str, *errors: float, model: str = "tiny"):
    samples = {"squared_error": errors}
    return record(kind="likeness", preset=PRESETS[name], samples=samples, model=model)


def test_candidates_join_times_and_pictures_of_one_preset():
    found = candidates_in(
        [
            timed("reference", 800.0),
            timed("turbo", 300.0, 400.0),
            timed("turbo", 500.0),
            timed("ultra", 200.0),
            compared("turbo", 65.025, 6.5025),
        ]
    )
    reference, turbo, ultra = found
    assert reference.worst_db == math.inf
    assert (turbo.block_ms, turbo.pictures_per_s, turbo.memory_bytes) == (400, 30, 11e9)
    assert turbo.worst_db == pytest.approx(30)
    assert turbo.mean_db == pytest.approx(10 * math.log10(65025 / 35.76375))
    assert turbo.picture_of == "tiny"
    assert (ultra.worst_db, ultra.picture_of) == (None, None)


def test_the_pictures_of_the_same_model_count_before_those_of_another():
    times = timed("turbo", 300.0, model="longlive-1.3b")
    other = compared("turbo", 65.025)
    own = compared("turbo", 6.5025, model="longlive-1.3b")
    assert candidates_in([times, other])[0].picture_of == "tiny"
    assert candidates_in([times, other, own])[0].worst_db == pytest.approx(40)


def test_records_that_tell_of_no_one_case_are_refused():
    with pytest.raises(RecordError, match="no record of a benchmark is here: run `benchmark"):
        candidates_in([compared("turbo", 1.0)])
    with pytest.raises(RecordError, match="no record of a benchmark of 'big' is here"):
        candidates_in([timed("turbo", 1.0)], model="big")
    other = timed("turbo", 1.0, geometry=Geometry(320, 192))
    with pytest.raises(RecordError, match=r"are of 2 cases .*320 x 192.*: give the records of one"):
        candidates_in([timed("turbo", 1.0), other])
    assert len(candidates_in([timed("turbo", 1.0), timed("turbo", 1.0, model="x")], model="x")) == 1


def test_the_command_says_which_and_why(tmp_path, capsys):
    file = tmp_path / "records.jsonl"
    for one in (timed("reference", 800.0), timed("turbo", 300.0), compared("turbo", 65.025)):
        append(file, one)
    assert main(["recommend", str(file)]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[-1].startswith("turbo: 300.0 ms a block, 40.0 pictures/s, 11.0 GB")
    assert main(["recommend", str(file), "--no-visible-loss", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["preset"] == "reference"
    assert said["front"] == ["turbo", "reference"]
    assert [one["worst_db"] for one in said["candidates"]] == ["equal", pytest.approx(30)]
    with pytest.raises(SystemExit):
        main(["recommend", str(file), "--rate", "fast"])
    assert "'fast' is no number above 0" in capsys.readouterr().err
