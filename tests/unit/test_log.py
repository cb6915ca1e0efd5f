"""The log from records: figures with their sources, and decisions by rule and by people."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from longlive_widget import PRESETS
from longlive_widget.cli import main
from longlive_widget.errors import RecordError
from longlive_widget.measure.log import log_page
from longlive_widget.measure.log_html import log_html, times_figure
from longlive_widget.measure.profile_charts import stored_roofline_figure
from longlive_widget.measure.recommend import candidates_in
from longlive_widget.measure.record import Commit, Record
from longlive_widget.measure.records import append, read
from tests.unit.written_record import MACHINE, record

GB = 1e9
TIME = record().time


def timed(name: str, block_ms: float, peak_gb: float = 30):
    samples = {"block_ms": [block_ms + at / 10 for at in range(20)], "switch_ms": [2 * block_ms]}
    facts = {"device_peak_bytes": peak_gb * GB, "pictures_per_s": 12_000 / block_ms}
    return record(preset=PRESETS[name], samples=samples, facts=facts)


def compared(name: str, error: float):
    samples = {"squared_error": [error / 2, error], "free_squared_error": [10 * error] * 2}
    facts = {"against": "reference", "vmaf": 80.0, "lpips": "not available: torchvision is not"}
    return record(kind="likeness", preset=PRESETS[name], samples=samples, facts=facts)


RECORDS = (
    timed("reference", 800),
    timed("balanced", 500),
    timed("ultra", 300),
    timed("low_memory", 900, peak_gb=11),
    timed("quality", 800),
    timed("speed", 480),
    compared("balanced", 0.0),
    compared("ultra", 650.25),
    compared("low_memory", 1.0),
    compared("quality", 0.0),
)


def section(page: str, name: str) -> str:
    found = re.search(rf"^## `{name}`\n(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        ("reference", "baseline; what the others are compared with."),
        ("balanced", "keep; -37.5% (-37.5% to -37.4%); no block is under 40 dB."),
        ("ultra", "trade; -62.4%"),
        ("low_memory", "trade; less memory, and +12.5%"),
        ("quality", "drop; neither faster nor smaller than the reference."),
        ("speed", "open; -40.0%"),
    ],
)
def test_each_preset_has_its_decision_by_rule(name: str, decision: str):
    assert f"**Decision**: {decision}" in section(log_page(RECORDS), name)


def test_the_reference_has_all_its_settings_and_others_what_differs():
    page = log_page(RECORDS)
    reference = section(page, "reference").split("```")[1]
    assert {"denoise_steps: [1000, 750, 500, 250]", "window_frames: 12", "compiled: null"} <= set(
        reference.splitlines()
    )
    assert not re.search("name:|summary:", reference)
    assert "window_frames: 12" not in section(page, "balanced")


@pytest.mark.parametrize(("peak_gb", "told"), [(31.4, ""), (33.0, ", with +10.0% memory")])
def test_what_is_faster_says_how_much_more_memory_it_takes(peak_gb: float, told: str):
    """The rule keeps it all the same, and says so."""
    page = log_page((RECORDS[0], timed("balanced", 500, peak_gb), compared("balanced", 0.0)))
    decision = f"keep; -37.5% (-37.5% to -37.4%){told}; no block is under 40 dB."
    assert f"**Decision**: {decision}" in section(page, "balanced")
    assert "*Keep* takes less time, whatever memory that needs" in page


def test_figures_say_which_record_they_are_from():
    page = log_page(RECORDS)
    assert "| `balanced` [2, 7] | 500.9 |" in page
    ultra = section(page, "ultra")
    assert "denoise_steps: [1000, 250]" in ultra
    assert "on tiny [8]: from one history the worst block 20.0 dB" in ultra
    assert "vmaf 80.00; lpips not available: torchvision is not" in ultra
    sources = page.split("## Records")[1]
    assert re.search(r"^\| 8 \| likeness \| tiny \| ultra \| NVIDIA H100 \|", sources, re.MULTILINE)
    assert "LongLive's log, on an H100 and with an empty window: 215 ms" in ultra


def test_switches_to_prompts_that_were_remembered_are_left_out_and_told():
    texts, wholes = [30.0, 31.0, 29.0, 0.0], [500.0, 501.0, 502.0, 100.0]
    samples = {"block_ms": [300.0] * 6, "text_ms": texts, "switch_ms": wholes}
    remembering = record(preset=PRESETS["balanced"], samples=samples, facts={})
    told = section(log_page((RECORDS[0], remembering)), "balanced")
    assert "| reading a prompt, ms | 30.0 | 31.0 | 31.0 | 30.0 | 1.0 | 29.0 | 31.0 | 3 |" in told
    assert (
        "| block of a switch, ms | 501.0 | 502.0 | 502.0 | 501.0 | 1.0 | 500.0 | 502.0 | 3 |"
        in told
    )
    assert "Left out [2]: 1 of 4 switches, to prompts that were remembered." in told
    assert "Left out" not in section(log_page((RECORDS[0], timed("balanced", 500))), "balanced")


def test_how_presets_start_is_told_where_each_had_a_process_of_its_own():
    """What comes second finds all that the first one has loaded and compiled."""
    starts = {"first_picture_s": 25.5, "warm_up_s": 30.0, "torch_compile_s": 1.0, "load_s": 4.0}
    first, second = (
        replace(timed(name, 500), facts=starts | {"window_bytes": 5.0}, time=TIME + delay)
        for name, delay in (("reference", timedelta()), ("balanced", timedelta(seconds=0.4)))
    )
    page = log_page((first, second))
    for name in ("reference", "balanced"):
        assert "window, bytes 5.00" in section(page, name)
        assert not re.search("first picture, s|warm-up|loading", section(page, name))
        assert "2 presets in one process: how each starts is not told" in section(page, name)
    later = replace(second, time=TIME + timedelta(seconds=30))
    told = section(log_page((first, later)), "balanced")
    assert "first picture, s 25.50; warm-up, s 30.00" in told
    assert "in one process" not in told


def test_latent_frames_stand_beside_pictures_and_what_the_logs_fps_are_is_told():
    page = log_page(RECORDS)
    summary = page.split("## Summary")[1].split("\n## ")[0]
    assert "| preset | ms a block | change | pictures/s | latent frames/s |" in summary
    assert re.search(
        r"^\| `reference` \[1\] \| 801\.0 \|  \| 15\.0 \| 3\.7 \|", summary, re.MULTILINE
    )
    method = page.split("## Method")[1]
    assert "latent frames a second, 3 by the mean block (3 / 0.7356 s = 4.1)" in method
    assert "by the longest block (3 / 0.330 s = 9.1, 3 / 0.250 s = 12.0)" in method


def test_the_way_to_a_blocks_first_pictures_is_a_row_of_its_own():
    samples = {"block_ms": [300.0] * 6, "noise_to_picture_ms": [230.0, 231.5, 240.0]}
    page = log_page((RECORDS[0], record(preset=PRESETS["balanced"], samples=samples, facts={})))
    row = "| from its noise to its first pictures on the host, ms | 231.5 | 240.0 |"
    assert row in section(page, "balanced")


def switched(name: str, block_ms: float, minute: int = 0, **changes: object):
    samples = {"block_ms": [block_ms] * 5 + [1.1 * block_ms]}
    samples |= {"switch_ms": [block_ms + 150, block_ms + 160], "text_ms": [30.0, 10.0]}
    time = record().time + timedelta(minutes=minute)
    return record(preset=PRESETS[name], samples=samples, facts={}, time=time, **changes)


def test_what_a_switch_adds_to_a_block_is_told_without_reading_its_prompt():
    page = log_page((switched("reference", 800), switched("balanced", 500)))
    row = "| beyond a block, prompt read, ms | 135.0 | 150.0 | 150.0 | 135.0 | 21.2 | 120.0 |"
    assert row in section(page, "balanced")


@pytest.mark.parametrize("name", ["quality", "balanced"])
def test_where_that_is_not_known_it_is_not_told(name: str):
    one = switched(name, 500)
    if not one.preset.decode_behind:
        one = replace(one, samples=one.samples | {"text_ms": (30.0,)})
    assert "beyond" not in section(log_page((switched("reference", 800), one)), name)


def test_each_run_stands_by_itself_beside_its_own_reference():
    here, there = (replace(MACHINE, driver=driver) for driver in ("570.86.15", "580.1"))
    records = (
        switched("reference", 800, machine=here),
        switched("balanced", 400, machine=here),
        switched("reference", 810, machine=there),
        switched("balanced", 410, machine=there),
        switched("balanced", 415, machine=there),
        switched("balanced", 420, minute=9, machine=there),
    )
    runs = log_page(records).split("## Run by run")[1].split("## ")[0]
    rows = [line for line in runs.splitlines() if line.startswith("| `balanced`")]
    when = "2026-11-26 12:30, 29f12ca"
    assert rows == [
        f"| `balanced` [2] | 1: {when} | 6 | 400.0 | 50.0% | 10.0% | 10.0% | 2 | 135.0 |",
        f"| `balanced` [4] | 2: {when} | 6 | 410.0 | 50.6% | 10.0% | 10.0% | 2 | 135.0 |",
        f"| `balanced` [5] | 3: {when} | 6 | 415.0 |  | 10.0% | 10.0% | 2 | 135.0 |",
        "| `balanced` [6] | 4: 2026-11-26 12:39, 29f12ca | 6 | 420.0 |  | 10.0% | 10.0% | 2 "
        "| 135.0 |",
    ]


def test_each_entry_has_the_change_of_every_figure_against_the_reference_of_its_run():
    later = timedelta(hours=1)
    first_run = timed("reference", 800), timed("balanced", 400, peak_gb=33)
    second_run = [
        replace(one, time=TIME + later)
        for one in (timed("balanced", 500), timed("reference", 1000))
    ]
    alone = replace(timed("balanced", 1), time=TIME + 2 * later)
    page = log_page([*first_run, *second_run, alone])
    entry = section(page, "balanced")
    assert "| figure | [2] | `reference` [1] | change | [3] | `reference` [4] | change |" in entry
    half = "-49.9% (-50.0% to -49.9%)"
    assert f"| steady block, p50, ms | 400.9 | 801.0 | {half} | 500.9 | 1001.0 | " in entry
    assert "p99, of fewer than 100 the longest, ms | 401.9 | 801.9 | -49.9% | " in entry
    assert "| block of a switch, p50, ms | 800.0 | 1600.0 | too few samples to tell" in entry
    assert "| peak of device memory, GB | 33.0 | 30.0 | +10.0% | 30.0 | 30.0 | +0.0% |" in entry
    assert "| pictures/s, by the mean block | 29.9 | 15.0 | +99.8% | " in entry
    assert "first pictures, p50" not in entry
    assert "\n[5]: no `reference` took turns with it, so no change is told.\n" in entry
    assert "| change |" not in section(page, "reference")


def test_from_nothing_no_change_is_told():
    both = timed("reference", 800), timed("ultra", 300)
    none = [replace(one, samples=one.samples | {"switch_ms": [0.0] * 6}) for one in both]
    assert "| block of a switch, p50, ms | 0.0 | 0.0 |  |" in section(log_page(none), "ultra")


def test_the_times_by_which_attention_was_chosen_stand_beside_the_choice():
    facts = {"attention": "fa3", "attention_cudnn_ms": 1.029, "attention_fa3_fp8_ms": 0.9}
    one = replace(timed("balanced", 500), facts=facts | {"load_s": 1.0, "attention_fa3_ms": 0.857})
    told = (
        "[2]: attention by fa3, the fastest here, ms a call: fa3 0.857, fa3-fp8 0.900, cudnn 1.029."
    )
    assert told in section(log_page((RECORDS[0], one)), "balanced").splitlines()
    untimed = replace(one, facts={"attention": "fa3"})
    told = "[2]: attention by fa3, the fastest here; the times are not in the record."
    assert told in section(log_page((RECORDS[0], untimed)), "balanced").splitlines()


def test_a_table_has_the_standard_deviation_where_there_is_one():
    samples = {"block_ms": [300.0, 302.0, 307.0], "switch_ms": [500.0]}
    page = log_page((RECORDS[0], record(preset=PRESETS["balanced"], samples=samples, facts={})))
    rows = section(page, "balanced").splitlines()
    header = "| [2] | p50 | p95 | p99 | mean | standard deviation | least | most | samples |"
    assert rows[rows.index(header) + 1].count("---") == header.count("|") - 1
    assert "| steady block, ms | 302.0 | 307.0 | 307.0 | 303.0 | 3.6 | 300.0 | 307.0 | 3 |" in rows
    once = "| block of a switch, ms | 500.0 | 500.0 | 500.0 | 500.0 |  | 500.0 | 500.0 | 1 |"
    assert once in rows


def test_pictures_have_their_ssim_and_flicker():
    seen = compared("ultra", 1.0)
    samples = {"ssim": [0.9, 0.95, 0.97], "free_ssim": [0.5, 0.75]}
    facts = {"flicker": 2.5, "flicker_against": 2.25}
    more = replace(seen, samples=seen.samples | samples, facts=seen.facts | facts)
    told = section(log_page((*RECORDS[:3], more)), "ultra")
    assert "; SSIM from one history the worst block 0.9000, all 0.9400" in told
    assert "; SSIM running free the worst block 0.5000, all 0.6250; vmaf" in told
    assert "; flicker 2.50, of `reference` 2.25." in told
    without = section(log_page((*RECORDS[:3], seen)), "ultra")
    assert "; SSIM" not in without
    assert "flicker" not in without


def test_what_stood_in_as_pictures_were_made_is_told_beside_them():
    seen, stood_in = compared("ultra", 1.0), "the linear layers are in FP8 that is emulated: why"
    ran = replace(seen, facts=seen.facts | {"fallbacks": stood_in})
    told = section(log_page((*RECORDS[:3], ran)), "ultra")
    assert f"\nWhat stood in for something else there: {stood_in}.\n" in told
    assert "stood in" not in section(log_page((*RECORDS[:3], seen)), "ultra")


def test_every_machine_driver_torch_and_commit_of_any_record_is_an_environment():
    first, *others = RECORDS
    machine = replace(MACHINE, device_type="cpu", device="AMD EPYC", driver=None, threads=1)
    apart = [
        replace(others[0], commit=Commit("b" * 40, dirty=True)),
        replace(others[1], machine=replace(MACHINE, driver="580.1")),
        replace(compared("turbo", 1.0), machine=machine),
        replace(
            compared("turbo", 2.0),
            machine=machine,
            versions=replace(first.versions, torch="2.9.0+cpu", cuda=None, triton="3.6.0"),
        ),
    ]
    table = log_page([first, *apart, others[2]]).split("## Environment")[1].split("\n## ")[0]
    gpu, torch = "16 cores, 8 threads, Linux x86_64", "2.13.0+cu130, CUDA 13.0, Python 3.12.1"
    on_cpu = "| AMD EPYC (cpu) |  | AMD EPYC, 16 cores, 1 thread, Linux x86_64 |"
    assert table.splitlines()[-5:] == [
        f"| NVIDIA H100 (cuda) | 570.86.15 | AMD EPYC, {gpu} | {torch} | 0.1.0, commit 29f12ca | "
        "[1, 6] |",
        f"| NVIDIA H100 (cuda) | 570.86.15 | AMD EPYC, {gpu} | {torch} | 0.1.0, commit bbbbbbb "
        "(changed since) | [2] |",
        f"| NVIDIA H100 (cuda) | 580.1 | AMD EPYC, {gpu} | {torch} | 0.1.0, commit 29f12ca | [3] |",
        f"{on_cpu} {torch} | 0.1.0, commit 29f12ca | [4] |",
        f"{on_cpu} 2.9.0+cpu, Triton 3.6.0, Python 3.12.1 | 0.1.0, commit 29f12ca | [5] |",
    ]


def test_the_sweet_spot_is_what_recommend_says():
    spots = log_page(RECORDS).split("## Sweet spot")[1].split("##")[0]
    assert spots.count("\n- ") == 4
    assert "with 24 GB or less" in spots
    assert "- balanced: 500.9 ms a block" in spots


def test_a_sweet_spot_says_of_which_records_it_is_and_stands_beside_the_reference():
    start = record(kind="startup", preset=PRESETS["balanced"], facts={"warm_start_s": 12.5})
    spots = log_page((*RECORDS, start)).split("## Sweet spot")[1].split("## ")[0]
    assert spots.count(" [2, 7].\n") == 2
    assert [row for row in spots.splitlines() if row.startswith("|")] == [
        "| | `balanced` [2, 7] | `reference` [1] |",
        "|---|---|---|",
        "| steady block, ms | 500.9, -37.5% (-37.5% to -37.4%) | 801.0 |",
        "| longest block, ms | 501.9, -37.4% | 801.9 |",
        "| pictures/s | 24.0, +59.9% | 15.0 |",
        "| most of the device's memory, GB | 30.0, +0.0% | 30.0 |",
        "| start to a steady block, compiled before, s [11] | 12.50 | |",
    ]
    for other in (replace(start, model="other"), replace(start, preset=PRESETS["ultra"])):
        spots = log_page((*RECORDS, other)).split("## Sweet spot")[1].split("## ")[0]
        assert "start to" not in spots
    alone = log_page(RECORDS[:1]).split("## Sweet spot")[1].split("## ")[0]
    assert "|" not in alone


def test_a_profile_is_a_table_of_its_parts():
    samples = {"block_ms": [100.0], "self_attention_ms": [25.0], "feed_forward_up_ms": [50.0]}
    samples |= {"switched_copies_ms": [1.0], "unprofiled_block_ms": [95.0]}
    profiled = record(kind="profile", preset=PRESETS["ultra"], samples=samples, facts={})
    page = log_page((*RECORDS, profiled)).split("## Where the time of `ultra` [11] goes")[1]
    table = page.split("## ")[0].split("| part |")[1]
    rows = [row for row in table.splitlines() if "%" in row]
    assert rows == [
        "| feed forward up | 50.0 | 50.0 | 50.0% |  |  |  |  |  |",
        "| self attention | 25.0 | 25.0 | 25.0% |  |  |  |  |  |",
    ]


def test_a_profile_has_the_p99_of_each_part_or_of_few_blocks_the_longest():
    for least, told in ((10, "longest"), (298, "p99")):
        samples = {"block_ms": [100.0] * (least + 2), "copies_ms": [1.0] * least + [2.0, 9.0]}
        profiled = record(kind="profile", preset=PRESETS["ultra"], samples=samples, facts={})
        page = log_page((*RECORDS, profiled)).split("## Where the time of `ultra` [11] goes")[1]
        assert f"| part | p50 ms | {told} ms | of a block |" in page
        assert f"\n| copies | 1.0 | {9.0 if least == 10 else 1.0} | 1.0% |" in page


def test_a_profile_tells_what_parts_and_gaps_take_and_how_near_the_ceilings_parts_are():
    samples = {"block_ms": [100.0], "copies_ms": [25.0], "gaps_ms": [2.0], "waiting_ms": [0.0]}
    samples["decoder_stage_1_ms"] = [1.0]
    facts = {"sum_percent": 99.5, "unattributed_percent": 0.25, "overhead_percent": 1.5}
    facts |= {"decoder_stage_1_flop_per_s": 4e12}
    facts |= {"copies_calls": 12.0, "copies_flop_per_s": 2e12, "copies_byte_per_s": 1.5e12}
    facts |= {"ceiling_flop_per_s": 8e12, "ceiling_byte_per_s": 3e12}
    profiled = record(kind="profile", preset=PRESETS["ultra"], samples=samples, facts=facts)
    page = log_page((*RECORDS, profiled)).split("## Where the time of `ultra` [11] goes")[1]
    assert "1 blocks. Parts take 25.75 % of them, gaps 2.00 %, 0.25 % is in no part" in page
    assert "| decoder stage 1 | 1.0 | 1.0 | 1.0% |  | 4 of direct convolution | 50% |  |  |" in page
    assert "profiling changed the median block by +1.5 %.\n" in page
    more = replace(profiled, facts=facts | {"unnamed_percent": 0.125})
    told = "by +1.5 %. In 0.12 % nothing runs, and the host is in no part.\n"
    assert told in log_page((*RECORDS, more))
    assert "| copies | 25.0 | 25.0 | 25.0% | 12 | 2 | 25% | 1,500 | 50% |" in page
    assert "| gaps | 2.0 | 2.0 | 2.0% |  |  |  |  |  |" in page
    assert "waiting" not in page.split("\n## ")[0]


def test_a_profile_says_how_much_of_the_limit_each_group_of_parts_reaches():
    parts = {
        "self_attention": 40.0,
        "cross_attention": 2.0,
        "self_attention_qkv_projections": 10.0,
        "feed_forward_up": 10.0,
        "decoder_stage_4": 20.0,
        "norms_and_modulation": 8.0,
        "gaps": 10.0,
    }
    samples = {"block_ms": [100.0]} | {f"{name}_ms": [ms] for name, ms in parts.items()}
    facts = {"ceiling_flop_per_s": 8e14, "ceiling_byte_per_s": 4e12}
    facts |= {"self_attention_flop_per_s": 6e14, "cross_attention_flop_per_s": 4e14}
    facts |= {"self_attention_qkv_projections_flop_per_s": 8e14, "feed_forward_up_flop_per_s": 4e14}
    facts |= {"decoder_stage_4_flop_per_s": 4e14}
    one = record(kind="profile", preset=PRESETS["ultra"], samples=samples, facts=facts)
    page = log_page((*RECORDS, one)).split("## Where the time of `ultra` [11] goes")[1]
    assert [row for row in page.split("\n\n")[2].splitlines() if "---" not in row] == [
        "| group | ms | of a block | TFLOP | of the most | ms at the most | ms above it |",
        "| attention | 42.0 | 42.0% | 24.8 | 74% | 31.0 | 11.0 |",
        "| linears | 20.0 | 20.0% | 12.0 | 75% | 15.0 | 5.0 |",
        "| decoder | 20.0 | 20.0% | 8.0 | 50% | 10.0 | 10.0 |",
        "| rest | 8.0 | 8.0% |  |  |  |  |",
        "| gaps | 10.0 | 10.0% |  |  |  |  |",
        "| all | 100.0 | 100.0% | 44.8 | 56% | 56.0 | 44.0 |",
    ]
    behind = log_page((*RECORDS, replace(one, preset=PRESETS["speed"])))
    assert "| attention | 42.0 | 42.0% |  |  |  |  |\n" in behind, "parts lie over each other"


def test_the_operations_of_a_group_are_those_of_its_parts_whatever_their_median():
    """A rate is over the mean: over a median it would be other work, of the same preset."""
    samples = {"block_ms": [100.0] * 3, "self_attention_ms": [30.0, 30.0, 60.0]}
    facts = {"ceiling_flop_per_s": 8e14, "self_attention_flop_per_s": 6e14}
    one = record(kind="profile", preset=PRESETS["ultra"], samples=samples, facts=facts)
    assert "| attention | 30.0 | 30.0% | 24.0 | 100% | 30.0 | 0.0 |" in log_page((*RECORDS, one))


def replayed(in_steps_ms: float):
    """A profile in which so much of what the transformer's graph replays was not told apart."""
    parts = {"self_attention": 40.0, "steps_as_a_cuda_graph": in_steps_ms, "decoder_stage_4": 20.0}
    samples = {"block_ms": [100.0]} | {f"{name}_ms": [ms] for name, ms in parts.items()}
    facts = {"ceiling_flop_per_s": 8e14, "ceiling_byte_per_s": 4e12}
    facts |= {"self_attention_flop_per_s": 6e14, "decoder_stage_4_flop_per_s": 4e14}
    facts |= {"self_attention_byte_per_s": 1e12, "decoder_stage_4_byte_per_s": 2e12}
    return record(kind="profile", preset=PRESETS["ultra"], samples=samples, facts=facts)


