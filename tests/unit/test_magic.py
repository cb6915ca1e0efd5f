"""`%%longlive` in an IPython shell of its own."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from longlive_widget import Entry, LongLiveWidget, Timeline, Transition
from longlive_widget.errors import TimelineError
from tests.unit.painted_engine import PaintedEngine

CELL = "a red ball\n# a word to the reader\n24: a blue star [over 4 blocks, slerp]\n"
WANTED = Timeline.of("a red ball", Entry(24, "a blue star", Transition(4, "slerp")))


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "longlive_widget")
    yield shell
    shell.history_manager.end_session()


@pytest.mark.parametrize(("line", "name"), [("", "timeline"), (" mine ", "mine")])
def test_a_cell_becomes_a_timeline_of_that_name(shell, line, name):
    shell.run_cell_magic("longlive", line, CELL)
    assert shell.user_ns[name] == WANTED


def test_a_studio_of_that_name_follows_the_cell(shell):
    studio = LongLiveWidget(PaintedEngine(), "a sea")
    shell.user_ns["studio"] = studio
    shell.run_cell_magic("longlive", "studio", CELL)
    assert studio.timeline == WANTED
    assert shell.user_ns["studio"] is studio
    studio.run(blocks=1)
    with pytest.raises(TimelineError, match="'a red ball' at latent frame 0 is too late"):
        shell.run_cell_magic("longlive", "studio", "a sea")
    studio.close()


def test_what_is_no_name_or_no_timeline_is_told(shell):
    with pytest.raises(TimelineError, match="'my timeline' is no name"):
        shell.run_cell_magic("longlive", "my timeline", CELL)
    with pytest.raises(TimelineError, match="line 2, 'a star', has no time"):
        shell.run_cell_magic("longlive", "", "a ball\na star")
