"""The lessons as pages: no kernel, no script and no network, and all that they found is seen."""

import re

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.browser.lab import ROOT

pytestmark = [pytest.mark.browser]

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 1_000_000
ANSWER = "## The answer"
FIGURE = re.compile(r"\d (ms|s|dB|times|pictures)\b|\d%|\d pictures/s")
"""A number with what it counts."""
SHOWN_PX = """() => [...document.images].map(image => image.complete ? image.naturalWidth : 0)"""


def outputs(lesson):
    """The data of all outputs of a lesson."""
    cells = nbformat.read(lesson, as_version=4).cells
    shown = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data for output in shown if "data" in output]


def answer_of(lesson):
    """What each cell below the answer's heading has printed."""
    cells = nbformat.read(lesson, as_version=4).cells
    (heading,) = [at for at, cell in enumerate(cells) if ANSWER in cell.source]
    outputs = [output for cell in cells[heading:] for output in cell.get("outputs", [])]
    return [output.text for output in outputs if output.output_type == "stream"]


def contains(words, some):
    """Whether words have some others in them, one after the other; there must be some."""
    assert some
    return any(words[at : at + len(some)] == some for at in range(len(words)))


def test_there_are_eight_lessons_each_a_question_and_an_answer():
    assert [lesson.name[:3] for lesson in LESSONS] == [f"0{number}_" for number in range(1, 9)]
    for lesson in LESSONS:
        first, *others = nbformat.read(lesson, as_version=4).cells
        assert "**The question.**" in first.source, lesson.name
        assert len([cell for cell in others if ANSWER in cell.source]) == 1, lesson.name
        assert FIGURE.search("".join(answer_of(lesson))), lesson.name
        assert lesson.stat().st_size < MOST_BYTES, lesson.name
        assert all(outputs(lesson)), f"{lesson.name} keeps an output that shows nothing"


def test_lessons_as_pages_show_pictures_and_charts_without_scripts_and_network(
    chromium, tmp_path, screenshots
):
    context = chromium.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    for lesson in LESSONS:
        written, _ = HTMLExporter().from_filename(str(lesson))
        path = tmp_path / f"{lesson.stem}.html"
        path.write_text(written, encoding="utf-8")
        page.goto(path.as_uri())
        pictures = [data for data in outputs(lesson) if "image/png" in data]
        assert pictures, lesson.name
        widths = page.evaluate(SHOWN_PX)
        assert len(widths) >= len(pictures), lesson.name
        assert min(widths) > 300, lesson.name
        charts = [data for data in pictures if "application/vnd.plotly.v1+json" in data]
        assert page.locator("img[width='760']").count() == len(charts), lesson.name
        seen = page.locator("body").inner_text().split()
        for printed in answer_of(lesson):
            assert contains(seen, printed.split()), lesson.name
        screenshots.take(page, f"lesson-{lesson.stem}.png", whole=True)
    context.close()
