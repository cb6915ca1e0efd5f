"""The optimisation log as one HTML file with live charts, which needs no network."""

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import plotly.graph_objects as go
from markdown_it import MarkdownIt
from plotly.offline import get_plotlyjs

from longlive_widget.measure.chart import Chart
from longlive_widget.measure.decision import Decision
from longlive_widget.measure.log import ablation_runs, log_page
from longlive_widget.measure.profile_charts import stored_roofline_figure, stored_shares_figure
from longlive_widget.measure.recommend import Candidate, candidates_in, sample_of
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
    """What `log_page` says, as HTML, under charts of all that it has figures of.

    Those are times, times against pictures, scale, profiles and ablations. The same things are a
    `RecordError`. Words in records are text in the page, never markup, and the page loads nothing.
    """
    page = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link"])
    head, rest = log_page(records, decisions=decisions).split("\n## ", 1)
    candidates = candidates_in(records)
    charts = [
        f"{heading and f'<h3>{html.escape(heading)}</h3>'}\n"
        f'<div class="chart"></div>\n{data_element(name, json.loads(figure.to_json()))}'
        for heading, name, figure in (
            ("", "times", times_figure(candidates)),
            ("", "trade", trade_figure(candidates)),
            *(("", f"scale-{name}", figure) for name, figure, _ in scale_figures(records)),
            *_profile_figures(records),
            *_ablation_figures(records),
        )
    ]
    body = (page.render(head), *charts, page.render(f"## {rest}"))
    return standing_alone("Optimisation log", _STYLE, body, [get_plotlyjs(), _DRAW])


def _profile_figures(records: Sequence[Record]) -> Iterator[tuple[str, str, Chart]]:
    """Of each profile its parts and, where it has ceilings, its roofline: with heading and name."""
    for number, record in enumerate(records, 1):
        if record.kind == "profile":
            whose = f"{record.preset.name} [{number}]"
            yield f"Parts of {whose}", f"parts-{number}", stored_shares_figure(record)
            if "ceiling_flop_per_s" in record.facts:
                figure = stored_roofline_figure(record)
                yield f"Roofline of {whose}", f"roofline-{number}", figure


def _ablation_figures(records: Sequence[Record]) -> Iterator[tuple[str, str, Chart]]:
    """Of each run of ablations the median block of each preset, with heading and name."""
    numbers = {id(record): number for number, record in enumerate(records, 1)}
    for run in chain.from_iterable(ablation_runs(records).values()):
        if len(run) == 1:
            continue
        listed = ", ".join(str(numbers[id(record)]) for record in run)
        found = {
            f"{record.preset.name} [{numbers[id(record)]}]": sample_of(record, "block_ms")
            for record in run
        }
        heading = f"Ablations of {run[0].preset.name} [{listed}]"
        yield heading, f"ablation-{numbers[id(run[0])]}", _bars(found)


def times_figure(candidates: Sequence[Candidate]) -> Chart:
    """The median block of each preset in ms, with a whisker up to the 95th percentile."""
    figure = _bars({one.name: one.samples("block_ms") for one in candidates})
    figure.add_hline(y=candidates[0].real_time_ms, line={"color": _RULE, "dash": "dash"})
    return figure.update_layout(yaxis={"title": "ms a block (dashed: real time)"})


def _bars(block_ms: Mapping[str, Sequence[float]]) -> Chart:
    """The median of each and a whisker up to the 95th percentile, by name."""
    found = [Summary.of(taken) for taken in block_ms.values()]
    over = [summary.p95 - summary.p50 for summary in found]
    figure = Chart(
        go.Bar(
            x=[html.escape(name) for name in block_ms],
            y=[summary.p50 for summary in found],
            error_y={"type": "data", "array": over, "arrayminus": [0.0] * len(over)},
            marker={"color": _BAR},
        )
    )
    return figure.update_layout(yaxis={"title": "ms a block"})
