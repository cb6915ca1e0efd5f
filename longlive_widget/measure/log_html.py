"""The optimisation log as one HTML file with live charts, which needs no network."""

import html
import json
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markdown_it import MarkdownIt
from plotly.offline import get_plotlyjs

from longlive_widget.measure.chart import Chart
from longlive_widget.measure.decision import Decision
from longlive_widget.measure.log import log_page
from longlive_widget.measure.recommend import Candidate, candidates_in
from longlive_widget.measure.record import Record
from longlive_widget.measure.series import scale_figures
from longlive_widget.measure.statistics import Summary
from longlive_widget.measure.trade_chart import trade_figure
from longlive_widget.page_parts import data_element, standing_alone

_BAR, _RULE = "#3d7dca", "#8a929c"
_STYLE = """
:root { color-scheme: light }
body { max-width: 60rem }
table { margin: 1rem 0 }
th { padding: .2rem 1rem .2rem 0; text-align: left; border-bottom: 1px solid #8884 }
"""
_DRAW = """
for (const said of document.querySelectorAll('script[type="application/json"]')) {
  const { data, layout } = JSON.parse(said.textContent);
  Plotly.newPlot(said.previousElementSibling, data, layout, { responsive: true });
}
"""


def log_html(records: Sequence[Record], *, decisions: Mapping[str, Decision] | None = None) -> str:
    """What `log_page` says, as HTML, under charts of times and of times against pictures.

    The same things are a `RecordError`. Words in records are text in the page, never markup, and
    the page loads nothing.
    """
    page = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link"])
    head, rest = log_page(records, decisions=decisions).split("\n## ", 1)
    candidates = candidates_in(records)
    charts = [
        f'<div class="chart"></div>\n{data_element(name, json.loads(figure.to_json()))}'
        for name, figure in (
            ("times", times_figure(candidates)),
            ("trade", trade_figure(candidates)),
            *((f"scale-{name}", figure) for name, figure, _ in scale_figures(records)),
        )
    ]
    body = (page.render(head), *charts, page.render(f"## {rest}"))
    return standing_alone("Optimisation log", _STYLE, body, [get_plotlyjs(), _DRAW])


def times_figure(candidates: Sequence[Candidate]) -> Chart:
    """The median block of each preset in ms, with a whisker up to the 95th percentile."""
    found = [Summary.of(one.samples("block_ms")) for one in candidates]
    over = [summary.p95 - summary.p50 for summary in found]
    figure = Chart(
        go.Bar(
            x=[html.escape(one.name) for one in candidates],
            y=[summary.p50 for summary in found],
            error_y={"type": "data", "array": over, "arrayminus": [0.0] * len(over)},
            marker={"color": _BAR},
        )
    )
    figure.add_hline(y=candidates[0].real_time_ms, line={"color": _RULE, "dash": "dash"})
    return figure.update_layout(
        yaxis={"title": "ms a block (dashed: real time)"},
    )
