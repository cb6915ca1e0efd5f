"""What differs from host to host: Notebook 7, and kernels that hear nothing while a cell runs."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import run_all_cells, running_lab, studio, wait_for_data

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAINTED = """
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine

studio = LongLiveWidget(PaintedEngine(0.25), "a red ball", seed=1)
studio.start()
studio
"""
BUSY = """
import time
time.sleep(8)
"""
OBEYED_OR_QUEUED = """() => {
  const player = [...document.querySelectorAll('.longlive')].at(-1);
  const waiting = player.querySelector('.ll-waiting').textContent;
  return player.dataset.status === 'paused' || waiting === 'queued until the cell ends';
}"""
CELL_ENDED = """() => {
  const prompts = [...document.querySelectorAll('.jp-InputPrompt')];
  return prompts.at(-1).textContent.includes('[2]');
}"""


def test_notebook_7_plays_lands_a_prompt_and_says_what_waits_for_a_cell(
    chromium, tmp_path, notebook_of, screenshots
):
    with (
        running_lab(tmp_path / "notebook-7", chromium, "notebook") as notebook,
        notebook.opened(notebook_of(PAINTED, BUSY, kernel="python3")) as page,
    ):
        run_all_cells(page)
        player = studio(page)
        waiting = player.locator(".ll-waiting")
        wait_for_data(page, "+d.frame > 12")
        player.locator("[data-action=pause]").click()
        page.wait_for_function(OBEYED_OR_QUEUED)
        screenshots.take(player, "notebook-7-queued.png")
        queued = waiting.inner_text() == "queued until the cell ends"
        wait_for_data(page, "d.status === 'paused'")
        assert queued or not page.evaluate(CELL_ENDED), "it waited and did not say so"
        expect(waiting).to_have_text("")

        player.locator("[data-action=resume]").click()
        player.locator(".ll-prompt-bar input").fill("a blue star")
        player.locator(".ll-prompt-bar input").press("Enter")
        wait_for_data(page, "d.landed === 'a blue star'")
        player.locator(".ll-theatre").press("?")
        assert "This page runs in Jupyter Notebook 7" in player.locator(".ll-host").inner_text()
        screenshots.take(page, "notebook-7.png")
