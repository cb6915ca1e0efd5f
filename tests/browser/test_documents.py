"""The documents as `make docs` builds them: strictly, and readable from a folder, off line."""

import subprocess
import sys

import pytest

from longlive_widget.runs.manifest import Manifest
from tests.browser.lab import ROOT

pytestmark = [pytest.mark.browser]

READ = {
    "index.html": "A video in a notebook",
    "start.html": "The first video",
    "explore.html": "Go on from a past block",
    "how.html": "The straight line",
    "api.html": "Engine",
    "faq.html": "Questions",
    "notebooks/05_window.html": "The window, the sink and the re-cache",
}
PICTURES = {
    "index.html": 1,
    "start.html": 1,
    "explore.html": 3,
    "how.html": 3,
    "notebooks/05_window.html": 1,
}
"""How many at least a page has."""
SHOWN_PX = "() => [...document.images].map(image => image.complete ? image.naturalWidth : 0)"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_pages_open_from_a_folder_with_their_pictures_and_ask_for_nothing_elsewhere(
    chromium, site, screenshots
):
    asked = []
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    for name, title in READ.items():
        page.goto((site / name).as_uri())
        assert title in page.locator("article").inner_text(), name
        widths = page.evaluate(SHOWN_PX)
        assert len(widths) >= PICTURES.get(name, 0), name
        assert 0 not in widths, name
        screenshots.take(page, f"page-{name.replace('/', '-')}.png")
    page.goto((site / "notebooks/06_numbers.html").as_uri())
    page.locator("article a[href='../measure.html']").click()
    assert page.url == (site / "measure.html").as_uri()
    context.close()
    elsewhere = [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    assert elsewhere == []
    assert asked


def test_a_recorded_run_plays_on_its_page_with_no_kernel_and_no_network(
    chromium, site, screenshots, tmp_path
):
    context = chromium.new_context(offline=True, viewport={"width": 1200, "height": 1000})
    page = context.new_page()
    page.goto((site / "report.html").as_uri())
    page.locator("iframe").scroll_into_view_if_needed()
    run = page.frame_locator("iframe")
    player = run.locator(".longlive[data-frame='0']")
    player.wait_for()
    (tmp_path / "page.json").write_text(run.locator("#manifest").text_content())
    assert Manifest.read(tmp_path / "page.json") == Manifest.read(ROOT / "docs/run/manifest.json")
    run.locator(".ll-theatre").focus()
    page.keyboard.press(" ")
    run.locator(".longlive[data-prompt='it turns blue']").wait_for()
    screenshots.take(page, "page-report-run.png")
    context.close()
