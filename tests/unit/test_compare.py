"""A planted regression is found, noise is not, and only like is compared with like."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longlive_widget.cli import main
from longlive_widget.errors import RecordError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.compare import Subject, compare
from longlive_widget.measure.record import Commit
from longlive_widget.measure.records import append, read
from longlive_widget.measure.verdict import as_lines
from longlive_widget.presets import PRESETS
from tests.unit.test_lazy_import import heavy_modules_after
from tests.unit.written_record import MACHINE, record


def times(seed: int, factor: float = 1.0, count: int = 100):
    """Times of blocks with noise and, as real ones have, a long tail."""
    random = np.random.default_rng(seed)
    return factor * (100 + random.normal(0, 1, count) + random.exponential(2, count))


def of(samples, **changes: object):
    """A record of such samples."""
    return record(samples=samples, **changes)


def only_change(before, after, regression: float = 0.05):
    """What became of the only samples of two records."""
    (pair,) = compare([of(before)], [of(after)], regression=regression).pairs
    (change,) = pair.changes
    return change


@pytest.fixture
def command(tmp_path):
    """The exit code of `longlive-widget compare` for two lists of records, and further options."""

    def run(before, after, *options: str):
        for name, records in (("a", before), ("b", after)):
            (tmp_path / name).unlink(missing_ok=True)
            for one in records:
                append(tmp_path / name, one)
        return main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), *options])

    return run


def test_a_planted_regression_is_found():
    change = only_change({"block_ms": times(1)}, {"block_ms": times(2, 1.08)})
    assert change.regressed
    assert change.share.low < 0.08 < change.share.high
    assert change.share.low > 0.05


def test_noise_is_no_regression_however_often_it_is_measured():
    seen = 0
    for seed in range(100):
        change = only_change({"block_ms": times(seed)}, {"block_ms": times(1000 + seed)}, 0)
        seen += change.difference.seen
        assert not only_change(
            {"block_ms": times(seed)}, {"block_ms": times(1000 + seed)}
        ).regressed
    assert seen <= 10


@pytest.mark.parametrize(("regression", "regressed"), [(0.0, True), (0.02, True), (0.04, False)])
def test_what_is_worse_by_less_than_was_allowed_is_no_regression(regression, regressed):
    change = only_change({"block_ms": times(1)}, {"block_ms": times(2, 1.03)}, regression)
    assert change.difference.seen
    assert change.regressed is regressed


def test_a_median_that_is_worse_is_no_regression_while_its_interval_reaches_into_what_is_allowed():
    random = np.random.default_rng(1)
    before, after = random.normal(100, 8, 100), random.normal(108, 8, 100)
    change = only_change({"block_ms": before}, {"block_ms": after}, 0.06)
    assert 0.05 < change.share.low < 0.06 < change.share.median
    assert not change.regressed
    assert only_change({"block_ms": before}, {"block_ms": after}, 0.05).regressed


@pytest.mark.parametrize(
    ("name", "worse_if"),
    [
        ("block_ms", "more"),
        ("squared_error", "more"),
        ("free_squared_error", "more"),
        ("ssim", "less"),
        ("free_ssim", "less"),
        ("psnr_db", None),
        ("pictures_per_second", None),
    ],
)
def test_times_and_errors_are_worse_if_more_and_likeness_if_less(name, worse_if):
    more = only_change({name: times(1)}, {name: times(2, 2)})
    less = only_change({name: times(1)}, {name: times(2, 0.5)})
    assert (more.regressed, less.regressed) == (worse_if == "more", worse_if == "less")


def test_likeness_may_be_less_by_what_is_allowed_with_all_of_its_interval():
    random = np.random.default_rng(1)
    before, after = random.normal(0.9, 0.01, 100), random.normal(0.84, 0.01, 100)
    change = only_change({"ssim": before}, {"ssim": after}, 0.066)
    assert change.share.median < -0.066 < change.share.high
    assert not change.regressed
    assert only_change({"ssim": before}, {"ssim": after}, 0.05).regressed


def test_what_became_better_is_no_regression():
    change = only_change({"block_ms": times(1)}, {"block_ms": times(2, 0.5)})
    assert change.difference.seen
    assert not change.regressed


def only_growth(before, after, regression: float = 0.05):
    """What became of the only memory that records with these facts tell, on either side a list."""
    first, second = ([of({}, facts=facts) for facts in side] for side in (before, after))
    (pair,) = compare(first, second, regression=regression).pairs
    (growth,) = pair.growths
    return growth


@pytest.mark.parametrize(
    ("after", "regression", "regressed"),
    [(106, 0.05, True), (105, 0.05, False), (106, 0.06, False), (100, 0, False), (94, 0, False)],
)
def test_memory_is_a_regression_by_any_more_than_was_allowed(after, regression, regressed):
    growth = only_growth([{"peak_bytes": 100}], [{"peak_bytes": after}], regression)
    assert growth.regressed is regressed
    assert growth.share == pytest.approx(after / 100 - 1)


def test_from_nothing_every_growth_is_a_regression():
    growth = only_growth([{"peak_bytes": 0}], [{"peak_bytes": 1}], 10)
    assert growth.regressed
    assert growth.share is None
    assert not only_growth([{"peak_bytes": 0}], [{"peak_bytes": 0}]).regressed
    change = only_change({"wait_ms": [0] * 6}, {"wait_ms": [1] * 6}, 10)
    assert change.regressed
    assert change.share is None


def test_of_several_records_the_most_memory_counts():
    before = [{"peak_bytes": 100}, {"peak_bytes": 90}, {}]
    growth = only_growth(before, [{"peak_bytes": 103}, {"peak_bytes": 104.0}])
    assert (growth.before, growth.after, growth.regressed) == (100, 104, False)


def test_what_is_no_number_of_bytes_is_not_judged():
    facts = {"peak_bytes": 1, "load_s": 1.0, "read_byte_per_s": 1.0, "text_bytes": "unknown"}
    more = facts | {"load_s": 9.0, "read_byte_per_s": 9.0, "peak_bytes": 2}
    assert only_growth([facts], [more]).name == "peak_bytes"


@pytest.fixture(scope="module")
def benchmarked():
    """A record as `benchmark` makes it, on the processor."""
    from longlive_widget import Engine, Preset
    from longlive_widget.measure.benchmark import Plan, benchmark

    draft = Preset("draft", "", denoise_steps=(1000,), window_frames=6)
    plan = Plan(blocks=1, switches=0, turns=2, size_px=(64, 48))
    (found,) = benchmark([draft], lambda one: Engine.load("tiny", one, device="cpu"), plan)
    return found.record("benchmark")


def of_a_gpu():
    """A record as `benchmark` has made it on a GPU."""
    measured = Path(__file__).parents[2] / "docs" / "measured" / "h200.jsonl"
    return next(one for one in read(measured) if one.kind == "benchmark")


@pytest.mark.parametrize("where", ["processor", "GPU"])
def test_the_memory_of_a_benchmark_that_grew_is_a_regression(where, benchmarked, command, capsys):
    real = benchmarked if where == "processor" else of_a_gpu()
    memory = [name for name in real.facts if name.endswith("_bytes")]
    expected = {"window_bytes", "host_process_bytes"}
    assert expected | ({"device_peak_bytes"} if where == "GPU" else set()) <= set(memory)
    assert command([real], [real]) == 0
    capsys.readouterr()
    for name in memory:
        more = replace(real, facts=dict(real.facts) | {name: real.facts[name] * 1.06})
        of_all_that_ran = name.startswith("host_")
        assert command([real], [more]) == (0 if of_all_that_ran else 1)
        if of_all_that_ran:
            assert f"  {name} " in capsys.readouterr().out
            continue
        told = capsys.readouterr().out.splitlines()
        (line,) = (line for line in told if line.startswith(f"  {name} "))
        assert line.endswith("+6.00 %, a regression")
        assert told[-1] == f"1 regression of more than 5 %: {name} of {real.preset.name!r}"
        assert command([real], [more], "--regression", "7%") == 0
        capsys.readouterr()


def test_memory_is_said_to_be_single_figures_and_is_in_the_json(command, capsys):
    before, after = (of({}, facts={"a_bytes": size, "b_bytes": 0}) for size in (20_000, 30_000))
    after = replace(after, facts={"a_bytes": 30_000, "c_bytes": 0})
    assert command([before], [after]) == 1
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[2:6] == [
        "memory, a single figure before after change, with no interval",
        "a_bytes 20000 30000 +50.00 %, a regression",
        "b_bytes only before",
        "c_bytes only after",
    ]
    assert command([before], [after], "--json") == 1
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert pair["memory"] == {
        "a_bytes": {"before": 20_000, "after": 30_000, "share": 0.5, "regressed": True}
    }
    assert pair["changes"] == {}


def test_few_samples_are_told_and_are_no_regression():
    found = compare([of({"block_ms": [1.0] * 5})], [of({"block_ms": [2.0] * 100})])
    assert found.regressions == ()
    told = "\n".join(as_lines(found))
    assert "+100.00 %, but 5 and 100 samples are too few to tell: take 6" in told


OTHERS = {
    "against": record(facts={"against": "turbo"}),
    "kind": record(kind="ablation"),
    "model": record(model="other"),
    "weights": record(weights="random"),
    "dtype": record(dtype="bfloat16"),
    "preset": record(preset=replace(PRESETS["turbo"], window_frames=9)),
    "geometry": record(geometry=Geometry(176, 96)),
    "device": record(machine=replace(MACHINE, device="NVIDIA H200")),
    "sessions": record(counts={"sessions": 2}),
}


@pytest.mark.parametrize(("part", "other"), OTHERS.items(), ids=OTHERS)
def test_only_like_is_compared_with_like(part, other):
    found = compare([record(), other], [record()])
    assert [pair.subject for pair in found.pairs] == [Subject.of(record())]
    assert found.only_before == (Subject.of(other),)
    assert found.only_after == ()
    assert compare([record()], [record(), other]).only_after == (Subject.of(other),)
    with pytest.raises(RecordError, match=rf"the nearest differ in {part} \("):
        compare([record()], [other])


def test_every_part_of_a_subject_is_tested():
    subject = Subject.of(record())
    assert {
        part for other in OTHERS.values() for part in subject.differences(Subject.of(other))
    } == (set(OTHERS))
    assert set(OTHERS) == set(subject.__dataclass_fields__)


def test_another_time_commit_driver_or_summary_is_still_the_same():
    other = record(
        commit=None,
        machine=replace(MACHINE, driver="580.1", cores=8),
        preset=replace(PRESETS["turbo"], summary="in other words"),
        counts={"blocks": 9},
    )
    assert len(compare([record()], [other]).pairs) == 1


def test_records_of_one_subject_are_taken_together():
    halves = [of({"block_ms": times(1)[:50]}), of({"block_ms": times(1)[50:]})]
    whole = of({"block_ms": times(1)})
    after = [of({"block_ms": times(2)})]
    assert compare(halves, after).pairs[0].changes == compare([whole], after).pairs[0].changes


def test_a_name_that_only_one_side_has_is_listed():
    found = compare([of({"a_ms": [1] * 6, "b_ms": [1] * 6})], [of({"b_ms": [1] * 6, "c_ms": [1]})])
    (pair,) = found.pairs
    assert [change.name for change in pair.changes] == ["b_ms"]
    assert (pair.only_before, pair.only_after) == (("a_ms",), ("c_ms",))
    lines = [" ".join(line.split()) for line in as_lines(found)]
    assert "a_ms only before" in lines
    assert "c_ms only after" in lines


def test_the_command_tells_a_regression_and_exits_with_1(command, capsys):
    before = of({"block_ms": times(1), "text_ms": times(3)}, commit=Commit("a" * 40, dirty=False))
    after = of(
        {"block_ms": times(2, 1.2), "text_ms": times(4)}, commit=Commit("b" * 40, dirty=True)
    )
    assert command([before], [after]) == 1
    told = capsys.readouterr()
    assert told.err == ""
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines[0] == (
        "benchmark of tiny (trained, float32), preset 'turbo', 160 x 96, 3 latent frames a block, "
        "NVIDIA H100"
    )
    assert lines[1] == "before: 1 record of aaaaaaa; after: 1 record of bbbbbbb (changed since)"
    assert lines[2] == "sample before p50 after p50 change"
    assert lines[3] == "block_ms 101.7 122 +20.06 % (+19.47 % to +20.60 %), a regression"
    assert lines[4] == "text_ms 102.1 101.6 no difference seen (-1.10 % to +0.24 %)"
    assert lines[-1] == "1 regression of more than 5 %: block_ms of 'turbo'"


def test_the_command_exits_with_0_where_the_regression_is_allowed(command, capsys):
    records = [of({"block_ms": times(1)})], [of({"block_ms": times(2, 1.2)})]
    assert command(*records, "--regression", "30%") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing is worse by more than 30 %"
    assert command(*records, "--regression", "0%") == 1


def test_the_command_lists_what_has_no_pair_and_the_nearest_there_is(command, capsys):
    assert command([record(), OTHERS["preset"]], [record(), OTHERS["model"]]) == 0
    told = capsys.readouterr().out
    assert "only before: benchmark of tiny (trained, float32), preset 'turbo', 160 x 96" in told
    assert "; the nearest differ in preset (window_frames: 9, 8)" in told
    assert "only after: benchmark of other" in told
    assert "; the nearest differ in model (other, tiny)" in told
    command([record(), record(preset=PRESETS["ultra"])], [record()])
    assert "differ in preset ('ultra', 'turbo')" in capsys.readouterr().out


def test_the_command_prints_json(command, capsys):
    few = {"first_picture_ms": [1.0]}
    before, after = of({"block_ms": times(1)} | few), of({"block_ms": times(2, 1.2)} | few)
    assert command([before], [after], "--json") == 1
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (found["regression"], found["regressed"]) == (0.05, True)
    (pair,) = found["pairs"]
    assert (pair["model"], pair["preset"]["name"], pair["device"]) == (
        "tiny",
        "turbo",
        "NVIDIA H100",
    )
    change = pair["changes"]["block_ms"]
    assert change["before"]["count"] == 100
    assert change["share"]["low"] < 0.2 < change["share"]["high"]
    assert (change["seen"], change["regressed"]) == (True, True)
    none = pair["changes"]["first_picture_ms"]
    assert none["difference"] == {"median": 0, "low": None, "high": None}
    assert (none["seen"], none["before"]["deviation"]) == (False, None)


@pytest.mark.parametrize(
    ("regression", "said"),
    [
        ("0.05", "'0.05' is no percentage from 0 on: write it as 5%"),
        ("-1%", "'-1%' is no percentage"),
        ("nan%", "'nan%' is no percentage"),
        ("a lot", "'a lot' is no percentage"),
    ],
)
def test_what_is_no_percentage_is_told(command, capsys, regression, said):
    with pytest.raises(SystemExit) as stopped:
        command([record()], [record()], f"--regression={regression}")
    assert stopped.value.code == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1


def test_records_that_cannot_be_compared_are_told_in_one_sentence(tmp_path, command, capsys):
    good, empty, damaged = (tmp_path / name for name in ("good", "empty", "damaged"))
    append(good, record())
    empty.touch()
    damaged.write_text("{}\n")
    for before, after, said in (
        (tmp_path / "missing", good, "missing' cannot be read (No such file or directory)"),
        (good, empty, "there are no records after: measure some first"),
        (damaged, good, "line 1 of"),
    ):
        assert main(["compare", str(before), str(after)]) == 2
        told = capsys.readouterr()
        assert said in told.err
        assert told.err.count("\n") == 1
        assert told.out == ""
    assert command([record()], [OTHERS["device"]]) == 2
    assert capsys.readouterr().err == (
        "longlive-widget: no two records are of the same: the nearest differ in device "
        "(NVIDIA H100, NVIDIA H200)\n"
    )


def rounded(kind: int | None, weights: str = "random"):
    own = {} if kind is None else {"random_weights": kind}
    samples = {"squared_error": times(1)}
    return record(
        kind="rounding", weights=weights, samples=samples, facts={"against": "float32"} | own
    )


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ([rounded(None)], [rounded(2)], "1 before and 2 after"),
        ([rounded(3)], [rounded(2)], "3 before and 2 after"),
        ([rounded(2), rounded(None)], [rounded(2)], "1 and 2 before and 2 after"),
    ],
)
def test_roundings_under_random_weights_of_two_kinds_are_refused(
    before, after, kinds, command, capsys
):
    assert command([record(), *before], [record(), *after]) == 2
    assert capsys.readouterr().err == (
        f"longlive-widget: the rounding of 'turbo' was measured under random weights of kind "
        f"{kinds}, in which the same error does not show alike: measure both sides under one\n"
    )


@pytest.mark.parametrize(("kind", "weights"), [(None, "random"), (2, "random"), (None, "trained")])
def test_roundings_under_one_kind_of_weights_are_compared(kind, weights, command):
    assert command([rounded(kind, weights)], [rounded(kind, weights)]) == 0


def test_single_figures_but_memory_are_not_compared():
    start = of({}, kind="startup", facts={"cold_start_s": 50.0})
    with pytest.raises(RecordError, match="the records before are of startup, single figures"):
        compare([start], [start])
    with pytest.raises(RecordError, match="the records after are of startup"):
        compare([of({"block_ms": times(1)})], [start])


def test_half_a_record_is_told_and_the_others_are_compared(tmp_path, capsys):
    for name in ("a", "b"):
        append(tmp_path / name, record())
    with (tmp_path / "b").open("a") as file:
        file.write(record().to_json()[:99])
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    told = capsys.readouterr().err
    assert told.startswith("longlive-widget: line 2 of ")
    assert told.endswith("is half a record, left by a crash: passed over\n")


def test_comparing_loads_nothing_heavy(tmp_path):
    append(tmp_path / "a", record())
    given = ["compare", str(tmp_path / "a"), str(tmp_path / "a")]
    assert heavy_modules_after(f"from longlive_widget.cli import main; main({given})") == set()
