"""Where a red thing is, found by its colour."""

import math

import numpy as np
import pytest

from longlive_widget.measure.motion import heights_figure, red_heights


def video(*rows: int | None):
    """Pictures of a green ground, 20 high, with a red bar two rows high that begins at a row."""
    frames = np.full((len(rows), 20, 8, 3), (40, 160, 60), np.uint8)
    for frame, row in zip(frames, rows, strict=True):
        if row is not None:
            frame[row : row + 2, 2:6] = (230, 30, 40)
    return frames


def test_the_height_of_the_red_thing_is_counted_from_below():
    assert red_heights(video(0, 9, 18)) == pytest.approx([95, 50, 5])


def test_white_and_a_picture_without_red_have_no_height():
    frames = video(None, 9)
    frames[0, :5] = 255
    nowhere, middle = red_heights(frames)
    assert math.isnan(nowhere)
    assert middle == pytest.approx(50)


def test_the_chart_has_a_line_for_each_video_broken_where_nothing_is_red():
    (one, other) = heights_figure({"one": video(9, None), "other": video(0, 18)}).data
    assert (one.name, list(one.y)) == ("one", [pytest.approx(50), None])
    assert list(other.x) == [0, 1 / 16]
