"""The room that a studio takes: in boxes beside other widgets, and where there is little of it."""

import pytest

from tests.browser.lab import SETTLES_MS, run_all_cells, studio, wait_for_data
from tests.browser.test_people import STICKING_OUT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BOXED = """
from ipywidgets import Button, GridBox, HBox, Layout, VBox
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine

studio = LongLiveWidget(PaintedEngine(0.25), "a red ball", seed=1)
button = Button(description="beside")
{box}
"""
CHOPPY = """
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine

studio = LongLiveWidget(PaintedEngine(1), "a red ball", seed=1)
studio.start()
studio
"""
TITLE = """chart => {
  const { left, right } = chart.querySelector('.main-svg').getBoundingClientRect();
  const title = chart.querySelector('.gtitle');
  const box = title.getBoundingClientRect();
  return { said: title.textContent, whole: box.left >= left && box.right <= right };
}"""
CHART_FITS = """() => {
  const plot = [...document.querySelectorAll('.longlive .ll-plot')].at(-1);
  const chart = plot.querySelector('.main-svg').getBoundingClientRect();
  return Math.abs(chart.width - plot.clientWidth) <= 1;
}"""
# where the picture lies under each of these sentences
PICTURE_UNDER = """(health, all) => {
  const picture = health.closest('.longlive').querySelector('.ll-screen');
  return all.map(said => {
    health.textContent = said;
    return picture.getBoundingClientRect().top;
  });
}"""
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


def test_what_is_said_of_the_video_moves_nothing_below_it(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(CHOPPY)) as page:
        run_all_cells(page)
        player = studio(page)
        health = player.locator(".ll-health")
        wait_for_data(page, "+d.frame > 20")
        player.locator(".ll-health[data-verdict=choppy]").wait_for()
        page.set_viewport_size({"width": 1600, "height": 1000})
        for width_px in (1000, 848, 640, 480):
            player.evaluate("(each, width) => { each.style.width = `${width}px`; }", width_px)
            said = health.inner_text()
            assert said.startswith("Choppy: blocks are made at")
            screenshots.take(player, f"room-health-{width_px}.png")
            without, under = health.evaluate(PICTURE_UNDER, ["", said])
            assert under == without, f"{width_px} px"
            assert page.evaluate(STICKING_OUT) == [], f"{width_px} px"
            page.wait_for_function(CHART_FITS)
        assert "decodes in" in health.get_attribute("title"), "what is cut off is told there"


def test_the_title_of_each_chart_is_whole_beside_the_picture(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(CHOPPY)) as page:
        page.set_viewport_size({"width": 1600, "height": 1000})
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 20")
        cut = []
        for width_px in (848, 700):
            player.evaluate("(each, width) => { each.style.width = `${width}px`; }", width_px)
            for name in ("latency", "parts", "window", "memory"):
                player.locator(f".ll-tab[data-chart={name}]").click()
                chart = player.locator(".ll-chart[data-ready]")
                chart.locator(".gtitle").wait_for()
                screenshots.take(player, f"room-{name}-{width_px}.png")
                title = chart.evaluate(TITLE)
                cut += [] if title["whole"] else [(width_px, title["said"])]
        assert not cut
