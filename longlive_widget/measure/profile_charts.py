"""The charts of a profile: what share of a block each part has, and the roofline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from longlive_widget.errors import RecordError
from longlive_widget.measure.breakdown import Breakdown
from longlive_widget.measure.ceilings import Roof
from longlive_widget.measure.colours import COLOURS
from longlive_widget.measure.profile_log import part_times
from longlive_widget.measure.record import Record
from longlive_widget.measure.told_apart import has_all_kernels, stored

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

_TRANSFORMER, _DECODER, _GAPS, _RULE = "#3d7dca", "#3f9c77", "#c8762b", "#8a929c"
_NAMED_COLOURS = COLOURS[:5]
"""One for each part that has its name in a roofline: all of them would hide each other."""
_RATES = "flop_per_s", "byte_per_s"
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


@dataclass(frozen=True)
class _Dot:
    """A part of a block in a roofline."""

    name: str
    ms: float
    flop_per_s: float
    flop_per_byte: float


def roofline_figure(found: Breakdown, ceilings: Roof) -> "Chart":
    """How fast each part computes over how much it computes with each byte, under the ceilings.

    A marker is the larger the longer its part takes; the longest ones have colours and names. Parts
    that compute no product, or whose bytes are not known, are not in it.

    Source: S. Williams et al., Roofline: an insightful visual performance model (2009).
    """
    dots = [
        _Dot(part.name, part.mean_ms, part.flop_per_s, part.flop_per_byte)
        for part in found.parts
        if part.flop_per_byte and part.flop_per_s
    ]
    return _roofline(dots, ceilings)


def stored_roofline_figure(record: Record) -> "Chart":
    """The same of a profile on record; medians over blocks.

    A record that is none of a profile is a `RecordError`.
    """
    times_ms, block_ms = part_times(record)
    ceilings = [record.facts.get(f"ceiling_{kind}") for kind in _RATES]
    if not all(isinstance(ceiling, float | int) for ceiling in ceilings):
        raise RecordError(
            f"the {record.kind} of {record.preset.name!r} has no ceilings: give one that "
            "`longlive-widget profile --records` has written"
        )
    dots = []
    for name, ms in sorted(times_ms.items(), key=lambda one: -one[1]):
        key = stored(name)
        rates = [float(record.facts.get(f"{key}_{kind}", 0.0)) for kind in _RATES]
        if all(rates) and has_all_kernels(name, times_ms, block_ms):
            dots.append(_Dot(name, ms, rates[0], rates[0] / rates[1]))
    return _roofline(dots, Roof(*(float(ceiling or 0.0) for ceiling in ceilings)))


def _roofline(shown: Sequence[_Dot], ceilings: Roof) -> "Chart":
    """The roof, and the dots below it, the longest part first."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    intensities = [ceilings.flop_per_s / ceilings.byte_per_s, *(dot.flop_per_byte for dot in shown)]
    roof = np.geomspace(min(intensities) / _DECADE, max(intensities) * _DECADE, 100)
    named = len(_NAMED_COLOURS)
    groups = [([dot], dot.name, ink) for dot, ink in zip(shown, _NAMED_COLOURS, strict=False)]
    if shown[named:]:
        groups.append((list(shown[named:]), f"{len(shown[named:])} other parts", _RULE))
    longest_ms = max((dot.ms for dot in shown), default=1.0)
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
    for dots, name, colour in groups:
        figure.add_trace(_markers(dots, name, colour, longest_ms))
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


def _markers(dots: Sequence[_Dot], name: str, colour: str, longest_ms: float) -> "go.Scatter":
    import plotly.graph_objects as go

    return go.Scatter(
        x=[dot.flop_per_byte for dot in dots],
        y=[dot.flop_per_s / 1e9 for dot in dots],
        mode="markers",
        name=name,
        hovertext=[dot.name for dot in dots],
        customdata=[dot.ms for dot in dots],
        marker={
            "color": colour,
            "size": [6 + 12 * (dot.ms / longest_ms) ** 0.5 for dot in dots],
            "opacity": 0.8,
        },
        hovertemplate="%{hovertext}: %{y:.3g} GFLOP/s, %{x:.3g} FLOP a byte, "
        "%{customdata:.2f} ms<extra></extra>",
    )
