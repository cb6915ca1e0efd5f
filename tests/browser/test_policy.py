"""The studio's page under a strict Content-Security-Policy, with words that elsewhere are code."""

import pytest
from playwright.sync_api import expect

from longlive_widget import LongLiveWidget, Timeline
from longlive_widget.errors import SessionError
from tests.browser.hosted import hosted
from tests.unit.painted_engine import PaintedEngine
from tests.unit.test_security import PAYLOADS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WATCHED = """
  () => {
    globalThis.ran = [];
    globalThis.planted = globalThis.alert = (at) => ran.push(at ?? 0);
  }
"""
PLANTED = "x-planted, .longlive :is(a, [onload], [onmouseover], img[src*=planted])"
AS_MARKUP = """
  (payload) => { document.querySelector('#cell').insertAdjacentHTML('beforeend', payload); }
"""


def test_words_that_would_be_code_are_shown_and_the_strict_policy_has_nothing_to_refuse(
    chromium,
    screenshots,
):
    """At last one is put in as markup: the policy refuses it, so it would have been heard of."""
    engine = PaintedEngine(0.1, reads=1000, name=PAYLOADS[0], fallbacks=PAYLOADS)
    timeline = Timeline.of(PAYLOADS[1], (9, PAYLOADS[2]), (600, PAYLOADS[3]))
    studio = LongLiveWidget(engine, timeline, seed=1)
    failing = iter(PAYLOADS)

    def fail(_):
        for payload in failing:
            raise SessionError(payload) if payload in PAYLOADS[::2] else ValueError(payload)

    studio.on_block(fail)
    try:
        with hosted(chromium, studio) as (page, _, said):
            page.evaluate(WATCHED)
            studio.start()
            player = page.locator(".longlive")
            # what is planned has landed, or it would soon follow what is typed
            expect(player).to_have_attribute("data-landed", PAYLOADS[2])
            for payload in PAYLOADS:
                player.locator(".ll-input").fill(payload)
                player.locator(".ll-input").press("Enter")
                expect(player).to_have_attribute("data-landed", payload)
            errors = player.locator(".ll-errors")
            expect(errors).to_contain_text(PAYLOADS[-1])
            expect(player.locator(".ll-about")).to_contain_text(PAYLOADS[0])
            page.locator(".ll-chart[data-ready] .main-svg").first.wait_for()
            screenshots.take(page, "policy.png")
            with page.expect_download():
                player.get_by_role("button", name="PNG", exact=True).click()
            assert page.locator(PLANTED).count() == 0
            assert page.evaluate("[refused, ran]") == [[], []]
            assert said == []

            page.evaluate(AS_MARKUP, "<img src='x:' onerror='planted(1)'>")
            page.wait_for_function("() => refused.length > 1")
            assert {told.partition(":")[0] for told in page.evaluate("refused")} == {
                *("img-src", "script-src-attr")
            }
            assert page.evaluate("ran") == []
    finally:
        studio.close()
