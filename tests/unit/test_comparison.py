"""Two presets in step, as a widget in plain Python; the page is another test's matter."""

import math

import numpy as np
import pytest

from longlive_widget import Comparison, Engine, LongLiveWidget, Preset, Timeline
from longlive_widget.errors import (
    GeometryError,
    LongLiveError,
    ManifestError,
    PresetError,
    SessionError,
)
from longlive_widget.widget import studio as studio_module
from longlive_widget.widget.ensemble import difference

TIMELINE = Timeline.of("a red ball moves right on white", (6, "it turns blue"))
COARSE = Preset("coarse", "", denoise_steps=(1000, 250))
SMALL_PX = (48, 32)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


@pytest.fixture
def comparison(engine: Engine):
    built = Comparison(engine, COARSE, TIMELINE, seed=3, size_px=SMALL_PX, gain=4)
    yield built
    built.close()


def _tiles(comparison: Comparison):
    return np.split(comparison.frames, 3, axis=2)


def test_each_picture_shows_both_sides_and_their_difference(engine: Engine, comparison):
    comparison.run(blocks=2)
    left, right, apart = _tiles(comparison)
    for seen, maker in ((left, engine), (right, engine.under(COARSE))):
        session = maker.session(TIMELINE, 3, size_px=SMALL_PX)
        assert np.array_equal(seen, np.concatenate([b.frames for b in session.blocks(2)]))
    assert np.array_equal(apart, difference(left, right, 4))


def test_a_difference_is_so_many_times_as_large_and_never_wraps_round():
    one, other = np.array([10, 0, 250], np.uint8), np.array([13, 255, 240], np.uint8)
    assert difference(one, other, 8).tolist() == [24, 255, 80]


def test_the_page_knows_that_one_of_the_sides_compiles(engine: Engine, comparison):
    assert not comparison.page_state["compiles"]
    compiled = Comparison(engine, "balanced", TIMELINE, size_px=SMALL_PX)
    assert compiled.page_state["compiles"]
    compiled.close()


def test_both_sides_are_told_of_block_by_block(comparison):
    comparison.run(blocks=2)
    table = comparison.metrics
    assert list(table.index) == [(b, s) for b in (0, 1) for s in ("reference", "coarse")]
    assert table.loc[(1, "reference")][["psnr_db", "ssim"]].isna().all()
    assert 0 < table.loc[(1, "coarse"), "psnr_db"] < 60
    assert (table["latency_ms"] > 0).all()
    assert [len(comparison.figure(name).data) for name in ("latency", "psnr", "ssim")] == [2, 1, 1]


def test_equal_pictures_are_told_as_such(engine: Engine):
    same = Comparison(engine, engine.preset.with_(memory_pool=True), TIMELINE, size_px=SMALL_PX)
    same.run(blocks=1)
    (record,) = same.history
    assert record.sides[1].equal
    assert math.isinf(same.metrics["psnr_db"].iloc[1])
    assert not _tiles(same)[2].any()
    same.close()


def test_a_prompt_and_another_gain_take_effect_on_the_next_block_of_the_running_video(comparison):
    comparison.run(blocks=1)
    comparison.switch("a big yellow star spins")
    comparison.gain = 16
    comparison.run(blocks=1)
    assert [record.gain for record in comparison.history] == [4, 16]
    assert comparison.history[1].prompt == "a big yellow star spins"
    assert comparison._runner.state().run == 1
    left, right, apart = _tiles(comparison)
    assert np.array_equal(apart[-1], difference(left, right, 16)[-1])


def test_its_code_makes_the_same_comparison_again(comparison):
    comparison.run(blocks=1)
    comparison.switch("a big yellow star spins")
    comparison.gain = 2
    comparison.run(blocks=1)
    made: dict[str, object] = {}
    code = comparison.code()
    assert code.endswith("\ncomparison\n")
    exec(code, made)
    again = made["comparison"]
    assert isinstance(again, Comparison)
    again.run(blocks=2)
    assert again.gain == 2
    assert np.array_equal(again.frames[9:], comparison.frames[9:])
    again.close()


def test_the_code_of_a_studio_makes_the_same_studio_again(engine: Engine):
    studio = LongLiveWidget(engine.under(COARSE), TIMELINE, seed=5)
    studio.size_px = SMALL_PX
    studio.run(blocks=1)
    made: dict[str, object] = {}
    exec(studio.code(), made)
    again = made["studio"]
    assert isinstance(again, LongLiveWidget)
    again.run(blocks=1)
    assert (again.preset, again.seed, again.size_px) == (COARSE, 5, SMALL_PX)
    assert np.array_equal(again.frames, studio.frames)
    studio.close()
    again.close()