def test_parts_whose_kernels_were_not_all_told_apart_have_no_rates_and_that_is_told():
    """What they compute over what is left of their time would be more than it is."""
    page = log_page((*RECORDS, replayed(15.0)))
    assert "\n15.0 ms of what is replayed were not told apart: they are missing in att" in page
    assert "| self attention | 40.0 | 40.0 | 40.0% |  |  |  |  |  |" in page
    assert "| attention | 40.0 | 40.0% |  |  |  |  |" in page
    assert "| all | 75.0 | 75.0% |  |  |  |  |" in page
    assert "| decoder | 20.0 | 20.0% | 8.0 | 50% | 10.0 | 10.0 |" in page
    page = log_page((*RECORDS, replayed(0.5)))
    assert "not told apart" not in page
    assert "| self attention | 40.0 | 40.0 | 40.0% |  | 600 | 75% | 1,000 | 25% |" in page


def test_they_are_in_no_roofline_either():
    for in_steps_ms, names in ((0.5, ["self attention", "decoder stage 4"]), (15.0, None)):
        _, *dots = stored_roofline_figure(replayed(in_steps_ms)).data
        assert [dot.name for dot in dots] == (names or ["decoder stage 4"])


def test_parts_in_fp8_are_held_to_what_the_device_does_in_fp8():
    parts = {"self_attention": 40.0, "feed_forward_up": 10.0, "gaps": 50.0}
    samples = {"block_ms": [100.0]} | {f"{name}_ms": [ms] for name, ms in parts.items()}
    facts = {"ceiling_flop_per_s": 8e14, "ceiling_byte_per_s": 4e12}
    facts |= {"self_attention_flop_per_s": 6e14, "feed_forward_up_flop_per_s": 1.2e15}
    preset = PRESETS["speed"].with_(decode_behind=False)
    one = record(kind="profile", preset=preset, samples=samples, facts=facts)
    for more, up, linears in (
        ({}, "1,200 |  |", "| linears | 10.0 | 10.0% |  |  |  |  |"),
        ({"ceiling_fp8_flop_per_s": 1.6e15}, "1,200 | 75% |", "10.0% | 12.0 | 75% | 7.5 | 2.5 |"),
    ):
        page = log_page((*RECORDS, replace(one, facts=facts | more)))
        assert "| self attention | 40.0 | 40.0 | 40.0% |  | 600 | 75% |" in page
        assert f"| feed forward up | 10.0 | 10.0 | 10.0% |  | {up}" in page
        assert linears in page


