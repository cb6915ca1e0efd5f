"""The chart of single samples: every block that was timed, in the turns in which it was made."""

import html
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from longlive_widget.measure.colours import COLOURS
from longlive_widget.measure.statistics import Summary

if TYPE_CHECKING:
    from longlive_widget.measure.benchmark import Measured
    from longlive_widget.measure.chart import Chart


def turns_figure(found: "Sequence[Measured]") -> "Chart":
    """A dot for each steady block over its turn, in ms, and a dashed line at each median.

    Args:
        found: presets that were measured in turns.
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    figure = Chart().update_layout(
        showlegend=True,
        xaxis={"title": "turn", "type": "category"},
        yaxis={"title": "ms a block (dashed: the median)"},
    )
    for one, colour in zip(found, cycle(COLOURS), strict=False):
        block_ms, turns = one.samples["block_ms"], one.plan.turns
        figure.add_trace(
            go.Scatter(
                x=[
                    str(-(-place * turns // len(block_ms))) for place in range(1, len(block_ms) + 1)
                ],
                y=block_ms,
                name=html.escape(one.engine.preset.name),
                mode="markers",
                marker={"color": colour, "size": 8, "opacity": 0.8},
            )
        )
        median_ms = Summary.of(block_ms).p50
        figure.add_hline(y=median_ms, line={"color": colour, "width": 1, "dash": "dash"})
    return figure
