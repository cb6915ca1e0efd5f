"""The chart of time, pictures and memory, and which presets it has on its front."""

import numpy as np
import pytest

from longlive_widget import PRESETS
from longlive_widget.errors import RecordError
from longlive_widget.measure.recommend import candidates_in
from longlive_widget.measure.trade_chart import (
    front_of,
    qualities_of,
    quality_told,
    trade_figure,
    unbeaten_by,
)
from tests.unit.written_record import record


def timed(name: str, block_ms: float, peak_gb: float | None = None):
    facts = {} if peak_gb is None else {"device_peak_bytes": peak_gb * 1e9}
    return record(preset=PRESETS[name], samples={"block_ms": [block_ms]}, facts=facts)


def compared(name: str, squared_error: float, **more: list[float]):
    return record(
        kind="likeness",
        preset=PRESETS[name],
        samples={"squared_error": [squared_error], **more},
        facts={"against": "reference"},
    )


def judged(name: str, share: float):
    facts = {"adherence_whole": share}
    return record(kind="quality", preset=PRESETS[name], samples={}, facts=facts)


def dots_of(figure):
    """Each dot of a chart by the place of its preset: the name of its trace, x, y and its side."""
    return {
        place: (trace.name, x, y, side)
        for trace in figure.data
        if trace.customdata is not None
        for place, x, y, side in zip(
            trace.customdata, trace.x, trace.y, trace.marker.size, strict=True
        )
    }


def slow_front_of(points):
    """Those that none beats, by looking at each pair."""
    return [
        place
        for place, (ms, quality) in enumerate(points)
        if not any(
            (other_ms <= ms and other >= quality and (other_ms, other) != (ms, quality))
            or ((other_ms, other) == (ms, quality) and first < place)
            for first, (other_ms, other) in enumerate(points)
        )
    ]


def test_the_front_is_what_looking_at_each_pair_finds_the_fastest_first():
    random = np.random.default_rng(7)
    for _ in range(200):
        points = [tuple(map(float, pair)) for pair in random.integers(0, 6, (8, 2))]
        found = front_of(points)
        assert sorted(found) == slow_front_of(points)
        assert [points[place][0] for place in found] == sorted(points[p][0] for p in found)


def test_a_front_of_one_of_equals_and_of_none():
    assert front_of([(5.0, 1.0)]) == [0]
    assert front_of([(5.0, 1.0), (5.0, 1.0)]) == [0]
    assert front_of([]) == []


def test_one_preset_alone_is_a_chart():
    candidates = candidates_in([timed("reference", 800)])
    figure = trade_figure(candidates)
    assert dots_of(figure) == {0: ("beaten by none", 800, 60, 8)}
    assert len(figure.png()) > 1000
    with pytest.raises(RecordError, match="there is no preset to draw: give records of"):
        trade_figure([])


def test_presets_that_another_beats_are_pale_and_less_memory_is_a_gain():
    records = [
        timed("reference", 800, 30),
        timed("quality", 810, 30),
        timed("low_memory", 900, 10),
        timed("ultra", 300, 25),
        *(compared(name, error) for name, error in (("quality", 0), ("low_memory", 1))),
        compared("ultra", 650.25),
    ]
    candidates = candidates_in(records)
    groups = {
        candidates[place].name: dot[0] for place, dot in dots_of(trade_figure(candidates)).items()
    }
    assert groups == {
        "reference": "beaten by none",
        "quality": "beaten by another",
        "low_memory": "beaten by none",
        "ultra": "beaten by none",
    }
    pale = next(t for t in trade_figure(candidates).data if t.name == "beaten by another")
    assert pale.marker.opacity < 0.5


def test_presets_with_the_same_figures_beat_each_other_not():
    records = [timed("reference", 800), timed("quality", 800), compared("quality", 0)]
    assert unbeaten_by(candidates_in(records), "psnr") == [0, 1]


def test_a_dots_area_is_its_memory_and_an_unknown_one_is_small():
    records = [timed("reference", 800, 40), timed("quality", 700, 10), timed("turbo", 600)]
    sides = [dot[3] for _, dot in sorted(dots_of(trade_figure(candidates_in(records))).items())]
    assert sides[0] ** 2 == pytest.approx(4 * sides[1] ** 2)
    assert sides[2] == 8


