"""What loading took on this machine is known the next time, in another kernel too."""

import subprocess
import sys

import pytest

from longlive_widget.widget import load_times
from longlive_widget.widget.load_times import MOST, last_load_s, note_load


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    cache = tmp_path / "of the user"
    monkeypatch.setenv("LONGLIVE_CACHE", str(cache))
    return cache


def test_what_was_never_loaded_here_is_not_known():
    assert last_load_s("tiny") is None


def test_another_process_knows_what_the_last_load_took():
    note_load("tiny", 3.0)
    note_load("tiny", 4.25)
    note_load("large", 90.0)
    program = "from longlive_widget.widget.load_times import *; print(last_load_s('tiny'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "4.25"


def test_another_machine_that_shares_the_folder_is_not_asked(monkeypatch):
    note_load("tiny", 3.0)
    monkeypatch.setattr(load_times.platform, "node", lambda: "another")
    assert last_load_s("tiny") is None


def test_the_newest_loads_are_remembered(folder):
    for number in range(MOST + 2):
        note_load(str(number), number)
    assert [last_load_s(name) for name in ("0", "1", "2")] == [None, None, 2.0]
    assert [path.name for path in folder.iterdir()] == ["load-times.json"]


@pytest.mark.parametrize("content", ["", "[1]", '{"here: tiny": "soon"}', "\x00"])
def test_a_file_that_says_nothing_is_as_none_and_is_written_anew(folder, content):
    folder.mkdir()
    (folder / "load-times.json").write_text(content)
    assert last_load_s("tiny") is None
    note_load("tiny", 2.5)
    assert last_load_s("tiny") == 2.5


def test_where_no_file_can_be_nothing_is_known_and_nothing_fails(monkeypatch, caplog):
    monkeypatch.setenv("LONGLIVE_CACHE", "/proc/none")
    with caplog.at_level("INFO"):
        note_load("tiny", 2.5)
    assert "not remembered" in caplog.text
    assert last_load_s("tiny") is None
