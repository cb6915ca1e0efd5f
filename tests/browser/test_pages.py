"""Pages that stand alone under a policy of their own, from a file, with the network off."""

import re

import pytest
from playwright.sync_api import expect

from longlive_widget.checkup.browser_page import write_browser_page
from longlive_widget.checkup.finding import Checkup, Finding
from longlive_widget.measure.log_html import log_html
from longlive_widget.presets import PRESETS
from tests.unit.written_record import record

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOUND = Checkup((Finding("torch", "warning", "<b>2.13.0</b>", "install another"),))


@pytest.fixture(params=["light", "dark"])
def opened(chromium, request):
    """Opens a file; gives the page, what it said, and what it asked for."""
    context = chromium.new_context(
        offline=True, color_scheme=request.param, viewport={"width": 760, "height": 560}
    )
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))

    def open_file(path):
        page.goto(path.as_uri())
        return page, said, asked

    yield open_file
    context.close()


def test_it_decodes_what_a_kernel_sends_and_lets_it_be_copied(opened, tmp_path, screenshots):
    file = write_browser_page(tmp_path / "browser.html", FOUND)
    page, said, asked = opened(file)
    report = page.locator("#report[data-done]")
    expect(report).to_contain_text("<b>2.13.0</b>")
    for size in ("160 x 96", "832 x 480"):
        for codec in ("h264", "jpeg"):
            expect(report).to_contain_text(re.compile(rf"ok +{size} +{codec}: 3 pictures decoded"))
    expect(report).to_contain_text(re.compile(r"ok +browser +Mozilla.*Chrome/\d+"))
    expect(report).to_contain_text(re.compile(r"ok +secure page +file: yes"))
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_have_text(re.compile("^copied$|^selected: "))
    scheme = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    screenshots.take(page, f"browser-page-{'dark' if scheme else 'light'}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (said, asked) == ([], [file.as_uri()])


def test_the_log_draws_its_charts_and_takes_the_words_of_records_for_text(
    opened, tmp_path, screenshots
):
    evil = "<img src=x onerror=alert(1)>"
    times = {"block_ms": [800.0 + at for at in range(20)]}
    presets = PRESETS["reference"], PRESETS["quality"].with_(name=evil, summary=evil)
    file = tmp_path / "log.html"
    file.write_text(log_html([record(preset=one, samples=times) for one in presets]))
    page, said, asked = opened(file)
    charts = page.locator(".chart .main-svg:first-child")
    expect(charts).to_have_count(2)
    expect(page.locator(".chart").first).to_contain_text("reference")
    expect(page.locator(".chart").first).to_contain_text(evil)
    expect(page.locator("table").first).to_be_visible()
    expect(page.locator("h1")).to_have_text("Optimisation log")
    assert page.locator("img").count() == 0
    screenshots.take(page, "log.png")
    assert (said, asked) == ([], [file.as_uri()])
