"""A run on disk plays again with no engine, and says which of its pictures are exact."""

import shutil
import subprocess
import sys
from contextlib import closing

import av
import numpy as np
import pytest

from longlive_widget import Engine, Manifest, Recording, Timeline
from longlive_widget.errors import ManifestError, OutputError, SessionError
from longlive_widget.geometry import Geometry
from longlive_widget.presets import Preset
from longlive_widget.runs.journal import JournalFile, read_journal
from longlive_widget.runs.logbook import Logbook
from longlive_widget.runs.manifest import MOST_BYTES, picture_hashes
from longlive_widget.runs.recording import RecordingFolder

RED, BLUE = "a red ball moves right on black", "it turns blue"
TIMELINE = Timeline.of(RED, (3, BLUE))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", Preset("quick", "", (1000, 500)))


def _record(engine, path, *, lossless):
    session = engine.session(TIMELINE, 3, size_px=(48, 32))
    logbook, made = Logbook(engine, session), []
    with RecordingFolder(path, session.geometry, lossless=lossless) as folder:
        for block in session.blocks(3):
            hashes = picture_hashes(block.frames)
            page = logbook.add(session, block.index, hashes, 7.0, {"steps": 5.0})
            folder.append(block.frames, page.manifest())
            made.append(block)
    assert Recording.open(path).manifest == logbook.manifest()
    assert sorted(each.name for each in path.iterdir()) == ["manifest.json", "video.mp4"]
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
        f"recording = Recording.open({str(tmp_path / 'run')!r})\n"
        "print(len(recording.different()), 'Engine.load' in recording.code())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == "0 True\n", done.stderr


def test_a_recording_knows_what_its_prompts_were_taken_as(engine, tmp_path):
    plan = Timeline.of("a red ball rests on black", (3, "it turns blue"), (6, "a dinosaur"))
    session = engine.session(plan, 3, size_px=(48, 32))
    logbook, made = Logbook(engine, session), []
    with RecordingFolder(tmp_path / "run", session.geometry, lossless=True) as folder:
        for block in session.blocks(3):
            made.append((block.prompt, block.in_full, block.alone))
            page = logbook.add(session, block.index, picture_hashes(block.frames), 7.0, {})
            folder.append(block.frames, page.manifest())
    assert made[1:] == [
        ("it turns blue", "a blue ball rests on black", False),
        ("a dinosaur", "a dinosaur", True),
    ]
    played = Recording.open(tmp_path / "run").blocks()
    assert [(block.prompt, block.in_full, block.alone) for block in played] == made


def test_any_block_of_a_recording_is_played_without_those_before_it(engine, tmp_path):
    made = _record(engine, tmp_path / "run", lossless=True)
    recording = Recording.open(tmp_path / "run")
    for number in (2, 0, 1):
        played = recording.block(number)
        assert np.array_equal(played.frames, made[number].frames)
        assert (played.index, played.prompt) == (number, made[number].prompt)
    with pytest.raises(SessionError, match="block 3 is"):
        recording.block(3)


@pytest.mark.fault(
    "Memory and disks",
    "a recording is interrupted",
    "it is finished with the blocks that it has",
)
def test_what_was_recorded_can_be_played_before_it_ends_and_after_an_error(engine, tmp_path):
    session = engine.session(TIMELINE, 3, size_px=(48, 32))
    logbook, made = Logbook(engine, session), []
    with (
        pytest.raises(KeyboardInterrupt),
        RecordingFolder(tmp_path / "run", session.geometry, lossless=True) as folder,
    ):
        for block in session.blocks(3):
            made.append(block)
            page = logbook.add(session, block.index, picture_hashes(block.frames), 7.0, {})
            folder.append(block.frames, page.manifest())
            meanwhile = Recording.open(tmp_path / "run")
            for one, other in zip(made, meanwhile.blocks(), strict=True):
                assert np.array_equal(one.frames, other.frames)
            assert np.array_equal(meanwhile.block(block.index).frames, block.frames)
        raise KeyboardInterrupt
    recording = Recording.open(tmp_path / "run")
    assert recording.different() == ()
    assert recording.manifest == logbook.manifest()


def test_a_recording_that_goes_on_is_read_though_a_prompt_has_ends_of_lines_of_other_kinds(
    engine, tmp_path
):
    prompt = "a red ball\u2028on white\x85"
    session = engine.session(prompt, 3, size_px=(48, 32))
    logbook = Logbook(engine, session)
    with RecordingFolder(tmp_path / "run", session.geometry) as folder:
        for block in session.blocks(2):
            page = logbook.add(session, block.index, picture_hashes(block.frames), 7.0, {})
            folder.append(block.frames, page.manifest())
        assert Recording.open(tmp_path / "run").timeline == Timeline.of(prompt)


KILLED = """
import os, sys
from longlive_widget import Engine
from longlive_widget.presets import Preset
from longlive_widget.runs.logbook import Logbook
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.runs.recording import RecordingFolder

engine = Engine.load("tiny", Preset("quick", "", (1000, 500)))
session = engine.session("a red ball", 3, size_px=(48, 32))
logbook = Logbook(engine, session)
with RecordingFolder(sys.argv[1], session.geometry, lossless=True) as folder:
    for block in session.blocks(4):
        page = logbook.add(session, block.index, picture_hashes(block.frames), 7.0, {})
        folder.append(block.frames, page.manifest())
        if block.index == 2:
            session.switch("a blue star")
    with (folder.path / "journal.jsonl").open("a") as journal:
        journal.write('{"block": {"block": 4, "laten')
    os.kill(os.getpid(), 9)
"""


