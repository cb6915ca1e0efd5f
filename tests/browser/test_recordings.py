"""A run that was kept, played again: in a notebook with no engine, and in a page with no kernel."""

import av
import numpy as np
import pytest
from playwright.sync_api import expect

from longlive_widget import Manifest, Recording
from tests.browser.lab import (
    CHANGE_THEME,
    copied,
    run_all_cells,
    shown_picture,
    studio,
    wait_for_data,
)
from tests.browser.recorded import BLOCKS, LANDS_AT, MARKUP, record
from tests.browser.test_player import psnr_db

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST_OF_STAR = 9 + 12 * (LANDS_AT - 1)
LAST = 9 + 12 * (BLOCKS - 1) - 1


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return record(tmp_path_factory.mktemp("runs") / "run")


def saved(page, button):
    """The file that a click brings."""
    with page.expect_download() as saving:
        page.locator(button).click()
    return saving.value.path()


def test_an_exported_page_plays_from_a_file_with_the_network_off(
    chromium, tmp_path, screenshots, run
):
    file = Recording.open(run).export_html(tmp_path / "run.html")
    context = chromium.new_context(offline=True, viewport={"width": 1000, "height": 1100})
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    player = studio(page)
    wait_for_data(page, f"d.frame === '0' && d.blocks === '{BLOCKS}'")
    expect(player.locator(".ll-chart")).to_have_attribute("data-blocks", str(BLOCKS))
    expect(player.locator(".ll-thumbnail")).to_have_count(BLOCKS)
    before = shown_picture(page)[1]
    page.keyboard.press("Tab")
    player.locator(".ll-theatre").focus()
    page.keyboard.press(" ")
    wait_for_data(page, "d.playing === 'true' && +d.frame > 12")
    page.keyboard.press(" ")
    wait_for_data(page, "d.playing === 'false'")
    number, moved = shown_picture(page)
    assert np.abs(before.astype(int) - moved).max() > 100, "the picture moves"
    pictures = np.concatenate([block.frames for block in Recording.open(run).blocks()])
    assert psnr_db(moved, pictures[number]) > 35

    player.locator(".ll-segment", has_text="a big yellow star").click()
    wait_for_data(page, f"d.frame === '{FIRST_OF_STAR}'")
    assert player.get_attribute("data-prompt") == MARKUP
    expect(player.locator(".ll-chart")).to_have_attribute("data-lit", str(LANDS_AT))
    assert psnr_db(shown_picture(page)[1], pictures[FIRST_OF_STAR]) > 35
    player.locator(".ll-plot .nsewdrag").click(position={"x": 5, "y": 60})
    wait_for_data(page, "d.frame === '0'")  # a click at the first block of the chart goes there
    player.locator(".ll-tab", has_text="Parts").click()
    player.locator(".ll-legend", has_text="step 2").wait_for()

    page.locator("summary", has_text="a hash of each picture").click()
    assert Manifest.read(saved(page, "#save-manifest")) == Recording.open(run).manifest
    with av.open(str(saved(page, "#save-video"))) as video:
        assert sum(1 for _ in video.decode(video=0)) == LAST + 1
    screenshots.take(page, "page-light.png", whole=True)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    page.reload()
    wait_for_data(page, f"d.frame === '0' && d.blocks === '{BLOCKS}'")
    expect(player.locator(".ll-thumbnail").first).to_be_visible()
    screenshots.take(page, "page-dark-narrow.png", whole=True)
    assert not player.locator(".ll-errors").is_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert said == [], "nothing is refused, and nothing that was typed runs"
    context.close()


def test_a_recording_plays_in_a_notebook_in_step_with_its_timeline_and_charts(
    lab, notebook_of, screenshots, run
):
    cells = (
        f"from longlive_widget import Recording\nRecording.open({str(run)!r})",
        "import sys\nprint('torch is', 'here' if 'torch' in sys.modules else 'away')",
    )
    with lab.opened(notebook_of(*cells, kernel="python3")) as page:
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
        code = copied(page, player.get_by_text("Copy as Python"))
        assert code == Recording.open(run).code()
        expect(player.locator(".ll-thumbnail")).to_have_count(BLOCKS)
        screenshots.take(player, "recording-light.png")
        player.locator(".ll-tab", has_text="Parts").click()
        page.evaluate(CHANGE_THEME, "JupyterLab Dark")
        page.set_viewport_size({"width": 640, "height": 900})
        charts.locator(".ll-legend", has_text="step 2").wait_for()
        screenshots.take(player, "recording-dark-narrow.png")
        assert not player.locator(".ll-errors").is_visible()