def test_a_host_that_waits_is_an_ablation_too():
    named = PRESETS["ultra"].with_(name="ultra, synchronised")
    base, waiting = (
        record(kind=kind, preset=preset, samples={"block_ms": block_ms}, facts={})
        for kind, preset, block_ms in (
            ("ablation", PRESETS["ultra"], [100.0, 101.0] * 5),
            ("ablation_synchronised", named, [110.0, 111.0] * 5),
        )
    )
    page = log_page((*RECORDS, base, waiting))
    assert "| `ultra, synchronised` [12] | 110.5 | +10.0 ms (+10.0 to +10.0) |" in page


def test_whose_times_and_whose_pictures_are_told_apart():
    full = [replace(one, model="longlive-1.3b", weights="random") for one in RECORDS[:2]]
    page = log_page((*full, compared("balanced", 1.0)))
    timed_on = "longlive-1.3b (random, float32) at 160 x 96 on NVIDIA H100, 8 threads"
    assert f"Times, memory and parts of a block: {timed_on}, torch 2.13.0+cu130." in page
    assert "Pictures: tiny (trained, float32) at 160 x 96 on NVIDIA H100, 8 threads" in page
    assert "Not measured: `quality`, `speed`, `turbo`, `turbo_fp8`, `ultra`, `low_memory`." in page


