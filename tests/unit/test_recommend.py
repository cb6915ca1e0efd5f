"""Which preset records speak for: the front, limits, and what is told where none keeps to them."""

import json
import math
from dataclasses import replace

import pytest

from longlive_widget import PRESETS
from longlive_widget.cli import main
from longlive_widget.errors import RecordError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.recommend import Candidate, Limits, candidates_in, recommend, unbeaten
from longlive_widget.measure.records import append
from tests.unit.written_record import MACHINE, record


def candidate(name: str, block_ms: float, memory_gb: float | None, worst_db: float | None):
    memory = None if memory_gb is None else memory_gb * 1e9
    rate = 12_000 / block_ms
    preset = PRESETS["reference"].with_(name=name)
    return Candidate(preset, block_ms, rate, memory, worst_db, worst_db)


REFERENCE = candidate("reference", 800, 30, math.inf)
BALANCED = candidate("balanced", 500, 28, 45)
WASTEFUL = candidate("wasteful", 520, 29, 44)
ULTRA = candidate("ultra", 300, 25, 18)
SMALL = candidate("small", 900, 11, 42)
ALL = (REFERENCE, BALANCED, WASTEFUL, ULTRA, SMALL)


def test_the_front_is_what_none_beats_in_everything():
    found = recommend(ALL, Limits())
    assert [one.name for one in found.front] == ["ultra", "balanced", "reference", "small"]
    assert found.candidates == ALL


