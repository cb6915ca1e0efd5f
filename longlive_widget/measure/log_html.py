"""The optimisation log as one HTML file with live charts, which needs no network."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markdown_it import MarkdownIt

from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME, PICTURES_PER_SECOND
from longlive_widget.measure.chart import Chart
from longlive_widget.measure.log import log_page
from longlive_widget.measure.recommend import Candidate, candidates_in
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary

_BAR, _RULE = "#3d7dca", "#8a929c"
_MARGIN = {"l": 64, "r": 16, "t": 32, "b": 48}
_BEST_DB = 60.0
"""Where all that nobody can tell from equal pictures stands in the chart."""
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
    frames = candidates[0].timed[0].geometry.block_frames
    real_time_ms = 1000 * frames * PICTURES_PER_LATENT_FRAME / PICTURES_PER_SECOND
    figure.add_hline(y=real_time_ms, line={"color": _RULE, "dash": "dash"})
    return figure.update_layout(
        template="plotly_white",
        height=300,
        margin=_MARGIN,
        yaxis={"title": "ms a block (dashed: real time)"},
    )


def trade_figure(candidates: Sequence[Candidate]) -> Chart:
    """The worst block's PSNR over the median block's time, of the presets that were compared."""
    shown = [(one, one.worst_db) for one in candidates if one.worst_db is not None]
    figure = Chart(
        go.Scatter(
            x=[one.block_ms for one, _ in shown],
            y=[min(worst_db, _BEST_DB) for _, worst_db in shown],
            text=[one.name for one, _ in shown],
            mode="markers+text",
            textposition="top center",
            cliponaxis=False,
            marker={"color": _BAR, "size": 10},
            customdata=[str(one) for one, _ in shown],
            hovertemplate="%{text}: %{customdata}<extra></extra>",
        )
    )
    return figure.update_layout(
        template="plotly_white",
        height=300,
        margin=_MARGIN,
        xaxis={"title": "ms a block", "rangemode": "tozero"},
        yaxis={"title": f"worst block, dB (up to {_BEST_DB:g})"},
    )
