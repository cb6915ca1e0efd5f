"""The explorer of trade-offs in plain Python; how it looks is a browser test's matter."""

import gc
import json
import weakref
from dataclasses import replace
from functools import partial

import pytest

from longlive_widget import PRESETS, Comparison, Engine, LongLiveWidget, Tradeoffs
from longlive_widget.errors import LongLiveError, RecordError, SessionError
from longlive_widget.measure.records import append
from longlive_widget.widget.cases import cases_of
from longlive_widget.widget.wishes import wish_of
from tests.unit import waiting
from tests.unit.painted_engine import PaintedEngine
from tests.unit.written_record import MACHINE, record

REFERENCE, ULTRA = PRESETS["reference"], PRESETS["ultra"]
TWO_STEPS = REFERENCE.with_(name="2 steps", summary="", denoise_steps=(1000, 250))
TWO_STEPS_CODE = "Preset('2 steps', '', denoise_steps=(1000, 250))"
RED = "a red ball moves right on black"
PATIENCE_S = 30
wait_until = partial(waiting.wait_until, patience_s=PATIENCE_S)


def timed(preset, *block_ms, **changes: object):
    return record(preset=preset, samples={"block_ms": list(block_ms)}, facts={}, **changes)


H100 = [timed(REFERENCE, *range(500, 507)), timed(ULTRA, *range(200, 207))]
H200 = [
    replace(one, machine=replace(MACHINE, device="NVIDIA H200"), weights="random")
    for one in (*H100, timed(TWO_STEPS, *range(300, 307)))
]


@pytest.fixture
def explorer():
    built = Tradeoffs(*H100, *H200)
    yield built
    built.close()


@pytest.fixture(scope="module")
def engine():
    return Engine.load("tiny")


@pytest.fixture
def live(engine):
    """A studio of small pictures, and an explorer beside it."""
    studio = LongLiveWidget(engine, RED, seed=3)
    studio.size_px = (32, 32)
    built = Tradeoffs(*H200, studio=studio)
    yield studio, built
    built.close()
    studio.close()


def from_page(explorer, **content: object):
    """What a page sends."""
    explorer._on_page_message(explorer, content, [])


def shown(explorer):
    """What the page shows, as JSON brings it there."""
    return json.loads(json.dumps(explorer.page_state))


def test_a_chart_is_of_one_machine_and_the_others_are_in_the_menu(explorer):
    first, second = explorer.cases
    assert "NVIDIA H100" in first
    assert "NVIDIA H200" in second
    assert explorer.case == first
    assert [one.name for one in explorer.candidates] == ["reference", "ultra"]
    explorer.case = "H200"
    assert explorer.case == second
    assert [row["name"] for row in shown(explorer)["presets"]] == ["reference", "ultra", "2 steps"]
    assert Tradeoffs(*H100, *H200, case="H200").case == second


def test_words_of_no_case_or_of_several_are_told(explorer):
    with pytest.raises(SessionError, match="0 cases have 'B200' in them: choose one of tiny "):
        explorer.case = "B200"
    with pytest.raises(SessionError, match="2 cases have 'NVIDIA' in them"):
        explorer.case = "NVIDIA"


def test_files_and_records_are_taken_alike(tmp_path):
    path = tmp_path / "records.jsonl"
    for one in H200:
        append(path, one)
    assert Tradeoffs(path, *H100).cases == Tradeoffs(*H200, *H100).cases


def test_without_anything_measured_there_is_nothing_to_explore():
    with pytest.raises(RecordError, match="there is nothing to explore: give a file that `longl"):
        Tradeoffs()


@pytest.mark.parametrize("wrong", [PaintedEngine(), "studio"])
def test_what_is_no_studio_is_told(wrong):
    with pytest.raises(SessionError, match="is no studio of a single video: give a LongLiveWidget"):
        Tradeoffs(*H100, studio=wrong)


def test_a_comparison_has_no_preset_to_change(engine):
    comparison = Comparison(engine, TWO_STEPS, RED)
    with pytest.raises(SessionError, match="is no studio of a single video"):
        Tradeoffs(*H100, studio=comparison)
    comparison.close()


def test_the_page_gets_the_charts_without_colours_and_what_beats_what(explorer):
    from_page(explorer, type="choose", case=explorer.cases[1], quality="psnr", preset="2 steps")
    wait_until(lambda: explorer.page_state["preset"] == "2 steps")
    state = shown(explorer)
    assert state["case"] == explorer.cases[1]
    charts = state["charts"]
    assert charts["trade"]["figure"]["data"][1]["customdata"] == [0]
    assert "template" not in charts["trade"]["figure"]["layout"]
    assert charts["waterfall"]["figure"]["data"][0]["base"] == [0, 503, 0]
    assert charts["waterfall"]["note"] == ""
    assert charts["roofline"] == {
        "figure": None,
        "note": "no profile of '2 steps' is here: `longlive-widget profile --preset preset.yaml "
        "--model tiny --weights random --size 160x96 --records measured.jsonl` makes one",
    }
    best = {row["name"]: row["best"] for row in state["presets"]}
    assert best == {"reference": True, "ultra": True, "2 steps": False}
    assert state["code"] == (
        "from longlive_widget import Engine, Preset\n\n"
        f"engine = Engine.load('tiny', preset={TWO_STEPS_CODE}, weights=\"random\")"
    )