@pytest.mark.fault(
    "Threads, processes and clocks",
    "the process is killed that writes a recording",
    "the recording has every block that was appended, to the bit",
)
def test_a_recording_whose_process_was_killed_has_every_block_that_was_appended(tmp_path):
    script = [sys.executable, "-c", KILLED, str(tmp_path / "run")]
    assert subprocess.run(script, check=False).returncode == -9
    assert {each.name for each in (tmp_path / "run").iterdir()} == {"journal.jsonl", "video.mp4"}
    recording = Recording.open(tmp_path / "run")
    assert [line.block for line in recording.records] == [0, 1, 2, 3]
    assert recording.different() == ()
    assert [each.prompt for each in recording.landings] == ["a red ball", "a blue star"]


def test_a_video_that_ends_inside_of_its_newest_block_is_whole_without_that_block(engine, tmp_path):
    """As where the process was killed in the very call that writes it."""
    session = engine.session(TIMELINE, 3, size_px=(48, 32))
    logbook, sizes = Logbook(engine, session), []
    video = tmp_path / "killed" / "video.mp4"
    with RecordingFolder(tmp_path / "run", session.geometry, lossless=True) as folder:
        for block in session.blocks(3):
            page = logbook.add(session, block.index, picture_hashes(block.frames), 7.0, {})
            folder.append(block.frames, page.manifest())
            sizes.append((folder.path / "video.mp4").stat().st_size)
        shutil.copytree(folder.path, video.parent)
    _, before, whole = sizes
    written = video.read_bytes()
    for size in {before + 1, before + 8, before + 60, whole - 1, *range(before, whole, 997)}:
        video.write_bytes(written[:size])
        recording = Recording.open(video.parent)
        assert [line.block for line in recording.records] == [0, 1]
        assert recording.different() == ()


def test_of_a_recording_without_a_block_nothing_is_left(tmp_path):
    with RecordingFolder(tmp_path / "run", Geometry(96, 64)):
        assert [each.name for each in tmp_path.iterdir()] == ["run"]
        with pytest.raises(ManifestError, match="no whole block: there is nothing to play"):
            Recording.open(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="exists already"):
        RecordingFolder(tmp_path, Geometry(96, 64))


@pytest.mark.fault(
    "Files that are read",
    "the video of a recording is damaged, also of one that was cut off",
    "a sentence; names in it that are no text are passed over",
)
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "cut off"])
def test_a_video_without_pictures_is_told_and_one_with_odd_names_plays(engine, tmp_path, ended):
    path = tmp_path / "run"
    _record(engine, path, lossless=False)
    video, run = path / "video.mp4", Manifest.read(path / "manifest.json")
    if not ended:
        with closing(JournalFile(path / "journal.jsonl")) as journal:
            journal.add(run)
        (path / "manifest.json").unlink()
    whole = video.read_bytes()
    assert whole.count(b"vide\0") == whole.count(b"Lavf") == 1
    video.write_bytes(whole.replace(b"Lavf", b"\xa1avf"))
    assert len(list(Recording.open(path).blocks())) == len(run.blocks)
    video.write_bytes(whole.replace(b"vide\0", b"soun\0"))
    with pytest.raises(ManifestError, match=r"has no pictures: it is damaged|has no whole block"):
        list(Recording.open(path).blocks())


def test_what_is_no_recording_is_refused(engine, tmp_path):
    with pytest.raises(ManifestError, match=r"has no video\.mp4"):
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
    (tmp_path / "run" / "manifest.json").write_text("{}")
    with pytest.raises(ManifestError, match=r"manifest\.json': this is no manifest"):
        Recording.open(tmp_path / "run")
    video.unlink()
    with pytest.raises(ManifestError, match=r"has no video\.mp4"):
        Recording.open(tmp_path / "run")


def test_a_video_that_names_other_files_is_not_followed(engine, tmp_path):
    """FFmpeg takes a list of other videos for one, whatever its file is called."""
    _record(engine, tmp_path / "run", lossless=False)
    video = tmp_path / "run" / "video.mp4"
    video.rename(tmp_path / "run" / "elsewhere.mp4")
    video.write_text("ffconcat version 1.0\nfile elsewhere.mp4\n")
    with av.open(str(video)) as followed:
        assert followed.streams.video, "which is what must not happen"
    with pytest.raises(ManifestError, match="is no video"):
        list(Recording.open(tmp_path / "run").blocks())


@pytest.mark.parametrize("name", ["manifest.json", "video.mp4", "journal.jsonl"])
def test_a_link_out_of_a_recording_is_refused_and_a_link_to_one_is_not(engine, tmp_path, name):
    _record(engine, tmp_path / "run", lossless=False)
    (tmp_path / "other").symlink_to(tmp_path / "run")
    assert len(Recording.open(tmp_path / "other").records) == 3
    file = tmp_path / "run" / name
    if file.exists():
        file.rename(tmp_path / name)
    file.symlink_to(tmp_path / name)
    with pytest.raises(ManifestError, match=f"{name} of .*run' is a link to another place: put"):
        Recording.open(tmp_path / "run")


def test_a_file_that_is_too_long_for_a_run_is_not_read(tmp_path):
    path = tmp_path / "run.json"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ManifestError, match=r"has over 256 MiB: it is no run's"):
        Manifest.read(path)
    with pytest.raises(ManifestError, match=r"has over 256 MiB: it is no run's"):
        read_journal(path)
