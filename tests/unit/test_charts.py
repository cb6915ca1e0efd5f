"""What was measured, as a table and as figures; the page's tests read the same blocks."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from longlive_widget import Engine, Preset
from longlive_widget.engine.session import Session
from longlive_widget.errors import SessionError
from longlive_widget.measure.chart import Chart
from longlive_widget.measure.colours import COLOURS
from longlive_widget.measure.inside_charts import KEPT_COLOURS, OPEN_COLOUR, SINK_COLOUR
from longlive_widget.timeline import Timeline
from longlive_widget.widget.figures import (
    PART_COLOURS,
    STEP_COLOURS,
    latency_figure,
    parts_figure,
    window_figure,
)
from longlive_widget.widget.metrics import metrics_of
from longlive_widget.widget.protocol import PageTimes
from longlive_widget.widget.still import summary_rows
from longlive_widget.widget.studio import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine
from tests.unit.test_protocol import FOUND, SHOWN, UNSEEN
from tests.unit.test_studio import wait_until

TABLE = Path(__file__).parents[1] / "fixtures" / "blocks.csv"
TIMELINE = Timeline.of("a red ball", (7, "a <b>blue</b> star"))


@pytest.fixture
def studio():
    built = LongLiveWidget(PaintedEngine(), timeline=TIMELINE, seed=1)
    yield built
    built.close()


def page_colours(chart):
    """All colours that the source of a chart of the page names, in their order."""
    page = Path(__file__).parents[2] / "js" / "src" / "charts" / f"{chart}.ts"
    return tuple(re.findall(r'"(#[0-9a-f]{6})"', page.read_text(encoding="utf-8")))


def test_what_is_drawn_here_and_on_the_page_has_the_same_colours_there():
    parts = tuple(colour for name, colour in PART_COLOURS.items() if name != "rest")
    assert page_colours("sides-charts") == COLOURS
    assert page_colours("stack") == (*STEP_COLOURS, *parts)
    assert page_colours("window-chart") == (SINK_COLOUR, OPEN_COLOUR, *KEPT_COLOURS)


def small_tiny():
    return Engine.load(
        "tiny", Preset("draft", "", denoise_steps=(1000,), window_frames=6), device="cpu"
    )


def test_the_table_is_the_one_that_the_page_saves():
    table = metrics_of((SHOWN, UNSEEN))
    expected = pd.read_csv(TABLE, index_col="block").astype(table.dtypes)
    pd.testing.assert_frame_equal(table, expected)
    assert table.loc[8, "decode_ms"] == pytest.approx(118)
    assert list(table["switched"]) == [True, False]


def test_the_table_has_types_whatever_is_in_it():
    full, empty = metrics_of((SHOWN, UNSEEN)), metrics_of(())
    assert len(empty) == 0
    assert dict(empty.dtypes) == {
        name: kind for name, kind in full.dtypes.items() if not name.startswith("step_")
    }
    assert full.dtypes["device_bytes"] == "Int64"
    assert full["device_bytes"].isna().tolist() == [True, False]
    assert full["wire_ms"].isna().tolist() == [False, True]
    assert full.dtypes["displayed"] == "bool"


def test_a_studio_has_a_row_for_each_block(studio):
    studio.run(blocks=6)
    table = studio.metrics
    assert list(table.index) == list(range(6))
    assert table.index.name == "block"
    assert list(table["latency_ms"]) == [record.latency_ms for record in studio.history]
    assert list(table.index[table["switched"]]) == [3]
    steps = table[[f"step_{number}_ms" for number in range(1, 5)]].sum(axis=1)
    assert (steps <= table["steps_ms"] + 0.01).all()
    assert (table["host_bytes"] > 2**20).all()


def test_the_latency_figure_marks_switches_and_real_time(studio):
    studio.run(blocks=6)
    figure = studio.figure("latency")
    assert list(figure.data[0].y) == [record.latency_ms for record in studio.history]
    lines = {(shape.x0, shape.y0) for shape in figure.layout.shapes}
    assert lines == {(3, 0), (0, 750.0)}
    assert all("<b>" not in note.text for note in figure.layout.annotations)
    assert latency_figure(()).data[0].y == ()
    with pytest.raises(
        SessionError,
        match="chart 'speed' does not exist: use 'latency' or 'parts' or 'window' or 'me",
    ):
        studio.figure("speed")


def test_the_parts_figure_stacks_each_block_up_to_its_latency_and_what_came_after(studio):
    studio.run(blocks=6)
    figure = studio.figure("parts")
    names = [trace.name for trace in figure.data]
    assert names[1:5] == ["step 1", "step 2", "step 3", "step 4"]
    assert names[0] == "steps"
    for record in studio.history:
        heights = [trace.y[record.block] for trace in figure.data]
        assert sum(heights) == pytest.approx(record.latency_ms + record.encode_ms, abs=0.02)
    assert (3, 0) in {(shape.x0, shape.y0) for shape in figure.layout.shapes}


def test_the_stack_has_the_way_to_the_page_where_a_page_has_measured_it():
    figure = parts_figure((SHOWN,))
    heights = {trace.name: trace.y[0] for trace in figure.data}
    assert heights["decode"] == pytest.approx(118)
    assert heights["transfer"] == pytest.approx(2.25)
    assert heights["steps"] == pytest.approx(0.5)
    assert heights["encode"] == pytest.approx(3.25)
    assert heights["wire"] == pytest.approx(4.5)
    assert heights["page decode"] == pytest.approx(31.25)
    assert heights["rest"] == pytest.approx(412.5 - 30.5 - 250 - 120.25)
    assert "text" not in heights


def test_words_on_lying_bars_are_in_the_picture_too():
    bare = go.Bar(x=[1, 2], y=["one", "two"], orientation="h")
    worded = go.Bar(bare, text=["1 ms", "2 ms"])
    assert Chart(worded).png() != Chart(bare).png()


def test_the_window_figure_has_a_cell_for_each_frame_of_what_it_is():
    figure = window_figure((SHOWN, UNSEEN))
    cells = {trace.name: set(zip(trace.x, trace.base, strict=True)) for trace in figure.data}
    assert cells["sink"] == {(8, 0), (8, 1), (8, 2), (9, 0), (9, 1), (9, 2)}
    assert cells["this block"] == {(8, 3), (8, 4), (8, 5), (9, 6), (9, 7), (9, 8)}
    assert cells["goes next"] == {(8, 6), (8, 7), (8, 8), (9, 3), (9, 4), (9, 5)}
    assert cells["remembered"] == set()
    assert set(figure.data[2].customdata) == {3, 2, 1}
    assert set(figure.data[3].customdata) == {0}
    assert all(0.8 < high < 1 for trace in figure.data for high in trace.y)


def test_what_was_measured_under_two_presets_is_told_apart(studio):
    studio.run(blocks=3)
    studio.preset = studio.preset.with_(prompt_cache=2)
    studio.run(blocks=2)
    names = ["reference"] * 3 + ["reference+prompt_cache=2"] * 2
    assert list(studio.metrics["preset"]) == names
    figure = studio.figure("latency")
    (change,) = [shape for shape in figure.layout.shapes if shape.x0 == 2.5]
    assert change.x1 == 2.5
    assert "reference+prompt_cache=2" in [note.text for note in figure.layout.annotations]
    rows = summary_rows(studio.history)
    told = [name for name, _ in rows if "latency" in name]
    assert told == [f"latency of a block, {name}" for name in dict.fromkeys(names)]
    before = sorted(record.latency_ms for record in studio.history[:3])
    assert f"median {before[1]:.0f} ms, longest {before[2]:.0f} ms" in rows[2][1]


def test_the_memory_figure_leaves_out_what_there_is_none_of(studio):
    studio.run(blocks=2)
    on_host = studio.figure("memory")
    assert [trace.name for trace in on_host.data] == ["host, the whole process", "window"]
    assert on_host.data[0].y[0] == pytest.approx(studio.history[0].host_bytes / 2**20)


def test_before_a_block_was_profiled_there_is_no_figure_of_it(studio):
    with pytest.raises(SessionError, match=r"no block .* was profiled yet: call profile\(\)"):
        studio.figure("kernels")


def test_the_kernels_figure_has_the_share_of_each_part_and_says_what_profiling_cost(studio):
    studio._runner.delivery.profiled = FOUND
    figure = studio.figure("kernels")
    shares = dict(zip(figure.data[0].y, figure.data[0].x, strict=True))
    assert shares["self attention"] == pytest.approx(100 * 96.5 / 380)
    assert figure.layout.title.text == (
        "block 9 took 380 ms while it was profiled; those before it, which were not, 350 ms"
    )


def test_a_page_is_believed_once_what_it_measured_of_a_block(studio):
    studio.run(blocks=1)
    first, second = PageTimes(3.0, 1.0, 20.0), PageTimes(9.0, 1.0, 90.0)
    for times in (first, second):
        studio._runner.delivery.credit(1, 0, times)
    assert studio.history[0].page == first
    studio._runner.delivery.credit(1, 7, second)
    assert studio.metrics.loc[0, "page_decode_ms"] == 20.0


def test_the_second_block_from_now_on_is_profiled_and_says_what_that_cost():
    studio = LongLiveWidget(small_tiny(), "a red ball")
    studio.run(blocks=2)
    studio.preset = studio.preset.with_(prompt_cache=2)
    studio.run(blocks=2)
    studio.profile()
    studio.run(blocks=1)
    assert studio.profiled is None, "there was no second block in this run"
    studio.run(blocks=3)
    wait_until(lambda: studio.profiled is not None)
    found = studio.profiled
    assert [record.block for record in studio.history if record.profiled] == [4, 5, 6]
    assert found.block == 6
    compared = [record.latency_ms for record in studio.history if record.block in {2, 3}]
    assert found.unprofiled_ms == pytest.approx(sum(compared) / 2, abs=0.01)
    parts = {part.name: part for part in found.parts}
    assert {"self attention", "feed-forward up", "decoder stage 1"} <= parts.keys()
    total_ms = sum(part.ms for part in found.parts) + found.gaps_ms
    assert total_ms == pytest.approx(found.block_ms, abs=0.1)
    assert list(parts) == sorted(parts, key=lambda name: (-parts[name].ms, name))
    bars = studio.figure("kernels").data[0]
    assert next(iter(parts)) in bars.y
    assert bars.y[0] == f"{len([one for one in parts.values() if one.ms]) + 1 - 10} other parts"
    assert sum(bars.x) == pytest.approx(100, abs=0.1)
    studio.reset()
    assert studio.profiled is None, "that was of another video"
    studio.close()
    assert not [thread for thread in threading.enumerate() if "longlive-profile" in thread.name]


@pytest.mark.parametrize(("behind", "alone"), [(False, [0, 2]), (True, [])])
def test_of_two_profiled_blocks_the_first_launches_its_kernels_one_by_one(
    monkeypatch: pytest.MonkeyPatch, alone: list[int], *, behind: bool
):
    """By it those of the other one's CUDA graphs are told apart."""
    found, one_by_one = [], Session.one_by_one

    @contextmanager
    def noted(session: Session) -> Iterator[None]:
        begin = session.next_block
        with one_by_one(session):
            yield
        found.extend(range(begin, session.next_block))

    monkeypatch.setattr(Session, "one_by_one", noted)
    engine = small_tiny()
    studio = LongLiveWidget(
        Engine(engine.model, engine.preset.with_(decode_behind=behind)), "a red ball"
    )
    studio.profile(every=2)
    studio.run(blocks=4)
    wait_until(lambda: studio.profiled is not None and studio.profiled.block == 3)
    studio.close()
    assert found == alone