def test_starts_of_processes_are_a_table():
    names = ("torch", "checked", "weights", "engine", "picture")
    times = (1.5, 2.5, 6.0, 9.0, 30.25)
    stages = {f"start_to_{name}_s": time for name, time in zip(names, times, strict=True)}
    cold, warm = (
        record(kind="startup", preset=PRESETS["balanced"], facts=stages | {name: taken})
        for name, taken in (("cold_start_s", 40.0), ("warm_start_s", 12.5))
    )
    page = log_page([*RECORDS, cold, warm])
    assert "| `balanced` [11] | 1.50 | 2.50 | 6.00 | 9.00 | 30.25 | 40.00 |  |" in page
    assert "| `balanced` [12] | 1.50 | 2.50 | 6.00 | 9.00 | 30.25 |  | 12.50 |" in page


def test_what_the_judge_said_is_in_it():
    shares = {"color": 0.99, "shape": 0.9, "motion": 0.92, "ground": 1.0}
    facts = {
        f"{stage}_{name}": share - less
        for stage, less in (("adherence", 0.0), ("adherence_after_switch", 0.1))
        for name, share in shares.items()
    }
    judged = record(kind="quality", counts={"prompts": 200}, samples={}, facts=facts)
    page = log_page((*RECORDS, judged))
    row = "| turbo of tiny [11] | 200 | 0.99 | 0.90 | 0.92 | 1.00 | 0.89 | 0.80 | 0.82 | 0.90 |"
    assert row in page


