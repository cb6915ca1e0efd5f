"""Charts that stay: Plotly figures that leave their picture in a saved notebook.

JupyterLab draws the figure and lets you zoom; GitHub and nbconvert show the picture, which needs no
script, browser or network. It draws bars, scatters, heatmaps and images, which is all that this
house has.
"""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Collection, Iterable
from html import unescape
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING, cast

import numpy as np
import plotly.graph_objects as go
import plotly.io as plotly_io
from matplotlib import rc_context
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from PIL import Image

from longlive_widget.errors import CapabilityError
from longlive_widget.measure.colours import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    _Numbers = NDArray[np.float64]

WIDTH_PX, HEIGHT_PX = 760, 280
PLAIN = {
    "template": "plotly_white",
    "height": HEIGHT_PX,
    "margin": {"l": 64, "r": 16, "t": 32, "b": 48},
}
"""What a chart looks like where it says nothing else."""
_PLOTLY = "application/vnd.plotly.v1+json"
_PX_PER_INCH = 100
_SHARPNESS = 1.6
"""Pixels of the picture for each one that it takes on a page."""
_INK, _GRID = "#33383f", "#e3e6ea"
_STYLE = {
    "font.size": 8.5,
    "text.parse_math": False,  # a prompt may have dollars in it
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.bottom": False,
    "axes.spines.left": False,
    "grid.color": _GRID,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "longlive-widget",
}
_DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
_SIDES = {"top": "bottom", "middle": "center", "bottom": "top"}
_AREA = 0.55
"""Of a marker's square in points a pixel: matplotlib counts markers by their area."""


class Chart(go.Figure):  # type: ignore[misc]  # Plotly has no types
    """A Plotly figure; shown in a notebook it leaves its picture beside itself.

    It is laid out as `PLAIN` says, until it is told otherwise.
    """

    def __init__(self, data: object = None) -> None:
        super().__init__(data, layout=PLAIN)

    _ipython_display_ = _repr_html_ = None  # Plotly's own ways leave no picture

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> tuple[dict[str, object], dict[str, object]]:
        bundle = {
            **plotly_io.renderers["plotly_mimetype"].to_mimebundle(self.to_dict()),
            "image/png": self.png(),
            "text/plain": repr(self),
        }
        wanted = set(include or bundle) - set(exclude or ())
        shown = {kind: data for kind, data in bundle.items() if kind in wanted}
        return shown, {"image/png": {"width": WIDTH_PX}}

    def __repr__(self) -> str:
        x, y = (axis.title.text for axis in (self.layout.xaxis, self.layout.yaxis))
        return f"Chart({y or 'values'!r} over {x or 'names'!r})"

    def png(self) -> bytes:
        """The chart as a picture, 760 pixels wide on a page; a PNG file's bytes.

        Another kind than bars, scatters, heatmaps and images is a `CapabilityError`.
        """
        return self._drawn(format="png", dpi=_SHARPNESS * _PX_PER_INCH)

    def svg(self, description: str) -> bytes:
        """The chart as an SVG file's bytes: the same each time, its words as text.

        Args:
            description: what it shows, for whoever reads the file and sees nothing.

        Another kind than bars, scatters, heatmaps and images is a `CapabilityError`.
        """
        told = {"Description": description, "Date": None, "Creator": None}
        return self._drawn(format="svg", metadata=told)

    def _drawn(self, **form: object) -> bytes:
        file = BytesIO()
        with rc_context(_STYLE):
            size = (WIDTH_PX / _PX_PER_INCH, self.layout.height / _PX_PER_INCH)
            drawn = Figure(size, layout="constrained")
            _draw(drawn.add_subplot(), self)
            if self.layout.showlegend:
                drawn.legend(loc="outside right upper")
            drawn.savefig(file, **form)
        return file.getvalue()


def _draw(axes: "Axes", figure: go.Figure) -> None:
    kinds = {trace.type for trace in figure.data} - {"bar", "scatter", "heatmap", "image"}
    if kinds:
        raise CapabilityError(
            f"a chart of {', '.join(sorted(kinds))} has no picture: use bars, scatters, heatmaps "
            "or images"
        )
    _draw_axes(axes, figure.layout)
    _draw_bars(axes, [one for one in figure.data if one.type == "bar"], figure.layout.barmode)
    for trace, colour in zip(figure.data, cycle(COLOURS), strict=False):
        if trace.type == "scatter":
            _draw_scatter(axes, trace, colour)
        elif trace.type == "heatmap":
            _draw_cells(axes, trace)
        elif trace.type == "image":
            _, _, content = trace.source.partition("base64,")
            axes.imshow(np.asarray(Image.open(BytesIO(b64decode(content)))))
    _draw_marks(axes, figure.layout)


