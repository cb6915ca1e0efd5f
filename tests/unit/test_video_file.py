"""A video file is whole, or it is not there."""

import errno
import itertools
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from longlive_widget.engine import growing_video
from longlive_widget.engine.growing_video import GrowingCodedFile, GrowingVideoFile
from longlive_widget.engine.video_file import VideoFile, writable_video_path
from longlive_widget.errors import CapabilityError, GeometryError, OutputError
from longlive_widget.widget.frame_codec import encode_h264
from tests.unit.short_disk import room_for

WIDTH, HEIGHT = 160, 96


def coloured_frames(count=12):
    """Pictures whose left part turns from teal to orange, column by column."""
    frames = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    frames[:] = (20, 160, 150)
    for index, picture in enumerate(frames):
        picture[:, : 8 * (index + 1)] = (240, 140, 30)
    return frames


def read_video(path):
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
        return stream.codec_context, stream.average_rate, frames


def picture_times(path):
    with av.open(str(path)) as file:
        return [frame.pts * frame.time_base for frame in file.decode(video=0)]


def test_a_video_has_all_its_pictures_in_order_and_in_their_colours(tmp_path):
    shown = coloured_frames(21)
    with VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT) as video:
        video.append(shown[:9])
        video.append(shown[9:])
    codec, rate, seen = read_video(tmp_path / "x.mp4")
    assert (codec.name, codec.pix_fmt, rate) == ("h264", "yuv420p", 16)
    assert (codec.width, codec.height) == (WIDTH, HEIGHT)
    assert seen.shape == shown.shape
    assert np.abs(seen.astype(int) - shown).mean() < 2


def test_a_page_can_play_a_video_before_it_has_all_of_it(tmp_path):
    with VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT) as video:
        video.append(coloured_frames())
    data = (tmp_path / "x.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_place_that_takes_no_file_is_found_out_before_the_first_picture(tmp_path):
    (tmp_path / "gone").mkdir()
    video = VideoFile(tmp_path / "gone" / "x.mp4", WIDTH, HEIGHT)
    (tmp_path / "gone").rmdir()
    with pytest.raises(OutputError, match="could not be written"):
        video.__enter__()


def test_an_error_on_the_way_leaves_no_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT) as video:
        video.append(coloured_frames(90))
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def stopper(step):
    """A trace that raises `KeyboardInterrupt`, as a signal would, at this step of Python."""
    steps = itertools.count()

    def trace(*_event):
        if next(steps) == step:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    return trace


def stopped_while_opened(path, step):
    """Whether a signal at this step of opening the file fell before its `with` block began."""
    begun = False
    before = sys.gettrace()
    sys.settrace(stopper(step))
    try:
        with ExitStack() as files:
            files.enter_context(VideoFile(path, WIDTH, HEIGHT))
            sys.settrace(before)
            begun = True
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return not begun
    finally:
        sys.settrace(before)


def test_a_signal_at_any_step_of_opening_leaves_no_file(tmp_path):
    with suppress(OutputError), VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT):
        pass  # what is imported at the first video is no step of the others
    step = 0
    while stopped_while_opened(tmp_path / "x.mp4", step):
        assert list(tmp_path.iterdir()) == [], step
        step += 1
    assert step > 200


def test_a_second_try_of_the_same_video_leaves_no_file_either(tmp_path):
    video = VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), video:
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "Memory and disks",
    "a video cannot be finished over an older one",
    "the older one stays",
)
def test_an_error_on_the_way_leaves_the_older_video_as_it_was(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"older")
    with pytest.raises(GeometryError), VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT) as video:
        video.append(coloured_frames(90))
        video.append(coloured_frames()[:, :48])
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
    assert (tmp_path / "x.mp4").read_bytes() == b"older"


def test_a_finished_video_takes_the_place_of_the_older_one(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"older")
    with VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT) as video:
        video.append(coloured_frames())
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
    assert len(read_video(tmp_path / "x.mp4")[2]) == 12


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, WIDTH, HEIGHT, 3), np.uint8),
        np.zeros((1, HEIGHT, WIDTH, 3), np.float32),
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
    ],
)
def test_frames_of_another_size_or_type_are_refused(tmp_path, frames):
    with (
        pytest.raises(GeometryError, match=r"do not fit a video of 160 x 96: give uint8"),
        VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT) as video,
    ):
        video.append(frames)


