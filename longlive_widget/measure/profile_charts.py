"""The charts of a profile: what share of a block each part has, and the roofline."""

from typing import TYPE_CHECKING

import numpy as np

from longlive_widget.measure.breakdown import Breakdown
from longlive_widget.measure.ceilings import Ceilings

if TYPE_CHECKING:
    from longlive_widget.measure.chart import Chart

_PART, _GAP, _RULE = "#3d7dca", "#c8762b", "#8a929c"
_DECADE = 10.0
_NAMED = 5
"""So many parts have their names in a roofline: all of them would hide each other."""


def shares_figure(found: Breakdown) -> "Chart":
    """The share of a block that each part takes, and the gaps, in percent; the longest on top."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    names = ["gaps", *(part.name for part in reversed(found.parts))]
    times = [found.gaps_ms, *(part.ms for part in reversed(found.parts))]
    figure = Chart(
        go.Bar(
            x=[100 * found.share(ms) for ms in times],
            y=names,
            orientation="h",
            marker={"color": [_GAP, *[_PART] * len(found.parts)]},
            customdata=[sum(ms) / len(ms) for ms in times],
            hovertemplate="%{y}: %{x:.1f} %, %{customdata:.2f} ms<extra></extra>",
        )
    )
    return figure.update_layout(
        height=80 + 20 * len(names),
        margin={"l": 16, "r": 16, "t": 24, "b": 44},
        template="plotly_white",
        xaxis={"title": "share of a block, %", "rangemode": "tozero"},
        yaxis={"automargin": True},
    )


def roofline_figure(found: Breakdown, ceilings: Ceilings) -> "Chart":
    """How fast each part computes over how much it computes with each byte, under the ceilings.

    A marker is the larger the longer its part takes; the longest ones are named. Parts that compute
    no product, or whose bytes are not known, are not in it.

    Source: S. Williams et al., Roofline: an insightful visual performance model (2009).
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    parts = [(p.name, p.flop_per_byte, p.flop_per_s, p.mean_ms) for p in found.parts]
    shown = [(name, x, y, ms) for name, x, y, ms in parts if x is not None and y is not None]
    ridge = ceilings.flop_per_s / ceilings.byte_per_s
    intensities = [ridge, *(x for _, x, _, _ in shown)]
    roof = np.geomspace(min(intensities) / _DECADE, max(intensities) * _DECADE, 100)
    longest = max((ms for *_, ms in shown), default=1.0)
    figure = Chart(
        [
            go.Scatter(
                x=roof,
                y=[ceilings.reachable_flop_per_s(x) / 1e9 for x in roof],
                mode="lines",
                line={"color": _RULE},
                hoverinfo="skip",
            ),
            go.Scatter(
                x=[x for _, x, _, _ in shown],
                y=[y / 1e9 for _, _, y, _ in shown],
                mode="markers+text",
                text=[name if rank < _NAMED else "" for rank, (name, *_) in enumerate(shown)],
                textposition="top center",
                hovertext=[name for name, *_ in shown],
                customdata=[ms for *_, ms in shown],
                marker={
                    "color": _PART,
                    "size": [8 + 24 * (ms / longest) ** 0.5 for *_, ms in shown],
                    "opacity": 0.7,
                },
                hovertemplate="%{hovertext}: %{y:.3g} GFLOP/s, %{x:.3g} FLOP a byte, "
                "%{customdata:.2f} ms<extra></extra>",
            ),
        ]
    )
    return figure.update_layout(
        height=420,
        margin={"l": 64, "r": 16, "t": 24, "b": 44},
        template="plotly_white",
        showlegend=False,
        xaxis={"title": "FLOP a byte", "type": "log"},
        yaxis={"title": "GFLOP/s", "type": "log"},
    )
