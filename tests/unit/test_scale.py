"""Sizes and sessions at once: what is measured of them, and the series that records hold."""

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from longlive_widget import Engine, Preset
from longlive_widget.cli import main
from longlive_widget.engine import decode as decoding
from longlive_widget.errors import GeometryError, RecordError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.benchmark import Measured
from longlive_widget.measure.log import log_page
from longlive_widget.measure.log_html import log_html
from longlive_widget.measure.record import Record
from longlive_widget.measure.records import append, read
from longlive_widget.measure.scale import Grid, scale
from longlive_widget.measure.series import series_figure, series_in
from longlive_widget.presets import PRESETS
from tests.soak import smallest_engine
from tests.unit.planted_time import SLOW_S, PlantedTime
from tests.unit.written_record import MACHINE, record

DRAFT = Preset("draft", "", denoise_steps=(1000,), window_frames=6)
SIZES = (48, 32), (32, 32)
PATIENCE_S = 20


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(smallest_engine().model, DRAFT)


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def found(engine: Engine, told: list[str]) -> tuple[Measured, ...]:
    return scale(lambda: engine, Grid(SIZES, sessions=2, blocks=3, turns=2), told=told.append)


def test_each_size_has_a_point_for_each_number_of_sessions(found: tuple[Measured, ...]):
    points = [(one.plan.size_px, one.plan.sessions) for one in found]
    assert points == [(size, sessions) for size in SIZES for sessions in (1, 2)]
    for one in found:
        assert len(one.samples["block_ms"]) == 3 * one.plan.sessions
        kept = one.record("scale")
        assert kept.counts["sessions"] == one.plan.sessions
        assert (kept.geometry.width_px, kept.geometry.height_px) == one.plan.size_px


def test_points_take_turns(found: tuple[Measured, ...], told: list[str]):
    points = ["48 x 32, 1 session", "48 x 32, 2 sessions", "32 x 32, 1 session"]
    points.append("32 x 32, 2 sessions")
    assert len(found) == 4
    there = [f"{point}: turn 1 of 2" for point in points]
    assert told[-8:] == [*there, *(f"{point}: turn 2 of 2" for point in reversed(points))]


def test_sessions_share_the_weights_and_have_windows_of_their_own(found: tuple[Measured, ...]):
    weights = {one.facts["weights_bytes"] for one in found}
    parts = found[0].engine.model.parts()
    assert weights == {sum(w.nbytes for part in parts for w in part.parameters())}
    for one, two in (found[:2], found[2:]):
        assert two.facts["window_bytes"] == 2 * one.facts["window_bytes"] > 0