def test_a_studio_on_one_of_its_engines_is_closed(engine: Engine):
    studio = LongLiveWidget(engine, TIMELINE)
    comparison = Comparison(engine, COARSE, TIMELINE)
    assert studio.status == "closed"
    other = LongLiveWidget(engine, TIMELINE)
    assert comparison.status == "closed"
    other.close()


@pytest.mark.parametrize(
    ("act", "error", "told"),
    [
        (lambda it: setattr(it, "preset", "turbo"), PresetError, "comes too late"),
        (lambda it: setattr(it, "preset", "recommended"), PresetError, "each side keeps its own"),
        (lambda it: setattr(it, "size_px", (160, 96)), GeometryError, "give size_px"),
        (lambda it: setattr(it, "gain", 65), SessionError, "gain 65 is out of range: use 1 to 64"),
        (lambda it: it.manifest(), ManifestError, "a manifest is of one"),
        (lambda it: it.export_html("x.html"), SessionError, "nothing was made yet"),
        (lambda it: it.profile(), SessionError, "a profile is of one"),
        (lambda it: it.branch(0, "a star"), SessionError, "a branch leaves a single one: make"),
        (lambda it: it.walk(0), SessionError, "a branch leaves a single one: make"),
        (lambda it: it.record("folder"), SessionError, r"record to a file that ends in \.mp4"),
        (lambda it: it.figure("kernels"), SessionError, "chart 'kernels' does not exist"),
    ],
)
def test_what_it_cannot_do_it_says_in_a_sentence(comparison, act, error: type[LongLiveError], told):
    with pytest.raises(error, match=told):
        act(comparison)
    assert comparison._runner.state().recording is None
    comparison.run(blocks=1)
    assert comparison.errors == ()


def test_it_is_recorded_to_a_file(comparison, tmp_path):
    path = comparison.record(tmp_path / "both.mp4")
    comparison.run(blocks=1)
    assert comparison.cut() == path
    assert path.stat().st_size > 0


def test_it_goes_by_both_names(comparison):
    assert repr(comparison) == "Comparison('reference', 'coarse', seed=3)"


def test_its_report_shows_each_side_by_its_own_figures(comparison, monkeypatch):
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(studio_module, "display", lambda output, **_: shown.append(output))
    comparison.run(blocks=2)
    comparison.report()
    (output,) = shown
    said = dict(line.split(": ", 1) for line in output["text/plain"].splitlines())
    table = comparison.metrics
    for label in ("reference", "coarse"):
        made_ms = table.xs(label, level="side")["latency_ms"]
        told = f"median {made_ms.median():.0f} ms, longest {made_ms.max():.0f} ms; real time is"
        assert said[f"latency of a block, {label}"].startswith(told)
    coarse = table.xs("coarse", level="side")
    ratio, alike = coarse["psnr_db"], coarse["ssim"]
    assert said["PSNR of a block, coarse"] == (
        f"median {ratio.median():.1f} dB, lowest {ratio.min():.1f} dB"
    )
    assert said["SSIM of a block, coarse"].endswith(f"lowest {alike.min():.4f}")
    assert "PSNR of a block, reference" not in said
    pictures, _ = comparison._reported()
    for place, side in enumerate(_tiles(comparison)[:2]):
        strip = np.asarray(pictures[2 * place + 1]).astype(int)
        first = side[4, 9:29, 2:42].mean(axis=(0, 1))  # twice as large in the strip, 6 px in
        assert np.abs(strip[24:64, 10:90].mean(axis=(0, 1)) - first).max() < 0.5


def test_the_report_of_equal_sides_says_so(engine: Engine):
    same = Comparison(engine, engine.preset.with_(memory_pool=True), TIMELINE, size_px=SMALL_PX)
    same.run(blocks=1)
    rows = dict(same._reported()[1])
    assert rows["PSNR of a block, reference+memory_pool=True"] == "all are equal"
    same.close()


def test_it_has_no_preset_of_its_own_but_those_of_its_sides(engine: Engine, comparison):
    assert comparison.preset is None
    assert comparison.presets == (engine.preset, COARSE)
