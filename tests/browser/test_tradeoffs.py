"""Trade-offs explored in a real JupyterLab, beside a live studio on the embedded model."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import CHANGE_THEME, ROOT, run_all_cells, wait_for_data

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STUDIO = """
from longlive_widget import PRESETS, Engine, LongLiveWidget, Tradeoffs
from tests.unit.written_record import record

reference = PRESETS["reference"]
presets = {
    reference: 800.0,
    reference.with_(name="2 steps", denoise_steps=(1000, 250)): 450.0,
    PRESETS["speed"]: 700.0,
}
records = [
    record(preset=preset, samples={"block_ms": [ms + step for step in range(7)]}, facts={})
    for preset, ms in presets.items()
]
studio = LongLiveWidget(Engine.load("tiny"), "a red ball bounces on a white background", seed=1)
"""
EXPLORER = f"""
kept = [f"{ROOT}/docs/measured/{{name}}.jsonl" for name in ("h200", "elsewhere/h100", "tiny")]
explorer = Tradeoffs(*records, *kept, studio=studio)
explorer
"""
PLAYER = """
studio.start()
studio
"""
DRAWN = "[data-drawn={}]"


def clicks_the_dot(page, explorer, place):
    """Click in the middle of a dot by its place among the presets, with a real mouse."""
    box = explorer.locator(".ll-plot").evaluate(
        """(plot, place) => {
          const dot = [...plot.querySelectorAll('path.point')].find(
            (path) => path.__data__.data === place);
          const { x, y, width, height } = dot.getBoundingClientRect();
          return [x + width / 2, y + height / 2];
        }""",
        place,
    )
    page.mouse.move(*box)
    page.wait_for_timeout(300)
    page.mouse.click(*box)


def photograph(page, explorer, screenshots, name):
    for theme in ("Light", "Dark"):
        page.evaluate(CHANGE_THEME, f"JupyterLab {theme}")
        screenshots.take(explorer, f"tradeoffs-{name}-{theme.lower()}.png")
    page.evaluate(CHANGE_THEME, "JupyterLab Light")


def photograph_narrow(page, explorer, screenshots):
    page.set_viewport_size({"width": 780, "height": 3200})
    screenshots.take(explorer, "tradeoffs-narrow.png")


def test_a_click_at_a_dot_has_the_studio_make_its_video_under_that_preset(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(STUDIO, EXPLORER, PLAYER)) as page:
        page.set_viewport_size({"width": 1280, "height": 3200})
        run_all_cells(page)
        explorer = page.locator(".ll-explorer")
        explorer.locator(DRAWN.format("trade")).wait_for()
        wait_for_data(page, "d.status === 'running' && d.preset === 'reference'")
        expect(explorer.locator("[data-preset=reference]")).to_have_attribute(
            "aria-pressed", "true"
        )
        clicks_the_dot(page, explorer, 1)
        wait_for_data(page, "d.preset === '2 steps' && d.run === '1' && d.status === 'running'")
        chosen = explorer.locator(".ll-preset", has_text="2 steps")
        chosen.locator(".ll-badge", has_text="in use").wait_for()
        assert "denoise_steps: [1000, 250]" in chosen.inner_text()
        _is_told_what_this_machine_cannot_run(page, explorer)
        photograph(page, explorer, screenshots, "live")
        _sees_another_machine_alone(page, explorer, screenshots)


def _is_told_what_this_machine_cannot_run(page, explorer):
    explorer.locator("[data-preset=speed]").press("Enter")
    explorer.locator(".ll-explorer-said", has_text="needs a GPU").wait_for()
    wait_for_data(page, "d.preset === '2 steps'")


def _sees_another_machine_alone(page, explorer, screenshots):
    menu = explorer.get_by_label("Measured")
    labels = menu.locator("option").all_inner_texts()
    (h200,) = [label for label in labels if "NVIDIA H200" in label]
    menu.select_option(h200)
    explorer.locator(".ll-preset", has_text="turbo_fp8").wait_for()
    photograph(page, explorer, screenshots, "h200")
    explorer.get_by_role("tab", name="Waterfall").click()
    explorer.locator(".ll-explorer-note", has_text="longlive-widget ablate").wait_for()
    photograph(page, explorer, screenshots, "waterfall")
    (h100,) = [label for label in labels if "H100 80GB" in label]  # profiled, too
    menu.select_option(h100)
    explorer.locator("[data-preset=balanced]").click()
    explorer.get_by_role("tab", name="Roofline").click()
    explorer.locator(DRAWN.format("roofline")).wait_for()
    photograph_narrow(page, explorer, screenshots)