def test_steps_that_were_not_measured_apart_are_named_with_the_command(explorer):
    from_page(explorer, type="choose", case=explorer.case, quality="psnr", preset="ultra")
    wait_until(lambda: explorer.page_state["preset"] == "ultra")
    chart = shown(explorer)["charts"]["waterfall"]
    assert chart["figure"] is not None
    assert chart["note"].startswith("denoise_steps, window_frames, window_cache")
    assert (
        "not measured apart; `longlive-widget ablate --step-by-step --preset ultra"
        in (chart["note"])
    )


def test_a_figure_is_the_one_that_the_page_draws(explorer):
    assert explorer.figure().data[-1].name == "not compared"
    assert explorer.figure("waterfall", preset="ultra").data[0].y[-1] == "ultra"
    with pytest.raises(RecordError, match="'reference' has the reference's settings"):
        explorer.figure("waterfall")
    with pytest.raises(SessionError, match="no preset here is called 'ulta': did you mean 'ultra'"):
        explorer.figure("waterfall", preset="ulta")
    with pytest.raises(SessionError, match="chart 'pie' does not exist: use 'trade' or"):
        explorer.figure("pie")
    with pytest.raises(SessionError, match="quality 'vmaf' does not exist"):
        explorer.quality = "vmaf"


def test_a_figure_of_pictures_is_one_that_some_record_has():
    samples = {"squared_error": [650.25], "ssim": [0.25]}
    alike = record(kind="likeness", preset=ULTRA, samples=samples, facts={"against": "reference"})
    explorer = Tradeoffs(*H100, *H200, alike)
    explorer.quality = "ssim"
    assert explorer.figure().layout.yaxis.title.text == "worst block, SSIM"
    plain = [replace(one, model="other", weights="random") for one in H100]
    explorer = Tradeoffs(*H100, alike, *plain)
    explorer.quality = "ssim"
    explorer.case = "other"
    assert explorer.quality == "ssim", "whose pictures were looked at is said in the chart"
    explorer = Tradeoffs(*H100)
    with pytest.raises(SessionError, match="quality 'ssim' does not exist: use 'psnr'"):
        explorer.quality = "ssim"


def test_a_click_has_the_studio_make_its_video_under_that_preset(live):
    studio, explorer = live
    studio.run(blocks=1)
    assert shown(explorer)["present"] == "reference"
    from_page(explorer, type="take", preset="2 steps")
    wait_until(lambda: explorer.page_state["present"] == "2 steps")
    assert studio.preset == TWO_STEPS
    assert shown(explorer)["code"].endswith(f"studio.preset = {TWO_STEPS_CODE}")
    studio.preset = "reference"
    wait_until(lambda: explorer.page_state["present"] == "reference")


def test_what_this_machine_cannot_run_is_told_and_changes_nothing(live):
    studio, _ = live
    explorer = Tradeoffs(timed(REFERENCE, 500), timed(PRESETS["speed"], 400), studio=studio)
    from_page(explorer, type="take", preset="speed")
    wait_until(lambda: "needs a GPU" in explorer.page_state["said"])
    assert studio.preset.name == "reference"
    from_page(explorer, type="take", preset="gone")
    wait_until(lambda: "no preset here is called 'gone'" in explorer.page_state["said"])


def test_a_closed_studio_is_told_of(live):
    studio, explorer = live
    studio.close()
    from_page(explorer, type="take", preset="2 steps")
    wait_until(lambda: "closed" in explorer.page_state["said"])


def test_blocks_of_the_studio_are_a_case_of_their_own_that_grows():
    studio = LongLiveWidget(PaintedEngine(seconds_per_block=0.01), RED, seed=3)
    alone = Tradeoffs(studio=studio)
    (case,) = alone.cases
    assert case.endswith("made in this studio")
    assert alone.candidates == ()
    note = shown(alone)["charts"]["trade"]["note"]
    assert note == "nothing was measured yet: let the studio make 5 blocks or more under a preset"
    studio.run(blocks=8)
    wait_until(lambda: len(alone.candidates) == 1)
    alone._told_s = 0.0
    studio.run(blocks=1)
    wait_until(lambda: shown(alone)["charts"]["trade"]["figure"] is not None)
    alone.close()
    studio.close()


def test_a_closed_explorer_hears_of_nothing_and_is_let_go(live):
    studio, _ = live
    explorer = Tradeoffs(*H100, studio=studio)
    gone = weakref.ref(explorer)
    explorer.close()
    studio.run(blocks=1)
    del explorer
    gc.collect()
    assert gone() is None


def test_what_a_page_may_not_ask_is_refused():
    for wrong in (None, {"type": "take"}, {"type": "asset", "name": "passwords"}, {"type": "stop"}):
        with pytest.raises(LongLiveError, match="this is no wish for charts"):
            wish_of(wrong)


def test_a_case_needs_a_benchmark_and_takes_ablations_of_it():
    ablation = replace(H100[0], kind="ablation")
    assert cases_of([ablation]) == ()
    (case,) = cases_of([*H100, ablation])
    assert len(case.candidates) == 2
    assert ablation in case.records
