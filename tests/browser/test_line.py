"""A page whose line is slow or cut for a while, or whose tab is frozen: what is sent comes late."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from longlive_widget import LongLiveWidget, Timeline
from longlive_widget.geometry import Geometry
from tests.browser.hosted import Line, hosted, wait_on
from tests.unit.painted_engine import PaintedEngine
from tests.unit.test_runner import pictures_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MEGABIT = 1e6 / 8
BLOCKS_OF_30_S = 40
FROZEN_S = 4
SHOWS = "(least) => Number(document.querySelector('.longlive').dataset.frame) >= least"


@contextmanager
def shown(
    chromium: Browser,
    timeline: str | Timeline = "a red ball",
    *,
    engine: PaintedEngine | None = None,
    codec: str = "auto",
    loses: str | None = None,
) -> Iterator[tuple[LongLiveWidget, Page, Line, Locator]]:
    """A studio, a page that looks at it, the line between them and the player; nothing is amiss."""
    studio = LongLiveWidget(engine or PaintedEngine(), timeline, seed=1, codec=codec)
    try:
        with hosted(chromium, studio, loses=loses) as (page, line, said):
            player = page.locator(".longlive")
            expect(player).to_have_attribute("data-looking", "true")
            yield studio, page, line, player
            assert said == []
    finally:
        studio.close()


@pytest.mark.fault(
    "The page and its messages",
    "the line to the page is cut for 30 s of video, and what was sent comes late or never",
    "all blocks are made and recorded; the page says that it waits, and some 4 s after the cut it "
    "shows the newest block, has the measurements of all, and goes on",
)
@pytest.mark.parametrize("cut", ["held", "lost"])
def test_a_page_that_was_cut_off_catches_up_by_itself_and_nothing_is_lost(chromium, tmp_path, cut):
    with shown(chromium) as (studio, page, line, player):
        studio.record(tmp_path / "run.mp4")
        studio._runner.make(3).result()
        page.wait_for_function(SHOWS, arg=9)
        line.cut = cut
        player.locator(".ll-input").fill("a blue star")
        player.locator(".ll-input").press("Enter")
        expect(player.locator(".ll-waiting")).to_have_text("waits for the kernel")
        studio._runner.make(BLOCKS_OF_30_S).result()
        page.wait_for_timeout(1000)  # all that is to be sent has been by then
        line.cut = "no"
        page.wait_for_function(SHOWS, arg=sum(one.pictures for one in studio.history) - 12)
        expect(player).to_have_attribute("data-status", "done")
        expect(player.locator(".ll-waiting")).to_have_text("")
        told = "" if cut == "held" else "a click, or the word that it was heard, was lost"
        expect(player.locator(".ll-errors")).to_contain_text(told)
        with page.expect_download() as saved:
            player.get_by_role("button", name="CSV", exact=True).click()
        rows = saved.value.path().read_text().splitlines()
        made = 3 + BLOCKS_OF_30_S
        attached = line.heard.count("attach")
        assert attached == 1 if cut == "held" else attached > 1
        assert [row.partition(",")[0] for row in rows[1:]] == [str(n) for n in range(made)]
        assert len(pictures_in(studio.cut())) == sum(one.pictures for one in studio.history)
        studio.start()
        page.wait_for_function(SHOWS, arg=9 + 12 * made)


@pytest.mark.fault(
    "The page and its messages",
    "the line to the page carries 1 Mbit/s, and the pictures need more",
    "all blocks are made and recorded; whole blocks are left out on the page, which says so and "
    "why; two at most are on their way, so a prompt is seen no later than these take",
)
def test_over_a_slow_line_blocks_are_left_out_and_nothing_piles_up(chromium, tmp_path):
    engine = PaintedEngine(geometry=Geometry(400, 240))
    with shown(chromium, engine=engine, codec="jpeg") as (studio, _, line, player):
        line.bytes_per_s = MEGABIT
        studio.record(tmp_path / "run.mp4")
        studio.start()
        expect(player.locator(".ll-health")).to_contain_text("the line or the browser is slow")
        player.locator(".ll-input").fill("a blue star")
        player.locator(".ll-input").press("Enter")
        expect(player).to_have_attribute("data-landed", "a blue star")
        on_their_way = [message for message in line.on_the_way if message["buffers"]]
        assert len(on_their_way) <= 2
        assert line.heard.count("attach") == 1
        studio.stop()
        made = sum(one.pictures for one in studio.history)
        assert any(not one.displayed for one in studio.history)
        assert len(pictures_in(studio.cut())) == made


@pytest.mark.fault(
    "The page and its messages",
    "a page's word is lost that it has appeared, or that it has come into sight",
    "it is said again within 4 s, and the page is shown the video",
)
@pytest.mark.parametrize("lost", ["attach", "look"])
def test_a_page_whose_word_was_lost_says_it_again_and_is_shown_the_video(chromium, lost):
    with shown(chromium, loses="attach" if lost == "attach" else None) as (
        studio,
        page,
        line,
        player,
    ):
        if lost == "look":
            studio.start()
            page.wait_for_function(SHOWS, arg=9)
            hide = "(each, how) => { each.style.display = how; }"
            player.locator(".ll-theatre").evaluate(hide, "none")
            wait_on(page, lambda: studio.viewers == "0 of 1 views look")
            line.loses = "look"
            player.locator(".ll-theatre").evaluate(hide, "")
        wait_on(page, lambda: line.loses is None and studio.viewers == "1 of 1 views look")
        studio.start()
        page.wait_for_function(SHOWS, arg=sum(one.pictures for one in studio.history) + 9)


@pytest.mark.fault(
    "The page and its messages",
    "an edit of the timeline is lost, or the answer to it",
    "within 4 s it is made again, once, and so are those that were made after it",
)
@pytest.mark.parametrize("lost", ["edit", "edited"])
def test_an_edit_that_was_lost_is_made_again_with_those_after_it(chromium, lost):
    plan = Timeline.of("a red ball", (24, "a blue star"))
    with shown(chromium, plan) as (studio, page, line, player):
        line.loses = lost
        player.locator(".ll-segment", has_text="a blue star").click()
        for key in ("Shift+ArrowRight", "Shift+ArrowRight"):
            page.keyboard.press(key)
        later = Timeline.of("a red ball", (30, "a blue star"))
        wait_on(page, lambda: line.loses is None and studio.timeline == later)
        page.keyboard.press("Shift+ArrowRight")
        last = Timeline.of("a red ball", (33, "a blue star"))
        wait_on(page, lambda: studio.timeline == last)
        assert studio.errors == ()


@pytest.mark.fault(
    "The page and its messages",
    "a click is lost, or the word that it was heard",
    "the page says so within 4 s, or with the next click that is heard, and waits for it no longer",
)
@pytest.mark.parametrize("lost", ["pause", "heard"])
@pytest.mark.parametrize("another", [False, True])
def test_a_click_that_was_lost_is_told_of_whether_another_follows_or_not(chromium, lost, another):
    studio = LongLiveWidget(PaintedEngine(), "a red ball", seed=1)
    try:
        with hosted(chromium, studio) as (page, line, said):
            player = page.locator(".longlive")
            expect(player).to_have_attribute("data-looking", "true")
            studio.start()
            page.wait_for_function(SHOWS, arg=9)
            line.loses = lost
            player.get_by_role("button", name="Pause").click()
            if another:
                player.locator(".ll-input").fill("a blue star")
                player.locator(".ll-input").press("Enter")
            wait_on(page, lambda: line.loses is None)
            expect(player.locator(".ll-errors")).to_contain_text("if nothing came of it, click aga")
            expect(player.locator(".ll-waiting")).to_have_text("")
            assert studio.status == ("running" if lost == "pause" else "paused")
            assert said == []
    finally:
        studio.close()


@contextmanager
def frozen(page: Page) -> Iterator[None]:
    """Inside, nothing runs on the page: no timer, no message, no picture.

    Its script is held by the debugger. Chromium itself freezes no tab that playwright has: it
    counts as seen, and `Page.setWebLifecycleState` does nothing then.
    """
    devtools = page.context.new_cdp_session(page)
    devtools.send("Debugger.enable")
    devtools.send("Debugger.pause")
    try:
        yield
    finally:
        devtools.send("Debugger.disable")
        devtools.detach()


@pytest.mark.fault(
    "The page and its messages",
    "a tab is frozen for a while",
    "all blocks are made and recorded, and all but two are counted as not shown; once it goes on "
    "it shows the newest block, has the measurements of all, and plays on",
)
def test_a_tab_that_was_frozen_goes_on_with_the_newest_block_and_nothing_is_lost(
    chromium, tmp_path
):
    with shown(chromium) as (studio, page, line, player):
        studio.record(tmp_path / "run.mp4")
        studio.start()
        page.wait_for_function(SHOWS, arg=9)
        with frozen(page):
            page.wait_for_timeout(300)  # what was on its way to the studio has come
            before = len(studio.history)
            page.wait_for_timeout(1e3 * FROZEN_S)
            made = studio.history
            assert len(made) >= before + 4
            assert [one.displayed for one in made[before + 2 :]].count(True) == 0
            assert line.on_the_way
        page.wait_for_function(SHOWS, arg=sum(one.pictures for one in made))
        assert sum(not one.displayed for one in studio.history) >= len(made) - before - 3
        studio.pause()
        expect(player).to_have_attribute("data-status", "paused")
        with page.expect_download() as saved:
            player.get_by_role("button", name="CSV", exact=True).click()
        rows = saved.value.path().read_text().splitlines()
        blocks = [str(one.block) for one in studio.history]
        assert [row.partition(",")[0] for row in rows[1:]] == blocks
        pictures = sum(one.pictures for one in studio.history)
        assert len(pictures_in(studio.cut())) == pictures
        studio.start()
        page.wait_for_function(SHOWS, arg=pictures)
