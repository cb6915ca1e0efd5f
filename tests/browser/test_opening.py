"""What a page shows of a block while the rest of it is still being made."""

import threading

import pytest
from playwright.sync_api import expect

from longlive_widget import LongLiveWidget
from tests.browser.hosted import hosted, wait_on
from tests.unit.painted_engine import PaintedEngine

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
def test_the_first_picture_is_shown_before_its_block_is_made_and_the_video_plays_on(
    chromium, codec
):
    rest = threading.Event()
    engine = PaintedEngine(opens=1, goes_on=rest)
    studio = LongLiveWidget(engine, "a red ball", seed=1, codec=codec)
    try:
        with hosted(chromium, studio) as (page, _, said):
            player = page.locator(".longlive")
            expect(player).to_have_attribute("data-looking", "true")
            studio.start()
            expect(player).to_have_attribute("data-frame", "0")
            expect(player).to_have_attribute("data-prompt", "a red ball")
            assert studio.history == ()
            rest.set()
            page.wait_for_function(
                "() => Number(document.querySelector('.longlive').dataset.frame) >= 40"
            )
            # the kernel hears of it a moment later
            wait_on(page, lambda: all(record.displayed for record in studio.history[:4]))
            assert [record.displayed for record in studio.history[:4]] == [True] * 4
            assert said == []
    finally:
        rest.set()
        studio.close()
