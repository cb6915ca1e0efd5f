"""The way from the reference to a preset, and its chart."""

from dataclasses import replace

import pytest

from longlive_widget import PRESETS
from longlive_widget.cli import main
from longlive_widget.errors import RecordError
from longlive_widget.measure.ablate import step_by_step
from longlive_widget.measure.commands import ablate_command, profile_command
from longlive_widget.measure.waterfall import waterfall
from longlive_widget.measure.waterfall_chart import waterfall_figure
from longlive_widget.presets import Preset
from tests.unit.written_record import MACHINE, record

REFERENCE, ULTRA = PRESETS["reference"], PRESETS["ultra"]
ONE = REFERENCE.with_(name="one", denoise_steps=(1000, 250))
BOTH = ONE.with_(name="both", window_frames=6)


def ablated(preset: Preset, *block_ms: float, **changes: object):
    return record(
        kind="ablation", preset=preset, samples={"block_ms": list(block_ms)}, facts={}, **changes
    )


def around(middle: float, first: int = 0):
    """Seven numbers, the middle one of which it is."""
    steps = (-3, -2, -1, 0, 1, 2, 3)
    return [middle + step for step in (*steps[first:], *steps[:first])]


WAY = [
    ablated(REFERENCE, *around(500)),
    ablated(ONE, *around(300, 3)),
    ablated(BOTH, *around(299, 6)),
]


def test_each_setting_has_a_step_with_its_interval():
    found = waterfall(WAY, BOTH)
    assert (found.first_ms, found.last_ms, found.device) == (500, 299, "NVIDIA H100")
    steps, window = found.steps
    assert steps.settings == {"denoise_steps": (1000, 250)}
    assert steps.change_ms.median == pytest.approx(-200, abs=4)
    assert steps.change_ms.low < steps.change_ms.high < -190
    assert window.settings == {"window_frames": 6}
    assert not window.change_ms.seen
    assert found.together == ()


def test_blocks_that_were_made_in_turns_are_held_against_each_other_in_pairs():
    drifting = [100.0, 200, 300, 400, 500, 600, 700]
    turns = [ablated(REFERENCE, *drifting), ablated(ONE, *(ms - 5 for ms in drifting))]
    (step,) = waterfall(turns, ONE).steps
    assert step.change_ms.seen
    (step,) = waterfall([turns[0], ablated(ONE, *(ms - 5 for ms in drifting[1:]))], ONE).steps
    assert not step.change_ms.seen


def test_what_no_record_tells_apart_is_one_step_together():
    (step,) = waterfall([WAY[0], WAY[2]], BOTH).steps
    assert list(step.settings) == ["denoise_steps", "window_frames"]
    assert step.label == "denoise_steps: [1000, 250], window_frames: 6"
    found = waterfall([WAY[0], ablated(ULTRA, *around(200))], ULTRA)
    assert found.together == found.steps
    assert found.steps[0].label.endswith(" more")


def test_of_several_ways_the_one_with_most_steps_is_taken():
    aside = REFERENCE.with_(name="aside", window_frames=8)
    found = waterfall([*WAY, ablated(aside, *around(400))], BOTH)
    assert [list(step.settings) for step in found.steps] == [["denoise_steps"], ["window_frames"]]


def test_presets_that_did_not_take_turns_are_no_way():
    elsewhere = [replace(one, machine=replace(MACHINE, device="NVIDIA H200")) for one in WAY[1:]]
    with pytest.raises(RecordError, match="no records lead from the reference to 'both'"):
        waterfall([WAY[0], *elsewhere], BOTH)
    with pytest.raises(RecordError, match="no records lead"):
        waterfall([replace(WAY[0], kind="benchmark"), *WAY[1:]], BOTH)
    with pytest.raises(RecordError, match="no records lead"):
        waterfall(WAY[1:], BOTH)


def test_to_the_reference_there_is_no_way():
    with pytest.raises(RecordError, match="'reference' has the reference's settings: choose"):
        waterfall(WAY, REFERENCE)


def test_without_records_the_command_that_measures_them_is_told():
    asked = (
        "`longlive-widget ablate --step-by-step --preset ultra --out measured.jsonl` measures each"
    )
    with pytest.raises(RecordError, match=asked):
        waterfall([], ULTRA)
    random = replace(WAY[0], model="longlive-1.3b", weights="random")
    assert ablate_command([random], BOTH) == (
        "longlive-widget ablate --step-by-step --preset preset.yaml --model longlive-1.3b "
        "--weights random --size 160x96 --out measured.jsonl"
    )


@pytest.mark.parametrize("command", [ablate_command, profile_command])
def test_the_command_that_is_told_is_one_that_there_is(command, capsys):
    _, *given = command([WAY[0]], ULTRA).split()
    with pytest.raises(SystemExit) as ended:
        main([*given, "--seed", "none"])
    assert ended.value.code == 2
    assert "argument --seed: seed 'none'" in capsys.readouterr().err


def test_what_the_command_measures_has_no_step_together():
    way = step_by_step(ULTRA)
    measured = [ablated(one, *around(500 - 10 * place)) for place, one in enumerate(way)]
    found = waterfall(measured, ULTRA)
    assert len(found.steps) == len(way) - 1
    assert found.together == ()


def test_bars_go_down_from_the_reference_to_the_preset_and_grey_is_no_difference_seen():
    figure = waterfall_figure(waterfall(WAY, BOTH))
    (bars,) = figure.data
    assert bars.y[0] == "reference"
    assert bars.y[-1] == "both"
    assert list(bars.base) == [0, 500, 300, 0]
    assert [base + size for base, size in zip(bars.base, bars.x, strict=True)] == [
        500,
        300,
        299,
        299,
    ]
    whole, faster, unseen, end = bars.marker.color
    assert whole == end
    assert len({whole, faster, unseen}) == 3
    above, below = bars.error_x.array[1], bars.error_x.arrayminus[1]
    change = waterfall(WAY, BOTH).steps[0].change_ms
    assert (above, below) == (change.high - change.median, change.median - change.low)
    words = [note.text for note in figure.layout.annotations]
    assert words[2:] == ["no difference seen", "299 ms"]
    assert "no difference seen (-" in bars.hovertext[2]
    assert len(figure.png()) > 1000


def test_a_slower_step_has_another_colour_and_too_few_samples_are_grey_without_whiskers():
    slower = [WAY[0], ablated(ONE, *around(600)), WAY[2]]
    colours = waterfall_figure(waterfall(slower, BOTH)).data[0].marker.color
    assert colours[1] != colours[2]
    few = [ablated(REFERENCE, 500), ablated(ONE, 300)]
    (bars,) = waterfall_figure(waterfall(few, ONE)).data
    assert bars.error_x.array[1] == 0
    assert bars.marker.color[1] == waterfall_figure(waterfall(WAY, BOTH)).data[0].marker.color[2]
