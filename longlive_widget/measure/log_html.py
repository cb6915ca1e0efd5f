"""The optimisation log as one HTML file with live charts, which needs no network."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markdown_it import MarkdownIt

from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME, PICTURES_PER_SECOND
from longlive_widget.measure.chart import Chart
from longlive_widget.measure.log import log_page
from longlive_widget.measure.recommend import UNSEEN_DB, Candidate, candidates_in
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary

_BAR, _RULE = "#3d7dca", "#8a929c"
_BEST_DB = 60.0
"""Where all that nobody can tell from equal pictures stands in the chart."""
_NEAR = 0.06
"""Of a chart's side: dots that are nearer to each other share a label."""
_ROOM = 1.15
"""How far a chart goes on after its last dot, so that a label has room."""
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } pre { background: #f4f6f8; padding: .7rem }
th, td { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #d9dde2 }
"""


def log_html(records: Sequence[Record], *, decisions: Mapping[str, str] | None = None) -> str:
    """What `log_page` says, as HTML, under charts of times and of times against pictures.

    The same things are a `RecordError`. Words in records are text in the page, never markup.
    """
    page = MarkdownIt("commonmark", {"html": False}).enable("table")
    head, rest = log_page(records, decisions=decisions).split("\n## ", 1)
    candidates = candidates_in(records)
    charts = [
        figure.to_html(full_html=False, include_plotlyjs=index == 0)
        for index, figure in enumerate((times_figure(candidates), trade_figure(candidates)))
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Optimisation log</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{page.render(head)}{''.join(charts)}{page.render(f'## {rest}')}</body></html>\n"
    )


def times_figure(candidates: Sequence[Candidate]) -> Chart:
    """The median block of each preset in ms, with a whisker up to the 95th percentile."""
    found = [Summary.of(one.samples("block_ms")) for one in candidates]
    over = [summary.p95 - summary.p50 for summary in found]
    figure = Chart(
        go.Bar(
            x=[one.name for one in candidates],
            y=[summary.p50 for summary in found],
            error_y={"type": "data", "array": over, "arrayminus": [0.0] * len(over)},
            marker={"color": _BAR},
        )
    )
    figure.add_hline(y=_real_time_ms(candidates[0]), line={"color": _RULE, "dash": "dash"})
    return figure.update_layout(
        yaxis={"title": "ms a block (dashed: real time)"},
    )


def trade_figure(candidates: Sequence[Candidate]) -> Chart:
    """The worst block's PSNR over the median block's time, of the presets that were compared.

    Lines are at real time, and at the PSNR from which on nobody is expected to see a difference.
    Those that were not compared are named in the title.
    """
    shown = [(one, min(one.worst_db, _BEST_DB)) for one in candidates if one.worst_db is not None]
    missing = [one.name for one in candidates if one.worst_db is None]
    figure = Chart(
        go.Scatter(
            x=[one.block_ms for one, _ in shown],
            y=[worst_db for _, worst_db in shown],
            text=_apart([(one.name, one.block_ms, worst_db) for one, worst_db in shown]),
            mode="markers+text",
            textposition="top center",
            cliponaxis=False,
            marker={"color": _BAR, "size": 10},
            hovertext=[f"{one.name}: {one}" for one, _ in shown],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    real_time_ms = _real_time_ms(candidates[0])
    figure.add_hline(y=UNSEEN_DB, line={"color": _RULE, "dash": "dash"})
    figure.add_vline(x=real_time_ms, line={"color": _RULE, "dash": "dash"})
    slowest_ms = max([real_time_ms, *(one.block_ms for one, _ in shown)])
    return figure.update_layout(
        height=320,
        title={
            "text": f"pictures not compared: {', '.join(missing)}" if missing else "",
            "font": {"size": 12},
        },
        xaxis={
            "title": f"ms a block (dashed: real time, {real_time_ms:g} ms)",
            "range": [0, _ROOM * slowest_ms],
        },
        yaxis={
            "title": f"worst block, dB (dashed: {UNSEEN_DB:g})",
            "range": [0, _ROOM * _BEST_DB],
        },
    )


def _real_time_ms(candidate: Candidate) -> float:
    """How long the pictures of a block are shown."""
    frames = candidate.timed[0].geometry.block_frames
    return 1000 * frames * PICTURES_PER_LATENT_FRAME / PICTURES_PER_SECOND


def _apart(points: Sequence[tuple[str, float, float]]) -> list[str]:
    """The names of points; those that lie on each other have one label, at the first of them."""
    slowest_ms = max((ms for _, ms, _ in points), default=1.0)
    labels: list[str] = []
    for place, (name, ms, worst_db) in enumerate(points):
        near = (
            first
            for first, (_, other_ms, other_db) in enumerate(points[:place])
            if labels[first]
            and abs(ms - other_ms) < _NEAR * slowest_ms
            and abs(worst_db - other_db) < _NEAR * _BEST_DB
        )
        first = next(near, None)
        labels.append(name if first is None else "")
        if first is not None:
            labels[first] += f", {name}"
    return labels
