"""The findings of LongLive's log beside records: what each of them must show for which verdict."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import torch

from longlive_widget import PRESETS, Preset
from longlive_widget.engine.capability import within_reach
from longlive_widget.errors import CapabilityError
from longlive_widget.measure.contrast import contrasts
from longlive_widget.measure.findings import FINDINGS, Seen, empty_window
from longlive_widget.measure.log import log_page
from longlive_widget.measure.record import Commit, Record
from tests.unit.written_record import MACHINE, record

REFERENCE = PRESETS["reference"]


def timed(block_ms: float, preset: Preset = REFERENCE, **changes: object):
    samples = {"block_ms": [block_ms + at / 10 for at in range(20)]} | changes.pop("more", {})
    return record(preset=preset, samples=samples, facts={}, **changes)


def other(block_ms: float, **settings: object):
    name = ", ".join(f"{name}={value}" for name, value in settings.items())
    return timed(block_ms, REFERENCE.with_(name=name, **settings))


def seen(number: int, *records: Record) -> Seen:
    return FINDINGS[number - 1].look(records)


def test_they_are_the_logs_own_in_its_order():
    assert [finding.number for finding in FINDINGS] == [1, 2, 3, 4, 5, 6, 7]
    assert FINDINGS[3].words.startswith("Window size negligible for latency")


@pytest.mark.parametrize("number", range(1, 8))
def test_without_records_nothing_is_measured(number: int):
    for records in ((), (timed(800),)):
        found = seen(number, *records)
        assert (found.verdict, found.records) == ("not measured", ())


@pytest.mark.parametrize(
    ("number", "records", "verdict"),
    [
        (1, [other(625, compiled="default")], "confirmed"),  # -21.9 %
        (1, [other(500, compiled="default")], "differs"),
        (1, [other(900, compiled="default")], "wrong"),
        (3, [other(850, window_dtype="int8")], "confirmed"),
        (3, [other(700, window_dtype="int8")], "wrong"),
        (3, [other(800, window_dtype="int8")], "wrong"),
        (4, [other(799, window_frames=6), other(801, window_frames=8)], "confirmed"),
        (4, [other(799, window_frames=6), other(600, window_frames=8)], "wrong"),
        (
            7,
            [other(600, denoise_steps=(1000, 500, 250)), other(400, denoise_steps=(1000, 250))],
            "confirmed",
        ),
        (
            7,
            [other(600, denoise_steps=(1000, 500, 250)), other(580, denoise_steps=(1000, 250))],
            "differs",
        ),
    ],
)
def test_a_verdict_is_what_one_setting_alone_changes(
    number: int, records: Sequence[Record], verdict: str
):
    found = seen(number, timed(800), *records)
    assert found.verdict == verdict
    assert found.records == (timed(800), *records) or len(records) > 1
    assert "over `reference`" in found.told


def test_what_differs_in_more_proves_nothing_and_is_told():
    found = seen(3, timed(800), other(900, window_dtype="int8", window_cache="ring"))
    assert found.verdict == "not measured"
    assert found.told.startswith("no records differ in `window_dtype` alone; `window_dtype` model")
    assert "`window_cache` differ too" in found.told
    assert len(found.records) == 2


def test_records_of_other_machines_and_other_ways_are_not_held_against_each_other():
    here = timed(800)
    slower = replace(here, machine=replace(MACHINE, device="other"))
    by_ablation = replace(here, kind="ablation")
    for before in (slower, by_ablation, replace(here, dtype="bfloat16")):
        assert contrasts([before, other(400, window_frames=6)], "window_frames") == ()


EARLIER = {
    "commit": Commit("57ab9b4" + "0" * 33, dirty=False),
    "time": datetime(2026, 11, 25, tzinfo=UTC),
}


def test_what_an_earlier_engine_took_is_marked_and_the_newest_one_decides():
    before = timed(800, **EARLIER), replace(other(500, compiled="default"), **EARLIER)
    found = seen(1, *before, timed(800))
    assert found.verdict == "differs"
    assert "over `reference` on NVIDIA H100, commit 57ab9b4, an earlier engine: -37." in found.told
    now = timed(800), other(625, compiled="default")
    found = seen(1, *before, *now)
    assert found.verdict == "confirmed"
    newest, earlier = found.told.split("; ")
    assert "commit 29f12ca: -21.8%" in newest
    assert "commit 57ab9b4, an earlier engine: -37." in earlier


def test_engines_of_two_commits_are_not_held_against_each_other():
    found = contrasts([timed(800, **EARLIER), other(425.95, window_frames=6)], "window_frames")
    assert found == ()


def test_where_no_layer_is_compiled_nothing_is_told_of_compiling():
    ours = {"facts": {"compiled": "no layer: the kernels are our own"}}
    nothing = replace(other(800, compiled="default"), **ours)
    found = seen(1, timed(800), nothing)
    assert found.verdict == "not measured"
    told = "with the newest kernels `compiled=default` compiles no layer: the kernels are our own"
    assert told in found.told
    assert found.records[-1] == nothing


def test_a_base_that_is_no_preset_of_today_is_told_with_its_settings():
    base = other(800, window_cache="ring", prompt_cache=8)
    by_name = replace(base, preset=base.preset.with_(name="balanced"))
    less = replace(base, preset=base.preset.with_(name="less", window_frames=6))
    found = seen(4, by_name, replace(less, samples={"block_ms": [400.0] * 20}))
    assert "over `balanced` (window_cache=ring, prompt_cache=8) on NVIDIA H100" in found.told


def test_a_contrast_takes_all_records_of_a_preset():
    base = [timed(800), timed(900)]
    (found,) = contrasts([*base, other(425.95, window_frames=6)], "window_frames")
    assert found.before == tuple(base)
    assert found.change.median == pytest.approx(-0.5, abs=0.01)


@pytest.mark.parametrize(
    ("number", "settings"),
    [
        (2, {"cuda_graphs": True, "memory_pool": True, "window_cache": "ring"}),
        (6, {"compiled": "max-autotune"}),
        (6, {"compiled": "reduce-overhead"}),
    ],
)
def test_what_the_log_says_to_fail_is_wrong_once_it_ran_on_a_gpu(
    number: int, settings: dict[str, object]
):
    ran = other(500, **settings)
    found = seen(number, timed(800), ran)
    assert (found.verdict, found.records[0]) == ("wrong", ran)
    assert "20 steady blocks and 0 switches" in found.told
    on_processor = replace(ran, machine=replace(MACHINE, device_type="cpu"))
    assert seen(number, on_processor).verdict == "not measured"


@pytest.mark.parametrize(
    ("capability", "block_ms", "verdict"),
    [
        ("9.0", 700, "differs"),
        ("9.0", 800, "wrong"),
        ("9.0", 900, "wrong"),
        ("10.0", 700, "wrong"),
        ("10.0", 900, "not measured"),
    ],
)
def test_fp8_is_told_of_gpus_that_were_measured(capability: str, block_ms: float, verdict: str):
    gpu = replace(MACHINE, device="NVIDIA X1", compute_capability=capability)
    pair = (replace(one, machine=gpu) for one in (timed(800), other(block_ms, linear_dtype="fp8")))
    found = seen(5, *pair)
    assert found.verdict == verdict
    assert "on NVIDIA X1" in found.told


def test_what_fp8_needs_is_what_the_engine_asks_for():
    with pytest.raises(CapabilityError, match=r"compute capability 9\.0"):
        within_reach(PRESETS["turbo_fp8"], torch.device("cpu"), allow_fallback=False)
    page = log_page([timed(800), other(700, linear_dtype="fp8")])
    assert "Here FP8 needs compute capability 9.0 and is refused elsewhere, unless" in page


def test_what_steps_can_save_is_told_from_their_share_of_a_block():
    """Without records of fewer steps alone, and beside them."""
    base = timed(800, more={"steps_ms": [384.5] * 20})
    found = seen(7, base)
    assert found.verdict == "differs"
    assert "4 steps of `reference` take 48% of its block, so one less can save 12%" in found.told
    nearly_all = timed(800, more={"steps_ms": [780.0] * 20})
    assert seen(7, nearly_all).verdict == "not measured"


def test_the_logs_own_way_is_beside_the_steady_block_of_the_preset():
    first = record(
        kind="benchmark_as_the_log", preset=REFERENCE, samples={"first_block_ms": [570.0] * 3}
    )
    steady = timed(800)
    assert empty_window([first, steady, other(1, window_frames=6)]) == ((first, (steady,)),)
    page = log_page([first, steady]).split("## What LongLive's log found")[1].split("\n## ")[0]
    assert "`reference` [1, 2]: the first block of a new video, as the log timed, 570.0 ms" in page
    assert "a steady block, over a full window, 801.0 ms." in page
    assert '3. "INT8 KV adds overhead on H100 - memory bandwidth is not the bottleneck"' in page
    assert "its steady block was not measured" in log_page(
        [replace(first, preset=PRESETS["ultra"]), steady]
    )


def test_what_another_gpu_says_of_the_same_model_counts_and_is_told_as_its_own():
    elsewhere = replace(MACHINE, device="NVIDIA H200")
    pair = [
        replace(one, kind="ablation", machine=elsewhere)
        for one in (timed(700), other(900, window_dtype="int8"))
    ]
    page = log_page([timed(800), *pair])
    assert "**confirmed** [2, 3]" in page
    assert "over `reference` on NVIDIA H200, commit 29f12ca: +28" in page
    on_processor = [replace(one, machine=replace(elsewhere, device_type="cpu")) for one in pair]
    assert "**confirmed**" not in log_page([timed(800), *on_processor])


def test_first_blocks_stand_beside_steady_ones_of_the_same_machine():
    first = record(
        kind="benchmark_as_the_log", preset=REFERENCE, samples={"first_block_ms": [570.0] * 3}
    )
    elsewhere = replace(timed(700), machine=replace(MACHINE, device="NVIDIA H200"))
    assert empty_window([first, elsewhere]) == ((first, ()),)


def test_why_ours_may_differ_is_told_where_it_does():
    steady = timed(800), other(600, window_frames=8)
    page = log_page(steady)
    assert "**wrong** [1, 2]" in page
    assert "The log timed first blocks of new videos" in page
    assert "The log timed first blocks of new videos" not in log_page(steady[:1])


def test_what_the_log_gave_up_on_is_told_beside_what_runs_here():
    buffers = REFERENCE.with_(name="replayed", window_cache="ring", memory_pool=True)
    graphs = buffers.with_(cuda_graphs=True)
    for records, told in (
        ((timed(800), timed(700, graphs)), "finding 2: it runs"),
        ((timed(800),), "finding 2: not measured"),
    ):
        page = log_page(records)
        (row,) = (line for line in page.splitlines() if line.startswith("| 8: `use_cuda_graphs"))
        assert "`use_cuda_graphs: true`, `use_torch_compile: false`" in row
        assert row.endswith(f'| "Drop" | {told} |')
        assert "tensors whose sizes can change" in row
        assert page.count("| finding 6: not measured |") == 1
