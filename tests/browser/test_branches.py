"""Leaving a video at a past block, and going back, in a real JupyterLab on the embedded model."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import CHANGE_THEME, data, run_all_cells, studio, wait_for_data

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = """
from longlive_widget import Engine, LongLiveWidget
from longlive_widget.model.text_encoder import TextEncoder

read = TextEncoder.encode


def read_or_fail(encoder, prompts):
    if "a broken heart" in prompts:
        raise ValueError("paint was spilled")
    return read(encoder, prompts)


TextEncoder.encode = read_or_fail
studio = LongLiveWidget(Engine.load("tiny"), "a red ball bounces on a white background", seed=1)
studio.run(blocks=6)
studio
"""
STAR, SQUARE = "a big yellow star spins", "a big blue square swings"
LAST = 9 + 5 * 12 - 1
"""The last picture of six blocks."""
SIDES_PX = 400
"""What JupyterLab has beside a cell."""


def test_a_person_leaves_a_video_at_a_past_block_and_goes_back(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(CELL)) as page:
        page.set_viewport_size({"width": 1280, "height": 1500})
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, f"+d.frame === {LAST} && d.status === 'done'")
        _branches_by_keys_alone(page, player)
        _branches_from_the_branch_by_the_button(page, player)
        _goes_back_by_keys_and_goes_on(page, player)
        photograph(page, player, screenshots)
        _lets_go_of_a_branch(player)
        _goes_on_from_a_video_that_failed(page, player, screenshots)


def photograph(page, player, screenshots):
    """The panel in light and dark, wide and narrow."""
    for theme in ("Light", "Dark"):
        page.evaluate(CHANGE_THEME, f"JupyterLab {theme}")
        screenshots.take(player, f"branches-{theme.lower()}.png")
    page.set_viewport_size({"width": 480 + SIDES_PX, "height": 1700})
    screenshots.take(player, "branches-narrow-dark.png")


def _items(player):
    return player.locator(".ll-branch")


def _branches_by_keys_alone(page, player):
    """From the picture that is looked back at: two seconds back from the newest."""
    player.locator(".ll-theatre").focus()
    for key in ("ArrowLeft", "ArrowLeft", "b"):
        page.keyboard.press(key)
    player.get_by_role("button", name="Branch from block 3").wait_for()
    page.keyboard.type(STAR)
    page.keyboard.press("Enter")
    wait_for_data(page, f"d.run === '2' && d.prompt === '{STAR}' && +d.frame > 45")
    assert _items(player).count() == 2
    player.locator(".ll-thumbnail[data-block='0']").wait_for()
    _pause(page, player)


def _branches_from_the_branch_by_the_button(page, player):
    player.get_by_label("Prompt to branch with").fill(SQUARE)
    player.locator(".ll-branches button[type=submit]").click()
    wait_for_data(page, f"d.run === '3' && d.prompt === '{SQUARE}'")
    _items(player).nth(2).wait_for()
    levels = [item.get_attribute("aria-level") for item in _items(player).all()]
    assert levels == ["1", "2", "3"]
    player.locator(".ll-branch-picture").nth(2).wait_for()
    _pause(page, player)


def _goes_back_by_keys_and_goes_on(page, player):
    """The first video stands where it was left, all of it is here again, and it goes on."""
    _items(player).nth(2).click()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    wait_for_data(page, "d.run === '4' && d.status === 'done' && d.prompt.startsWith('a red ball')")
    player.locator(".ll-branch[aria-selected=true]", has_text="from the beginning on").wait_for()
    player.locator(".ll-theatre").focus()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ll-scrub')].at(-1).min === '0'"
    )  # the pictures from before have come back
    page.keyboard.press(" ")
    wait_for_data(page, f"d.status === 'running' && +d.frame > {LAST}")
    assert data(page)["prompt"].startswith("a red ball")
    assert "states are kept to go on from" in player.locator(".ll-branch-room").inner_text()


def _lets_go_of_a_branch(player):
    """With the branch that has left it; the video that is shown offers no such thing."""
    release = player.locator(".ll-branch-release")
    assert release.count() == 2
    release.first.click()
    expect(_items(player)).to_have_count(1)
    expect(release).to_have_count(0)


def _goes_on_from_a_video_that_failed(page, player, screenshots):
    """A start would be over again; a branch keeps what was made, the error's own words say it."""
    player.locator(".ll-input").fill("a broken heart")
    player.locator(".ll-input").press("Enter")
    wait_for_data(page, "d.status === 'failed'")
    told = player.locator(".ll-errors")
    expect(told).to_contain_text("ValueError: paint was spilled")
    expect(player.locator("[data-action=start]")).to_have_text("Start over")
    screenshots.take(player, "branches-failed.png")
    failed = player.locator(".ll-branches button[type=submit]").inner_text().split()[-1]
    expect(told).to_contain_text(f"branch({failed}) goes on with block {failed}")
    expect(player.locator(".ll-receipt")).to_have_text(
        f"“a broken heart” did not land: the video failed at block {failed}. It stays on the "
        f"timeline at block {failed}: a branch without a prompt of its own comes to it there, and "
        "so does a new video."
    )
    player.locator(".ll-theatre").press("b")
    page.keyboard.type(STAR)
    page.keyboard.press("Enter")
    left = int(data(page)["frame"])
    wait_for_data(page, f"d.run === '5' && d.prompt === '{STAR}' && d.status === 'running'")
    wait_for_data(page, f"+d.frame > {left}")
    expect(_items(player)).to_have_count(2)


def _pause(page, player):
    player.locator("[data-action=pause]").click()
    wait_for_data(page, "d.status === 'paused'")
