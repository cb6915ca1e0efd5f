"""The timeline in a real JupyterLab: edited by mouse, by keyboard alone and from Python."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page

from longlive_widget import Timeline, read_timeline
from longlive_widget.timeline_forms import timeline_as
from tests.browser.lab import copied, run_all_cells, studio, wait_for_data

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MARKUP = "a <b>green</b> ring"
PLAN = [[0, "a red ball"], [24, "a yellow star"], [36, MARKUP]]
STUDIO = f"""
from longlive_widget import LongLiveWidget, Timeline
from tests.unit.painted_engine import PaintedEngine

engine = PaintedEngine(seconds_per_block=0.25)
timeline = Timeline.of("a red ball", (24, "a yellow star"), (36, {MARKUP!r}))
studio = LongLiveWidget(engine, timeline, seed=1)
studio
"""
CHANGED = """
import time
told = []
studio.observe(lambda change: told.append(change.new), "timeline")
studio.timeline = Timeline.of("a red ball", (12, "from Python"))
"""


def wait_for_plan(page: Page, wanted: list[list[object]]) -> None:
    page.wait_for_function(
        "wanted => [...document.querySelectorAll('.ll-timeline')].at(-1)?.dataset.plan === wanted",
        arg=json.dumps(wanted, separators=(",", ":"), ensure_ascii=False),
    )


def segment(player: Locator, prompt: str) -> Locator:
    return player.locator(".ll-segment", has_text=prompt)


def pull(page: Page, block: Locator, *, at: float, frames: float, let_go: bool = True) -> None:
    """Take hold of a block at a part of its width, and pull it by that many latent frames."""
    lane = page.locator(".ll-prompts").last.bounding_box()
    box = block.bounding_box()
    x, y = box["x"] + at * box["width"], box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + frames * lane["width"] / 48, y, steps=6)
    if let_go:
        page.mouse.up()


def test_prompts_are_dragged_resized_and_undone_by_mouse(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(STUDIO)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_plan(page, PLAN)
        assert player.locator("b").count() == 0
        star = segment(player, "a yellow star")

        pull(page, star, at=0.5, frames=-9, let_go=False)
        landing = player.locator(".ll-landing")
        said = "“a yellow star” lands at block 5, latent frame 15, 3.56 s"
        assert landing.inner_text() == said
        assert player.locator(".ll-note").inner_text() == said
        screenshots.take(player, "timeline-pulled.png")
        page.mouse.up()
        assert not landing.is_visible()
        moved = [[0, "a red ball"], [15, "a yellow star"], [27, MARKUP]]
        wait_for_plan(page, moved)

        pull(page, star, at=0.99, frames=6)
        wait_for_plan(page, [*moved[:2], [33, MARKUP]])
        pull(page, star, at=0.01, frames=-3)
        wait_for_plan(page, [moved[0], [12, "a yellow star"], [33, MARKUP]])
        pull(page, star, at=0.5, frames=-12)
        swapped = [[0, "a yellow star"], [21, "a red ball"], [33, MARKUP]]
        wait_for_plan(page, swapped)

        player.locator("[data-act=undo]").click()
        player.locator("[data-act=undo]").click()
        wait_for_plan(page, [*moved[:2], [33, MARKUP]])
        player.locator("[data-act=redo]").click()
        wait_for_plan(page, [moved[0], [12, "a yellow star"], [33, MARKUP]])

        star.dblclick()
        player.locator(".ll-typing input").fill("a <i>blue</i> star")
        screenshots.take(player, "timeline-typing.png")
        player.locator(".ll-typing input").press("Enter")
        wait_for_plan(page, [moved[0], [12, "a <i>blue</i> star"], [33, MARKUP]])
        segment(player, "a red ball").click()
        for act, wanted in [
            ("split", [[0, "a red ball"], [6, "a red ball"], [12, "a <i>blue</i> star"]]),
            ("merge", [[0, "a red ball"], [6, "a red ball"]]),
            ("delete", [[0, "a red ball"]]),
        ]:
            player.locator(f"[data-act={act}]").click()
            wait_for_plan(page, [*wanted, [33, MARKUP]])


def test_the_timeline_is_edited_by_keyboard_alone(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(STUDIO), dark=True) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_plan(page, PLAN)
        note = player.locator(".ll-note")
        player.locator("[data-act=follow]").focus()
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.get_attribute("role") == "option"
        assert focused.get_attribute("aria-label") == "a red ball, from 0.00 s to 5.81 s"
        page.keyboard.press("ArrowRight")
        assert page.locator(":focus").inner_text() == "a yellow star"
        assert note.inner_text() == "a yellow star, from 5.81 s to 8.81 s"
        page.keyboard.press("Shift+ArrowLeft")
        wait_for_plan(page, [PLAN[0], [21, "a yellow star"], [33, MARKUP]])
        assert note.inner_text() == "“a yellow star” lands at block 7, latent frame 21, 5.06 s"
        page.keyboard.press("Alt+ArrowRight")
        page.keyboard.press("Alt+ArrowRight")
        wait_for_plan(page, [PLAN[0], [21, "a yellow star"], [39, MARKUP]])
        page.keyboard.press("Enter")
        page.keyboard.type("a huge zebra")
        page.keyboard.press("Enter")
        wait_for_plan(page, [PLAN[0], [21, "a huge zebra"], [39, MARKUP]])
        page.keyboard.press("s")
        wait_for_plan(page, [PLAN[0], [21, "a huge zebra"], [30, "a huge zebra"], [39, MARKUP]])
        page.keyboard.press("Enter")
        page.keyboard.type("never mind")
        page.keyboard.press("Escape")
        page.keyboard.press("Delete")
        wait_for_plan(page, [PLAN[0], [21, "a huge zebra"], [39, MARKUP]])
        page.keyboard.press("[")
        wait_for_plan(page, [PLAN[0], [21, MARKUP], [39, "a huge zebra"]])
        page.keyboard.press("End")
        page.keyboard.press("Alt+ArrowRight")
        assert note.inner_text().startswith("the last prompt has no end")
        while player.locator("[data-act=undo]").is_enabled():
            page.keyboard.press("z")
        wait_for_plan(page, PLAN)
        page.keyboard.press("z")
        assert note.inner_text() == "there is nothing to undo"
        page.keyboard.press("Shift+Z")
        wait_for_plan(page, [PLAN[0], [21, "a yellow star"], [33, MARKUP]])
        screenshots.take(player, "timeline-keyboard-dark.png")


def test_the_past_of_a_running_video_is_locked_and_shows_its_pictures(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(STUDIO, "studio.start()")) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 50")
        ball = segment(player, "a red ball")
        assert ball.get_attribute("aria-label").endswith(", begun")
        ball.click()
        page.keyboard.press("Enter")
        assert "“a red ball” has begun" in player.locator(".ll-note").inner_text()
        assert player.locator(".ll-thumbnail").count() > 3
        ring = segment(player, MARKUP)
        pull(page, ring, at=0.5, frames=9)
        wait_for_plan(page, [*PLAN[:2], [45, MARKUP]])
        wait_for_data(page, f"d.landed === {json.dumps(MARKUP)}")
        screenshots.take(player, "timeline-running.png")
        page.set_viewport_size({"width": 760, "height": 1000})
        screenshots.take(player, "timeline-narrow.png")


def test_a_timeline_assigned_in_python_shows_on_the_page_and_is_undone_there(lab, notebook_of):
    with lab.opened(notebook_of(STUDIO, CHANGED)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_plan(page, [[0, "a red ball"], [12, "from Python"]])
        player.locator("[data-act=undo]").click()
        wait_for_plan(page, PLAN)


TINY = """
from longlive_widget import Engine, LongLiveWidget, Timeline

