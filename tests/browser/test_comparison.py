"""Two presets side by side in a real JupyterLab, on the embedded model."""

import numpy as np
import pytest

from tests.browser.lab import (
    CHANGE_THEME,
    copied,
    data,
    run_all_cells,
    shown_picture,
    studio,
    wait_for_data,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELL = """
from longlive_widget import Comparison, Engine

comparison = Comparison(
    Engine.load("tiny"), "turbo", "a red ball bounces on a white background", seed=1, gain=4
)
comparison.start()
comparison
"""
SIDES_PX = 400
"""What JupyterLab has beside a cell."""


def test_a_person_holds_two_presets_against_each_other(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(CELL)) as page:
        page.set_viewport_size({"width": 1280, "height": 1400})
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "d.status === 'running' && +d.frame > 24")
        _reads_what_each_side_took(page, player)
        _turns_the_look_by_keys(page, player)
        _moves_the_split(page, player)
        _steers_both(page, player)
        _looks_at_charts(player)
        _amplifies_the_difference(player)
        _copies_it_as_python(page, player)
        photograph(page, player, screenshots)


def photograph(page, player, screenshots):
    """All looks in light, then dark and narrow."""
    for look in ("side", "split", "difference"):
        player.locator(f"[data-look={look}]").first.click()
        screenshots.take(player, f"comparison-{look}.png")
    player.locator("[data-look=side]").first.click()
    page.evaluate(CHANGE_THEME, "JupyterLab Dark")
    screenshots.take(player, "comparison-dark.png")
    page.set_viewport_size({"width": 480 + SIDES_PX, "height": 1600})
    screenshots.take(player, "comparison-narrow-dark.png")


def _captions(player):
    return player.locator(".ll-caption").all_inner_texts()


def _reads_what_each_side_took(page, player):
    page.wait_for_function("() => document.querySelectorAll('.ll-caption span')[1]?.innerText")
    left, right = _captions(player)
    assert "reference" in left
    assert " ms" in left
    assert "dB" not in left
    assert "turbo" in right
    assert "dB" in right
    assert "SSIM 0." in right
    _, picture = shown_picture(page)
    assert picture.shape == (96, 320, 3)
    assert not player.locator(".ll-presets").count()


def _turns_the_look_by_keys(page, player):
    player.locator(".ll-theatre").focus()
    page.keyboard.press("v")
    player.locator(".ll-tiles[data-look=split]").wait_for()
    assert shown_picture(page)[1].shape == (96, 160, 3)
    page.keyboard.press("v")
    player.locator(".ll-tiles[data-look=difference]").wait_for()
    assert _captions(player)[0].startswith("difference × 4")  # noqa: RUF001
    page.keyboard.press("v")
    player.locator(".ll-tiles[data-look=side]").wait_for()


def _moves_the_split(page, player):
    """Of a picture that stands: left of the line is one side, right of it the other."""
    page.keyboard.press(" ")
    wait_for_data(page, "d.status === 'paused'")
    wait_for_data(page, "d.exact === d.frame")
    number, both = shown_picture(page)
    left, right = both[:, :160], both[:, 160:]
    player.locator("[data-look=split]").first.click()
    slider = player.locator(".ll-split")
    slider.focus()
    page.keyboard.press("Home")
    assert np.array_equal(shown_picture(page)[1][:, 1:], right[:, 1:])
    page.keyboard.press("End")
    assert np.array_equal(shown_picture(page)[1][:, :-1], left[:, :-1])
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    split = shown_picture(page)[1]
    assert np.array_equal(split[:, :38], left[:, :38])
    assert np.array_equal(split[:, 43:], right[:, 43:])
    assert int(data(page)["frame"]) == number  # its arrows, Home and End never moved the video
    player.locator("[data-look=side]").first.click()
    player.locator(".ll-theatre").focus()
    page.keyboard.press(" ")
    wait_for_data(page, "d.status === 'running'")


def _steers_both(page, player):
    prompt = "a big yellow star spins"
    player.get_by_label("Prompt to switch to").fill(prompt)
    page.keyboard.press("Enter")
    wait_for_data(page, f"d.landed === '{prompt}'")
    player.locator(".ll-receipt", has_text="landed at block").wait_for()


def _looks_at_charts(player):
    tabs = player.get_by_role("tab").all_inner_texts()
    assert tabs == ["Latency", "PSNR", "SSIM", "Memory"]
    for chart in ("psnr", "ssim", "sides"):
        player.locator(f".ll-tab[data-chart={chart}]").click()
        player.locator(f".ll-charts[data-chart={chart}] .ll-chart[data-ready=true]").wait_for()
    player.locator(".ll-legend", has_text="turbo").wait_for()
    player.locator(".ll-readout", has_text="turbo").wait_for()


def _amplifies_the_difference(player):
    player.get_by_label("Amplify the difference").select_option("16")
    player.locator("[data-look=difference]").first.click()
    player.locator(".ll-caption", has_text="difference × 16").wait_for()  # noqa: RUF001


def _copies_it_as_python(page, player):
    code = copied(page, player.get_by_text("Copy as Python"))
    assert "comparison = Comparison(left, 'turbo', timeline, seed=1, gain=16)" in code
    assert "'a big yellow star spins'" in code
