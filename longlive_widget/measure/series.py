"""How time and memory grow with the size of pictures, the window, the steps and the sessions.

From records of `scale` and `ablate`. The points of a series differ in that one thing alone.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Literal, get_args

from longlive_widget.errors import RecordError, one_of
from longlive_widget.measure.colours import COLOURS
from longlive_widget.measure.contrast import block_ms_of
from longlive_widget.measure.record import Numbers, Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.presets import PRESETS

if TYPE_CHECKING:
    from longlive_widget.measure.chart import Chart

Axis = Literal["size", "window", "steps", "sessions"]
Quantity = Literal["time", "memory"]
KINDS = ("scale", "ablation")
_GB = 1e9
_TITLES: dict[Axis, str] = {
    "size": "million pixels a picture",
    "window": "window, latent frames",
    "steps": "steps",
    "sessions": "sessions at once",
}
_MEMORY = {
    "device_peak_bytes": "most of the device's memory, GB",
    "window_bytes": "windows, GB",
}
"""What is drawn of memory: the first of these that all records have."""
_COLUMNS = "ms a block", "p95", "pictures/s", "device, GB", "at most, GB", "windows, GB"


@dataclass(frozen=True)
class Point:
    """The records that have one value of what grows: `at` is its place, `told` the value."""

    at: float
    told: str
    records: tuple[Record, ...]

    @property
    def block_ms(self) -> Summary:
        """The times of steady blocks."""
        return Summary.of(block_ms_of(self.records))

    def most(self, fact: str) -> float | None:
        """The largest number of that name; None if a record has none."""
        found = [record.facts.get(fact) for record in self.records]
        numbers = [float(value) for value in found if isinstance(value, int | float)]
        return max(numbers) if len(numbers) == len(found) else None


@dataclass(frozen=True)
class Series:
    """At least two points, from the least to the most of what grows along the `axis`."""

    axis: Axis
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        """The preset, and what else says which series this is."""
        record = self._plainest
        sessions = _sessions(record)
        said = {
            "preset": record.preset.name,
            "size": _size(record),
            "sessions": f"{sessions} sessions" if sessions > 1 else "",
        }
        return ", ".join(words for what, words in said.items() if words and what != self.axis)

    @property
    def case(self) -> str:
        """Which model, and on what."""
        return f"{self._plainest.model} on {self._plainest.machine.device}"

    @property
    def _plainest(self) -> Record:
        """A record whose preset is called by its own name alone, if there is one."""
        records = [record for point in self.points for record in point.records]
        return min(records, key=lambda record: len(record.preset.name))


def series_in(records: Iterable[Record]) -> tuple[Series, ...]:
    """All series that records of `scale` and `ablate` hold, those of one axis side by side."""
    known = [record for record in records if record.kind in KINDS and "block_ms" in record.samples]
    found = []
    for axis in get_args(Axis):
        others: dict[tuple[object, ...], list[Record]] = {}
        for record in known:
            others.setdefault(_all_but(axis, record), []).append(record)
        for alike in others.values():
            points = _points(axis, alike)
            if len(points) > 1:
                found.append(Series(axis, points))
    return tuple(found)


def scaled(records: Iterable[Record]) -> tuple[Series, ...]:
    """All series, if sizes or sessions were measured; an ablation alone is told as one."""
    every = tuple(records)
    return series_in(every) if any(record.kind == "scale" for record in every) else ()


def _points(axis: Axis, records: Sequence[Record]) -> tuple[Point, ...]:
    by_value: dict[object, list[Record]] = {}
    for record in records:
        by_value.setdefault(_coordinates(record)[axis], []).append(record)
    points = [Point(*_place(axis, same[0]), tuple(same)) for same in by_value.values()]
    return tuple(sorted(points, key=lambda point: point.at))


def _place(axis: Axis, record: Record) -> tuple[float, str]:
    """Where a record stands along an axis, and its value there in words."""
    if axis == "size":
        size = record.geometry
        return size.width_px * size.height_px / 1e6, _size(record)
    if axis == "steps":
        steps = record.preset.denoise_steps
        return len(steps), f"{len(steps)} ({', '.join(map(str, steps))})"
    number = record.preset.window_frames if axis == "window" else _sessions(record)
    return number, str(number)


def _coordinates(record: Record) -> dict[Axis, object]:
    return {
        "size": record.geometry,
        "window": record.preset.window_frames,
        "steps": record.preset.denoise_steps,
        "sessions": _sessions(record),
    }


def _all_but(axis: Axis, record: Record) -> tuple[object, ...]:
    """What must be the same: all that may change time or memory, but for the axis."""
    reference = PRESETS["reference"]
    preset = replace(
        record.preset,
        name=reference.name,
        summary="",
        window_frames=reference.window_frames,
        denoise_steps=reference.denoise_steps,
    )
    others = tuple(value for name, value in _coordinates(record).items() if name != axis)
    case = record.kind, record.model, record.weights, record.dtype, record.machine
    return *case, record.versions, record.commit, preset, *others


def _size(record: Record) -> str:
    return f"{record.geometry.width_px} x {record.geometry.height_px}"


def _sessions(record: Record) -> int:
    return record.counts.get("sessions", 1)


def series_lines(found: Series, of: Numbers) -> Iterator[str]:
    """A table of a series, in Markdown, and of sessions what sharing an engine spares.

    Args:
        found: the series.
        of: the numbers of records in the page, as it writes them.
    """
    yield f"| {found.axis} | {' | '.join(_COLUMNS)} |"
    yield "|---" * (1 + len(_COLUMNS)) + "|"
    for point in found.points:
        times = point.block_ms
        rate = point.most("pictures_per_s")
        names = ("device_bytes", "device_peak_bytes", "window_bytes")
        memory = [point.most(name) for name in names]
        cells = [f"{point.told} {of(point.records)}", f"{times.p50:.1f}", f"{times.p95:.1f}"]
        cells.append("" if rate is None else f"{rate:.1f}")
        cells += ["" if taken is None else f"{taken / _GB:.4g}" for taken in memory]
        yield f"| {' | '.join(cells)} |"
    if told := _spared(found):
        yield from ("", told)
    yield ""


def _spared(found: Series) -> str:
    """What sharing gives in memory, and what it takes of time."""
    first, last = found.points[0], found.points[-1]
    alone, shared = (point.most("device_bytes") for point in (first, last))
    if found.axis != "sessions" or first.at != 1 or alone is None or shared is None:
        return ""
    count = round(last.at)
    slower = last.block_ms.p50 / first.block_ms.p50
    return (
        f"{count} sessions on one engine take {shared / _GB:.1f} GB of the device; with an engine "
        f"each it would be {count * alone / _GB:.1f}. A block of each takes {slower:.2f} times as "
        "long."
    )


def series_figure(found: Sequence[Series], quantity: Quantity = "time") -> "Chart":
    """The median block in ms, or memory, over what grows: a line for each series.

    Memory is the most that is taken of a GPU, or where that is not known what windows take.

    Args:
        found: at least one, all along one axis.
        quantity: which of both.

    None at all, series along several axes, memory that is not known, and a quantity that there is
    not, are a `RecordError`.
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    one_of("quantity", quantity, get_args(Quantity), RecordError)
    axes = sorted({series.axis for series in found})
    if len(axes) != 1:
        raise RecordError(
            f"a chart has one axis, and these series have {', '.join(axes) or 'none'}: give those "
            "of one"
        )
    title, value = _drawn(found, quantity)
    figure = Chart()
    for series, colour in zip(found, cycle(COLOURS), strict=False):
        figure.add_trace(
            go.Scatter(
                x=[point.at for point in series.points],
                y=[value(point) for point in series.points],
                text=[html.escape(point.told) for point in series.points],
                name=html.escape(series.name),
                mode="lines+markers",
                marker={"color": colour, "size": 8},
                line={"color": colour},
                hovertemplate="%{text}: %{y:.4g}<extra>%{fullData.name}</extra>",
            )
        )
    return figure.update_layout(
        showlegend=True,
        title={
            "text": html.escape("; ".join(dict.fromkeys(one.case for one in found))),
            "font": {"size": 12},
        },
        xaxis={"title": _TITLES[found[0].axis], "rangemode": "tozero"},
        yaxis={"title": title, "rangemode": "tozero"},
    )