studio = LongLiveWidget(Engine.load("tiny"), "a red ball rests", seed=1)
studio.start()
studio
"""


def test_a_prompt_is_chosen_underlined_and_told_what_it_took(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(TINY)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 9")
        prompts = player.locator(".ll-prompt-bar")
        prompts.locator("input").press_sequentially("a striped zebra and a ball")
        prompts.locator(".ll-unknown").nth(1).wait_for()
        assert prompts.locator(".ll-unknown").all_inner_texts() == ["striped", "zebra"]
        assert "“zebra”" in prompts.locator("input").get_attribute("title")
        screenshots.take(player, "unknown-words.png")

        prompts.locator("[aria-haspopup=menu]").first.click()
        page.keyboard.press("ArrowDown")
        chosen = page.locator(":focus").inner_text()
        screenshots.take(player, "library.png")
        page.keyboard.press("Enter")
        assert prompts.locator("input").input_value() == chosen
        assert prompts.locator(".ll-unknown").count() == 0
        page.keyboard.press("Enter")
        took = player.locator(".ll-receipt", has_text=f"“{chosen}” landed at block")
        took.wait_for()
        assert re.search(r"; took \d+ ms \(reading \d+, re-cache \d+\)$", took.inner_text())
        prompts.locator("input").press("ArrowUp")
        assert prompts.locator("input").input_value() == chosen
        segment(player, chosen).wait_for()


def test_a_prompt_takes_over_by_a_blend_that_is_chosen_from_a_list(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(STUDIO)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_plan(page, PLAN)
        star = segment(player, "a yellow star")
        star.click()
        manner = player.locator(".ll-timeline-tools [aria-haspopup=menu]", has_text="cut")
        for choice in ("over 4 blocks", "on the arc", "left as it is"):
            player.locator(".ll-gap [aria-haspopup=menu]").first.click()
            player.locator(".ll-menu-item", has_text=choice).click()
        said = ", over 4 blocks on the arc, without re-cache"
        page.wait_for_function(
            "said => document.querySelectorAll('.ll-segment')[1]?.ariaLabel.endsWith(said)",
            arg=said,
        )
        player.locator(".ll-gap [aria-haspopup=menu]").first.click()
        screenshots.take(player, "transition.png")
        page.keyboard.press("Escape")
        assert manner.count() == 0
        for _ in range(3):
            player.locator("[data-act=undo]").click()
        manner.wait_for()


def test_a_timeline_goes_into_files_and_comes_from_them(lab, notebook_of, tmp_path, screenshots):
    with lab.opened(notebook_of(STUDIO)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_plan(page, PLAN)

        def choose(item: str) -> None:
            player.get_by_label("Files: open, save, copy as Python").first.click()
            player.locator(".ll-menu-item", has_text=item).click()

        with page.expect_download() as coming:
            choose("daydream Scope's JSON")
        assert coming.value.suggested_filename == "timeline.scope.json"
        expected = Timeline.of("a red ball", (24, "a yellow star"), (36, MARKUP))
        coming.value.save_as(tmp_path / "mine.scope.json")
        assert read_timeline(tmp_path / "mine.scope.json") == expected
        player.get_by_label("Files: open, save, copy as Python").first.click()
        code = copied(page, player.locator(".ll-menu-item", has_text="Copy as Python"))
        assert code == timeline_as(expected, "python")
        note = player.locator(".ll-note")
        player.get_by_text("copied as Python").wait_for()

        def open_file(name: str) -> None:
            with page.expect_file_chooser() as choosing:
                choose("Open a file")
            choosing.value.set_files(tmp_path / name)

        (tmp_path / "other.jsonl").write_text('{"prompts": ["a cat", "a dog <i>"]}')
        open_file("other.jsonl")
        wait_for_plan(page, [[0, "a cat"], [40, "a dog <i>"]])
        (tmp_path / "bad.json").write_text('{"prompts": 3}')
        open_file("bad.json")
        player.locator(".ll-errors", has_text="this is no timeline of Scope").wait_for()
        player.get_by_label("Files: open, save, copy as Python").first.click()
        screenshots.take(player, "files.png")
        page.keyboard.press("Escape")
        player.locator("[data-act=undo]").click()
        wait_for_plan(page, PLAN)
        assert note.inner_text() == "undone"


MAGIC = """%%longlive studio
a red ball
12: from a cell [over 2 blocks]
"""


def test_a_studio_follows_the_lines_of_a_cell(lab, notebook_of):
    with lab.opened(notebook_of(STUDIO, "%load_ext longlive_widget", MAGIC)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_plan(page, [[0, "a red ball"], [12, "from a cell"]])
        label = segment(player, "from a cell").get_attribute("aria-label")
        assert label == "from a cell, from 2.81 s without an end, over 2 blocks on the line"


def test_the_timeline_is_zoomed_panned_and_follows(lab, notebook_of):
    with lab.opened(notebook_of(STUDIO, "studio.start()")) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 20")
        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused'")
        lane = player.locator(".ll-prompts")
        star = segment(player, "a yellow star")

        def share() -> float:
            return star.bounding_box()["width"] / lane.bounding_box()["width"]

        assert share() == pytest.approx(12 / 48, abs=0.01)
        player.locator("[data-act='zoom in']").click()
        player.locator("[data-act='zoom in']").click()
        player.locator("[data-act=follow]").click()
        assert player.locator("[data-act=follow]").get_attribute("aria-pressed") == "false"
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        assert share() == pytest.approx(12 * 1.5**2 / 48, abs=0.01), "it is shown once it is chosen"
        box = lane.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
        before = star.bounding_box()["x"]
        page.mouse.wheel(40, 0)
        page.wait_for_function(
            "before => Math.abs(document.querySelectorAll('.ll-segment')[1]"
            ".getBoundingClientRect().x - before + 40) < 2",
            arg=before,
        )
        page.keyboard.press("0")
        page.wait_for_timeout(200)
        assert share() == pytest.approx(12 / 48, abs=0.01)
