"""The presets panel in a real JupyterLab, on the embedded model."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import (
    CHANGE_THEME,
    data,
    run_all_cells,
    studio,
    wait_for_data,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = """
from longlive_widget import Engine, LongLiveWidget

studio = LongLiveWidget(Engine.load("tiny"), "a red ball bounces on a white background", seed=1)
studio.start()
studio
"""
SIDES_PX = 400
"""What JupyterLab has beside a cell."""
TALL = {"width": 1280, "height": 2400}
PLAYING = "d.status === 'running' && +d.frame > 0"


def preset(player, name):
    """The entry of a preset in the list."""
    return player.locator(".ll-preset", has=player.page.locator(f"[data-preset='{name}']"))


def photograph(page, screenshots, name):
    """The panel in light and dark, wide and narrow."""
    panel = page.locator(".ll-presets").last
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate(CHANGE_THEME, theme)
        screenshots.take(panel, f"{name}-{theme.split()[1].lower()}.png")
    page.set_viewport_size({"width": 480 + SIDES_PX, "height": 2400})
    screenshots.take(panel, f"{name}-narrow-dark.png")
    page.set_viewport_size(TALL)
    page.evaluate(CHANGE_THEME, "JupyterLab Light")
    _brings_the_player_into_sight(page)


def _brings_the_player_into_sight(page):
    """Elsewhere it is sent no pictures, and a narrow panel is longer than any screen."""
    page.evaluate("() => [...document.querySelectorAll('.ll-theatre')].at(-1).scrollIntoView()")


COMPILING = CELL.replace('load("tiny")', 'load("tiny", preset="balanced")')


def test_a_first_block_that_compiles_is_told_of_until_it_is_there(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(COMPILING)) as page:
        page.evaluate(KEEP_ALL_THAT_IS_TOLD)  # a second may pass before anybody looks
        run_all_cells(page)
        player = studio(page)
        told = "Making the first block: 1 s; the preset compiles at its first use"
        for place in ("ll-health", "ll-invitation"):
            page.wait_for_function(
                "([place, text]) => told.some(it => it.includes(place) && it.includes(text))",
                arg=[place, told],
            )
        screenshots.take(player, "first-block-compiles.png")
        wait_for_data(page, "+d.frame > 0")
        expect(player.locator(".ll-health")).not_to_contain_text("Making the first block")
        expect(player.locator(".ll-invitation")).to_be_hidden()


KEEP_ALL_THAT_IS_TOLD = """() => {
  window.told = [];
  const keep = () => document.querySelectorAll(".ll-health, .ll-invitation")
    .forEach(place => window.told.push(`${place.className}: ${place.textContent}`));
  const changes = { subtree: true, childList: true, characterData: true };
  new MutationObserver(keep).observe(document.body, changes);
}"""
IDLE = CELL.replace("studio.start()\n", "")


def test_before_anything_was_made_the_preset_to_start_with_is_marked(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(IDLE)) as page:
        run_all_cells(page)
        player = studio(page)
        folded = player.locator(".ll-presets > summary")
        expect(folded).to_contain_text("reference · recommended here: quality")
        folded.click()
        expect(player.locator(".ll-badge:visible")).to_have_count(1)
        expect(preset(player, "quality").locator(".ll-badge")).to_be_visible()
        told = "quality to start with, as nothing was measured here yet: the same pictures"
        expect(player.locator(".ll-advice")).to_contain_text(told)
        screenshots.take(player, "presets-to-start-with.png")


def test_a_person_changes_how_a_playing_video_is_made(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(CELL)) as page:
        page.set_viewport_size(TALL)  # so that the player stays in sight of the open panel
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, PLAYING)
        _opens_what_is_folded_and_reads(page, player)
        _changes_settings_live_by_keys_alone(page, player)
        photograph(page, screenshots, "presets")
        _is_told_what_cannot_be(page, player)
        _gives_up_a_load_and_all_is_as_it_was(page, player)
        _loads_another_model_beside_the_video(page, player)
        _throws_the_dice_and_opens_the_lock(page, player)
        _reads_what_was_measured_here(player)
        photograph(page, screenshots, "presets-measured")
        _makes_the_pictures_smaller(page, player)
        screenshots.take(page, "presets-page.png")


def _opens_what_is_folded_and_reads(page, player):
    assert not player.locator(".ll-preset-list").is_visible()
    player.locator(".ll-presets > summary").focus()
    page.keyboard.press("Enter")
    player.locator(".ll-preset-list").wait_for()
    ways = {"reference": "in use", "quality": "needs a new video", "low_memory": "needs a reload"}
    for name, way in ways.items():
        assert preset(player, name).locator(".ll-way").inner_text() == way
    refused = preset(player, "speed")
    assert "needs a GPU of compute capability" in refused.inner_text()
    refused.locator("button").focus()
    page.keyboard.press("Enter")


def _changes_settings_live_by_keys_alone(page, player):
    player.get_by_text("Single settings").focus()
    page.keyboard.press("Enter")
    player.locator("[data-setting=denoise_steps]").fill("1000, 500")
    page.keyboard.press("Enter")
    wait_for_data(page, "d.preset === 'reference+denoise_steps=1000,500'")
    shown = int(data(page)["frame"])
    wait_for_data(page, f"d.run === '1' && +d.frame > {shown + 24}")
    pool = player.locator("[data-setting=memory_pool]")
    pool.focus()
    page.keyboard.press("Space")
    wait_for_data(page, "d.preset.endsWith('+memory_pool=True') && d.run === '1'")
    player.locator("[data-setting=memory_pool][aria-checked=true]").wait_for()


def _is_told_what_cannot_be(page, player):
    player.locator("[data-setting=denoise_steps]").fill("250, 500")
    page.keyboard.press("Enter")
    player.locator(".ll-errors", has_text="must be some that go down").wait_for()
    assert data(page)["preset"].endswith("+memory_pool=True")


def _gives_up_a_load_and_all_is_as_it_was(page, player):
    """The click comes as soon as there is something to click at: the load is short."""
    present = data(page)["preset"]
    preset(player, "low_memory").locator("button").click()
    page.wait_for_function(
        """() => {
          const cancel = [...document.querySelectorAll('[data-action=cancel-load]')].at(-1);
          return cancel?.offsetParent != null && (cancel.click(), true);
        }"""
    )
    expect(player.locator(".ll-receipt")).to_have_text(
        "loading preset 'low_memory' was cancelled: all is as it was"
    )
    expect(player.locator(".ll-loading")).to_be_hidden()
    expect(preset(player, "low_memory").locator("button")).to_have_attribute(
        "aria-pressed", "false"
    )
    shown = int(data(page)["frame"])
    wait_for_data(page, f"d.run === '1' && d.preset === {present!r} && +d.frame > {shown + 12}")


def _loads_another_model_beside_the_video(page, player):
    """The video goes on until it is there, and then begins anew with the same seed."""
    low = preset(player, "low_memory").locator("button")
    low.focus()
    page.keyboard.press("Enter")
    player.locator(".ll-loading", has_text="low_memory: ").wait_for()
    assert data(page)["run"] == "1"
    wait_for_data(page, "d.preset === 'low_memory' && d.run === '2' && +d.frame > 0")
    assert "seed 1" in player.locator(".ll-about").inner_text()
    expect(low).to_have_attribute("aria-pressed", "true")
    player.locator(".ll-loading").wait_for(state="hidden")


def _throws_the_dice_and_opens_the_lock(page, player):
    player.locator("[data-action=dice]").click()
    wait_for_data(page, "d.run === '3' && +d.frame > 0")
    expect(player.locator(".ll-seed")).not_to_have_value("1")
    assert f"seed {player.locator('.ll-seed').input_value()}" in player.inner_text()
    player.locator("[data-action=lock]").click()
    player.locator("[data-action=lock][aria-pressed=false]").wait_for()


def _reads_what_was_measured_here(player):
    low = preset(player, "low_memory")
    figures = low.locator(".ll-preset-figures", has_text="ms a block")
    figures.wait_for()
    assert "in this studio" in figures.inner_text()
    assert "not measured here" in preset(player, "quality").inner_text()
    player.locator(".ll-advice", has_text="pictures/s").wait_for()


def _makes_the_pictures_smaller(page, player):
    """Another size is another screen, and the panel stays open."""
    height = player.get_by_label("Height in pixels")
    height.fill("64")
    height.press("Enter")
    _brings_the_player_into_sight(page)
    wait_for_data(page, "d.run === '4'")
    _brings_the_player_into_sight(page)  # its size is another
    wait_for_data(page, "d.run === '4' && +d.frame > 0")
    canvas = page.locator("canvas.ll-canvas").last
    assert canvas.evaluate("canvas => [canvas.width, canvas.height]") == [160, 64]
    assert player.get_by_label("Width in pixels").input_value() == "160"
    player.locator(".ll-preset-list").wait_for()
