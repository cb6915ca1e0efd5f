"""The charts of a profile: what share of a block each part has, and the roofline."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from longlive_widget.measure.breakdown import Breakdown, Part
from longlive_widget.measure.ceilings import Ceilings
from longlive_widget.measure.colours import COLOURS
from longlive_widget.measure.profile_log import part_times
from longlive_widget.measure.record import Record

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

_TRANSFORMER, _DECODER, _GAPS, _RULE = "#3d7dca", "#3f9c77", "#c8762b", "#8a929c"
_NAMED_COLOURS = COLOURS[:5]
"""One for each part that has its name in a roofline: all of them would hide each other."""
_DECADE = 10.0
_LONGEST = 10
"""So many bars have their own name; the rest is one bar."""
_ROOM = 1.15
"""How far the chart goes on after its longest bar, so that the words on it have room."""


def shares_figure(found: Breakdown) -> "Chart":
    """The share of a block that the longest parts take, gaps among them, in percent; and the rest.

    Blue is of the transformer, green of the decoder, orange are gaps.
    """
    times_ms = {part.name: part.mean_ms for part in found.parts}
    gaps_ms = sum(found.gaps_ms) / len(found.gaps_ms)
    return _shares(times_ms | {"gaps": gaps_ms}, sum(found.block_ms) / len(found.block_ms))


def stored_shares_figure(record: Record) -> "Chart":
    """The same of a profile on record: medians over blocks.

    A record that is none of a profile is a `RecordError`.
    """
    return _shares(*part_times(record))


def _shares(times_ms: Mapping[str, float], block_ms: float) -> "Chart":
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    ordered = sorted(times_ms.items(), key=lambda one: -one[1])
    rest = [(name, ms) for name, ms in ordered[_LONGEST:] if ms]
    bars = ordered[:_LONGEST]
    if rest:
        bars.append((f"{len(rest)} other parts", sum(ms for _, ms in rest)))
    bars.reverse()
    figure = Chart(
        go.Bar(
            x=[100 * ms / block_ms for _, ms in bars],
            y=[name for name, _ in bars],
            orientation="h",
            marker={"color": [_colour(name) for name, _ in bars]},
            text=[f"{ms:.3g} ms" for _, ms in bars],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %, %{text}<extra></extra>",
        )
    )
    longest_ms = max(ms for _, ms in bars)
    return figure.update_layout(
        height=96 + 20 * len(bars),
        margin={"l": 16},
        title={
            "text": f"a block of {block_ms:.0f} ms: transformer blue, decoder green, gaps orange",
            "font": {"size": 12},
        },
        xaxis={"title": "share of a block, %", "range": [0, 100 * _ROOM * longest_ms / block_ms]},
        yaxis={"automargin": True},
    )


def _colour(name: str) -> str:
    if name.endswith("other parts"):
        return _RULE
    if name == "gaps":
        return _GAPS
    return _DECODER if name.startswith("decoder") else _TRANSFORMER


def roofline_figure(found: Breakdown, ceilings: Ceilings) -> "Chart":
    """How fast each part computes over how much it computes with each byte, under the ceilings.

    A marker is the larger the longer its part takes; the longest ones have colours and names. Parts
    that compute no product, or whose bytes are not known, are not in it.

    Source: S. Williams et al., Roofline: an insightful visual performance model (2009).
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    shown = [part for part in found.parts if part.flop_per_byte and part.flop_per_s]
    ridge = ceilings.flop_per_s / ceilings.byte_per_s
    intensities = [ridge, *(part.flop_per_byte or 0.0 for part in shown)]
    roof = np.geomspace(min(intensities) / _DECADE, max(intensities) * _DECADE, 100)
    named = len(_NAMED_COLOURS)
    groups = [([part], part.name, ink) for part, ink in zip(shown, _NAMED_COLOURS, strict=False)]
    if shown[named:]:
        groups.append((shown[named:], f"{len(shown[named:])} other parts", _RULE))
    longest_ms = max((part.mean_ms for part in shown), default=1.0)
    figure = Chart(
        go.Scatter(
            x=roof,
            y=[ceilings.reachable_flop_per_s(x) / 1e9 for x in roof],
            mode="lines",
            line={"color": _RULE},
            name="the roof",
            hoverinfo="skip",
        )
    )
    for parts, name, colour in groups:
        figure.add_trace(_dots(parts, name, colour, longest_ms))
    return figure.update_layout(
        height=400,
        showlegend=True,
        legend={"itemsizing": "constant"},
        title={
            "text": f"flat roof: {ceilings.flop_per_s / 1e9:,.0f} GFLOP/s, "
            f"slope: {ceilings.byte_per_s / 1e9:,.0f} GB/s",
            "font": {"size": 12},
        },
        xaxis={"title": "FLOP a byte", "type": "log"},
        yaxis={"title": "GFLOP/s", "type": "log"},
    )


def _dots(parts: list[Part], name: str, colour: str, longest_ms: float) -> "go.Scatter":
    import plotly.graph_objects as go

    return go.Scatter(
        x=[part.flop_per_byte for part in parts],
        y=[(part.flop_per_s or 0.0) / 1e9 for part in parts],
        mode="markers",
        name=name,
        hovertext=[part.name for part in parts],
        customdata=[part.mean_ms for part in parts],
        marker={
            "color": colour,
            "size": [6 + 12 * (part.mean_ms / longest_ms) ** 0.5 for part in parts],
            "opacity": 0.8,
        },
        hovertemplate="%{hovertext}: %{y:.3g} GFLOP/s, %{x:.3g} FLOP a byte, "
        "%{customdata:.2f} ms<extra></extra>",
    )
