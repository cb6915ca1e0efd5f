"""Several videos as a grid in a real JupyterLab, on the embedded model."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import (
    CHANGE_THEME,
    copied,
    run_all_cells,
    shown_picture,
    studio,
    wait_for_data,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIDES_PX = 400
"""What JupyterLab has beside a cell."""
VARIATIONS = """
from longlive_widget import Engine, Variations

engine = Engine.load("tiny")
variations = Variations(engine, "a red ball bounces on a white background", seeds=4)
variations.start()
variations
"""


SWEEP = """
from longlive_widget import Engine, Preset, Sweep

engine = Engine.load("tiny")
sweep = Sweep(
    engine,
    ["reference", Preset("two steps", "", denoise_steps=(1000, 500))],
    ["a red ball bounces on a white background", "a big yellow star spins"],
    seed=1,
    blocks=4,
)
sweep
"""


def test_a_person_looks_through_seeds(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(VARIATIONS)) as page:
        page.set_viewport_size({"width": 1280, "height": 1400})
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "d.status === 'running' && +d.frame > 12")
        _reads_the_seed_of_each(page, player)
        screenshots.take(player, "variations.png")
        _steers_all(page, player)
        _shows_one_alone(page, player)
        _copies_one_as_python(page, player)
        photograph(page, player, screenshots, "variations")


def photograph(page, player, screenshots, name):
    """Dark, then narrow, with an open menu."""
    page.evaluate(CHANGE_THEME, "JupyterLab Dark")
    screenshots.take(player, f"{name}-dark.png")
    page.set_viewport_size({"width": 480 + SIDES_PX, "height": 1600})
    page.wait_for_timeout(700)
    player.locator(".ll-cell-tool").nth(1).click()
    screenshots.take(player, f"{name}-narrow-dark.png")


def _reads_the_seed_of_each(page, player):
    page.wait_for_function("() => document.querySelectorAll('.ll-caption span')[3]?.innerText")
    names = player.locator(".ll-caption strong").all_inner_texts()
    assert names == ["seed 0", "seed 1", "seed 2", "seed 3"]
    assert all(" ms" in told for told in player.locator(".ll-caption span").all_inner_texts())
    assert player.get_by_role("tab").all_inner_texts() == ["Latency", "Memory"]
    assert "seed" not in player.locator(".ll-about").inner_text()
    assert shown_picture(page)[1].shape == (192, 320, 3)


def _steers_all(page, player):
    prompt = "a big yellow star spins"
    player.get_by_label("Prompt to switch to").fill(prompt)
    page.keyboard.press("Enter")
    wait_for_data(page, f"d.landed === '{prompt}'")


def _shows_one_alone(page, player):
    player.get_by_label("seed 2: show it alone, or all again").click()
    assert shown_picture(page)[1].shape == (96, 160, 3)
    assert player.locator(".ll-caption:visible strong").all_inner_texts() == ["seed 2"]
    player.locator(".ll-theatre").focus()
    page.keyboard.press("v")
    assert player.locator(".ll-caption:visible strong").all_inner_texts() == ["seed 3"]
    player.get_by_text("Show all", exact=True).first.click()
    assert shown_picture(page)[1].shape == (192, 320, 3)


def _copies_one_as_python(page, player):
    player.get_by_label("seed 2: what to do with it").first.click()
    alone = player.get_by_text("Copy as Python: this one alone").locator("visible=true")
    code = copied(page, alone)
    assert "studio = LongLiveWidget(engine, timeline, seed=2)" in code
    assert "'a big yellow star spins'" in code


def test_a_person_holds_presets_against_each_other_with_several_prompts(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(SWEEP)) as page:
        page.set_viewport_size({"width": 1280, "height": 1400})
        run_all_cells(page)
        player = studio(page)
        player.locator(".ll-sweep-told", has_text="0 of 4 videos are made").wait_for()
        player.locator(".ll-sweep button").click()
        _plays_the_first_while_others_are_made(page, player)
        screenshots.take(player, "sweep-begun.png")
        wait_for_data(page, "d.made === '4' && d.playing === 'true'")
        _reads_the_figures_of_each(player)
        screenshots.take(player, "sweep.png")
        _stands_on_exact_pictures(page, player)
        _copies_a_tile_of_the_sweep(page, player)
        photograph(page, player, screenshots, "sweep")


def _plays_the_first_while_others_are_made(page, player):
    wait_for_data(page, "d.made === '1' && +d.frame > 8")
    _, picture = shown_picture(page)
    assert picture.shape == (192, 320, 3)
    assert picture[:96, :160].mean() > 100
    assert picture[96:].mean() < 5  # nothing is there yet
    player.locator(".ll-sweep button", has_text="Stop").wait_for()


def _reads_the_figures_of_each(player):
    rows = [row.split("\t") for row in player.locator("tbody tr").all_inner_texts()]
    assert [row[0] for row in rows[::2]] == [
        "reference · a red ball bounces on a white background",
        "two steps · a red ball bounces on a white background",
    ]
    assert all(float(ms) > 1 for row in rows for ms in row[1:3])
    assert [row[4] for row in rows[:2]] == ["", ""]
    assert all("dB" in row[4] and 0 < float(row[5]) < 1 for row in rows[2:])
    expect(player.locator(".ll-sweep button")).to_be_hidden()
    assert player.get_by_role("tab").all_inner_texts() == ["Latency", "PSNR", "SSIM"]


def _stands_on_exact_pictures(page, player):
    player.locator(".ll-theatre").focus()
    page.keyboard.press(" ")
    wait_for_data(page, "d.playing === 'false' && d.exact === d.frame")
    _, whole = shown_picture(page)
    player.get_by_label("two steps · a big yellow star spins: show it alone").click()
    assert (shown_picture(page)[1] == whole[96:, 160:]).all()
    player.get_by_text("Show all", exact=True).first.click()


def _copies_a_tile_of_the_sweep(page, player):
    name = "two steps · a big yellow star spins: what to do with it"
    player.get_by_label(name).first.click()
    alone = player.get_by_text("Copy as Python: this one alone").locator("visible=true")
    code = copied(page, alone)
    assert "engine = Engine.load('tiny', Preset('two steps'" in code
    assert "Timeline.of(\n    'a big yellow star spins'" in code
