"""The chart of what presets gain and cost: time, pictures and memory, and those that none beats."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING, Literal, get_args

from longlive_widget.errors import RecordError, one_of
from longlive_widget.measure.figures import choice
from longlive_widget.measure.recommend import JUDGED, UNSEEN_DB, Candidate, unbeaten

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

Quality = Literal["psnr", "ssim", "judge"]
"""A figure of pictures, the more, the better: the PSNR or the SSIM of the worst block from one
history, against the reference's; or of how many clips a judge finds all of the prompt in them."""
_DOT, _RULE = "#3d7dca", "#8a929c"
_FRONT_PX, _LARGEST_PX, _UNKNOWN_PX = 1.5, 20.0, 8.0
_DIMMED = 0.35
_NEAR = 0.06
"""Of a chart's side: dots that are nearer to each other share a label."""
_ROOM = 1.15
"""How far a chart goes on after its last dot, so that a label has room."""
_BELOW = -0.1
"""Of a chart's height: where those stand that were not compared."""


@dataclass(frozen=True)
class _Scale:
    """How a figure of pictures is drawn: what is `most` or more stands there."""

    title: str
    most: float
    form: str
    value: Callable[[Candidate], float | None]

    def told(self, candidate: Candidate) -> str:
        """The figure in words."""
        value = self.value(candidate)
        if value is None:
            return "not compared"
        return "equal" if value == float("inf") else self.form.format(value)


def _worst_ssim(candidate: Candidate) -> float | None:
    found = [value for record in candidate.alike for value in record.samples.get("ssim", ())]
    if not found:
        return 1.0 if candidate.worst_db == float("inf") else None
    return min(found)


def _judged_percent(candidate: Candidate) -> float | None:
    shares = [record.facts[JUDGED] for record in candidate.judged]
    return 100 * mean(map(float, shares)) if shares else None


_SCALES: dict[Quality, _Scale] = {
    "psnr": _Scale(
        f"worst block, PSNR in dB (dashed: {UNSEEN_DB:g})",
        60.0,  # nobody can tell more from equal pictures
        "{:.1f} dB",
        lambda candidate: candidate.worst_db,
    ),
    "ssim": _Scale("worst block, SSIM", 1.0, "SSIM {:.3f}", _worst_ssim),
    "judge": _Scale("clips that show all of the prompt, %", 100.0, "{:.0f} %", _judged_percent),
}


def qualities_of(candidates: Sequence[Candidate]) -> tuple[Quality, ...]:
    """The figures of pictures that some record has; PSNR always is there, of the reference."""
    looked_at = [one for one in candidates if one.alike or one.judged]
    return tuple(
        quality
        for quality, scale in _SCALES.items()
        if quality == "psnr" or any(scale.value(one) is not None for one in looked_at)
    )


def quality_told(candidate: Candidate, quality: Quality) -> str:
    """A figure of its pictures in words; "not compared" where it is not known."""
    return _SCALES[quality].told(candidate)


def unbeaten_by(candidates: Sequence[Candidate], quality: Quality) -> list[int]:
    """The places of the presets that no other beats in time, memory and that figure at once."""
    value = _SCALES[quality].value
    return unbeaten([one.costs_at(value(one)) for one in candidates])


