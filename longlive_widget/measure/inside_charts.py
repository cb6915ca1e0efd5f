"""The charts of what is inside: steps as pictures, attention by age, what a re-cache changes.

Knows no torch: it draws what `inside` has found.
"""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from longlive_widget.engine.decode import Pictures
    from longlive_widget.measure.chart import Chart
    from longlive_widget.measure.inside import Attention, Look, Recached

SINK_COLOUR, KEPT_COLOURS, OPEN_COLOUR = "#8a6fc9", ("#3d7dca", "#c3d9f2"), "#3f9c77"
_KEY_COLOUR, _VALUE_COLOUR, _RULE, _SHADE = "#3d7dca", "#c8762b", "#8a929c", "#24507f"
_GAP_PX, _LABEL_PX, _MARGIN_PX = 4, 18, 8
_MOST_COLUMNS = 8


def steps_figure(look: "Look") -> "Chart":
    """What the network takes the block for after each step, a row for each, over its time."""
    rows = {
        f"after step {number}, from t = {step.timestep:.0f}": step.pictures
        for number, step in enumerate(look.steps, 1)
    }
    return pictures_figure(rows)


def pictures_figure(rows: "dict[str, Pictures]") -> "Chart":
    """Videos as rows of pictures, at most eight of each, evenly spaced; each under its name.

    Args:
        rows: uint8 RGB, `[F, H, W, 3]` each, all of one size.
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import WIDTH_PX, Chart

    strips = [_strip(pictures) for pictures in rows.values()]
    high, wide, _ = strips[0].shape
    step = high + _LABEL_PX + _GAP_PX
    whole = np.full((step * len(strips), wide, 3), 255, np.uint8)
    for place, strip in enumerate(strips):
        whole[place * step + _LABEL_PX :][:high] = strip
    figure = Chart(go.Image(source=_png(whole), hoverinfo="skip"))
    for place, name in enumerate(rows):
        figure.add_annotation(
            text=name,
            x=0,
            y=place * step + _LABEL_PX / 2,
            xref="x",
            yref="y",
            xanchor="left",
            showarrow=False,
            font={"size": 12},
        )
    scale = (WIDTH_PX - 2 * _MARGIN_PX) / wide
    return figure.update_layout(
        height=int(scale * whole.shape[0]) + 2 * _MARGIN_PX,
        margin=dict.fromkeys("lrtb", _MARGIN_PX),
        xaxis={"visible": False, "range": [0, wide]},
        yaxis={"visible": False, "range": [whole.shape[0], 0]},
    )


def attention_figure(attention: "Attention") -> "Chart":
    """The share of attention that goes to each latent frame, by its age; the mean of all layers.

    The dashed line is what each would get if all got the same.
    """
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    kinds: dict[str, tuple[str, list[int]]] = {
        "sink": (SINK_COLOUR, []),
        "remembered": (KEPT_COLOURS[0], []),
        "this block": (OPEN_COLOUR, []),
    }
    for place, (frame, age) in enumerate(zip(attention.frames, attention.ages, strict=True)):
        own = "this block" if age == 0 else "remembered"
        kinds["sink" if age and frame in attention.sink else own][1].append(place)
    bars = [
        go.Bar(
            x=[str(attention.frames[place]) for place in places],
            y=[100 * attention.mean_F[place] for place in places],
            customdata=[attention.ages[place] for place in places],
            name=kind,
            marker={"color": colour},
            hovertemplate="latent frame %{x}, %{customdata} before the block: %{y:.1f} %"
            "<extra></extra>",
        )
        for kind, (colour, places) in kinds.items()
        if places
    ]
    figure = Chart(bars).update_layout(barmode="stack", showlegend=True)
    figure.add_hline(
        y=100 / len(attention.frames), line={"color": _RULE, "width": 1, "dash": "dash"}
    )
    order = [str(frame) for frame in attention.frames]
    return _titled(figure, "latent frame", "share of attention, %").update_xaxes(
        type="category", categoryorder="array", categoryarray=order
    )


def layers_figure(attention: "Attention") -> "Chart":
    """The share of attention that each layer gives to each latent frame; the mean of all steps."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    figure = Chart(
        go.Heatmap(
            z=100 * attention.share_SLF.mean(axis=0),
            x=[str(frame) for frame in attention.frames],
            y=list(range(1, attention.share_SLF.shape[1] + 1)),
            colorscale=[[0, "#f4f8fc"], [1, _SHADE]],
            colorbar={"title": {"text": "%"}},
            hovertemplate="layer %{y}, latent frame %{x}: %{z:.1f} %<extra></extra>",
        )
    )
    return _titled(figure, "latent frame", "layer").update_xaxes(type="category")


def recache_figure(change: "Recached") -> "Chart":
    """How far a re-cache has moved keys and values of each latent frame; the mean of all layers."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    frames = [str(frame) for frame in change.frames]
    bars = [
        go.Bar(
            x=frames,
            y=100 * moved_LF.mean(axis=0),
            name=name,
            marker={"color": colour},
            hovertemplate=f"{name} of latent frame %{{x}}: moved by %{{y:.1f}} % of their length"
            "<extra></extra>",
        )
        for name, colour, moved_LF in (
            ("keys", _KEY_COLOUR, change.key_LF),
            ("values", _VALUE_COLOUR, change.value_LF),
        )
    ]
    figure = Chart(bars).update_layout(showlegend=True)
    return _titled(figure, "latent frame", "moved, % of its length").update_xaxes(type="category")


def _titled(figure: "Chart", across: str, up: str) -> "Chart":
    return figure.update_layout(
        xaxis={"title": across},
        yaxis={"title": up, "rangemode": "tozero"},
    )


def _strip(pictures: "Pictures") -> "Pictures":
    count = min(len(pictures), _MOST_COLUMNS)
    chosen: Sequence[int] = np.linspace(0, len(pictures) - 1, count).astype(int).tolist()
    gap = np.full((pictures.shape[1], _GAP_PX, 3), 255, np.uint8)
    parts = [part for place in chosen for part in (pictures[place], gap)]
    return np.concatenate(parts[:-1], axis=1)


def _png(picture: "Pictures") -> str:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
