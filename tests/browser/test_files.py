"""What the player makes of a video that stays: recordings, clips, another beginning."""

import av
import pytest

from tests.browser.lab import data, run_all_cells, studio, wait_for_data
from tests.browser.test_player import LARGE, MARKUP, PAINTED

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def pictures_in(path):
    with av.open(str(path)) as video:
        return sum(1 for _ in video.decode(video=0))


def test_a_recording_and_a_clip_are_files_that_play(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(LARGE)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 12")
        player.locator(".ll-theatre").focus()
        page.keyboard.press("r")
        wait_for_data(page, "d.recording !== ''")
        begun = int(data(page)["blocks"])
        wait_for_data(page, f"+d.blocks >= {begun + 3}")
        screenshots.take(player, "recording.png")
        page.keyboard.press("r")
        said = player.locator(".ll-receipt", has_text="recorded ")
        said.wait_for()
        (recorded,) = lab.work.glob("*/longlive-*.mp4")
        assert recorded.name in said.inner_text()
        assert pictures_in(recorded) >= 36

        with page.expect_download() as saving:
            player.locator("[data-action=clip]").click()
        assert saving.value.suggested_filename == "painted-1-0.mp4"
        clip = saving.value.path()
        assert pictures_in(clip) >= 9 + 12 * begun


def test_a_reset_begins_anew_and_keeps_the_prompt(lab, notebook_of):
    with lab.opened(notebook_of(PAINTED)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 12")
        player.locator(".ll-input").fill(MARKUP)
        player.locator(".ll-input").press("Enter")
        wait_for_data(page, f"d.landed === '{MARKUP}'")
        player.locator("[data-action=reset]").click()
        wait_for_data(page, f"d.run === '2' && +d.frame > 6 && d.prompt === '{MARKUP}'")
        assert data(page)["status"] == "running"