def test_a_codec_that_is_not_there_is_named_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("longlive_widget.engine.video_file.CODEC", "libx999")
    with (
        pytest.raises(CapabilityError, match=r"has no libx999: install the one from PyPI"),
        VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_videos_of_one_name_can_be_written_at_once(tmp_path):
    out = tmp_path / f"{'x' * 250}.mp4"
    with VideoFile(out, WIDTH, HEIGHT) as first, VideoFile(out, WIDTH, HEIGHT) as second:
        assert len(list(tmp_path.iterdir())) == 2
        first.append(coloured_frames())
        second.append(coloured_frames(3))
    assert len(read_video(out)[2]) == 12


def test_a_video_without_pictures_is_not_written(tmp_path):
    with (
        pytest.raises(OutputError, match=r"x\.mp4' got no picture"),
        VideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "Memory and disks",
    "the disk is full while a file is written",
    "a sentence, and no half file",
)
def test_a_full_disk_is_told_in_one_sentence_and_leaves_nothing(tmp_path):
    """In a process of its own, whose files may not grow beyond 4 kB."""
    resource = pytest.importorskip("resource")
    script = f"""
import numpy as np
from longlive_widget.engine import growing_video
from longlive_widget.engine.growing_video import GrowingVideoFile
from longlive_widget.engine.video_file import VideoFile
with VideoFile({str(tmp_path / "x.mp4")!r}, {WIDTH}, {HEIGHT}) as video:
    video.append(np.random.default_rng(0).integers(0, 255, (30, {HEIGHT}, {WIDTH}, 3), np.uint8))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        check=False,
    )
    last_line = done.stderr.strip().splitlines()[-1]
    assert "OutputError" in last_line
    assert "could not be written" in last_line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("coded", [False, True], ids=["pictures", "coded"])
def test_each_block_is_in_a_growing_video_at_once_and_at_its_time(tmp_path, coded):
    path, shown = tmp_path / "x.mp4", coloured_frames(33)
    video = GrowingCodedFile(path) if coded else GrowingVideoFile(path, WIDTH, HEIGHT)
    for first, end in [(0, 9), (9, 21), (21, 33)]:
        block = shown[first:end]
        video.append(encode_h264(block) if coded else block)
        assert picture_times(path) == [Fraction(number, 16) for number in range(end)]
    video.close()
    assert picture_times(path) == [Fraction(number, 16) for number in range(33)]
    assert np.abs(read_video(path)[2].astype(int) - shown).mean() < 2


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_block_that_the_disk_has_no_room_for_is_left_out_as_a_whole(tmp_path, room):
    """No file of this process may grow beyond some bytes; once it may, the video goes on."""
    path, shown = tmp_path / "x.mp4", coloured_frames(33)
    video = GrowingVideoFile(path, WIDTH, HEIGHT)
    video.append(shown[:9])
    before = path.read_bytes()
    with room_for(len(before) + room), pytest.raises(OutputError, match="could not be written"):
        video.append(shown[9:21])
    assert path.read_bytes() == before
    video.append(shown[9:21])
    assert video.abandon() == 21
    assert picture_times(path) == [Fraction(number, 16) for number in range(21)]


def test_a_growing_video_is_whole_also_where_the_disk_has_no_room_for_an_index(
    tmp_path, monkeypatch
):
    def full(_, to):
        to.write_bytes(b"as far as it went")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(growing_video, "_copy_with_index", full)
    video = GrowingVideoFile(tmp_path / "x.mp4", WIDTH, HEIGHT)
    shown = coloured_frames(24)
    video.append(shown[:12])
    video.append(shown[12:])
    video.close()
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
    assert np.abs(read_video(tmp_path / "x.mp4")[2].astype(int) - shown).mean() < 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x.avi", r"'.*x\.avi' does not end in \.mp4: call it 'x\.mp4'"),
        ("nowhere/x.mp4", r"the folder of '.*nowhere/x\.mp4' does not exist: make it first"),
        ("folder.mp4", r"'.*folder\.mp4' is a folder: give the video a name of its own in it"),
        (".mp4", r"'.*/\.mp4' does not end in \.mp4: call it 'video\.mp4'"),
        (f"{'x' * 260}.mp4", r"x\.mp4' cannot be a file \(File name too long\): give it another"),
        ("\0.mp4", r"'.*\.mp4' is no path \(.*null byte\): give another one"),
    ],
)
def test_a_place_that_takes_no_video_is_named_with_the_way_out(tmp_path, name, said):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match=said):
        writable_video_path(tmp_path / name)


@pytest.mark.parametrize("path", ["", ".", "..", Path()])
def test_a_video_without_a_name_is_refused_with_one(path):
    with pytest.raises(OutputError, match=r"gives the video no name: call it 'video\.mp4'"):
        writable_video_path(path)


def test_a_tilde_is_the_home_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert writable_video_path("~/x.mp4") == tmp_path / "x.mp4"
    with pytest.raises(OutputError, match=r"'~no-such-user/x.mp4' is no path"):
        writable_video_path("~no-such-user/x.mp4")


def test_the_folder_may_be_left_out():
    assert writable_video_path("x.mp4") == Path("x.mp4")