def quality_table(*records: Record) -> dict[str, dict[str, str]]:
    """The row of each preset in the table of quality, by the heads of its columns."""
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in log_page(records).split("## Quality")[1].split("\n## ")[0].splitlines()
        if line.startswith("|")
    )
    names = [
        f"{head[at - 1]}: change" if name == "change" else name for at, name in enumerate(head)
    ]
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def judged_as(name: str, whole: float, after: float):
    facts = {"adherence_whole": whole, "adherence_after_switch_whole": after}
    return record(
        kind="quality", preset=PRESETS[name], counts={"prompts": 9}, samples={}, facts=facts
    )


def test_the_table_of_quality_has_every_figure_of_every_preset_beside_the_reference():
    seen = compared("ultra", 650.25)
    own = {"ssim": [0.8, 0.9], "squared_error": [10.0, 650.25]}
    ultra = replace(
        seen,
        samples=seen.samples | own,
        facts=seen.facts | {"flicker": 3.0, "flicker_against": 2.5},
    )
    judged = judged_as("reference", 0.9, 0.8), judged_as("ultra", 0.45, 0.6)
    times = timed("reference", 800), timed("ultra", 300), timed("speed", 480)
    rows = quality_table(*times, ultra, *judged)
    assert rows["`ultra` [4, 6]"] == {
        "preset": "`ultra` [4, 6]",
        "PSNR, worst block": "20.0 dB",
        "PSNR, all": "22.9 dB",
        "PSNR, running free": "10.0 dB",
        "SSIM, worst block": "0.8000",
        "SSIM, all": "0.8500",
        "VMAF": "80.00",
        "LPIPS": "not available",
        "flicker": "3.00",
        "of `reference`": "2.50",
        "of `reference`: change": "+20.0%",
        "judge": "45.0%",
        "judge: change": "-50.0%",
        "judge, after a switch": "60.0%",
        "judge, after a switch: change": "-25.0%",
    }
    reference, speed = rows["`reference` [5]"], rows["`speed`"]
    assert (reference["PSNR, worst block"], reference["judge"]) == ("equal", "90.0%")
    assert {reference[name] for name in reference if "change" in name} == {""}
    assert (speed["PSNR, worst block"], speed["VMAF"], speed["judge"]) == (
        "not compared",
        "not compared",
        "not judged",
    )


