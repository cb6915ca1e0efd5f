"""What was measured of videos in step: as a table and as charts, which the page draws live."""

import html
import math
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Literal

from longlive_widget.measure.colours import COLOURS
from longlive_widget.widget.figures import over_blocks
from longlive_widget.widget.metrics import real_time_ms
from longlive_widget.widget.protocol import BlockRecord, SideRecord
from longlive_widget.widget.still import landing_rows, latency_row

if TYPE_CHECKING:
    import pandas as pd

    from longlive_widget.measure.chart import Chart

_Get = Callable[[SideRecord], float | None]
_CHARTS: dict[str, tuple[str, str, _Get]] = {
    "latency": ("latency, ms", "ms", lambda side: side.latency_ms),
    "psnr": ("PSNR, dB", "dB", lambda side: side.psnr_db),
    "ssim": ("SSIM", "", lambda side: side.ssim),
}


def side_metrics(records: Sequence[BlockRecord], labels: Sequence[str]) -> "pd.DataFrame":
    """A row for each block of each side; the PSNR of equal pictures is infinite."""
    import pandas as pd

    rows = [
        {
            "block": record.block,
            "side": label,
            "prompt": record.prompt,
            "latency_ms": side.latency_ms,
            "psnr_db": float("inf") if side.equal else side.psnr_db,
            "ssim": side.ssim,
        }
        for record in records
        for label, side in zip(labels, record.sides, strict=True)
    ]
    names = ["block", "side", "prompt", "latency_ms", "psnr_db", "ssim"]
    numbers = dict.fromkeys(("latency_ms", "psnr_db", "ssim"), "float64")
    return pd.DataFrame(rows, columns=names).astype(numbers).set_index(["block", "side"])


def side_figure(
    records: Sequence[BlockRecord],
    labels: Sequence[str],
    name: Literal["latency", "psnr", "ssim"],
) -> "Chart":
    """A line for each side that has such numbers; equal pictures leave a gap in the PSNR."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    title, unit, get = _CHARTS[name]
    lines = [
        go.Scatter(
            x=[record.block for record in records],
            y=values,
            name=html.escape(label),
            mode="lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"size": 5},
            hovertemplate=f"block %{{x}}: %{{y:.4g}} {unit}<extra></extra>",
        )
        for label, colour, values in _lines(records, labels, get)
    ]
    figure = over_blocks(Chart(lines), records, title)
    figure.update_layout(showlegend=True)
    if name != "latency":
        figure.update_yaxes(rangemode="normal")
    return figure


def side_rows(records: Sequence[BlockRecord], labels: Sequence[str]) -> list[tuple[str, str]]:
    """Blocks, each side's own latency and likeness, and switches, each with its name, as text."""
    shown_ms = real_time_ms(records[-1])
    rows = [("blocks of each side", str(len(records)))]
    for place, label in enumerate(labels):
        sides = [record.sides[place] for record in records]
        rows.append(latency_row(label, [side.latency_ms for side in sides], shown_ms))
        rows += [(f"{name}, {label}", said) for name, said in _likeness(sides)]
    return rows + landing_rows(records)


def _likeness(sides: Sequence[SideRecord]) -> Iterator[tuple[str, str]]:
    """How like the pictures of a side are to those of the first one, if they are held against it.

    The PSNR of equal pictures is infinite.
    """
    ratios_db = [math.inf if side.equal else side.psnr_db for side in sides]
    measures = {"PSNR": (ratios_db, "{:.1f} dB"), "SSIM": ([side.ssim for side in sides], "{:.4f}")}
    for name, (found, form) in measures.items():
        known = [value for value in found if value is not None]
        if known:
            middle, least = form.format(median(known)), form.format(min(known))
            told = f"median {middle}, lowest {least}"
            yield f"{name} of a block", "all are equal" if math.isinf(min(known)) else told


def _lines(
    records: Sequence[BlockRecord], labels: Sequence[str], get: _Get
) -> Iterator[tuple[str, str, list[float | None]]]:
    for place, label in enumerate(labels):
        values = [get(record.sides[place]) for record in records]
        if any(value is not None for value in values):
            yield label, COLOURS[place % len(COLOURS)], values
