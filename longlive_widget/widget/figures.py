"""The charts of a video as Plotly figures, which stay in a saved notebook.

`js/src/charts/` draws the same ones live.
"""

import html
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from longlive_widget.errors import SessionError
from longlive_widget.measure.inside_charts import KEPT_COLOURS, OPEN_COLOUR, SINK_COLOUR
from longlive_widget.widget.metrics import count_steps, decode_ms, real_time_ms
from longlive_widget.widget.protocol import BlockProfile, BlockRecord

if TYPE_CHECKING:
    from longlive_widget.measure.chart import Chart

RULE, LATENCY_COLOUR, SWITCH_COLOUR, REST_COLOUR = "#8a929c", "#3d7dca", "#c8762b", "#d5d8dc"
STEP_COLOURS = ("#2f66a8", "#3d7dca", "#5d97dc", "#83b2ea")
PART_COLOURS = {
    "text": "#8a6fc9",
    "re-cache": "#d08a3c",
    "steps": "#24507f",
    "context": "#a9cbee",
    "decode": "#3f9c77",
    "transfer": "#8cc4a6",
    "rest": REST_COLOUR,
    "encode": "#b7894f",
    "wire": "#c9627d",
    "page decode": "#dda0b1",
}
"""The parts of a block, from the bottom of a stack up, the single steps left out."""
_CELL = 0.92
"""Of the place that a latent frame has in the chart of the window: cells are to be counted."""
MIB = 2**20


def latency_figure(records: Sequence[BlockRecord]) -> "Chart":
    """The latency of each block, with the switches, and the line above which no video keeps up."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    figure = Chart(
        go.Scatter(
            x=[record.block for record in records],
            y=[record.latency_ms for record in records],
            mode="lines+markers",
            name="latency",
            line={"color": LATENCY_COLOUR, "width": 1.5},
            marker={"size": 5},
            customdata=[[html.escape(one.prompt), html.escape(one.preset)] for one in records],
            hovertemplate="block %{x}: %{y:.0f} ms under %{customdata[1]}<br>%{customdata[0]}"
            "<extra></extra>",
        )
    )
    figure.update_layout(showlegend=False)
    return _with_real_time(over_blocks(figure, records, "latency, ms"), records)


def parts_figure(records: Sequence[BlockRecord]) -> "Chart":
    """Where the time of each block goes, from its prompt to the page's pictures, stacked.

    Up to "rest" it is the latency; where a part runs beside another one, the stack is higher.
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    stacks = [stack(record) for record in records]
    steps = max(map(count_steps, records), default=0)
    names = list(PART_COLOURS)
    at = names.index("steps") + 1
    names[at:at] = [f"step {number}" for number in range(1, steps + 1)]
    bars = [
        go.Bar(
            x=[record.block for record in records],
            y=[heights.get(name, 0.0) for heights in stacks],
            name=name,
            marker={"color": part_colour(name)},
            hovertemplate=f"block %{{x}}: {name} %{{y:.0f}} ms<extra></extra>",
        )
        for name in names
        if any(heights.get(name) for heights in stacks)
    ]
    figure = Chart(bars).update_layout(barmode="stack")
    figure = _with_real_time(over_blocks(figure, records, "time, ms"), records)
    figure.update_layout(showlegend=True, legend={"traceorder": "normal"})
    return figure


def stack(record: BlockRecord) -> dict[str, float]:
    """The parts of a block in ms, from the bottom of a stack up; 0 is left out.

    "steps" is what of all steps is in none of them.
    """
    parts, page = record.parts_ms, record.page
    single = {name: ms for name, ms in parts.items() if name.startswith("step ")}
    engine = {
        "text": parts.get("text", 0.0),
        "re-cache": parts.get("re-cache", 0.0),
        "steps": parts.get("steps", 0.0) - sum(single.values()),
        **single,
        "context": parts.get("context", 0.0),
        "decode": decode_ms(record),
        "transfer": parts.get("transfer", 0.0),
    }
    whole = {
        **engine,
        "rest": record.latency_ms - sum(engine.values()),
        "encode": record.encode_ms,
        "wire": page.wire_ms or 0.0,
        "page decode": page.decode_ms or 0.0,
    }
    return {name: ms for name, ms in whole.items() if ms > 0}


def part_colour(name: str) -> str:
    """The colour of a part of a stack."""
    if name.startswith("step "):
        return STEP_COLOURS[(int(name.removeprefix("step ")) - 1) % len(STEP_COLOURS)]
    return PART_COLOURS[name]


