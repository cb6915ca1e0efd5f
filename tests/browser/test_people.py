"""The studio for everyone: by keyboard, by ear, in the dark, enlarged and in narrow cells."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests.browser.lab import (
    CHANGE_THEME,
    ROOT,
    SETTLES_MS,
    data,
    run_all_cells,
    studio,
    wait_for_data,
)
from tests.browser.test_timeline import wait_for_plan

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
LOOK = """async () => {
  // JupyterLab's body has no height, and axe looks at no colour in what it takes for hidden
  document.documentElement.style.height = document.body.style.height = '100vh';
  const { violations } = await axe.run('.longlive', { resultTypes: ['violations'] });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, any }) =>
      `${id}: ${html.slice(0, 200)} ${any.map(({ message }) => message).join(' ')}`));
}"""
STUDIO = """
from longlive_widget import LongLiveWidget, Timeline
from tests.unit.painted_engine import PaintedEngine

timeline = Timeline.of("a red ball", (24, "a yellow star"), (36, "a green ring"))
studio = LongLiveWidget(PaintedEngine(0.25), timeline, seed=1)
studio
"""


NARROW_PX = 480
PLAN = [[0, "a red ball"], [24, "a yellow star"], [36, "a green ring"]]
# the visible parts of the studio that stick out of it, and are not cut off or scrolled inside of it
STICKING_OUT = """() => {
  const root = [...document.querySelectorAll('.longlive')].at(-1);
  const { left, right } = root.getBoundingClientRect();
  const cut = each => each !== root
    && (getComputedStyle(each).overflowX !== 'visible' || cut(each.parentElement));
  return [...root.querySelectorAll('*')].filter(each => {
    const box = each.getBoundingClientRect();
    const out = each.checkVisibility() && (box.right > right + 1 || box.left < left - 1);
    return box.width > 1 && out && !cut(each.parentElement);
  }).map(each => each.outerHTML.slice(0, 120));
}"""
WHOLE = """element => {
  const { top, bottom } = element.getBoundingClientRect();
  const room = element.closest('.jp-WindowedPanel-outer').getBoundingClientRect();
  return top >= room.top - 1 && bottom <= room.bottom + 1;
}"""
SEEN = """element => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return element.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}"""


def findings(page: Page, state: str, screenshots) -> list[str]:
    """What axe calls serious or critical of the studio as it is, in both themes."""
    found = []
    for theme in ("Light", "Dark"):
        page.evaluate(CHANGE_THEME, f"JupyterLab {theme}")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        screenshots.take(page, f"people-{state}-{theme.lower()}.png")
        found += [f"{state}, {theme}: {each}" for each in page.evaluate(LOOK)]
    return found


def test_nothing_serious_stands_in_anyones_way_in_any_state(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(STUDIO), alone=True) as page:
        run_all_cells(page)
        player = studio(page)
        page.add_script_tag(path=AXE)
        found = findings(page, "idle", screenshots)
        player.locator("[data-action=start]").click()
        wait_for_data(page, "+d.frame > 40")
        page.locator(".ll-chart[data-ready]").first.wait_for()
        found += findings(page, "playing", screenshots)
        for name in ("parts", "window", "memory", "kernels"):
            player.locator(f".ll-tab[data-chart={name}]").click()
            player.locator(f".ll-charts[data-chart={name}]").wait_for()
            found += findings(page, name, screenshots)
        player.locator(".ll-presets > summary").click()
        player.locator(".ll-single > summary").click()
        found += findings(page, "presets", screenshots)
        player.locator("[data-setting=prompt_cache]").fill("2")
        page.keyboard.press("Enter")
        wait_for_data(page, "d.preset === 'reference+prompt_cache=2'")
        player.locator(".ll-presets > summary").click()
        player.locator(".ll-tab[data-chart=latency]").click()
        player.locator(".ll-legend", has_text="reference+prompt_cache=2: p50").wait_for()
        found += findings(page, "two-presets", screenshots)
        player.locator(".ll-input").first.fill("a striped zebra")
        player.locator(".ll-unknown").wait_for()
        player.locator(".ll-prompt-bar [aria-haspopup=menu]").first.click()
        found += findings(page, "menu", screenshots)
        page.keyboard.press("Escape")
        player.locator(".ll-gap [aria-haspopup=menu]").nth(1).click()
        found += findings(page, "files", screenshots)
        page.keyboard.press("Escape")
        player.locator(".ll-theatre").focus()
        page.keyboard.press(",")
        page.keyboard.press("?")
        found += findings(page, "sheet", screenshots)
        page.keyboard.press("?")
        player.locator(".ll-branches-summary").click()
        player.locator(".ll-branch-picture").first.wait_for()
        found += findings(page, "branches", screenshots)
        player.locator(".ll-input").first.fill("")
        player.locator(".ll-input").first.press("Enter")
        player.locator(".ll-errors").wait_for()
        found += findings(page, "error", screenshots)
        assert not found, "\n".join(found)


def test_picture_timeline_and_prompt_are_seen_together_below_their_cell(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(STUDIO), alone=True) as page:
        page.set_viewport_size({"width": 1280, "height": 900})
        run_all_cells(page)
        player = studio(page)
        player.locator("[data-action=start]").click()
        wait_for_data(page, "+d.frame > 20")
        for left, width_px in [("shown", ""), ("hidden", ""), ("hidden", "480px")]:
            if left == "hidden" and width_px == "":
                page.evaluate(
                    "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
                )
            player.evaluate("(each, width) => { each.style.width = width; }", width_px)
            page.wait_for_timeout(500)
            page.locator(".jp-Cell" if width_px == "" else ".longlive").first.evaluate(
                "each => each.scrollIntoView({ block: 'start' })"
            )
            screenshots.take(page, f"together-{left}{width_px}.png")
            for part in ("canvas", "timeline", "transport", "prompt-bar"):
                found = player.locator(f".ll-{part}").first
                assert found.evaluate(WHOLE), f"{part}, side bar {left}, {width_px or 'wide'}"


def test_the_studio_has_room_in_narrow_cells_and_enlarged(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(STUDIO), alone=True) as page:
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        run_all_cells(page)
        player = studio(page)
        player.locator("[data-action=start]").click()
        wait_for_data(page, "+d.frame > 20")
        player.locator(".ll-input").first.press("Enter")
        player.locator(".ll-errors").wait_for()
        player.locator(".ll-branches-summary").click()
        player.locator(".ll-theatre").press("?")
        with zoomed(page, 2):
            page.wait_for_timeout(SETTLES_MS)
            assert page.evaluate(STICKING_OUT) == []
            screenshots.take(page, "people-enlarged.png")
        page.set_viewport_size({"width": 640, "height": 900})
        page.wait_for_timeout(SETTLES_MS)
        beside_px = 640 - round(player.bounding_box()["width"])
        page.set_viewport_size({"width": NARROW_PX + beside_px, "height": 900})
        page.wait_for_timeout(SETTLES_MS)
        assert player.bounding_box()["width"] == pytest.approx(NARROW_PX, abs=1)
        assert page.evaluate(STICKING_OUT) == []
        screenshots.take(player, "people-narrow.png")
        player.locator(".ll-theatre").press("?")
        page.set_viewport_size({"width": NARROW_PX + beside_px, "height": 1600})
        screenshots.take(player, "people-narrow-all.png")


@contextmanager
def zoomed(page: Page, times: float) -> Iterator[None]:
    """Inside, the page is as a browser's own zoom has it: fewer pixels of style, each larger."""
    size, devtools = page.viewport_size, page.context.new_cdp_session(page)
    room = {name: round(pixels / times) for name, pixels in size.items()}
    page.set_viewport_size(room)  # screenshots go by this one
    told = {**room, "deviceScaleFactor": times, "mobile": False}
    devtools.send("Emulation.setDeviceMetricsOverride", told)
    assert page.evaluate("[innerWidth, devicePixelRatio]") == [room["width"], times]
    try:
        yield
    finally:
        devtools.detach()
        page.set_viewport_size(size)


