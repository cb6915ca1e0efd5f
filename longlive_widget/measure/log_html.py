"""The optimisation log as one HTML file with live charts, which needs no network."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markdown_it import MarkdownIt

from longlive_widget.measure.chart import Chart
from longlive_widget.measure.log import log_page
from longlive_widget.measure.recommend import Candidate, candidates_in
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.measure.trade_chart import trade_figure

_BAR, _RULE = "#3d7dca", "#8a929c"
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
    figure.add_hline(y=candidates[0].real_time_ms, line={"color": _RULE, "dash": "dash"})
    return figure.update_layout(
        yaxis={"title": "ms a block (dashed: real time)"},
    )
