"""The bars of the embedded model: each figure is held against what it is to reach."""

import pytest

from longlive_widget.measure.quality_bars import TIMED_PRESET, Bar, bars_of

GOOD = {"color": 0.97, "shape": 0.95, "motion": 0.92, "ground": 0.97}
FOUND = {
    "start": GOOD,
    "switched": GOOD,
    "ground_kept": 0.95,
    "place_kept": 0.95,
    "early": 0.8,
    "late": 0.8,
    "long_prompts": 5,
    "reconstruction_db": 34.0,
    "fewer_steps_db": {"3 steps": [30.0] * 5, "2 steps": [25.0] * 5},
    "pictures_per_second": 26.0,
    "package_mb": 15.0,
}


def test_what_reaches_each_bar_holds_them_all_and_there_are_fifteen():
    bars = bars_of(**FOUND)
    assert len(bars) == 15
    assert all(bar.held for bar in bars.values())
    assert bars["block_200_against_10"].as_json() == {
        "figure": 1.0,
        "bar": 0.97,
        "held": True,
        "count": 5,
    }
    assert bars["seeds_with_3_steps_above_2"].figure == 5
    assert TIMED_PRESET == "balanced"


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({"start": {**GOOD, "shape": 0.949}}, "adherence_shape"),
        ({"switched": {**GOOD, "motion": 0.89}}, "adherence_after_switch_motion"),
        ({"ground_kept": 0.94}, "ground_kept"),
        ({"place_kept": 0.94}, "place_kept"),
        ({"late": 0.6}, "block_200_against_10"),
        ({"reconstruction_db": 33.9}, "autoencoder_psnr_db"),
        (
            {"fewer_steps_db": {"3 steps": [30.0] * 5, "2 steps": [25.0] * 4 + [30.0]}},
            "seeds_with_3_steps_above_2",
        ),
        ({"pictures_per_second": 25.9}, "pictures_per_second_balanced"),
        ({"package_mb": 15.1}, "package_mb"),
    ],
)
def test_what_falls_short_misses_its_bar_alone(changed, missed):
    bars = bars_of(**{**FOUND, **changed})
    assert [name for name, bar in bars.items() if not bar.held] == [missed]


def test_what_was_not_judged_is_neither_held_nor_missed():
    bars = bars_of(**{**FOUND, "place_kept": None, "early": None, "late": None, "long_prompts": 0})
    unknown = {name for name, bar in bars.items() if bar.held is None}
    assert unknown == {"place_kept", "block_200_against_10"}
    assert str(Bar(None, 0.95)) == "not judged (0.95 wanted: open)"
    assert str(Bar(0.9, 0.95)) == "0.9 (0.95 wanted: missed)"
    assert str(Bar(1.0, 0.97, 5)) == "1 of 5 (0.97 wanted: held)"
    assert str(Bar(11.4, 15, at_most=True)) == "11.4 (15 wanted at most: held)"
    assert Bar(11.4, 15, at_most=True).as_json()["at_most"] is True