def window_figure(records: Sequence[BlockRecord]) -> "Chart":
    """What the window held as each block was made: a cell for each latent frame, in its place.

    Sink, what is remembered (the older, the paler), what gives way next, and the block itself.
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    kinds: dict[str, list[tuple[int, int, int]]] = {
        "sink": [], "remembered": [], "goes next": [], "this block": [],
    }  # fmt: skip
    for record in records:
        window = record.window
        for place, frame in enumerate(window.frames):
            age = max(0, record.latent_frame - frame)
            kinds[kind_of(frame, record)].append((record.block, place, age))
    longest = max((record.window.window_frames for record in records), default=1)
    colours: dict[str, dict[str, object]] = {
        "sink": {"color": SINK_COLOUR},
        "remembered": {
            "color": [age for *_, age in kinds["remembered"]],
            "colorscale": [[0, KEPT_COLOURS[0]], [1, KEPT_COLOURS[1]]],
            "cmin": 0,
            "cmax": longest,
        },
        "goes next": {"color": SWITCH_COLOUR},
        "this block": {"color": OPEN_COLOUR},
    }
    figure = Chart(
        [
            go.Bar(
                x=[block for block, *_ in cells],
                y=[_CELL] * len(cells),
                base=[place for _, place, _ in cells],
                width=_CELL,
                name=kind,
                marker=colours[kind],
                customdata=[age for *_, age in cells],
                hovertemplate=f"block %{{x}}, place %{{base}}: {kind}, "
                "%{customdata} latent frames old<extra></extra>",
            )
            for kind, cells in kinds.items()
        ]
    ).update_layout(barmode="overlay")
    figure = over_blocks(figure, records, "place in the window")
    figure.update_layout(showlegend=True, yaxis={"range": [0, longest]})
    return figure


def kind_of(frame: int, record: BlockRecord) -> str:
    """What a latent frame is in the window of a block."""
    window = record.window
    if frame in window.evicted_next:
        return "goes next"
    if frame in window.sink:
        return "sink"
    return "this block" if frame in window.opened else "remembered"


def memory_figure(records: Sequence[BlockRecord]) -> "Chart":
    """What the process took of host and device as each block was made, and its window of that."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    lines: dict[str, Sequence[int | None]] = {
        "host, the whole process": [record.host_bytes for record in records],
        "device, held by torch": [record.device_reserved_bytes for record in records],
        "device, tensors": [record.device_bytes for record in records],
        "window": [record.window_bytes for record in records],
    }
    colours = (RULE, SWITCH_COLOUR, LATENCY_COLOUR, OPEN_COLOUR)
    figure = Chart(
        [
            go.Scatter(
                x=[record.block for record in records],
                y=[None if size is None else size / MIB for size in sizes],
                name=name,
                mode="lines",
                line={"color": colour, "width": 1.5},
                hovertemplate=f"block %{{x}}: {name} %{{y:,.1f}} MiB<extra></extra>",
            )
            for (name, sizes), colour in zip(lines.items(), colours, strict=True)
            if any(size is not None for size in sizes)
        ]
    )
    figure.update_layout(showlegend=True)
    return over_blocks(figure, records, "memory, MiB")


def kernels_figure(profile: BlockProfile | None) -> "Chart":
    """The share of the profiled block that its longest parts took, and the rest.

    Raises:
        SessionError: there is none.
    """
    from longlive_widget.measure.block_time import BlockTrace, PartTime
    from longlive_widget.measure.breakdown import breakdown
    from longlive_widget.measure.profile_charts import shares_figure

    if profile is None:
        raise SessionError(
            "no block of this video was profiled yet: call profile(), and make two blocks"
        )
    parts = {
        part.name: PartTime(part.ms, part.ms, part.gap_ms, part.calls) for part in profile.parts
    }
    found = breakdown([profile.block_ms], [], [BlockTrace(profile.block_ms, parts)], {})
    figure = shares_figure(found)
    figure.update_layout(title={"text": told_overhead(profile), "font": {"size": 12}})
    return figure


def told_overhead(profile: BlockProfile) -> str:
    """Which block was profiled, and what that has cost it."""
    told = f"block {profile.block} took {profile.block_ms:.0f} ms while it was profiled"
    if profile.unprofiled_ms is None:
        return told
    return f"{told}; those before it, which were not, {profile.unprofiled_ms:.0f} ms"


def over_blocks(figure: "Chart", records: Sequence[BlockRecord], what: str) -> "Chart":
    """A figure over blocks, with a line for each switch, and for each change of preset."""
    for before, record in pairwise(records):
        if record.preset != before.preset:
            figure.add_vline(
                x=record.block - 0.5,
                line={"color": RULE, "width": 1},
                annotation={
                    "text": html.escape(_short(record.preset)),
                    "font": {"size": 11, "color": RULE},
                },
                annotation_position="bottom right",
            )
    for record in records:
        if record.landed is not None and record.block > 0:
            figure.add_vline(
                x=record.block,
                line={"color": SWITCH_COLOUR, "width": 1, "dash": "dot"},
                annotation={
                    "text": html.escape(_short(record.landed.prompt)),
                    "font": {"size": 11, "color": SWITCH_COLOUR},
                },
                annotation_position="top right",
            )
    figure.update_layout(
        xaxis={"title": "block"},
        yaxis={"title": what, "rangemode": "tozero"},
    )
    return figure


def _with_real_time(figure: "Chart", records: Sequence[BlockRecord]) -> "Chart":
    """The line above which no video keeps up."""
    if records:
        figure.add_hline(
            y=real_time_ms(records[-1]),
            line={"color": RULE, "width": 1, "dash": "dash"},
            annotation={"text": "real time", "font": {"size": 11, "color": RULE}},
            annotation_position="bottom right",
        )
    return figure


def _short(prompt: str, limit: int = 36) -> str:
    return prompt if len(prompt) <= limit else prompt[: limit - 1].rstrip() + "…"
