"""Where a red thing is in each picture of a video, and the chart of its way up and down.

Knows one colour: it is for scenes of one red thing, not for any video.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longlive_widget.geometry import PICTURES_PER_SECOND

if TYPE_CHECKING:
    from longlive_widget.measure.chart import Chart

_RED_OVER = 80
"""A pixel is red whose red is so much more than its green and than its blue, of 255."""


def red_heights(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The middle of what is red in each picture, in percent of the picture's height from below.

    Args:
        frames: RGB, `[F, H, W, 3]`.

    A picture without red has no height: not a number.
    """
    red, green, blue = np.moveaxis(frames.astype(np.int16), -1, 0)
    shown = red - np.maximum(green, blue) > _RED_OVER
    count = shown.sum(axis=(1, 2))
    rows = frames.shape[1]
    height = 100 * (1 - (np.arange(rows) + 0.5) / rows)
    summed = shown.sum(axis=2) @ height
    return np.divide(summed, count, out=np.full(len(frames), np.nan), where=count > 0)


def heights_figure(videos: Mapping[str, NDArray[np.uint8]]) -> "Chart":
    """How high the red thing is over the time of each video, a line for each, by name."""
    import plotly.graph_objects as go

    from longlive_widget.measure.chart import Chart

    figure = Chart(
        [
            go.Scatter(
                x=np.arange(len(frames)) / PICTURES_PER_SECOND,
                y=[None if np.isnan(one) else one for one in red_heights(frames)],
                name=name,
                mode="lines",
            )
            for name, frames in videos.items()
        ]
    )
    return figure.update_layout(
        showlegend=True,
        xaxis={"title": "time in the video, s"},
        yaxis={"title": "height of the red thing, %"},
    )
