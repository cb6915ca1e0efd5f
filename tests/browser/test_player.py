"""The player in a real JupyterLab, on an engine that paints known pictures."""

import numpy as np
import pytest

from tests.browser.lab import (
    canvas_pixels,
    data,
    opened_lab,
    run_all_cells,
    studio,
    wait_for_data,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAINTED = """
from longlive_widget import LongLiveWidget, Timeline
from tests.unit.painted_engine import PaintedEngine

engine = PaintedEngine(seconds_per_block=0.25)
timeline = Timeline.of("a red ball bounces on a white background", (24, "a yellow star spins"))
studio = LongLiveWidget(engine, timeline, seed=1)
studio.start()
studio
"""


def mean_colour(page):
    return np.array(canvas_pixels(page)).reshape(-1, 4)[:, :3].mean(axis=0)


@pytest.mark.parametrize("dark", [False, True])
def test_a_video_plays_is_steered_and_holds(notebook_of, tmp_path, screenshots, dark):
    with opened_lab(notebook_of(PAINTED), tmp_path / "lab", dark=dark) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 20")
        before = canvas_pixels(page)
        colour = mean_colour(page)
        wait_for_data(page, "+d.frame > 40")
        assert canvas_pixels(page) != before

        page.locator(".ll-chart[data-ready]").wait_for()
        player.locator("input").fill("a <b>blue</b> star *spins*")
        player.locator("input").press("Enter")
        wait_for_data(page, "d.landed === 'a <b>blue</b> star *spins*'")
        assert np.abs(mean_colour(page) - colour).max() > 10
        page.wait_for_timeout(1200)
        player.screenshot(path=screenshots / f"playing-{'dark' if dark else 'light'}.png")

        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused'")
        held, pixels = data(page)["frame"], canvas_pixels(page)
        page.wait_for_timeout(1500)
        assert (data(page)["frame"], canvas_pixels(page)) == (held, pixels)
        assert data(page)["dropped"] == "0"
        page.screenshot(path=screenshots / f"paused-{'dark' if dark else 'light'}.png")

        player.locator("[data-action=resume]").click()
        wait_for_data(page, f"+d.frame > {int(held) + 12}")
