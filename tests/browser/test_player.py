"""The player in a real JupyterLab, on an engine that paints known pictures."""

from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import expect

from longlive_widget.geometry import Geometry
from tests.browser.lab import (
    KERNEL_IS,
    TOKEN,
    data,
    run_all_cells,
    save_notebook,
    shown_picture,
    studio,
    wait_for_data,
)
from tests.unit.painted_engine import PaintedEngine, paint

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BALL = "a red ball bounces on a white background"
PAINTED = f"""
from longlive_widget import LongLiveWidget, Timeline
from tests.unit.painted_engine import PaintedEngine

engine = PaintedEngine(seconds_per_block=0.25, fallbacks=("nothing is <i>compiled</i>",))
timeline = Timeline.of({BALL!r}, (24, "a yellow star spins"))
studio = LongLiveWidget(engine, timeline, seed=1)
studio.start()
studio
"""
FAILING = PAINTED.replace("0.25", "0.25, fails_at=3")
THREADS = """
import threading
threads = [thread.name for thread in threading.enumerate()]
print(threads.count("longlive-runner"), "runner")
"""
RESTART = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
LONG = "a blue star that spins, and that then goes on to spin again for the sixth time"
MARKUP = "a <b>blue</b> star *spins*"


OVERTAKEN, OVERTAKING = "a red square moves left", "a blue ball spins"


LARGE = PAINTED.replace("0.25", "0.25, geometry=Geometry(832, 480)").replace(
    "import PaintedEngine", "import Geometry, PaintedEngine"
)
WITHOUT_WEBCODECS = "delete window.VideoDecoder"


def coded(cell, codec):
    return cell.replace("seed=1", f"seed=1, codec={codec!r}")


def shown_and_painted(page, geometry):
    """The picture on the screen, and the one that was painted under its number."""
    number, shown = shown_picture(page)
    block = 0 if number < 9 else (number - 9) // 12 + 1
    picture = number if number < 9 else (number - 9) % 12
    return shown, paint(BALL, block, geometry)[picture]


def psnr_db(seen, made):
    return 10 * np.log10(255**2 / np.mean((seen.astype(float) - made) ** 2))


def send_at_once(page, *prompts):
    """Type and send these prompts, one right after the other."""
    page.evaluate(
        """(prompts) => {
          const form = [...document.querySelectorAll('.ll-prompt-bar')].at(-1);
          for (const prompt of prompts) {
            form.querySelector('input').value = prompt;
            form.requestSubmit();
          }
        }""",
        prompts,
    )


def is_painted(page, prompt):
    """Whether the shown picture has the hue that the painter has for this prompt."""
    shown = shown_picture(page)[1].mean(axis=(0, 1))
    painted = paint(prompt, 1, PaintedEngine().geometry).mean(axis=(0, 1, 2))
    return np.abs(shown / shown.sum() - painted / painted.sum()).max() < 0.02