def scale_figures(records: Iterable[Record]) -> "Iterator[tuple[str, Chart, str]]":
    """A chart of time and one of memory along each axis, of each case, with what it shows in words.

    Each has a name of its own, as "by-size-time". None if neither sizes nor sessions were measured.
    """
    found = scaled(records)
    names: set[str] = set()
    for axis, case in dict.fromkeys((series.axis, series.case) for series in found):
        along = [series for series in found if (series.axis, series.case) == (axis, case)]
        for quantity in get_args(Quantity):
            name = first = f"by-{axis}-{quantity}"
            count = 1
            while name in names:
                name = f"{first}-{(count := count + 1)}"
            names.add(name)
            yield name, series_figure(along, quantity), _in_words(along, quantity)


def _in_words(found: Sequence[Series], quantity: Quantity) -> str:
    title, value = _drawn(found, quantity)
    lines = (
        f"{series.name}: {', '.join(f'{one.told} {value(one):.4g}' for one in series.points)}"
        for series in found
    )
    return f"{title}, by {found[0].axis}; {'; '.join(lines)}"


def _drawn(found: Sequence[Series], quantity: Quantity) -> tuple[str, Callable[[Point], float]]:
    """What stands at the chart's side, and the number of a point."""
    if quantity == "time":
        return "ms a block", lambda point: point.block_ms.p50
    points = [point for series in found for point in series.points]
    known = [fact for fact in _MEMORY if all(point.most(fact) is not None for point in points)]
    if not known:
        raise RecordError(
            "these records do not all tell the memory of one thing: give those of one machine"
        )
    return _MEMORY[known[0]], lambda point: (point.most(known[0]) or 0) / _GB