def test_one_block_in_so_many_is_profiled_and_the_pictures_are_the_same():
    engine, timeline = small_tiny(), Timeline.of("a red ball", (12, "a blue star"))
    studio = LongLiveWidget(engine, timeline)
    studio.profile(every=3)
    studio.run(blocks=5)
    wait_until(lambda: studio.profiled is not None and studio.profiled.block == 4)
    assert [record.block for record in studio.history if record.profiled] == [0, 1, 3, 4]
    assert "re-cache" in {part.name for part in studio.profiled.parts}
    plain = engine.session(timeline).blocks(5)
    for block, other in zip(studio.blocks, plain, strict=True):
        assert np.array_equal(block.frames, other.frames)
    assert "forward" not in vars(engine.model.transformer), "nothing is left of the profiler"
    studio.profile()
    studio.run(blocks=7)
    profiled = [record.block for record in studio.history if record.profiled]
    assert profiled == [0, 1, 3, 4, 5, 6], "the last call has ended it"
    studio.close()


def test_a_pause_between_the_two_blocks_of_a_profile_leaves_it_wanted():
    studio = LongLiveWidget(small_tiny(), "a red ball")
    studio.run(blocks=2)
    studio.on_block(lambda block: studio.pause() if block.index == 2 else None)
    studio.profile()
    studio.start()
    wait_until(lambda: studio.status == "paused" and len(studio.history) == 3)
    assert studio.profiled is None
    studio.resume()
    wait_until(lambda: studio.profiled is not None)
    assert studio.profiled.block == 4, "the profiler began anew, with block 3"
    studio.close()


@pytest.mark.parametrize("every", [1, 0, 2.5])
def test_too_few_blocks_to_a_profiled_one_are_told(studio, every):
    with pytest.raises(SessionError, match=f"blocks to a profiled one {every} is"):
        studio.profile(every=every)