def _draw_axes(axes: "Axes", layout: go.Layout) -> None:
    """Titles, scales and ranges; zero is in sight where Plotly is asked for that."""
    for name, axis in (("x", layout.xaxis), ("y", layout.yaxis)):
        getattr(axes, f"set_{name}label")(axis.title.text or "")
        if axis.type == "log":
            getattr(axes, f"set_{name}scale")("log")
            getattr(axes, f"{name}axis").set_major_formatter("{x:g}")
            getattr(axes, f"{name}axis").set_minor_formatter(LogFormatter())
        if axis.showgrid is False:
            getattr(axes, f"{name}axis").grid(visible=False)
        if axis.visible is False:
            axes.set_axis_off()
        if axis.rangemode == "tozero":
            (axes.axvline if name == "x" else axes.axhline)(0, linewidth=0)
        if axis.range is not None:
            ends = [10**end if axis.type == "log" else end for end in axis.range]
            getattr(axes, f"set_{name}lim")(*ends)
    if layout.title.text:
        axes.set_title(unescape(layout.title.text))


def _draw_bars(axes: "Axes", traces: "Collection[go.Bar]", barmode: str | None) -> None:
    """Bars, each trace on top of those before it if they are stacked, else beside them."""
    together = barmode in ("stack", "overlay", "relative") or len(traces) < 2
    heaps: dict[object, float] = defaultdict(float)
    for number, (trace, colour) in enumerate(zip(traces, cycle(COLOURS), strict=False)):
        flat = trace.orientation == "h"
        names, sizes = _pairs((trace.y, trace.x) if flat else (trace.x, trace.y))
        width = trace.width or 0.8
        axis = axes.yaxis if flat else axes.xaxis
        names = [unescape(name) if isinstance(name, str) else name for name in names]
        axis.update_units(names)
        places = np.array(axis.convert_units(names), dtype=float)
        if not together:
            width = 0.8 / len(traces)
            places += (number + 0.5) * width - 0.4
        begins = np.array([heaps[name] if barmode == "stack" else 0.0 for name in names])
        if trace.base is not None:
            begins = np.array(trace.base, dtype=float)
        for name, size in zip(names, sizes, strict=True):
            heaps[name] += size
        ends = begins + sizes
        bars = _rectangles(places - width / 2, places + width / 2, begins, ends, flat=flat)
        style = {"facecolor": _marker_colours(trace, colour), "label": _label(trace)}
        axes.add_collection(PolyCollection(bars, **style))
        _draw_words_on_bars(axes, trace, places, ends)
        _draw_whiskers(axes, trace, places, ends)
    if traces:
        axes.autoscale_view()


def _draw_words_on_bars(axes: "Axes", trace: go.Bar, places: "_Numbers", ends: "_Numbers") -> None:
    """What is written at the end of each lying bar."""
    if trace.text is None or trace.orientation != "h":
        return
    for place, end, text in zip(places, ends, trace.text, strict=True):
        axes.annotate(text, (end, place), (4, 0), textcoords="offset points", va="center")


def _draw_whiskers(axes: "Axes", trace: go.Bar, places: "_Numbers", ends: "_Numbers") -> None:
    """How far up and down the end of each bar may be; as far down as up where that is not said."""
    flat = trace.orientation == "h"
    error = trace.error_x if flat else trace.error_y
    if error.array is None:
        return
    above = np.array(error.array, dtype=float)
    below = above if error.arrayminus is None else np.array(error.arrayminus, dtype=float)
    (axes.hlines if flat else axes.vlines)(
        places, ends - below, ends + above, color=_INK, linewidth=1
    )


def _rectangles(
    left: "_Numbers", right: "_Numbers", bottom: "_Numbers", top: "_Numbers", *, flat: bool
) -> "_Numbers":
    """The corners of bars, `[N, 4, 2]`: one collection is drawn faster than thousands of bars."""
    corners = np.stack([(left, bottom), (right, bottom), (right, top), (left, top)])
    placed = corners.transpose(2, 0, 1)
    return placed[..., ::-1] if flat else placed