def test_a_video_plays_is_steered_and_holds(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(PAINTED), dark=True) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 20")
        _, before = shown_picture(page)
        assert is_painted(page, BALL)
        assert "seed 1 · nothing is <i>compiled</i>" in player.locator(".ll-about").inner_text()
        wait_for_data(page, "+d.frame > 40")
        assert (shown_picture(page)[1] != before).any()

        page.locator(".ll-chart[data-ready]").wait_for()
        player.locator(".ll-input").fill(MARKUP)
        player.locator(".ll-input").press("Enter")
        wait_for_data(page, f"d.landed === '{MARKUP}'")
        assert data(page)["prompt"] == MARKUP
        assert is_painted(page, MARKUP)
        assert player.locator("b").count() == 0
        screenshots.take(page, "playing-dark.png")

        panel = player.locator(".ll-errors")
        assert not panel.is_visible()
        player.locator(".ll-input").press("Enter")
        panel.get_by_text("prompt '' is empty: write what").wait_for()
        error = panel.evaluate("element => getComputedStyle(element).borderTopColor")
        player.locator(".ll-input").fill(LONG)
        player.locator(".ll-input").press("Enter")
        panel.get_by_text("'for the sixth time' is left out").wait_for()
        assert panel.evaluate("element => getComputedStyle(element).borderTopColor") != error
        screenshots.take(page, "too-long-dark.png")

        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused' && d.exact !== ''")
        held, picture = shown_picture(page)
        page.wait_for_timeout(1500)
        assert shown_picture(page)[0] == held
        assert (shown_picture(page)[1] == picture).all()

        player.locator("[data-action=resume]").click()
        wait_for_data(page, f"+d.frame > {held + 12}")

        player.locator("[data-action=stop]").click()
        wait_for_data(page, "d.status === 'stopped'")
        player.locator("[data-action=start]").click()
        wait_for_data(page, f"d.run === '2' && +d.frame < {held}")


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
@pytest.mark.parametrize(
    ("cell", "geometry", "least_db"),
    [(PAINTED, Geometry(160, 96), 40), (LARGE, Geometry(832, 480), 33)],
    ids=["small", "large"],
)
def test_either_codec_shows_the_pictures_that_were_made(
    lab, notebook_of, codec, cell, geometry, least_db
):
    with lab.opened(notebook_of(coded(cell, codec))) as page:
        run_all_cells(page)
        studio(page)
        wait_for_data(page, f"d.codec === {codec!r} && +d.frame > 30")
        shown, painted = shown_and_painted(page, geometry)
        assert psnr_db(shown, painted) > least_db


@pytest.mark.fault("The page and its messages", "the page cannot decode H.264", "it gets JPEGs")
def test_a_page_without_webcodecs_gets_jpegs_and_is_told_where_h264_was_asked_for_by_name(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(PAINTED), before=WITHOUT_WEBCODECS) as page:
        run_all_cells(page)
        studio(page)
        wait_for_data(page, "d.codec === 'jpeg' && +d.frame > 20")
    with lab.opened(notebook_of(coded(PAINTED, "h264")), before=WITHOUT_WEBCODECS) as page:
        run_all_cells(page)
        player = studio(page)
        player.get_by_text("this page cannot decode codec 'h264' but jpeg: build").wait_for()
        screenshots.take(player, "cannot-decode.png")


def test_a_page_whose_decoder_breaks_says_so_and_goes_on_with_jpegs(lab, notebook_of):
    broken = "VideoDecoder.prototype.flush = () => Promise.reject(new Error('no decoder today'))"
    with lab.opened(notebook_of(PAINTED), before=broken) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "d.codec === 'jpeg' && +d.frame > 24")
        told = "(h264): Error: no decoder today; from here on this view asks for JPEGs"
        assert told in player.locator(".ll-error-message").inner_text()


RUN_TWO_CELLS = """
  const { commands, shell } = window.jupyterapp;
  const { content } = shell.currentWidget;
  content.activeCellIndex = 0;
  return commands.execute('notebook:run-cell-and-select-next')
    .then(() => commands.execute('notebook:run-cell-and-select-next'));
"""


def wait_for_views(page, count, picture):
    """Wait until so many views show the same picture, one after `picture`, or its neighbour."""
    page.wait_for_function(
        """([count, picture]) => {
          const views = [...document.querySelectorAll('.longlive')];
          const shown = views.map(view => +view.dataset.frame);
          const spread = Math.max(...shown) - Math.min(...shown);
          return shown.length === count && Math.min(...shown) > picture && spread <= 1;
        }""",
        arg=[count, picture],
    )


@pytest.mark.fault(
    "The page and its messages",
    "several views show one studio",
    "all are in step, one that comes later too",
)
def test_views_of_one_studio_are_in_step_and_another_tab_has_a_place_of_its_own(lab, notebook_of):
    with lab.opened(notebook_of(PAINTED, "studio", "studio")) as page:
        page.evaluate(f"() => {{ {RUN_TWO_CELLS} }}")
        page.locator(".longlive").nth(1).wait_for(state="attached")
        wait_for_views(page, 2, 20)
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
        page.locator(".longlive").nth(2).wait_for(state="attached")
        wait_for_views(page, 3, 40)
        save_notebook(page)
        with another_tab(lab, page) as other:
            _shares_all_but_its_place(page, other)


