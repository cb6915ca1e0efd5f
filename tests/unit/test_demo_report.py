"""The report of `make demo` keeps what the notebook shows, in one file."""

import importlib.util
import re
from pathlib import Path

import nbformat.v4 as notebooks
import plotly.graph_objects as go
import pytest

DEMO = Path(__file__).parents[2] / "notebooks" / "demo.py"


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executed_notebook():
    """A lesson whose cells have shown a picture, a chart twice, a player, and a progress bar."""
    chart = {"application/vnd.plotly.v1+json": go.Figure(go.Scatter(y=[1, 2])).to_plotly_json()}
    player = {"application/vnd.jupyter.widget-view+json": {"model_id": "3"}, "text/plain": "Player"}
    loaded = {}  # where the stages of a load were
    shown = [{"image/png": "cGljdHVyZQ=="}, chart, chart, player, loaded]
    outputs = [notebooks.new_output("display_data", data=dict(data)) for data in shown]
    outputs += [
        notebooks.new_output("stream", name="stdout", text="17.1 pictures/s\n"),
        notebooks.new_output("stream", name="stderr", text="37%|####----"),
    ]
    return notebooks.new_notebook(
        metadata={"widgets": {"state": "of a widget"}},
        cells=[
            notebooks.new_markdown_cell("# A lesson"),
            notebooks.new_code_cell("show()", outputs=outputs),
        ],
    )


def test_the_report_shows_what_the_cells_have_shown(demo):
    page = demo.report(executed_notebook())
    for shown in ("A lesson", "data:image/png;base64,cGljdHVyZQ==", "17.1 pictures/s"):
        assert shown in page
    assert page.count("Plotly.newPlot(") >= 2


def test_the_report_leaves_out_progress_and_widgets(demo):
    page = demo.report(executed_notebook())
    assert "####----" not in page
    assert "of a widget" not in page
    assert "Player" not in page


def test_the_report_loads_nothing_from_elsewhere(demo):
    page = demo.report(executed_notebook())
    assert not re.search(r'<(script|link|img|video|iframe)[^>]+(src|href)="(https?:)?//', page)
    assert page.count("plotly.js v") == 1


def test_the_lines_that_cells_printed_are_found(demo):
    assert demo.printed_lines(executed_notebook()) == ["17.1 pictures/s"]