def _label(trace: go.Bar | go.Scatter) -> str | None:
    """What a legend calls it; in Plotly's figures words are HTML, in a picture text."""
    return None if trace.name is None else unescape(trace.name)


def _draw_scatter(axes: "Axes", trace: go.Scatter, colour: str) -> None:
    """A line, markers, words, or several of them."""
    xs, ys = _pairs((trace.x, trace.y), also_missing="lines" in (trace.mode or "lines"))
    mode = trace.mode or "lines"
    if "lines" in mode:
        style = _DASHES[trace.line.dash or "solid"]
        ink = trace.line.color or colour
        axes.plot(xs, ys, style, color=ink, linewidth=trace.line.width or 1.5, label=_label(trace))
    if "markers" in mode:
        sides = np.array(6 if trace.marker.size is None else trace.marker.size)
        axes.scatter(
            xs,
            ys,
            s=_AREA * sides**2,
            c=_marker_colours(trace, trace.line.color or colour),
            alpha=trace.marker.opacity,
            label=None if "lines" in mode else _label(trace),
        )
    if "text" in mode:
        for x, y, text in zip(xs, ys, trace.text, strict=True):
            axes.annotate(unescape(text), (x, y), (0, 6), textcoords="offset points", ha="center")


def _draw_cells(axes: "Axes", trace: go.Heatmap) -> None:
    """A cell for each number, with the scale of colours beside them."""
    ends: list[float] = []
    for axis, names in ((axes.xaxis, trace.x), (axes.yaxis, trace.y)):
        axis.update_units(names)
        places = np.array(axis.convert_units(names), dtype=float)
        ends += [places[0] - 0.5, places[-1] + 0.5]
    drawn = axes.imshow(trace.z, _scale(trace), extent=ends, origin="lower", aspect="auto")
    axes.grid(visible=False)
    axes.get_figure().colorbar(drawn, label=trace.colorbar.title.text)


def _draw_marks(axes: "Axes", layout: go.Layout) -> None:
    """The lines that go all through, and what is written beside them."""
    for line in layout.shapes:
        style = _DASHES[line.line.dash or "solid"]
        draw, at = (axes.axvline, line.x0) if line.x0 == line.x1 else (axes.axhline, line.y0)
        draw(at, color=line.line.color or _INK, linewidth=line.line.width or 1, linestyle=style)
    for note in layout.annotations:
        on_the_whole = (note.xref != "x", note.yref != "y")
        axes.text(
            note.x,
            note.y,
            unescape(note.text),
            transform={
                (True, False): axes.get_yaxis_transform(),
                (False, True): axes.get_xaxis_transform(),
                (True, True): axes.transAxes,
                (False, False): axes.transData,
            }[on_the_whole],
            color=note.font.color or _INK,
            ha=note.xanchor if note.xanchor in ("left", "right") else "center",
            va=_SIDES.get(note.yanchor, "center"),
        )


def _marker_colours(trace: "go.Bar | go.Scatter", colour: str) -> object:
    """One colour, or one for each value: named, or out of the trace's own scale."""
    said = trace.marker.color
    if said is None or isinstance(said, str):
        return said or colour
    if not len(said) or isinstance(said[0], str):
        return list(said)
    marker = trace.marker
    scale = _scale(marker)
    low, high = marker.cmin, marker.cmax
    return [scale((value - low) / (high - low)) for value in said]


def _scale(coloured: "go.Heatmap | go.bar.Marker | go.scatter.Marker") -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("scale", [shade for _, shade in coloured.colorscale])


def _pairs(
    columns: Iterable[Iterable[object] | None], *, also_missing: bool = False
) -> tuple[list[object], list[float]]:
    """What both columns have, side by side; a line breaks where a value is missing.

    Values without names are counted from 0, as Plotly does.
    """
    first, second = ([] if column is None else list(column) for column in columns)
    rows = zip(first or range(len(second)), second, strict=True)
    found = [(name, value) for name, value in rows if also_missing or value is not None]
    names = [name for name, _ in found]
    return names, [float("nan") if value is None else cast(float, value) for _, value in found]