def front_of(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of points, time and quality, that no faster one is as good as; the fastest first.

    Of equal ones the first is taken.
    """
    found: list[int] = []
    for place in sorted(range(len(points)), key=lambda one: (points[one][0], -points[one][1])):
        if not found or points[place][1] > points[found[-1]][1]:
            found.append(place)
    return found


def trade_figure(candidates: Sequence[Candidate], quality: Quality = "psnr") -> "Chart":
    """A figure of each preset's pictures over its median block; the larger a dot, the more memory.

    The line joins those that none is better than in time and pictures. Presets that another one
    beats in these and in memory are pale. Those that were not compared stand below. Dashed lines
    are at real time, and at the PSNR from which on nobody is expected to see a difference. Each dot
    has its place among the candidates as `customdata`.

    Args:
        candidates: at least one, all of one case.
        quality: which figure.

    No candidate at all, or a figure that there is not, is a `RecordError`.
    """
    from longlive_widget.measure.chart import Chart

    if not candidates:
        raise RecordError("there is no preset to draw: give records of `benchmark`")
    one_of("quality", quality, get_args(Quality), RecordError)
    scale = _SCALES[quality]
    values = [scale.value(one) for one in candidates]
    heights = [_BELOW * scale.most if v is None else min(v, scale.most) for v in values]
    points = [(one.block_ms, height) for one, height in zip(candidates, heights, strict=True)]
    real_time_ms = candidates[0].real_time_ms
    lowest = 1.8 * _BELOW * scale.most if None in values else 0.0
    end_ms = _ROOM * max([real_time_ms, *(one.block_ms for one in candidates)])
    known = [place for place, value in enumerate(values) if value is not None]
    front = [known[place] for place in front_of([points[place] for place in known])]
    best = set(unbeaten_by(candidates, quality))
    labels = _apart([one.name for one in candidates], points, end_ms, scale.most)
    groups = (
        ("beaten by none", [p for p in known if p in best], _DOT, 1.0),
        ("beaten by another", [p for p in known if p not in best], _DOT, _DIMMED),
        ("not compared", [p for p, value in enumerate(values) if value is None], _RULE, _DIMMED),
    )
    figure = Chart([_line(points, front, end_ms)] if front else None)
    for name, places, colour, opacity in groups:
        if places:
            dots = _dots(candidates, points, places, labels, quality)
            figure.add_trace(dots.update(name=name, marker={"color": colour, "opacity": opacity}))
    if quality == "psnr":
        figure.add_hline(y=UNSEEN_DB, line={"color": _RULE, "dash": "dash"})
    figure.add_vline(x=real_time_ms, line={"color": _RULE, "dash": "dash"})
    return figure.update_layout(
        height=340,
        showlegend=True,
        legend={"itemsizing": "constant"},
        title={"text": html.escape(_told(candidates)), "font": {"size": 12}},
        xaxis={
            "title": f"ms a block (dashed: real time, {real_time_ms:g} ms)",
            "range": [0, end_ms],
        },
        yaxis={"title": scale.title, "range": [lowest, _ROOM * scale.most]},
    )


def _told(candidates: Sequence[Candidate]) -> str:
    """On which device; and whose pictures were looked at, if it is not the model that was timed."""
    devices = {record.machine.device for one in candidates for record in one.timed}
    timed = {record.model for one in candidates for record in one.timed}
    seen = {record.model for one in candidates for record in (*one.alike, *one.judged)}
    others = seen - timed
    pictures = [f"pictures of {', '.join(sorted(others))}"] if others else []
    return "; ".join([*sorted(devices), *pictures])


def _line(
    points: Sequence[tuple[float, float]], front: Sequence[int], end_ms: float
) -> "go.Scatter":
    """The best pictures that can be had in each time: stairs."""
    import plotly.graph_objects as go

    stairs = [points[front[0]]]
    for place in front[1:]:
        ms, height = points[place]
        stairs += [(ms, stairs[-1][1]), (ms, height)]
    stairs.append((end_ms, stairs[-1][1]))
    return go.Scatter(
        x=[ms for ms, _ in stairs],
        y=[height for _, height in stairs],
        mode="lines",
        line={"color": _DOT, "width": _FRONT_PX, "dash": "dot"},
        name="the best in that time",
        hoverinfo="skip",
    )


def _dots(
    candidates: Sequence[Candidate],
    points: Sequence[tuple[float, float]],
    places: Sequence[int],
    labels: Sequence[str],
    quality: Quality,
) -> "go.Scatter":
    import plotly.graph_objects as go

    most_bytes = max((one.memory_bytes or 0.0 for one in candidates), default=0.0)
    return go.Scatter(
        x=[points[place][0] for place in places],
        y=[points[place][1] for place in places],
        text=[html.escape(labels[place]) for place in places],
        customdata=list(places),
        mode="markers+text",
        textposition="top center",
        cliponaxis=False,
        marker={"size": [_side_px(candidates[place], most_bytes) for place in places]},
        hovertext=[_hover(candidates[place], quality) for place in places],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _side_px(candidate: Candidate, most_bytes: float) -> float:
    """So that a dot's area is as its memory."""
    if not candidate.memory_bytes or not most_bytes:
        return _UNKNOWN_PX
    return float(_LARGEST_PX * (candidate.memory_bytes / most_bytes) ** 0.5)


def _hover(candidate: Candidate, quality: Quality) -> str:
    """The preset with what was measured of it, and its settings that are not the reference's."""
    lines = [f"{candidate.name}: {candidate}"]
    if quality != "psnr":
        lines.append(quality_told(candidate, quality))
    changed = [f"{name}: {choice(value)}" for name, value in candidate.preset.changes().items()]
    lines += changed or ["all settings are the reference's"]
    return "<br>".join(map(html.escape, lines))


def _apart(
    names: Sequence[str], points: Sequence[tuple[float, float]], wide: float, high: float
) -> list[str]:
    """The names of points; those that lie on each other have one label, at the first of them."""
    labels: list[str] = []
    for place, (name, (ms, height)) in enumerate(zip(names, points, strict=True)):
        near = (
            first
            for first, (other_ms, other_height) in enumerate(points[:place])
            if labels[first]
            and abs(ms - other_ms) < _NEAR * wide
            and abs(height - other_height) < _NEAR * high
        )
        first = next(near, None)
        labels.append(name if first is None else "")
        if first is not None:
            labels[first] += f", {name}"
    return labels
