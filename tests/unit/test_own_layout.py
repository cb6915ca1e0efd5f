"""A widget that is closed takes its layout along, and nobody else's."""

import pytest
from ipywidgets import Layout
from ipywidgets.widgets.widget import _instances

from longlive_widget import LongLiveWidget, Tradeoffs
from longlive_widget.widget.own_layout import OwnLayout
from longlive_widget.widget.tape_player import TapePlayer
from tests.unit.painted_engine import PaintedEngine
from tests.unit.written_record import record

WIDGETS = {
    "studio": lambda: LongLiveWidget(PaintedEngine(), "a red ball", seed=1),
    "trade-offs": lambda: Tradeoffs(record(samples={"block_ms": [800.0] * 6})),
}


@pytest.mark.parametrize("made", WIDGETS.values(), ids=WIDGETS)
def test_of_a_closed_widget_nothing_is_left_in_the_kernel_or_on_the_page(made):
    before = set(_instances)
    widget = made()
    both = [_instances[name] for name in set(_instances) - before]
    assert {type(one) for one in both} == {type(widget), Layout}
    widget.close()
    assert [one.comm for one in both] == [None, None]
    assert set(_instances) == before


def test_a_layout_of_somebody_elses_stays():
    shared = Layout(width="50%")
    studio = WIDGETS["studio"]()
    studio.layout = shared
    studio.close()
    assert shared.comm is not None
    shared.close()


def test_all_widgets_of_the_package_take_theirs_along():
    assert all(issubclass(kind, OwnLayout) for kind in (LongLiveWidget, Tradeoffs, TapePlayer))
