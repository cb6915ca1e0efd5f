"""The chart of a waterfall: what each optimisation gives on the way to a preset."""

import html
from itertools import pairwise
from typing import TYPE_CHECKING

from longlive_widget.measure.figures import NONE_SEEN, milliseconds
from longlive_widget.measure.statistics import Difference
from longlive_widget.measure.waterfall import Waterfall

if TYPE_CHECKING:
    from longlive_widget.measure.chart import Chart

_WHOLE, _FASTER, _SLOWER, _UNSEEN = "#3d7dca", "#3f9c77", "#c8762b", "#b4bac1"
_ROOM, _WORDS_AT = 1.8, 1.03
"""How far the chart goes on after its longest bar, and where the words begin."""


def waterfall_figure(found: Waterfall) -> "Chart":
    """A bar for each step, from one preset's median block to the next one's.

    Whiskers are as long as the 95 % interval of the change, which is written beside. Green is
    faster, orange slower; grey is no difference seen, or too few samples to see one.
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    changes = [step.change_ms for step in found.steps]
    begins_ms = [found.first_ms, *(step.last_ms for step in found.steps)]
    ends = ("reference", found.preset.name)
    names = [ends[0], *(f"+ {step.label}" for step in found.steps), ends[1]]
    sizes_ms = [found.first_ms, *(b - a for a, b in pairwise(begins_ms)), found.last_ms]
    told = [f"{found.first_ms:.0f} ms", *map(milliseconds, changes), f"{found.last_ms:.0f} ms"]
    full = ["the reference", *("<br>".join(step.told) for step in found.steps), ends[1]]
    above = [change.high - change.median if change.bounded else 0.0 for change in changes]
    below = [change.median - change.low if change.bounded else 0.0 for change in changes]
    bars = go.Bar(
        y=[html.escape(name) for name in names],
        x=sizes_ms,
        base=[0.0, *begins_ms[:-1], 0.0],
        orientation="h",
        marker={"color": [_WHOLE, *map(_colour, changes), _WHOLE]},
        error_x={"type": "data", "array": [None, *above, None], "arrayminus": [None, *below, None]},
        hovertext=[f"{what}<br>{ms}" for what, ms in zip(full, told, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    longest_ms = max(end + more for end, more in zip(begins_ms, [0.0, *above], strict=True))
    figure = Chart(bars)
    for row, words in enumerate(told):
        figure.add_annotation(
            text=NONE_SEEN
            if words.startswith(NONE_SEEN)
            else html.escape(words),  # whiskers tell it
            x=_WORDS_AT * longest_ms,
            y=row,
            xref="x",
            yref="y",
            xanchor="left",
            showarrow=False,
            font={"size": 11},
        )
    return figure.update_layout(
        height=104 + 26 * len(names),
        margin={"l": 16},
        title={"text": html.escape(found.device), "font": {"size": 12}},
        xaxis={"title": "ms a block (whiskers: 95 % intervals)", "range": [0, _ROOM * longest_ms]},
        yaxis={
            "showgrid": False,
            "automargin": True,
            "type": "category",
            "range": [len(names) - 0.5, -0.5],
        },
    )


def _colour(change: Difference) -> str:
    if not (change.bounded and change.seen):
        return _UNSEEN
    return _FASTER if change.median < 0 else _SLOWER
