"""The quickstart, as a person meets it: run all cells, watch, type, pause."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.lab import (
    ROOT,
    data,
    run_all_cells,
    shown_picture,
    studio,
    wait_for_data,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The timeline of the quickstart has ended at night: only this prompt makes the picture bright.
PROMPT = "make it blue on a white background"
IN_FULL = "a big blue star circles on white"
NO_CHANGE = "it bounces and spins on a white background"
DARK, BRIGHT = 100, 180
CELLS_S = 180


def brightness(page):
    return shown_picture(page)[1].mean()


def test_the_quickstart_plays_lands_a_typed_prompt_and_holds(lab, screenshots):
    with lab.opened(ROOT / "notebooks" / "01_quickstart.ipynb") as page:
        run_all_cells(page)
        page.locator(".longlive").last.wait_for(state="attached", timeout=1000 * CELLS_S)
        player = studio(page)
        wait_for_data(page, "+d.frame >= 0")
        first, before = shown_picture(page)
        wait_for_data(page, f"+d.frame > {first + 12}")
        assert np.abs(shown_picture(page)[1] - before.astype(int)).mean() > 1

        wait_for_data(page, "d.prompt.includes('night')")
        prompt_before = data(page)["prompt"]
        assert brightness(page) < DARK
        player.locator(".ll-input").fill(PROMPT)
        player.locator(".ll-input").press("Enter")
        wait_for_data(page, f"d.landed === '{PROMPT}'")
        assert prompt_before != data(page)["prompt"] == PROMPT
        assert brightness(page) > BRIGHT
        expect(player.locator(".ll-receipt")).to_contain_text(f"; taken as “{IN_FULL}”")
        player.locator(".ll-input").fill(NO_CHANGE)
        player.locator(".ll-input").press("Enter")
        wait_for_data(page, f"d.landed === '{NO_CHANGE}'")
        expect(player.locator(".ll-receipt")).to_contain_text("; taken as it stands")
        page.locator(".ll-chart[data-ready]").wait_for()
        screenshots.take(player, "quickstart.png")
        screenshots.take(page, "quickstart-page.png")

        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused' && d.exact !== ''")
        held, picture = shown_picture(page)
        page.wait_for_timeout(2500)
        assert shown_picture(page)[0] == held
        assert (shown_picture(page)[1] == picture).all()
