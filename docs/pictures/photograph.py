"""Photographs the studio in a JupyterLab of its own: python -m docs.pictures.photograph."""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Locator

from tests.browser.chromium import running_chromium
from tests.browser.lab import run_all_cells, running_lab, studio, wait_for_data, write_notebook

HERE = Path(__file__).parent
CELL = """
from longlive_widget import Engine, LongLiveWidget, Timeline

timeline = Timeline.of(
    "a big red ball bounces on a white background",
    (24, "a big yellow star circles under a night sky with stars"),
)
studio = LongLiveWidget(Engine.load("tiny"), timeline, seed=1)
studio.run(blocks=12)
studio.branch(6, "it turns blue")
studio.run(blocks=5)
studio.branch(9, "a big green square swings at sunset")
studio.run(blocks=2)
studio.walk(0)
studio
"""
LAST = 9 + 11 * 12 - 1
"""The last picture of twelve blocks."""
SEEK = "track => { track.value = 60; track.dispatchEvent(new Event('input')); }"
PLACES = {"player": ".longlive", "timeline": ".ll-timeline", "branches": ".ll-branches"}
"""What is photographed, and where it is on the page."""


def main() -> None:
    """The whole player, its timeline, and the tree of branches."""
    with TemporaryDirectory() as folder:
        notebook = write_notebook(Path(folder) / "studio.ipynb", CELL)
        with (
            running_chromium() as browser,
            running_lab(Path(folder) / "lab", browser) as lab,
            lab.opened(notebook) as page,
        ):
            page.set_viewport_size({"width": 1280, "height": 1400})
            run_all_cells(page)
            player = studio(page)
            wait_for_data(page, f"d.status === 'done' && +d.frame === {LAST}", patience_s=180)
            player.locator(".ll-branches > summary").click()
            page.wait_for_function(
                "() => [...document.querySelectorAll('.ll-scrub')].at(-1).min === '0'"
            )
            player.locator(".ll-scrub").evaluate(SEEK)
            wait_for_data(page, "d.frame === '60'")
            player.locator(".ll-chart[data-ready]").wait_for()
            page.mouse.move(0, 0)
            page.wait_for_timeout(1500)  # thumbnails are drawn one after the other
            for name, place in PLACES.items():
                photograph(page.locator(place).last, name)


def photograph(element: Locator, name: str) -> None:
    """One element of the page, as a picture of few bytes."""
    path = HERE / f"{name}.png"
    element.screenshot(path=path)
    with Image.open(path) as taken:
        taken.convert("RGB").save(HERE / f"{name}.webp", quality=85, method=6)
    path.unlink()


if __name__ == "__main__":
    main()
