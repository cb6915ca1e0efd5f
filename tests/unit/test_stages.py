"""Whoever waits for a model to load sees its stages; a cell keeps what was loaded, alone."""

import io
import re
import sys
import threading
import time

import nbformat
import pytest
from nbclient import NotebookClient

from longlive_widget import Engine
from longlive_widget.engine import stages
from longlive_widget.engine.stages import shown
from tests.unit.test_studio import ROOT

PATIENCE_S = 30
GONE = "\r\x1b[K"


class Terminal(io.StringIO):
    """What stderr is where somebody sits before it."""

    def isatty(self):
        return True


@pytest.fixture
def stderr(monkeypatch):
    """Puts a stream into stderr's place, from within the test: pytest has a place of its own."""

    def become(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(stages, "EVERY_S", 0.01)
        return stream

    return become


def wait_for(stream, text):
    until_s = time.monotonic() + PATIENCE_S
    while text not in stream.getvalue():
        assert time.monotonic() < until_s, "it was never shown"
        time.sleep(0.01)


def test_a_terminal_has_a_line_of_the_stage_and_its_seconds_until_it_is_over(stderr):
    stream = stderr(Terminal())
    with shown("preset 'x'") as load:
        wait_for(stream, "\rpreset 'x': checking, 0 s\x1b[K")
        load.tell("loading weights")
        wait_for(stream, "\rpreset 'x': loading weights, 0 s\x1b[K")
    assert stream.getvalue().endswith(GONE)
    assert "longlive-stages" not in [thread.name for thread in threading.enumerate()]


def test_a_load_that_fails_leaves_no_line(stderr):
    stream = stderr(Terminal())

    def fail():
        with shown("preset 'x'"):
            wait_for(stream, "checking")
            raise MemoryError

    with pytest.raises(MemoryError):
        fail()
    assert stream.getvalue().endswith(GONE)


def test_what_takes_no_time_shows_nothing(stderr, monkeypatch):
    stream = stderr(Terminal())
    monkeypatch.setattr(stages, "EVERY_S", PATIENCE_S)
    with shown("preset 'x'") as load:
        load.tell("loading weights")
    assert stream.getvalue() == ""


def test_a_file_and_a_pipe_hear_nothing(stderr):
    stream = stderr(io.StringIO())
    with shown("preset 'x'") as load:
        load.tell("loading weights")
        assert "longlive-stages" not in [thread.name for thread in threading.enumerate()]
    assert stream.getvalue() == ""


def test_load_and_under_show_what_they_load_and_whoever_is_told_hears_it_alone(stderr):
    stream = stderr(Terminal())
    engine = Engine.load("tiny")
    assert "\rpreset 'reference': loading weights, " in stream.getvalue()
    before, told = len(stream.getvalue()), []
    other = engine.preset.with_(name="other", offload_text_encoder=True)
    engine.under(other, tell=told.append)
    assert (told, len(stream.getvalue())) == (["loading weights", "preparing layers"], before)
    Engine.load("tiny", tell=told.append)
    assert (told[2:], len(stream.getvalue())) == (told[:2], before)
    engine.under(other)
    assert "\rpreset 'other': " in stream.getvalue()


class Watched(NotebookClient):
    """Notes what outputs that can be replaced have shown, in the order of time."""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in {"display_data", "update_display_data"}:
            self.seen = [*getattr(self, "seen", []), msg["content"]["data"]]
        return super().process_message(msg, cell, cell_index)


def executed(cell):
    """A cell that loads, as it is saved, and all that its replaceable outputs have shown."""
    cell = "from longlive_widget.engine import stages\nstages.EVERY_S = 0.01\n" + cell
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    client = Watched(
        notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute()
    return notebook.cells[0].outputs, client.seen


def test_a_cell_that_loads_shows_its_stages_and_keeps_one_line_of_what_was_loaded():
    kept, seen = executed(
        "from longlive_widget import Engine\nEngine.load('tiny', 'balanced', device='cpu')\n"
        "print('loaded')"
    )
    assert seen[0] == {}  # nbval takes the first one as it is
    texts = [data["text/plain"] for data in seen[1:]]
    for stage in ("checking", "loading weights"):
        assert f"preset 'balanced': {stage}, " in " ".join(texts)
    first, printed = kept
    (line,) = first["data"].values()
    assert re.fullmatch(r"preset 'balanced': tiny on cpu in float32, loaded in \d+ s", line)
    assert (line, printed["text"]) == (texts[-1], "loaded\n")


def test_a_cell_whose_load_fails_keeps_the_stage_that_it_failed_in():
    kept, _ = executed(
        "import time\n"
        "from longlive_widget import Engine\n"
        "from longlive_widget.engine import engine\n"
        "def prepare_layers(*_, **__):\n"
        "    time.sleep(0.1)\n"
        "    raise MemoryError\n"
        "engine.prepare_layers = prepare_layers\n"
        "Engine.load('tiny')"
    )
    line = kept[0]["data"]["text/plain"]
    assert re.fullmatch(
        r"preset 'reference': not loaded, ended in 'preparing layers' \d+ s on", line
    )
    assert kept[1]["ename"] == "MemoryError"
