"""A run on disk plays again with no engine, and says which of its pictures are exact."""

import subprocess
import sys

import numpy as np
import pytest

from longlive_widget import Engine, Recording, Timeline
from longlive_widget.errors import ManifestError, OutputError
from longlive_widget.presets import Preset
from longlive_widget.runs.logbook import Logbook
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.runs.recording import RecordingFolder

RED, BLUE = "a red ball moves right on black", "it turns blue"
TIMELINE = Timeline.of(RED, (3, BLUE))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", Preset("quick", "", (1000, 500)))


def _record(engine, path, *, lossless):
    session = engine.session(TIMELINE, 3, size_px=(96, 64))
    logbook, made = Logbook(engine, session), []
    with RecordingFolder(path, session.geometry, lossless=lossless) as folder:
        for block in session.blocks(3):
            folder.append(block)
            logbook.add(session, block.index, picture_hashes(block.frames), 7.0, {"steps": 5.0})
            made.append(block)
        folder.manifest = logbook.manifest()
    return made


def test_a_lossless_recording_plays_what_was_made_to_the_bit(engine, tmp_path):
    made = _record(engine, tmp_path / "run", lossless=True)
    recording = Recording.open(tmp_path / "run")
    played = list(recording.blocks())
    for one, other in zip(made, played, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert (one.index, one.latent_frame, one.prompt, one.landed) == (
            other.index,
            other.latent_frame,
            other.prompt,
            other.landed,
        )
        assert (other.latency_ms, other.parts_ms) == (7.0, {"steps": 5.0})
    assert recording.different() == ()
    assert recording.timeline == TIMELINE


def test_another_recording_is_near_and_says_that_it_is_not_exact(engine, tmp_path):
    made = _record(engine, tmp_path / "run", lossless=False)
    recording = Recording.open(tmp_path / "run")
    for one, other in zip(made, recording.blocks(), strict=True):
        error = (one.frames.astype(float) - other.frames) ** 2
        assert 10 * np.log10(255**2 / error.mean()) > 30
    assert len(recording.different()) > 20


def test_a_recording_plays_where_there_is_no_torch(engine, tmp_path):
    _record(engine, tmp_path / "run", lossless=True)
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from longlive_widget import Recording\n"
        f"print(len(Recording.open({str(tmp_path / 'run')!r}).different()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == "0\n", done.stderr


def test_a_recording_is_there_whole_or_not_at_all(engine, tmp_path):
    session = engine.session(TIMELINE, size_px=(96, 64))
    with (
        pytest.raises(OutputError, match="got no manifest"),
        RecordingFolder(tmp_path / "run", session.geometry) as folder,
    ):
        folder.append(next(session.blocks(1)))
    with (
        pytest.raises(KeyboardInterrupt),
        RecordingFolder(tmp_path / "run", session.geometry) as folder,
    ):
        folder.append(next(session.blocks(1)))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="exists already"):
        RecordingFolder(tmp_path, session.geometry)


def test_what_is_no_recording_is_refused(engine, tmp_path):
    with pytest.raises(ManifestError, match="cannot be read"):
        Recording.open(tmp_path)
    _record(engine, tmp_path / "run", lossless=False)
    video = tmp_path / "run" / "video.mp4"
    whole = video.read_bytes()
    video.write_bytes(b"nothing")
    with pytest.raises(ManifestError, match="is no video"):
        list(Recording.open(tmp_path / "run").blocks())
    video.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ManifestError, match=r"is no video|is damaged"):
        list(Recording.open(tmp_path / "run").blocks())
    video.unlink()
    with pytest.raises(ManifestError, match=r"has no video\.mp4"):
        Recording.open(tmp_path / "run")