def test_why_a_figure_of_quality_is_not_available_and_what_was_not_compared_is_told():
    page = log_page((*RECORDS[:3], timed("speed", 480), compared("balanced", 0.0)))
    quality = page.split("## Quality")[1].split("\n## ")[0]
    assert "\nLPIPS [5]: not available: torchvision is not.\n" in quality
    assert "\nNot compared: `ultra`, `speed` (`longlive-widget likeness` does).\n" in quality
    assert "CLIP" not in quality
    assert "## Quality" not in log_page(RECORDS[:3])


def test_pictures_of_single_settings_have_a_table_of_their_own():
    preset = PRESETS["reference"].with_(name="reference, window_frames=8", window_frames=8)
    single = replace(compared("ultra", 650.25), preset=preset)
    known = compared("ultra", 1.0)
    page = log_page((*RECORDS[:3], known, single))
    told = page.split("## What else was compared")[1].split("\n## ")[0]
    row = (
        "| reference, window_frames=8 of tiny [5] | reference | 2 | 20.0 dB | 21.2 dB | 10.0 dB | "
        "not measured | 80.00 |  |"
    )
    assert [line for line in told.splitlines() if line.startswith("| ref")] == [row]
    blind = replace(single, facts=single.facts | {"vmaf": "not available: ffmpeg is not there"})
    assert row.replace("80.00", "not available") in log_page((*RECORDS[:3], known, blind))
    assert "## What else" not in log_page((*RECORDS[:3], known))


def test_the_method_says_by_which_command_how_much_was_measured():
    counted = replace(RECORDS[0], counts={"blocks": 18, "switches": 1, "seed": 7})
    first = replace(counted, kind="benchmark_as_the_log", samples={"first_block_ms": [200.0]})
    page = log_page((counted, *RECORDS[1:], first)).split("## Method")[1].split("\n## ")[0]
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row.split(" | ")[0] for row in rows] == [
        "| `longlive-widget benchmark`",
        "| `longlive-widget benchmark --as-the-log`",
        "| `longlive-widget likeness`",
    ]
    assert rows[0].endswith("| 18 blocks, 1 switch [1]; 3 blocks [2, 3, 4, 5, 6] |")
    assert rows[1].endswith("| 18 blocks [11] |"), "nobody switched"