def test_what_was_not_compared_stands_below_all_and_is_on_no_front():
    records = [timed("reference", 800), timed("ultra", 300)]
    figure = trade_figure(candidates_in(records))
    dots = dots_of(figure)
    assert dots[1][0] == "not compared"
    assert dots[1][2] < 0
    assert figure.layout.yaxis.range[0] < dots[1][2]
    line = figure.data[0]
    assert (line.name, min(line.x)) == ("the best in that time", 800)
    assert trade_figure(candidates_in(records[:1])).layout.yaxis.range[0] == 0


def test_the_line_goes_up_in_stairs_to_the_end_of_the_chart():
    records = [timed("reference", 800), timed("ultra", 300), compared("ultra", 650.25)]
    figure = trade_figure(candidates_in(records))
    line = figure.data[0]
    assert list(line.x) == [300, 800, 800, figure.layout.xaxis.range[1]]
    assert list(line.y) == pytest.approx([20, 20, 60, 60])


def test_ssim_and_a_judge_are_offered_where_somebody_has_asked_them():
    plain = candidates_in([timed("turbo", 800), timed("ultra", 300)])
    assert qualities_of(plain) == ("psnr",)
    records = [timed("reference", 800), timed("ultra", 300)]
    records += [compared("ultra", 650.25, ssim=[0.5, 0.25]), judged("ultra", 0.3)]
    candidates = candidates_in([*records, judged("ultra", 0.5)])
    assert qualities_of(candidates) == ("psnr", "ssim", "judge")
    reference, ultra = candidates
    assert (quality_told(reference, "psnr"), quality_told(ultra, "psnr")) == ("equal", "20.0 dB")
    assert (quality_told(reference, "ssim"), quality_told(ultra, "ssim")) == (
        "SSIM 1.000",
        "SSIM 0.250",
    )
    assert (quality_told(reference, "judge"), quality_told(ultra, "judge")) == (
        "not compared",
        "40 %",
    )
    assert trade_figure(candidates, "judge").layout.yaxis.title.text.startswith("clips that show")


def test_a_figure_of_pictures_that_there_is_not_is_told():
    with pytest.raises(RecordError, match="quality 'vmaf' does not exist: use 'psnr' or 'ssim'"):
        trade_figure(candidates_in([timed("reference", 800)]), "vmaf")


def test_a_dot_says_what_was_measured_and_how_it_is_not_the_reference_in_words_alone():
    evil = PRESETS["ultra"].with_(name="<b>ultra</b>")
    told = record(preset=evil, samples={"block_ms": [300.0]}, facts={})
    figure = trade_figure(candidates_in([timed("reference", 800), told]))
    hover = {text for trace in figure.data if trace.hovertext for text in trace.hovertext}
    reference, ultra = sorted(hover, key=lambda text: "ultra" in text)
    assert reference.endswith("<br>all settings are the reference&#x27;s")
    assert ultra.startswith("&lt;b&gt;ultra&lt;/b&gt;: 300.0 ms a block")
    assert "<br>denoise_steps: [1000, 250]<br>window_frames: 6" in ultra
    assert "<b>" not in "".join(text or "" for trace in figure.data for text in trace.text or ())


def test_near_dots_share_a_label_and_lines_are_at_real_time_and_at_40_db():
    records = [timed("reference", 800), timed("quality", 801), timed("ultra", 300)]
    records += [compared("quality", 0), compared("ultra", 650.25)]
    figure = trade_figure(candidates_in(records))
    labels = {label for trace in figure.data for label in trace.text or () if label}
    assert labels == {"reference, quality", "ultra"}
    assert {(line.x0, line.y0) for line in figure.layout.shapes} == {(0, 40), (750, 0)}


def test_the_chart_says_where_and_whose_pictures():
    full = record(model="longlive-1.3b", weights="random", samples={"block_ms": [700.0]}, facts={})
    figure = trade_figure(candidates_in([full, compared("turbo", 4.0)]))
    assert figure.layout.title.text == "NVIDIA H100; pictures of tiny"
