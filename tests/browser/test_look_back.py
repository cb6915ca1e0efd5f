"""Looking back at a video while it goes on, and its pictures one by one."""

import io

import numpy as np
import pytest
from PIL import Image

from longlive_widget.geometry import Geometry
from tests.browser.lab import data, run_all_cells, studio, wait_for_data
from tests.browser.test_player import LARGE, PAINTED, shown_and_painted

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALL_SIZE, LARGE_SIZE = Geometry(160, 96), Geometry(832, 480)


def frame(page):
    return int(data(page)["frame"])


def test_a_viewer_steps_scrubs_and_loops_while_the_video_goes_on_and_comes_back_to_it(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(PAINTED)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 80")
        player.locator(".ll-theatre").focus()
        page.keyboard.press(",")
        wait_for_data(page, "d.live === 'false'")
        # on a busy machine blocks may be left out, and then a step is longer than one picture
        held, blocks = frame(page), int(data(page)["blocks"])
        page.keyboard.press(",")
        wait_for_data(page, f"+d.frame < {held}")
        page.keyboard.press(".")
        wait_for_data(page, f"+d.frame === {held}")
        page.keyboard.press("ArrowLeft")
        wait_for_data(page, f"+d.frame <= {held - 16}")
        first = int(player.locator(".ll-scrub").get_attribute("min"))
        player.locator(".ll-scrub").evaluate(
            "(track, to) => { track.value = to; track.dispatchEvent(new Event('input')); }",
            first + 5,
        )
        wait_for_data(page, f"+d.frame === {first + 5} && +d.exact === {first + 5}")
        shown, painted = shown_and_painted(page, SMALL_SIZE)
        assert (shown == painted).all(), "a picture that stands is the very picture that was made"
        screenshots.take(player, "looked-back.png")

        page.keyboard.press("l")
        wait_for_data(page, f"+d.frame === {first}")
        page.keyboard.press("l")
        page.keyboard.press(" ")
        wait_for_data(page, f"d.exact !== '' && +d.blocks > {blocks}")

        page.keyboard.press("End")
        wait_for_data(page, f"d.live === 'true' && +d.frame > {held}")
        assert data(page)["status"] == "running"


def test_a_paused_picture_is_the_very_one_that_was_made_and_is_saved_so(lab, notebook_of):
    with lab.opened(notebook_of(LARGE)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 20")
        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused' && d.exact !== ''")
        shown, painted = shown_and_painted(page, LARGE_SIZE)
        assert (shown == painted).all()
        with page.expect_download() as saving:
            player.locator("[data-action=snapshot]").click()
        assert saving.value.suggested_filename == f"painted-1-{frame(page)}.png"
        saved = np.asarray(Image.open(io.BytesIO(saving.value.path().read_bytes())))
        assert (saved == painted).all()


def test_the_picture_fits_or_is_shown_pixel_by_pixel_or_fills_the_screen(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(PAINTED)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 12")
        canvas = player.locator("canvas.ll-canvas")
        assert canvas.bounding_box()["width"] > 300
        player.locator("[data-action=size]").click()
        box = canvas.bounding_box()
        assert (box["width"], box["height"]) == (160, 96)
        screenshots.take(player, "native.png")
        player.locator("[data-action=size]").click()
        player.locator("[data-action=fullscreen]").click()
        page.wait_for_function("document.fullscreenElement?.className === 'll-theatre'")
        assert canvas.bounding_box()["width"] > 1200
        screenshots.take(page, "fullscreen.png")
        player.locator("[data-action=fullscreen]").click()
        page.wait_for_function("document.fullscreenElement === null")
        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused' && d.exact !== ''")  # nothing is drawn any more
        player.locator("[data-action=inset]").click()
        page.wait_for_function("document.pictureInPictureElement?.videoWidth === 160", timeout=4000)
        player.locator("[data-action=inset]").click()
        page.wait_for_function("document.pictureInPictureElement === null")
        assert not player.locator(".ll-errors").is_visible()


def test_nothing_is_sent_while_nobody_looks_and_the_newest_block_once_somebody_does(
    lab, notebook_of
):
    with lab.opened(notebook_of(PAINTED)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 12 && d.looking === 'true'")
        player.locator(".ll-theatre").evaluate("each => { each.style.display = 'none'; }")
        wait_for_data(page, "d.looking === 'false'")
        page.wait_for_timeout(500)
        before, shown, dropped = int(data(page)["blocks"]), frame(page), data(page)["dropped"]
        page.wait_for_timeout(3000)
        assert int(data(page)["blocks"]) == before
        assert data(page)["dropped"] == dropped, "what nobody wanted to see is not dropped"
        player.locator(".ll-theatre").evaluate("each => { each.style.display = ''; }")
        wait_for_data(page, f"+d.blocks > {before} && +d.frame > {shown + 24}")


def test_a_video_is_held_in_a_hidden_tab_if_that_is_wanted(lab, notebook_of):
    cell = PAINTED.replace("seed=1", "seed=1, when_unseen='pause'")
    hide = """state => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    with lab.opened(notebook_of(cell), alone=True) as page:
        run_all_cells(page)
        studio(page)
        wait_for_data(page, "+d.frame > 12")
        page.evaluate(hide, "hidden")
        wait_for_data(page, "d.status === 'paused'")
        held = frame(page)
        page.evaluate(hide, "visible")
        wait_for_data(page, f"d.status === 'running' && +d.frame > {held + 12}")


def test_the_player_says_why_it_is_choppy(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(PAINTED.replace("0.25", "1.1"))) as page:
        run_all_cells(page)
        player = studio(page)
        said = player.locator(".ll-health[data-verdict=choppy]")
        said.get_by_text("play at 16: take a faster preset, fewer steps").wait_for()
        screenshots.take(player, "choppy.png")
