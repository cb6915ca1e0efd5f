"""Charts leave a picture in a saved notebook, and the picture shows what Plotly would."""

from base64 import b64encode
from copy import deepcopy
from io import BytesIO

import numpy as np
import plotly.graph_objects as go
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from longlive_widget.errors import CapabilityError
from longlive_widget.measure.chart import HEIGHT_PX, Chart

RED, GREEN, BLUE = "#ff0000", "#00ff00", "#0000ff"


def pixels(chart):
    return np.asarray(Image.open(BytesIO(chart.png())).convert("RGB")).astype(int)


def area(picture, colour):
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(picture - wanted).sum(axis=2) < 12).sum())


def bars(*traces):
    return Chart([go.Bar(**trace) for trace in traces])


def test_a_notebook_gets_the_figure_and_its_picture():
    shown, about = DisplayFormatter().format(bars({"x": ["a"], "y": [1]}).update_layout(height=300))
    assert shown["image/png"].startswith(b"\x89PNG")
    assert shown["application/vnd.plotly.v1+json"]["data"][0]["type"] == "bar"
    assert "text/html" not in shown
    picture = Image.open(BytesIO(shown["image/png"]))
    assert picture.width == pytest.approx(1.6 * about["image/png"]["width"])
    assert picture.height == pytest.approx(1.6 * 300)


def test_in_words_it_says_what_is_over_what_whatever_was_measured():
    chart = bars({"x": ["a"], "y": [1]}).update_layout(xaxis_title="block", yaxis_title="ms")
    assert repr(chart) == "Chart('ms' over 'block')"


def test_bars_are_as_large_as_their_numbers():
    picture = pixels(bars({"x": ["a", "b"], "y": [3, 1], "marker_color": [RED, BLUE]}))
    assert area(picture, RED) / area(picture, BLUE) == pytest.approx(3, rel=0.05)
    flat = {"y": ["a", "b"], "x": [3, 1], "orientation": "h", "marker_color": [RED, BLUE]}
    picture = pixels(bars(flat))
    assert area(picture, RED) / area(picture, BLUE) == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize(("barmode", "share"), [("stack", 1.0), ("overlay", 0.5)])
def test_bars_stand_on_each_other_or_before_each_other(barmode, share):
    one, other = ({"x": ["a"], "y": [1], "marker_color": colour} for colour in (RED, BLUE))
    chart = bars({**one, "y": [2]}, other).update_layout(barmode=barmode, yaxis_range=[0, 4])
    picture = pixels(chart)
    assert area(picture, RED) == pytest.approx(2 * share * area(picture, BLUE), rel=0.05)


def test_bars_of_several_traces_stand_side_by_side():
    one, other = ({"x": ["a"], "y": [2], "marker_color": colour} for colour in (RED, BLUE))
    picture = pixels(bars(one, other))
    assert area(picture, RED) == pytest.approx(area(picture, BLUE), rel=0.05)


def test_a_line_breaks_where_a_value_is_missing():
    whole, broken = (
        pixels(Chart(go.Scatter(x=[0, 1, 2, 3], y=ys, mode="lines", line={"color": RED})))
        for ys in ([1, 1, 1, 1], [1, 1, None, 1])
    )
    assert area(broken, RED) == pytest.approx(area(whole, RED) / 3, rel=0.1)


def test_values_without_names_are_counted():
    line = {"y": [3, 1, 2], "mode": "lines", "line": {"color": RED}}
    counted, named = (pixels(Chart(go.Scatter(**line, x=x))) for x in (None, [0, 1, 2]))
    assert (counted == named).all()


def test_markers_have_their_sizes_and_a_scale_its_colours():
    marker = {
        "size": [10, 30],
        "color": [0, 1],
        "colorscale": [[0, RED], [1, BLUE]],
        "cmin": 0,
        "cmax": 1,
    }
    picture = pixels(Chart(go.Scatter(x=[0, 1], y=[0, 0], mode="markers", marker=marker)))
    assert area(picture, BLUE) / area(picture, RED) == pytest.approx(9, rel=0.2)


def test_a_logarithmic_axis_has_its_decades_at_equal_distances():
    marks = {
        "x": np.array([1, 10, 100]),
        "y": np.ones(3),
        "mode": "markers",
        "marker": {"color": RED},
    }
    picture = pixels(Chart(go.Scatter(**marks)).update_layout(xaxis_type="log"))
    columns = np.flatnonzero((np.abs(picture - [255, 0, 0]).sum(axis=2) < 12).any(axis=0))
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    first, second, third = (group.mean() for group in groups)
    assert second - first == pytest.approx(third - second, abs=2)


def test_lines_through_all_and_words_are_drawn_and_dollars_are_no_formula():
    plain = Chart(go.Scatter(x=[0, 4], y=[0, 4], mode="lines"))
    marked = Chart(plain).add_hline(y=2, line={"color": RED, "dash": "dash"})
    assert area(pixels(marked), RED) > 500
    for words in ("$x", r"$\broken$"):
        noted = Chart(plain).add_vline(x=2, line={"color": GREEN}, annotation={"text": words})
        assert area(pixels(noted), GREEN) > 200


def test_words_are_written_where_they_are_asked_for():
    marks = {"x": [0, 1], "y": [0, 1], "text": ["here", ""], "marker": {"color": RED}}
    plain, named = (
        pixels(Chart(go.Scatter(**marks, mode=mode))) for mode in ("markers", "markers+text")
    )
    assert area(named, "#33383f") > area(plain, "#33383f")


def test_cells_have_the_colours_of_their_numbers_and_the_first_row_lies_below():
    cells = {"z": [[1, 0], [0, 0]], "x": ["a", "b"], "y": [1, 2]}
    colours = {"colorscale": [[0, RED], [1, BLUE]], "colorbar": {"title": {"text": "%"}}}
    picture = pixels(Chart(go.Heatmap(**cells, **colours)))
    assert 3 * area(picture, BLUE) == pytest.approx(area(picture, RED), rel=0.1)
    (blue_y, blue_x), (red_y, red_x) = (
        np.nonzero((picture == [int(blue) * 255 for blue in colour]).all(axis=2))
        for colour in ("001", "100")
    )
    assert blue_y.mean() > red_y.mean()
    assert blue_x.mean() < red_x.mean()


def test_an_image_is_itself_without_axes():
    file = BytesIO()
    Image.fromarray(np.full((20, 40, 3), (255, 0, 0), np.uint8)).save(file, "PNG")
    source = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    shape = {"range": [0, 40], "visible": False}, {"range": [20, 0], "visible": False}
    chart = Chart(go.Image(source=source)).update_layout(xaxis=shape[0], yaxis=shape[1], height=380)
    picture = pixels(chart)
    assert area(picture, RED) > 0.9 * picture.shape[0] * picture.shape[1]
    assert area(picture, "#33383f") == 0


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(CapabilityError, match="a chart of pie has no picture: use bars, scat"):
        Chart(go.Pie(values=[1])).png()


def test_a_chart_is_plain_where_it_says_nothing_and_a_copy_keeps_what_it_says():
    assert Chart().layout.template == Chart().update_layout(template="plotly_white").layout.template
    assert Chart().layout.height == HEIGHT_PX
    assert deepcopy(Chart().update_layout(height=411)).layout.height == 411
