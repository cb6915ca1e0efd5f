"""The page that says what a browser can play, in a browser, from a file."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from longlive_widget.checkup.browser_page import write_browser_page
from longlive_widget.checkup.finding import Checkup, Finding
from tests.browser.chromium import FLAGS, chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOUND = Checkup((Finding("torch", "warning", "<b>2.13.0</b>", "install another"),))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_decodes_what_a_kernel_sends_with_the_network_off_and_lets_it_be_copied(
    tmp_path, screenshots, scheme
):
    file = write_browser_page(tmp_path / "browser.html", FOUND)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=list(FLAGS), headless=True
        )
        page = browser.new_context(
            offline=True, color_scheme=scheme, viewport={"width": 760, "height": 560}
        ).new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        report = page.locator("#report[data-done]")
        expect(report).to_contain_text("<b>2.13.0</b>")
        for size in ("160 x 96", "832 x 480"):
            for codec in ("h264", "jpeg"):
                expect(report).to_contain_text(
                    re.compile(rf"ok +{size} +{codec}: 3 pictures decoded")
                )
        expect(report).to_contain_text(re.compile(r"ok +browser +Mozilla.*Chrome/\d+"))
        expect(report).to_contain_text(re.compile(r"ok +secure page +file: yes"))
        page.locator("#copy").click()
        expect(page.locator("#copied")).to_have_text(re.compile("^copied$|^selected: "))
        page.screenshot(path=screenshots / f"browser-page-{scheme}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert (said, asked) == ([], [file.as_uri()])
        browser.close()