def test_ablations_are_held_against_their_own_base():
    def ablated(name: str, block_ms: float):
        preset = PRESETS["reference"].with_(name=name)
        return record(
            kind="ablation",
            preset=preset,
            samples={"block_ms": [block_ms + i / 10 for i in range(20)]},
        )

    bases = (ablated("reference", 800), ablated("reference, window_frames=6", 700))
    other = (ablated("turbo", 300), ablated("turbo without compiled", 450))
    elsewhere = replace(bases[0], model="other", samples={"block_ms": [5.0] * 20})
    whole = log_page((*RECORDS, *bases, *other, elsewhere))
    page = whole.split("## Ablations of tiny")[1].split("\n## ")[0]
    assert "| `reference` [15] | 5.0 |  |" in whole.split("## Ablations of other")[1]
    assert "| `reference, window_frames=6` [12] | 701.0 | -100.0 ms" in page
    assert "| `turbo without compiled` [14] | 450.9 | +150.0 ms" in page
    assert "| `turbo` [13] | 300.9 |  | 301.9 | 39.9 |  |\n" in page


def test_where_no_difference_is_seen_the_log_has_the_interval_that_spans_zero():
    first, second = (replace(timed("reference", ms), kind="ablation") for ms in (800, 800.1))
    second = replace(second, preset=second.preset.with_(name="reference, decode_first=True"))
    samples = {"block_ms": [*range(790, 800), *range(801, 811)]}
    second = replace(second, samples=samples)
    page = log_page((*RECORDS, first, second)).split("## Ablations of tiny")[1]
    assert re.search(r"no difference seen \(-\d+\.\d to \+\d+\.\d ms\) \|", page)


def test_an_ablation_tells_the_longest_block_the_rate_and_the_memory_beside_the_change():
    facts = {"device_peak_bytes": 11.5e9}
    one = replace(timed("reference", 800), kind="ablation", facts=facts)
    page = log_page((*RECORDS, one)).split("## Ablations of tiny")[1].split("\n## ")[0]
    assert "|  | ms a block | what that changes | longest | pictures/s | peak GB |" in page
    assert "| `reference` [11] | 801.0 |  | 801.9 | 15.0 | 11.5 |\n" in page


def test_each_base_of_ablations_has_its_commit_and_what_its_preset_is_not_today():
    def ablated(name: str, block_ms: float, commit: str, **settings: object):
        preset = PRESETS["balanced"].with_(**settings).with_(name=name)
        return record(
            kind="ablation",
            preset=preset,
            samples={"block_ms": [block_ms + i / 10 for i in range(20)]},
            commit=Commit(commit + "0" * 33, dirty=False),
        )

    earlier = {"cuda_graphs": False, "kernels": "torch"}
    page = log_page(
        (
            *RECORDS,
            ablated("balanced", 450, "57ab9b4", **earlier),
            ablated("balanced, window_frames=6", 400, "57ab9b4", **earlier, window_frames=6),
            ablated("balanced", 340, "dc618ac"),
        )
    )
    page = page.split("## Ablations of tiny")[1].split("\n## ")[0]
    first, second = page.split("### `balanced`, commit ")[1:]
    assert first.startswith("57ab9b4\n")
    assert "Unlike `balanced` today: `cuda_graphs=False` (fastest)" in first
    assert "`kernels=torch` (fastest)" in first
    assert "| `balanced, window_frames=6` [12] | 400.9 | -50.0 ms" in first
    assert second.startswith("dc618ac\n")
    assert "Unlike" not in second


def test_what_a_preset_left_open_is_told_with_what_ran():
    before = timed("balanced", 500)
    facts = {"compiled": "no layer: the kernels are our own", "kernels": "triton"}
    facts |= {"attention": "fa3"}
    after = replace(before, facts=before.facts | facts)
    told = section(log_page((RECORDS[0], before, after)), "balanced")
    assert "Ran [3]: compiled no layer: the kernels are our own; kernels triton." in told
    assert "attention by fa3" in told
    assert "Ran [2]" not in told


@pytest.fixture
def decided(tmp_path, capsys):
    """The exit code of `longlive-widget log` with these decisions, the page, and what it said."""
    file, decisions, out = (tmp_path / name for name in ("records.jsonl", "decided.yaml", "log.md"))
    for one in RECORDS:
        append(file, one)

    def run(said: str):
        decisions.write_text(said)
        out.unlink(missing_ok=True)
        code = main(["log", str(file), "--decisions", str(decisions), "--out", str(out)])
        told = capsys.readouterr()
        return code, out.read_text() if out.exists() else "", told.err

    return run