@pytest.mark.parametrize(
    ("limits", "preset"),
    [
        (Limits(), "balanced"),  # the reference makes 15 pictures a second
        (Limits(pictures_per_s=14), "balanced"),  # as good to the eye, and faster
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
    assert found.chosen.name == preset
    assert found.sentence.startswith(f"{preset}: {found.chosen.block_ms:.1f} ms a block")


def test_of_equal_pictures_the_fastest_is_chosen_and_of_equal_times_the_smallest():
    quicker = candidate("quicker", 360, 31, math.inf)
    found = recommend((REFERENCE, quicker), Limits(pictures_per_s=14))
    assert [one.name for one in found.front] == ["quicker", "reference"]
    assert found.chosen == quicker
    assert "the fastest without visible loss of the 2 of 2 presets" in found.sentence
    unknown, smaller = (candidate(name, 360, gb, None) for name, gb in (("a", None), ("b", 9)))
    assert recommend((unknown, smaller), Limits(pictures_per_s=14)).chosen == smaller


def test_of_pictures_with_a_visible_loss_the_best_is_chosen():
    better = candidate("better", 350, 25, 30)
    found = recommend((ULTRA, better), Limits())
    assert found.chosen == better
    assert "the fastest with the best picture of the 2 of 2 presets" in found.sentence


def test_where_none_keeps_to_the_limits_the_nearest_is_told():
    found = recommend(ALL, Limits(pictures_per_s=100, worst_db=40))
    assert found.chosen is None
    assert found.sentence == (
        "none with 100 pictures/s or more, a worst block of 40 dB or better; the nearest is "
        "balanced, with 24.0 pictures/s"
    )


def test_how_many_keep_to_the_limits_is_counted_over_all():
    found = recommend(ALL, Limits(pictures_per_s=20))
    assert "without visible loss of the 3 of 5 presets with 20 pictures/s or more" in found.sentence
    assert "the only one of 5 presets" in recommend(ALL, Limits(pictures_per_s=30)).sentence


def test_of_pictures_that_were_not_compared_it_says_so_and_never_that_others_are_better():
    quick, slow = candidate("quick", 385, None, None), candidate("slow", 700, None, None)
    found = recommend((candidate("reference", 471, None, math.inf), quick, slow), Limits())
    assert found.chosen is not None
    assert found.chosen.name == "reference"
    assert found.sentence.endswith(
        "equal pictures; the only one of 3 presets with 16 pictures/s or more whose pictures are "
        "known; not compared: quick, slow (longlive-widget likeness compares them)"
    )
    found = recommend((*ALL, quick), Limits(pictures_per_s=20))
    assert found.sentence.startswith("balanced: ")
    assert found.sentence.endswith(
        "the fastest without visible loss of the 3 of 6 presets with 20 pictures/s or more whose "
        "pictures are known; not compared: quick (longlive-widget likeness compares them)"
    )
    found = recommend((*ALL, quick), Limits(worst_db=40))
    assert found.sentence.endswith(
        "the fastest of the 4 of 6 presets with a worst block of 40 dB or better; "
        "not compared: quick (longlive-widget likeness compares them)"
    )


def test_where_no_pictures_were_compared_at_all_it_takes_the_fastest_and_says_so():
    quick, slow = candidate("quick", 385, None, None), candidate("slow", 700, None, None)
    found = recommend((slow, quick), Limits())
    assert found.chosen == quick
    assert found.sentence.endswith(
        "the fastest of the 2 of 2 presets with 16 pictures/s or more; "
        "not compared: slow, quick (longlive-widget likeness compares them)"
    )


def test_of_one_preset_it_says_that_no_other_was_measured():
    found = recommend((BALANCED,), Limits())
    assert found.sentence.endswith("the only preset that was measured, with 16 pictures/s or more")
    alone = recommend((candidate("quick", 385, None, None),), Limits()).sentence
    assert alone.endswith("the only preset that was measured, with 16 pictures/s or more")
    assert "pictures not compared" in alone


def test_no_memory_at_all_is_not_memory_unknown():
    none = candidate("none", 500, 0, 45)
    assert none.misses(Limits(memory_bytes=1e9)) == []


def test_what_was_not_measured_keeps_to_no_limit_and_beats_none():
    unknown = candidate("unknown", 500, None, None)
    assert unbeaten([unknown.costs, BALANCED.costs]) == [1]
    for limits in (Limits(memory_bytes=1e12), Limits(worst_db=1)):
        assert recommend([unknown], limits).chosen is None
    assert recommend([unknown], Limits(pictures_per_s=20)).chosen == unknown


def timed(name: str, *block_ms: float, **changes: object):
    facts = {"device_peak_bytes": 11e9}
    return record(preset=PRESETS[name], samples={"block_ms": block_ms}, facts=facts, **changes)


def compared(name: str, *errors: float, against: str = "reference", **changes: object):
    told = {"kind": "likeness", "preset": PRESETS[name], "samples": {"squared_error": errors}}
    return record(**told, facts={"against": against}, **changes)


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
    assert turbo.picture_of is None
    assert (ultra.worst_db, ultra.picture_of) == (None, None)


def test_a_preset_whose_words_were_changed_is_still_the_reference():
    reworded = PRESETS["reference"].with_(name="reference", summary="in other words")
    assert candidates_in([timed("turbo", 1.0), record(preset=reworded)])[1].worst_db == math.inf


@pytest.mark.parametrize(
    "changes",
    [{"against": "balanced"}, {"weights": "random"}, {"geometry": Geometry(1600, 960)}],
    ids=str,
)
def test_pictures_that_say_nothing_of_the_preset_do_not_count(changes: dict[str, object]):
    (found,) = candidates_in([timed("turbo", 1.0), compared("turbo", 0.0, **changes)])
    assert found.worst_db is None


def test_the_pictures_of_the_same_model_count_before_those_of_one_other():
    times = timed("turbo", 300.0, model="longlive-1.3b")
    other, third = compared("turbo", 65.025), compared("turbo", 1.0, model="third")
    own = compared("turbo", 6.5025, model="longlive-1.3b")
    (of_tiny,) = candidates_in([times, other])
    assert of_tiny.picture_of == "tiny"
    assert str(of_tiny).endswith("worst block 30.0 dB (pictures of tiny)")
    assert candidates_in([times, other, own])[0].worst_db == pytest.approx(40)
    assert candidates_in([times, other, third])[0].worst_db is None
    elsewhere = compared("ultra", 1.0, model="longlive-1.3b")
    assert candidates_in([times, other, elsewhere])[0].worst_db == pytest.approx(30)


def test_records_that_tell_of_no_one_case_are_refused():
    with pytest.raises(RecordError, match="no record of a benchmark is here: run `benchmark"):
        candidates_in([compared("turbo", 1.0)])
    with pytest.raises(RecordError, match="no record of a benchmark of 'big' is here"):
        candidates_in([timed("turbo", 1.0)], model="big")
    other = timed("turbo", 1.0, geometry=Geometry(320, 192))
    with pytest.raises(RecordError, match=r"are of 2 cases .*320 x 192.*: give the records of one"):
        candidates_in([timed("turbo", 1.0), other])
    fewer = timed("ultra", 1.0, machine=replace(MACHINE, threads=1))
    with pytest.raises(RecordError, match=r"are of 2 cases .* 1 thread"):
        candidates_in([timed("turbo", 1.0), fewer])
    changed = record(preset=PRESETS["turbo"].with_(name="turbo", window_frames=9))
    with pytest.raises(RecordError, match="2 different settings are called 'turbo'"):
        candidates_in([timed("turbo", 1.0), changed])
    with pytest.raises(RecordError, match=r"benchmark of 'turbo' at 2026.* has no block_ms"):
        candidates_in([record(samples={})])
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


def test_half_a_record_at_the_end_of_a_file_is_told_in_a_line(tmp_path, capsys):
    file = tmp_path / "records.jsonl"
    append(file, timed("turbo", 300.0))
    with file.open("a") as unfinished:
        unfinished.write('{"schema": 1, "ki')
    assert main(["recommend", str(file)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].startswith("turbo: ")
    assert told.err.startswith("longlive-widget: ")
    assert told.err.count("\n") == 1


def test_pictures_count_for_what_differs_in_nothing_that_they_show():
    """A processor replays no graphs; what it makes of a preset without them is the same."""
    without = PRESETS["speed"].with_(name="speed", cuda_graphs=False, decode_behind=False)
    facts = {"against": "reference"}
    samples = {"squared_error": [1.0]}
    alike = record(kind="likeness", preset=without, samples=samples, facts=facts)
    (speed,) = candidates_in([timed("speed", 500.0), alike])
    assert speed.alike == (alike,)
    in_bf16 = replace(alike, preset=without.with_(name="speed", linear_dtype="model"))
    (speed,) = candidates_in([timed("speed", 500.0), in_bf16])
    assert speed.alike == ()
