"""The chart of single samples."""

import pytest

from longlive_widget import Engine
from longlive_widget.measure.benchmark import Measured, Plan
from longlive_widget.measure.sample_charts import turns_figure


@pytest.fixture
def found():
    samples = {"block_ms": [5.0, 7, 6, 8, 90]}
    return [Measured(Engine.load("tiny"), Plan(blocks=5, turns=2), samples, {})]


def test_each_block_stands_over_its_turn_with_a_line_at_the_median(found: list[Measured]):
    figure = turns_figure(found)
    (dots,) = figure.data
    assert list(dots.x) == ["1", "1", "2", "2", "2"]
    assert list(dots.y) == [5, 7, 6, 8, 90]
    assert [line.y0 for line in figure.layout.shapes] == [7]
    assert figure.png().startswith(b"\x89PNG")
