"""The live charts in a real JupyterLab: chosen, clicked, frozen, zoomed, saved, profiled."""

import pandas as pd
import pytest
from PIL import Image

from tests.browser.lab import data, studio, wait_for_data

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TINY = """
from longlive_widget import Engine, LongLiveWidget, Preset, Timeline

preset = Preset("draft", "", denoise_steps=(1000, 500), window_frames=12, window_cache="ring")
engine = Engine.load("tiny", preset)
timeline = Timeline.of("a red ball rests", (24, "a blue <b>star</b>"))
studio = LongLiveWidget(engine, timeline, seed=1)
studio.start()
studio
"""
TOLD = """
table = studio.metrics
studio.stop()
measured = table["page_decode_ms"].notna() & table["wire_ms"].notna()
print(len(table), int(measured.sum()), "measured by the page", table["wire_within_ms"].max())
"""


def chart_data(player):
    return player.locator(".ll-chart").evaluate("chart => ({ ...chart.dataset })")


def wait_for_chart(page, condition):
    """Wait until JavaScript `condition` holds of the data of the chart, `c`, and its panel, `p`."""
    page.wait_for_function(
        "() => { const c = document.querySelector('.ll-chart').dataset;"
        " const p = document.querySelector('.ll-charts').dataset;"
        f" return {condition}; }}"
    )


def command(page, name, given=None):
    page.evaluate(
        "([name, given]) => { window.jupyterapp.commands.execute(name, given) }",
        [name, given or {}],
    )


def choose(page, player, name):
    player.locator(f".ll-tab[data-chart={name}]").click()
    wait_for_chart(page, f"p.chart === {name!r}")
    page.wait_for_timeout(500)


def click_block(page, player, block):
    """Click into the plot above the number of a block, as Plotly has placed it."""
    x, y = player.locator(".ll-plot").evaluate(
        """(plot, block) => {
          const { xaxis } = plot._fullLayout;
          const area = plot.querySelector('.nsewdrag').getBoundingClientRect();
          return [area.left + xaxis.l2p(block), area.top + area.height * 0.7];
        }""",
        block,
    )
    page.mouse.move(x, y)
    page.wait_for_timeout(200)
    page.mouse.click(x, y)


def saved(page, player, action, folder):
    """The file that a tool of the chart has the browser save."""
    with page.expect_download() as coming:
        player.locator(f"[data-action={action}]").click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def test_charts_lead_to_blocks_stand_still_on_demand_and_are_saved(
    lab, notebook_of, tmp_path, screenshots
):
    with lab.opened(notebook_of(TINY, TOLD)) as page:
        command(page, "notebook:run-cell")
        player = studio(page)
        wait_for_data(page, "+d.frame > 130", 120)
        wait_for_chart(page, "c.ready === 'true' && +c.blocks > 10")
        look_at_blocks(page, player, screenshots)
        freeze_zoom_and_save(page, player, tmp_path, screenshots)
        player.locator(".ll-theatre").press("End")  # the chart's tools have other keys
        wait_for_data(page, "d.live === 'true'")
        for name in ("latency", "window", "memory"):
            choose(page, player, name)
            screenshots.take(player, f"chart-{name}.png")
        assert player.locator(".ll-legend").inner_text().startswith("host, the whole process")
        profile_a_block(page, player, screenshots)

        command(page, "apputils:change-theme", {"theme": "JupyterLab Dark"})
        choose(page, player, "parts")
        screenshots.take(player, "chart-parts-dark.png")
        page.set_viewport_size({"width": 850, "height": 1300})
        screenshots.take(player, "chart-parts-narrow.png")
        choose(page, player, "window")
        screenshots.take(player, "chart-window-narrow.png")

        command(page, "notebook:move-cursor-down")
        command(page, "notebook:run-cell")
        said = page.locator(".jp-OutputArea-output pre", has_text="measured by the page")
        said.wait_for()
        _, measured, *_, within_ms = said.inner_text().split()
        assert int(measured) > 10
        assert 0 < float(within_ms) < 5000


def look_at_blocks(page, player, screenshots):
    """By a click at a bar, by steps of the player, by keys of the chart."""
    choose(page, player, "parts")
    click_block(page, player, 4)
    wait_for_data(page, "d.live === 'false' && +d.frame === 45")
    wait_for_chart(page, "c.lit === '4'")
    assert "shown: block 4," in player.locator(".ll-readout").inner_text()
    screenshots.take(player, "chart-parts.png")
    player.locator(".ll-theatre").focus()
    page.keyboard.press(",")
    wait_for_data(page, "+d.frame === 44")
    wait_for_chart(page, "c.lit === '3'")
    player.locator(".ll-chart").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    wait_for_data(page, "+d.frame === 57")
    wait_for_chart(page, "c.lit === '5'")


def freeze_zoom_and_save(page, player, folder, screenshots):
    player.locator("[data-action=freeze]").click()
    wait_for_chart(page, "p.frozen === 'true'")
    page.wait_for_timeout(500)
    frozen, came = int(chart_data(player)["blocks"]), int(data(page)["blocks"])
    player.locator(".ll-chart").focus()
    page.keyboard.press("+")
    wait_for_chart(page, "p.zoomed === 'true'")
    wait_for_data(page, f"+d.blocks > {came + 3}")
    assert int(chart_data(player)["blocks"]) == frozen

    csv = saved(page, player, "csv", folder)
    assert csv.name == "tiny-1-blocks.csv"
    table = pd.read_csv(csv, index_col="block")
    assert len(table) > frozen, "what came meanwhile is in it too"
    assert list(table.index) == list(range(len(table)))
    assert table.loc[8, "prompt"] == "a blue <b>star</b>"
    assert {"step_1_ms", "step_2_ms"} <= set(table)

    png = saved(page, player, "png", folder)
    assert png.name == "tiny-1-parts.png"
    with Image.open(png) as picture:
        assert picture.size == (1800, 900)
        assert len(picture.convert("RGB").getcolors(picture.width * picture.height)) > 10
    screenshots.keep(png, "chart-saved.png")

    player.locator("[data-action=reset-zoom]").click()
    player.locator("[data-action=freeze]").click()
    wait_for_chart(page, f"+c.blocks > {frozen} && p.zoomed === 'false'")


def profile_a_block(page, player, screenshots):
    player.locator(".ll-tab[data-chart=memory]").focus()
    page.keyboard.press("ArrowRight")
    wait_for_chart(page, "p.chart === 'kernels'")
    player.locator("[data-action=profile-next]").click()
    player.locator(".ll-readout", has_text="while it was profiled; those before").wait_for()
    screenshots.take(player, "chart-kernels.png")