@pytest.mark.parametrize(
    ("said", "what", "why"),
    [
        ("ultra: keep, for drafts", "keep, for drafts", ""),
        (
            "ultra:\n  decision: keep\n  reason: >\n    Drafts: nobody\n    looks twice.\n",
            "keep",
            "; Drafts: nobody looks twice",
        ),
    ],
)
def test_a_person_may_decide_and_say_why_and_the_rule_is_beside_it(decided, said, what, why):
    code, page, _ = decided(said)
    assert code == 0
    rule = "trade; -62.4% (-62.5% to -62.4%); pictures that differ (20.0 dB)"
    line = f"**Decision**: {what}{why}; decided by a person (by the rule: {rule})."
    assert line in section(page, "ultra").splitlines()
    summary = page.split("## Run by run")[0].splitlines()
    (row,) = (row for row in summary if row.startswith("| `ultra` "))
    assert row.endswith(f"| {what} (by the rule: trade) |")
    assert page.count("by the rule:") == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ulrta: keep", "a decision is about 'ulrta', and there are reference"),
        ("- keep", "says no decisions: write `preset: words`, or `preset: {decision: words"),
        ("ultra: no", "says False of 'ultra': write `ultra: words`, or `ultra: {decision: words"),
        ("ultra: ' '", "says ' ' of 'ultra': write"),
        ("ultra: {decision: keep}", "says {'decision': 'keep'} of 'ultra': write"),
        ("ultra: {decision: keep, reason: 1}", "'reason': 1} of 'ultra': write"),
        ("ultra: {decision: keep, reason: a, by: b}", "of 'ultra': write"),
        ("1: keep", "says 'keep' of 1: write"),
    ],
)
def test_what_is_no_decision_is_told_in_a_sentence(decided, said, told):
    code, _, error = decided(said)
    assert code == 2
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (compared("quality", 0.0), None),
        (record(kind="ablation", samples={}), "the ablation of 'turbo' at 2026.* has no block_ms"),
        (record(kind="profile", samples={}), "the profile of 'turbo' at 2026.* has no block_ms"),
        (
            replace(compared("quality", 0.0), samples={"squared_error": [0.0]}),
            "the likeness of 'quality' at 2026.* has no free_squared_error",
        ),
    ],
)
def test_a_record_without_what_it_should_hold_is_told(one: Record, says: str | None):
    if says is None:
        log_page((*RECORDS, one))
        return
    with pytest.raises(RecordError, match=says):
        log_page((*RECORDS, one))


@pytest.mark.parametrize(
    ("memory", "count", "says"),
    [
        (None, 20, "drop; neither faster nor smaller"),
        (10.0, 20, "keep; less memory; no block"),
        (10.0, 5, "open; too few samples to tell: take 6 or more"),
    ],
)
def test_what_was_not_measured_gains_nothing(memory: float | None, count: int, says: str):
    facts = {} if memory is None else {"device_peak_bytes": memory * GB}
    samples = {"block_ms": [800 + at / 10 for at in range(count)]}
    quality = record(preset=PRESETS["quality"], samples=samples, facts=facts)
    page = log_page((RECORDS[0], quality, compared("quality", 0.0)))
    assert f"**Decision**: {says}" in section(page, "quality")


def test_as_html_it_is_one_file_with_charts_in_which_words_are_text(tmp_path):
    file, out = tmp_path / "records.jsonl", tmp_path / "log.html"
    evil = "<script>alert(1)</script>"
    words = record(
        preset=PRESETS["turbo"].with_(name="turbo", summary=evil), samples={"block_ms": [1.0]}
    )
    for one in (*RECORDS, words):
        append(file, one)
    assert main(["log", str(file), "--out", str(out)]) == 0
    page = out.read_text()
    assert evil not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count('<div class="chart"></div>') == 2
    assert "<td>500.9</td>" in page


def test_as_html_profiles_and_ablations_have_charts():
    samples = {"block_ms": [100.0], "copies_ms": [25.0]}
    facts = {"copies_flop_per_s": 2e12, "copies_byte_per_s": 1.5e12}
    ceilings = {"ceiling_flop_per_s": 8e12, "ceiling_byte_per_s": 3e12}
    bare = record(kind="profile", preset=PRESETS["ultra"], samples=samples, facts={})
    profiled = replace(bare, preset=PRESETS["balanced"], facts=facts | ceilings)
    base, less = (
        record(kind="ablation", preset=preset, samples={"block_ms": [block_ms] * 6})
        for preset, block_ms in (
            (PRESETS["turbo"], 300.0),
            (PRESETS["turbo"].with_(name="turbo without <b>", compiled=None), 450.0),
        )
    )
    page = log_html((*RECORDS, profiled, bare, base, less))
    assert page.count('<div class="chart"></div>') == 2 + 3 + 1
    headings = re.findall("<h3>(.*)</h3>\n<div class", page)
    assert headings == [
        "Parts of balanced [11]",
        "Roofline of balanced [11]",
        "Parts of ultra [12]",
        "Ablations of turbo [13, 14]",
    ]
    assert "turbo without <b>" not in page


def test_the_chart_of_times_has_a_bar_for_each_preset():
    candidates = candidates_in(RECORDS)
    (times,) = times_figure(candidates).data
    assert list(times.x)[:2] == ["reference", "balanced"]
    assert list(times.y)[:2] == pytest.approx([800.95, 500.95])


def test_without_the_reference_there_is_no_log():
    with pytest.raises(RecordError, match="no benchmark of 'reference' is here, which all others"):
        log_page(RECORDS[1:])


def test_the_log_among_the_documents_is_that_of_the_records_beside_it():
    docs = Path(__file__).parents[2] / "docs"
    records = [one for path in sorted(docs.glob("measured/*.jsonl")) for one in read(path)]
    written = (docs / "optimization-log.md").read_text(encoding="utf-8")
    assert written == log_page(records), (
        "write it anew: longlive-widget log docs/measured/*.jsonl --out docs/optimization-log.md"
    )


def test_rounding_under_random_weights_that_hid_errors_is_marked():
    samples = {"squared_error": [1.0, 2.0], "latent_error": [0.01, 0.02]}
    kinds = ("random", {}), ("random", {"random_weights": 2}), ("trained", {})
    rounded = [
        record(
            kind="rounding", weights=weights, samples=samples, facts={"against": "float32"} | own
        )
        for weights, own in kinds
    ]
    page = log_page([*RECORDS, *rounded])
    (marked,) = (line for line in page.splitlines() if "under random weights of before" in line)
    assert marked.startswith(f"[{len(RECORDS) + 1}]: ")
