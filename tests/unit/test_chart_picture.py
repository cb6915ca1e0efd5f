"""The chart that needs neither scripts nor styles says the same as the one that does."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageColor

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.errors import SessionError
from longlive_widget.timeline import Landing
from longlive_widget.widget.chart_picture import (
    BOTTOM_PX,
    HEIGHT_PX,
    LEFT_PX,
    RIGHT_PX,
    TOP_PX,
    beneath,
    parts_picture,
)
from longlive_widget.widget.figures import PART_COLOURS, REST_COLOUR, SWITCH_COLOUR
from longlive_widget.widget.protocol import BlockRecord

NO_WINDOW = Occupancy(0, (), (), (), ())


def height_of(picture, colour, left=0.0, right=1.0):
    """The most pixels of a colour in one column of a part of the plot."""
    pixels = np.asarray(picture)[TOP_PX : HEIGHT_PX - BOTTOM_PX, LEFT_PX:-RIGHT_PX]
    width = pixels.shape[1]
    part = pixels[:, int(left * width) : int(right * width)]
    return int((part == ImageColor.getrgb(colour)).all(axis=2).sum(axis=0).max())


def records(*latencies_ms):
    """A block for each, a quarter of whose time went into decoding."""
    return [
        BlockRecord(
            block, 3 * block, max(0, 12 * block - 3), 12 if block else 9, "a ball", "quick", None,
            ms, {"decode": ms / 4}, 0.0, 0, displayed=True, window=NO_WINDOW, window_bytes=0,
            host_bytes=0, device_bytes=None, device_reserved_bytes=None,
        )
        for block, ms in enumerate(latencies_ms)
    ]  # fmt: skip


def test_bars_are_as_high_as_the_parts_take_long():
    picture = parts_picture(records(*[400.0] * 4, *[800.0] * 4))
    decode = PART_COLOURS["decode"]
    early, late = height_of(picture, decode, 0, 0.5), height_of(picture, decode, 0.5, 1)
    assert late == pytest.approx(2 * early, abs=2)
    assert height_of(picture, REST_COLOUR, 0.5, 1) == pytest.approx(3 * late, abs=4)


def test_a_switch_stands_before_the_block_on_which_it_landed():
    made = records(*[300.0] * 8)
    assert height_of(parts_picture(made), SWITCH_COLOUR) == 0
    made[4] = replace(made[4], landed=Landing("a star", 12, 12, 4))
    picture = parts_picture(made)
    assert height_of(picture, SWITCH_COLOUR, 0.49, 0.51) == HEIGHT_PX - BOTTOM_PX - TOP_PX
    assert height_of(picture, SWITCH_COLOUR, 0.52, 1) == 0


def test_many_blocks_have_room_and_none_is_told():
    picture = parts_picture(records(*[300.0] * 5000))
    assert picture.size == (1200, HEIGHT_PX)
    assert height_of(picture, PART_COLOURS["decode"]) > 10
    with pytest.raises(SessionError, match="nothing to draw yet"):
        parts_picture([])


def test_pictures_stand_one_above_the_other():
    upper, lower = Image.new("RGB", (30, 10), "#ff0000"), Image.new("RGB", (20, 5), "#0000ff")
    both = beneath(upper, lower)
    assert both.size == (30, 15)
    assert [both.getpixel(at) for at in ((29, 9), (0, 10), (29, 14))] == [
        (255, 0, 0),
        (0, 0, 255),
        (255, 255, 255),
    ]