class Hands:
    """A keyboard, and no mouse."""

    def __init__(self, page: Page) -> None:
        self.page, self.player, self.press = page, studio(page), page.keyboard.press

    def type(self, words: str) -> None:
        self.page.keyboard.type(words)
        self.press("Enter")

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        for _ in range(60):
            self.press(key)
            focused = self.player.locator(":focus")
            if focused.count() and focused.evaluate("(each, to) => each.matches(to)", selector):
                return
        raise AssertionError(f"{key} never came to {selector}")


def test_all_is_done_by_keyboard_alone(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(STUDIO)) as page:
        run_all_cells(page)
        hands = Hands(page)
        hands.tab_to(".ll-theatre")
        edit_by_keyboard(page, hands)
        hands.tab_to(".ll-theatre", "Shift+Tab")
        hands.press("z")
        wait_for_plan(page, PLAN)
        hands.press(" ")
        wait_for_data(page, "+d.frame > 40")
        hands.press("r")
        wait_for_data(page, "d.recording !== ''")
        hands.tab_to(".ll-scrub")
        hands.press("ArrowLeft")
        wait_for_data(page, "d.live === 'false'")
        hands.press("End")
        wait_for_data(page, "d.live === 'true'")
        hands.press("r")
        wait_for_data(page, "d.recording === ''")
        read_the_sheet(page, hands)
        screenshots.take(page, "people-full-screen.png")
        hands.press("?")
        hands.press("Enter")
        page.wait_for_function("document.fullscreenElement === null")
        hands.tab_to(".ll-prompt-bar input")
        hands.type("a small heart")
        wait_for_data(page, "d.landed === 'a small heart'")
        hands.tab_to(".ll-main", "Shift+Tab")
        hands.press(" ")
        wait_for_data(page, "d.status === 'paused'")


