"""A run that was kept, played again: in a notebook with no engine."""

import pytest
from playwright.sync_api import expect

from longlive_widget import Recording
from tests.browser.lab import run_all_cells, shown_picture, studio, wait_for_data
from tests.browser.recorded import BLOCKS, LANDS_AT, MARKUP, record

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST_OF_STAR = 9 + 12 * (LANDS_AT - 1)
LAST = 9 + 12 * (BLOCKS - 1) - 1


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return record(tmp_path_factory.mktemp("runs") / "run")


def test_a_recording_plays_in_a_notebook_in_step_with_its_timeline_and_charts(
    lab, notebook_of, screenshots, run
):
    cells = (
        f"from longlive_widget import Recording\nRecording.open({str(run)!r})",
        "import sys\nprint('torch is', 'here' if 'torch' in sys.modules else 'away')",
    )
    with lab.opened(notebook_of(*cells)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, f"d.frame === '0' && d.blocks === '{BLOCKS}' && d.exact === '0'")
        expect(page.get_by_text("torch is away")).to_be_visible()
        for steering in (".ll-transport", ".ll-prompt-bar", ".ll-presets", ".ll-live:visible"):
            assert player.locator(steering).count() == 0
        player.locator(".ll-theatre").focus()
        page.keyboard.press(" ")
        wait_for_data(page, "d.playing === 'true' && +d.frame > 12")
        page.keyboard.press(" ")
        wait_for_data(page, "d.playing === 'false'")

        player.locator(".ll-segment", has_text="a big yellow star").click()
        wait_for_data(page, f"d.frame === '{FIRST_OF_STAR}' && d.exact === d.frame")
        assert player.get_attribute("data-prompt") == MARKUP
        shown = shown_picture(page)[1]
        assert (shown == Recording.open(run).block(LANDS_AT).frames[0]).all()
        player.locator(".ll-theatre").focus()
        page.keyboard.press(".")
        wait_for_data(page, f"+d.frame === {FIRST_OF_STAR + 1}")
        page.keyboard.press("l")
        wait_for_data(page, "d.playing === 'true'")
        page.keyboard.press("l")
        player.locator(".ll-scrub").evaluate(
            "(track, to) => { track.value = to; track.dispatchEvent(new Event('input')); }",
            LAST - 6,
        )
        wait_for_data(page, f"+d.frame === {LAST} && d.playing === 'false'")

        charts = player.locator(".ll-chart")
        expect(charts).to_have_attribute("data-blocks", str(BLOCKS))
        expect(charts).to_have_attribute("data-lit", str(BLOCKS - 1))
        assert player.locator(".ll-tab").all_inner_texts() == ["Latency", "Parts"]
        expect(player.locator(".ll-thumbnail")).to_have_count(BLOCKS)
        player.screenshot(path=screenshots / "recording-light.png")
        player.locator(".ll-tab", has_text="Parts").click()
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            "JupyterLab Dark",
        )
        page.set_viewport_size({"width": 640, "height": 900})
        charts.locator(".ll-legend", has_text="step 2").wait_for()
        page.wait_for_timeout(500)
        player.screenshot(path=screenshots / "recording-dark-narrow.png")
        assert not player.locator(".ll-errors").is_visible()
