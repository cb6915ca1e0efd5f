"""The room that a studio takes: in boxes beside other widgets, and where there is little of it."""

import pytest

from tests.browser.lab import SETTLES_MS, run_all_cells, studio

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BOXED = """
from ipywidgets import Button, GridBox, HBox, Layout, VBox
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine

studio = LongLiveWidget(PaintedEngine(0.25), "a red ball", seed=1)
button = Button(description="beside")
{box}
"""
TOGETHER = "[button, studio]"
USABLE_PX = 440


@pytest.mark.parametrize(
    "box",
    [
        f"HBox({TOGETHER})",
        f"VBox({TOGETHER})",
        f"VBox({TOGETHER}, layout=Layout(align_items='flex-start'))",
        f"HBox([VBox({TOGETHER}), Button()])",
        f"GridBox({TOGETHER}, layout=Layout(grid_template_columns='auto auto'))",
    ],
)
def test_in_a_box_beside_others_a_studio_has_the_room_that_is_left(
    lab, notebook_of, screenshots, box
):
    with lab.opened(notebook_of(BOXED.format(box=box))) as page:
        run_all_cells(page)
        player = studio(page)
        screenshots.take(page, f"room-{''.join(filter(str.isalpha, box))}.png")
        assert player.bounding_box()["width"] >= USABLE_PX
        for width_px in (1280, 900):
            page.set_viewport_size({"width": width_px, "height": 1000})
            page.wait_for_timeout(SETTLES_MS)
            cell, own = page.locator(".jp-OutputArea-child").bounding_box(), player.bounding_box()
            assert own["x"] + own["width"] <= cell["x"] + cell["width"] + 1