def edit_by_keyboard(page: Page, hands: Hands) -> None:
    """Add a prompt, move it, delete it, and take back all but the adding."""
    hands.tab_to("[data-act=add]")
    hands.press("Enter")
    hands.type("a blue square")
    added = [PLAN[0], [12, "a blue square"], *PLAN[1:]]
    wait_for_plan(page, added)
    hands.press("Shift+ArrowRight")
    later = [[15, "a blue square"], [27, "a yellow star"], PLAN[2]]
    wait_for_plan(page, [PLAN[0], *later])
    hands.press("Delete")
    wait_for_plan(page, [PLAN[0], *later[1:]])
    hands.press("z")
    hands.press("z")
    wait_for_plan(page, added)
    hands.tab_to("[data-act=undo]", "Shift+Tab")
    for of_the_player in ("r", " ", ","):
        hands.press(of_the_player)  # the space presses the button
    wait_for_plan(page, PLAN)
    hands.press("Shift+Z")
    wait_for_plan(page, added)
    assert (data(page)["recording"], data(page)["status"]) == ("", "idle")


def read_the_sheet(page: Page, hands: Hands) -> None:
    """Where it is opened, and in full screen; there it stays open."""
    hands.press("?")
    sheet = page.locator(":focus").inner_text()
    assert "start, hold, go on" in sheet
    assert "move it by a block" in sheet
    assert "This page runs in JupyterLab 4." in sheet
    hands.press("Escape")
    assert not hands.player.locator(".ll-help").is_visible()
    assert page.locator(":focus").get_attribute("class") == "ll-scrub"
    hands.tab_to("[data-action=fullscreen]")
    hands.press("Enter")
    page.wait_for_function("document.fullscreenElement !== null")
    hands.press("?")
    assert hands.player.locator(".ll-help").evaluate(SEEN)