def test_the_rate_is_that_of_all_sessions(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """On a clock that stands still but for decoding, two make as many pictures a second as one."""
    planted = PlantedTime()
    monkeypatch.setattr(time, "perf_counter", planted)
    monkeypatch.setattr(decoding, "decode_now", planted.slowed(decoding.decode_now))
    for one in scale(lambda: engine, Grid([(48, 32)], sessions=2, blocks=2, turns=1)):
        assert one.facts["pictures_per_s"] == pytest.approx(12 / SLOW_S, rel=1e-3)


def test_sessions_of_a_point_are_at_work_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """One that waited for the other to end its block would wait forever.

    Denoising holds the weights, for one at a time; decoding behind it does not.
    """
    behind = Engine(engine.model, DRAFT.with_(decode_behind=True))
    both, now, met = threading.Barrier(2), threading.Event(), []
    decode_now = decoding.decode_now

    def together(*given: object) -> object:
        if now.is_set():
            met.append(both.wait(PATIENCE_S))
        return decode_now(*given)

    def hear(said: str) -> None:
        if said == "48 x 32, 2 sessions: turn 1 of 1":
            now.set()

    monkeypatch.setattr(decoding, "decode_now", together)
    scale(lambda: behind, Grid([(48, 32)], sessions=2, blocks=2, turns=1), told=hear)
    assert sorted(met) == [0] * 4 + [1] * 4


def test_what_decodes_behind_leaves_nothing_under_way(engine: Engine):
    behind, sessions = Engine(engine.model, DRAFT.with_(decode_behind=True)), []
    make, begun = behind.session, []

    def session(*given: object, **options: object):
        sessions.append(made := make(*given, **options))
        return made

    behind.session = session  # type: ignore[method-assign]
    scale(
        lambda: behind,
        Grid([(48, 32)], sessions=2, blocks=2, turns=1),
        told=lambda _: begun.extend((one.next_block, one._given) for one in sessions),
    )
    assert len(begun) > 4
    assert all(begun == given for begun, given in begun)


def test_a_size_that_cannot_be_is_told(engine: Engine):
    with pytest.raises(GeometryError, match="width 65 is not a positive multiple of 16"):
        scale(lambda: engine, Grid([(64, 48), (65, 48)]), told=pytest.fail)


def test_the_command_measures_prints_and_keeps(tmp_path, capsys: pytest.CaptureFixture[str]):
    out, preset = str(tmp_path / "records.jsonl"), tmp_path / "draft.yaml"
    preset.write_text("name: draft\ndenoise_steps: [1000]\nwindow_frames: 6\n")
    given = ["--preset", str(preset), "--device", "cpu", "--blocks", "1", "--turns", "1"]
    given += ["--size", "32x32", "--size", "32x16", "--sessions", "2", "--out", out]
    assert main(["scale", *given]) == 0
    told = capsys.readouterr().out
    assert "draft of tiny at 32 x 32, 2 sessions at once, on cpu" in told
    assert [(one.kind, one.geometry.height_px, one.counts["sessions"]) for one in read(out)] == [
        ("scale", height, sessions) for height in (32, 16) for sessions in (1, 2)
    ]
    axes = [(series.axis, series.name) for series in series_in(read(out))]
    assert axes == [
        ("size", "draft"),
        ("size", "draft, 2 sessions"),
        ("sessions", "draft, 32 x 32"),
        ("sessions", "draft, 32 x 16"),
    ]


# What records hold


def point(ms: float, gb: float, sessions: int = 1, **changes: object) -> Record:
    own = {
        "kind": "scale",
        "preset": PRESETS["balanced"],
        "counts": {"blocks": 3, "sessions": sessions},
        "samples": {"block_ms": [ms - 1, ms, ms + 1]},
        "facts": {
            "device_bytes": gb * 1e9,
            "device_peak_bytes": (gb + 5) * 1e9,
            "window_bytes": gb * 1e8,
            "pictures_per_s": sessions * 12_000 / ms,
        },
    }
    return record(**own | changes)


BALANCED = PRESETS["balanced"]
RECORDS = (
    point(300, 20, geometry=Geometry(832, 480)),
    point(100, 14, geometry=Geometry(480, 272)),
    point(600, 26, sessions=2, geometry=Geometry(832, 480)),
    point(10, 1, geometry=Geometry(480, 272), machine=replace(MACHINE, device="another")),
    point(250, 19, kind="ablation", preset=BALANCED.with_(window_frames=8)),
    point(240, 18, kind="ablation", preset=BALANCED.with_(window_frames=8, window_dtype="int8")),
    point(300, 20, kind="ablation", preset=BALANCED),
    point(200, 20, kind="ablation", preset=BALANCED.with_(denoise_steps=(1000, 500))),
)


def test_a_series_has_what_differs_in_one_thing_alone_in_its_order():
    series = [
        (one.axis, one.name, [point.told for point in one.points]) for one in series_in(RECORDS)
    ]
    assert series == [
        ("size", "balanced", ["480 x 272", "832 x 480"]),
        ("window", "balanced, 160 x 96", ["8", "12"]),
        ("steps", "balanced, 160 x 96", ["2 (1000, 500)", "4 (1000, 750, 500, 250)"]),
        ("sessions", "balanced, 832 x 480", ["1", "2"]),
    ]


def test_records_of_one_point_are_taken_together():
    (one,) = series_in([*RECORDS[:2], point(400, 30, geometry=Geometry(832, 480))])
    assert one.points[1].block_ms.p50 == 350
    assert one.points[1].most("device_bytes") == 30e9


@pytest.mark.parametrize(
    ("quantity", "title", "values"),
    [("time", "ms a block", (100, 300)), ("memory", "most of the device's memory, GB", (19, 25))],
)
def test_the_chart_of_a_series_has_its_medians_or_its_memory(quantity, title, values):
    size, *_ = series_in(RECORDS)
    figure = series_figure([size], quantity)
    (line,) = figure.data
    assert line.x == pytest.approx((480 * 272 / 1e6, 832 * 480 / 1e6))
    assert line.y == values
    assert (line.name, figure.layout.yaxis.title.text) == ("balanced", title)
    assert len(figure.png()) > 1000


def test_where_the_device_is_not_known_memory_is_that_of_windows():
    plain = [replace(one, facts={"window_bytes": 3e9}) for one in RECORDS[:2]]
    assert series_figure(series_in(plain), "memory").data[0].y == (3, 3)
    with pytest.raises(RecordError, match="do not all tell the memory of one thing"):
        series_figure(series_in([replace(one, facts={}) for one in plain]), "memory")


def test_a_chart_has_one_axis():
    with pytest.raises(RecordError, match="these series have sessions, size, steps, window: give"):
        series_figure(series_in(RECORDS))
    with pytest.raises(RecordError, match="these series have none"):
        series_figure([])


def test_the_log_says_what_sharing_an_engine_spares():
    base = point(800, 30, kind="benchmark", preset=PRESETS["reference"])
    page = log_page([base, *RECORDS])
    assert "### By size: balanced; tiny on NVIDIA H100" in page
    assert "| 480 x 272 [3] | 100.0 | 101.0 | 120.0 | 14 | 19 | 1.4 |" in page
    assert (
        "2 sessions on one engine take 26.0 GB of the device; with an engine each it would be 40.0."
        " A block of each takes 2.00 times as long."
    ) in page
    assert log_html([base, *RECORDS]).count('class="chart"') == 2 + 2 * 4


def test_the_charts_of_a_log_are_written_as_files_too(tmp_path, capsys):
    records, charts = tmp_path / "records.jsonl", tmp_path / "charts"
    base = point(800, 30, kind="benchmark", preset=PRESETS["reference"])
    for one in (base, *RECORDS):
        append(records, one)
    given = ["log", str(records), "--out", str(tmp_path / "log.md"), "--charts", str(charts)]
    assert main(given) == 2
    assert "does not exist: make it first" in capsys.readouterr().err
    charts.mkdir()
    assert main(given) == 0
    axes = ("size", "window", "steps", "sessions")
    assert sorted(path.name for path in charts.iterdir()) == sorted(
        f"by-{axis}-{quantity}.svg" for axis in axes for quantity in ("time", "memory")
    )
    size = (charts / "by-size-time.svg").read_text()
    assert "balanced: 480 x 272 100, 832 x 480 300" in size
    assert ">ms a block</text>" in size
    assert main(given) == 0
    assert (charts / "by-size-time.svg").read_text() == size, "the same each time"


def test_the_charts_among_the_documents_are_those_of_the_records(tmp_path):
    docs = Path(__file__).parents[2] / "docs"
    records = [str(path) for path in sorted((docs / "measured").glob("*.jsonl"))]
    out = ["--out", str(tmp_path / "log.md"), "--charts", str(tmp_path)]
    assert main(["log", *records, *out]) == 0
    said, kept = ({path.name: told_in(path) for path in folder.glob("*.svg")}
                  for folder in (tmp_path, docs / "pictures" / "scale"))  # fmt: skip
    command = "longlive-widget log docs/measured/*.jsonl --out docs/optimization-log.md"
    assert said == kept, f"draw them anew: {command} --charts docs/pictures/scale"
    pages = (docs / "measure.md").read_text()
    assert all(f"](pictures/scale/{name})" in pages for name in kept)


def told_in(path: Path) -> list[str]:
    """The words and numbers of a chart: where lines lie is the drawing library's."""
    return re.findall(r"<(?:text|dc:description)[^>]*>([^<]*)<", path.read_text())


def test_an_ablation_alone_is_told_as_one():
    base = point(800, 30, kind="benchmark", preset=PRESETS["reference"])
    assert "## Scale" not in log_page([base, *RECORDS[4:]])
