"""Files are written whole or not at all, and a full disk is told in a sentence."""

import os

import pytest

from longlive_widget import LongLiveWidget
from longlive_widget.cli import main
from longlive_widget.errors import OutputError
from longlive_widget.files import write_whole
from longlive_widget.measure.records import append
from longlive_widget.presets import PRESETS
from tests.unit.painted_engine import PaintedEngine
from tests.unit.short_disk import room_for
from tests.unit.test_scale import RECORDS, point

OLDER = b"what was there"


@pytest.mark.fault(
    "Memory and disks",
    "the disk is full while a picture, a log or a chart is written",
    "a sentence, and no half file; an older one stays",
)
def test_on_a_full_disk_an_older_picture_stays_and_the_video_goes_on(tmp_path):
    place = tmp_path / "x.png"
    place.write_bytes(OLDER)
    studio = LongLiveWidget(PaintedEngine(), "a red ball", seed=1)
    studio.run(blocks=1)
    with room_for(100), pytest.raises(OutputError, match=r"x\.png' could not be written .*: free"):
        studio.snapshot(place)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x.png": OLDER}
    studio.run(blocks=1)
    studio.snapshot(place)
    assert place.read_bytes().startswith(b"\x89PNG")
    studio.close()


@pytest.mark.fault(
    "Memory and disks",
    "the disk is full while the command writes a log or its charts",
    "one sentence, and no half file; an older one stays",
)
@pytest.mark.parametrize("charts", [[], ["--charts", "."]], ids=["log", "charts"])
def test_on_a_full_disk_the_command_leaves_an_older_log(tmp_path, monkeypatch, capsys, charts):
    monkeypatch.chdir(tmp_path)
    base = point(800, 30, kind="benchmark", preset=PRESETS["reference"])
    for one in (base, *RECORDS):
        append("records.jsonl", one)
    (tmp_path / "log.md").write_bytes(OLDER)
    with room_for(100):
        assert main(["log", "records.jsonl", "--out", "log.md", *charts]) == 2
    told = capsys.readouterr().err
    assert "could not be written" in told
    assert "Traceback" not in told
    assert {path.name for path in tmp_path.iterdir()} == {"log.md", "records.jsonl"}
    assert (tmp_path / "log.md").read_bytes() == OLDER


def test_a_link_is_written_through_and_a_pipe_too(tmp_path):
    (tmp_path / "file").write_bytes(OLDER)
    (tmp_path / "link").symlink_to("file")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
    reading, writing = os.pipe()
    write_whole(tmp_path.joinpath(f"/dev/fd/{writing}"), b"new")
    assert os.read(reading, 9) == b"new"
    os.close(reading)
    os.close(writing)