@contextmanager
def another_tab(lab, page):
    """The same notebook once more, with the kernel that runs."""
    other = lab.new_page()
    try:
        other.goto(f"{page.url.split('?')[0]}?token={TOKEN}")
        studio(other)
        wait_for_data(other, "d.status === 'running' && +d.frame > 60")
        yield other
    finally:
        other.close()


def _shares_all_but_its_place(page, other):
    """Looking back in one tab is nothing to the other; a hold, a prompt, the past are of both."""
    made_before = range(int(data(other)["frame"]) // 12 - 1)  # blocks of 12 pictures
    studio(other).locator(".ll-theatre").press("ArrowLeft")
    wait_for_data(other, "d.live === 'false'")
    assert data(page)["live"] == "true"
    studio(other).locator("[data-action=live]").click()
    studio(other).locator("[data-action=pause]").click()
    wait_for_data(page, "d.status === 'paused'")
    for tab in (page, other):
        expect(studio(tab).locator("[data-action=resume]")).to_be_visible()
    earlier = ", ".join(f".ll-thumbnail[data-block='{block}']" for block in made_before)
    studio(other).locator(earlier).first.wait_for()
    studio(page).locator(".ll-input").fill(OVERTAKING)
    studio(page).locator(".ll-input").press("Enter")
    for tab in (page, other):
        expect(studio(tab).locator(".ll-segment", has_text=OVERTAKING)).to_be_visible()
    studio(other).locator(".ll-segment", has_text=OVERTAKING).press("Control+z")
    for tab in (page, other):
        expect(studio(tab).locator(".ll-segment", has_text=OVERTAKING)).to_have_count(0)


def test_of_two_prompts_in_one_block_the_player_says_which_one_gave_way(
    lab, notebook_of, screenshots
):
    with lab.opened(notebook_of(PAINTED), dark=True) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 20")
        panel = player.locator(".ll-errors")
        player.locator(".ll-input").press("Enter")
        panel.get_by_text("prompt '' is empty: write what").wait_for()
        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused'")  # so that no block begins between the two
        send_at_once(page, OVERTAKEN, OVERTAKING)
        gave_way = f"“{OVERTAKEN}” gave way to “{OVERTAKING}”, which "
        player.locator(".ll-receipt", has_text=f"{gave_way}lands at block").wait_for()
        assert not panel.is_visible(), "the complaint about the prompt before is settled"
        player.locator("[data-action=resume]").click()
        player.locator(".ll-receipt", has_text=f"{gave_way}landed at block").wait_for()
        screenshots.take(page, "gave-way-dark.png")


def test_a_stop_moves_no_figure_and_says_what_a_start_will_do(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(PAINTED)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "+d.frame > 40 && +d.queue > 0")
        player.locator("[data-action=pause]").click()
        wait_for_data(page, "d.status === 'paused'")
        page.wait_for_timeout(1000)
        ahead = player.locator(".ll-figure", has_text="ahead")
        unseen = ahead.inner_text()
        player.locator("[data-action=stop]").click()
        wait_for_data(page, "d.status === 'stopped' && +d.queue === 0")
        page.wait_for_timeout(500)
        assert ahead.inner_text() == unseen
        start = player.locator("[data-action=start]")
        assert start.inner_text().strip() == "Start over"
        assert "the prompts that were typed among them" in start.get_attribute("title")
        screenshots.take(player, "stopped.png")


@pytest.mark.fault(
    "The page and its messages",
    "the page is loaded again",
    "it goes on with the running video",
)
def test_a_reloaded_page_goes_on_with_the_running_video(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(PAINTED), alone=True) as page:
        run_all_cells(page)
        studio(page)
        wait_for_data(page, "+d.frame > 20")
        save_notebook(page)
        page.reload()
        player = studio(page)
        wait_for_data(page, "d.run === '1' && +d.frame > 40")
        first = int(data(page)["frame"])
        wait_for_data(page, f"+d.frame > {first + 24}")
        page.wait_for_function("document.querySelector('.longlive .ll-scrub').min === '0'")
        player.locator(".ll-thumbnail[data-block='0']").wait_for()
        player.locator(".ll-scrub").evaluate(
            "track => { track.value = 30; track.dispatchEvent(new Event('input')); }"
        )
        wait_for_data(page, "d.live === 'false' && d.frame === '30'")
        assert is_painted(page, BALL)
        player.locator("[data-action=live]").click()
        page.locator(".ll-chart[data-ready]").wait_for()
        page.set_viewport_size({"width": 900, "height": 1000})
        screenshots.take(player, "reloaded-narrow.png")


@pytest.mark.fault(
    "Threads, processes and clocks",
    "a cell runs again",
    "the old video ends; there is one thread and one video",
)
@pytest.mark.fault(
    "Threads, processes and clocks",
    "the kernel is restarted while a video plays",
    "the next run of its cell puts a new video in the place of the old one",
)
def test_a_cell_that_runs_again_leaves_one_video_and_one_thread(lab, notebook_of):
    with lab.opened(notebook_of(PAINTED, THREADS)) as page:
        for count in (2, 4, 6):
            run_all_cells(page)
            page.locator(".jp-InputPrompt", has_text=f"[{count}]:").wait_for()
        page.evaluate(RESTART)
        run_all_cells(page)
        page.locator(".jp-InputPrompt", has_text="[2]:").wait_for()
        wait_for_data(page, "+d.frame > 12")
        said = page.locator(".jp-OutputArea-output pre", has_text="runner").last
        assert said.inner_text().strip() == "1 runner"
        assert page.locator(".longlive").count() == 1


def test_a_cell_that_runs_again_on_a_reloaded_page_replaces_the_video_that_went_on(
    lab, notebook_of
):
    with lab.opened(notebook_of(PAINTED, THREADS), alone=True) as page:
        run_all_cells(page)
        studio(page)
        wait_for_data(page, "+d.frame > 40")
        page.reload()
        page.wait_for_function(f"{KERNEL_IS} === 'idle'")
        run_all_cells(page)
        studio(page)
        said = page.locator(".jp-OutputArea-output pre", has_text="runner").last
        said.wait_for()
        assert said.inner_text().strip() == "1 runner"
        wait_for_data(page, "d.status === 'running' && +d.frame > 12 && +d.frame < 40")
        assert page.locator(".longlive").count() == 1


def test_a_closed_studio_says_where_it_stood_how_to_open_it_again(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(PAINTED, "studio.close()")) as page:
        run_all_cells(page)
        said = page.locator(".ll-closed")
        expect(said).to_have_text("This studio is closed. Run its cell again to open a new one.")
        assert page.locator(".ll-frame").count() == 0
        screenshots.take(page, "closed.png")
        page.evaluate(f"() => {{ {RUN_TWO_CELLS.partition('return')[0]} }}")
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell') }")
        wait_for_data(page, "+d.frame > 12")
        assert said.count() == 0


def test_a_failure_is_shown_with_its_traceback_folded(lab, notebook_of, screenshots):
    with lab.opened(notebook_of(FAILING)) as page:
        run_all_cells(page)
        player = studio(page)
        wait_for_data(page, "d.status === 'failed'")
        panel = player.locator(".ll-errors")
        assert "RuntimeError: the painter ran out of paint" in panel.inner_text()
        assert not panel.locator("pre").is_visible()
        panel.locator("summary").press("Enter")  # what lies above it may still change its height
        panel.locator("pre", has_text="Traceback").wait_for()
        screenshots.take(player, "failed.png")
        panel.locator("button").click()
        assert not panel.is_visible()
