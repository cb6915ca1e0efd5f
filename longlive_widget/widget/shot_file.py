"""Blocks that were shown, into one video file.

Large pictures are copied as they were shown, in H.264; what was not shown is coded in the same way.
Small ones were shown in a kind of H.264 that few players know (4:4:4), and are coded anew.
"""

from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from longlive_widget.engine.growing_video import GrowingCodedFile, GrowingVideoFile
from longlive_widget.engine.video_file import SUFFIX, writable_video_path
from longlive_widget.errors import OutputError
from longlive_widget.files import NAME_LETTERS, disk_errors_explained
from longlive_widget.geometry import PICTURES_PER_SECOND
from longlive_widget.widget.frame_codec import encode_h264, is_small
from longlive_widget.widget.reel import Shot


class ShotFile:
    """A file that is at `path` once its `with` block has ended well; after an error it is not.

    Until then it is beside `path`, and a file that stood at `path` before stays as it was.

    Raises:
        OutputError: no video can be written there, the disk is full, or no block was appended.
        CapabilityError: this PyAV cannot write H.264.
    """

    def __init__(self, path: str | Path, width_px: int, height_px: int) -> None:
        self.path = writable_video_path(path)
        name = f"{self.path.stem[:NAME_LETTERS]}.{uuid4().hex[:8]}.unfinished{SUFFIX}"
        self._unfinished = self.path.with_name(name)
        self._size = width_px, height_px
        self._video: GrowingVideoFile | GrowingCodedFile

    def __enter__(self) -> Self:
        with disk_errors_explained(self.path):
            self._unfinished.touch(exist_ok=False)
        try:
            if is_small(*self._size):
                self._video = GrowingVideoFile(self._unfinished, *self._size)
            else:
                self._video = GrowingCodedFile(self._unfinished)
        except BaseException:
            self._unfinished.unlink(missing_ok=True)
            raise
        return self

    @property
    def pictures(self) -> int:
        """How many there are."""
        return self._video.pictures

    def append(self, shot: Shot) -> None:
        """Add a block at the end; one of which nothing is kept is an `OutputError`."""
        if isinstance(self._video, GrowingCodedFile) and shot.units:
            self._video.append(shot.units)
        elif shot.frames is None:
            raise gone(shot)
        elif isinstance(self._video, GrowingCodedFile):
            self._video.append(encode_h264(shot.frames))
        else:
            self._video.append(shot.frames)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._leave(error)
            return
        try:
            if not self.pictures:
                name = str(self.path)
                raise OutputError(f"{name!r} got no picture: append blocks before it ends")
            self._video.close()
            with disk_errors_explained(self.path):
                self._unfinished.replace(self.path)
        except BaseException as late:
            self._leave(late)
            raise

    def _leave(self, error: BaseException) -> None:
        if stays := self._what_stays():
            error.add_note(stays)
        else:
            self._unfinished.unlink(missing_ok=True)

    def _what_stays(self) -> str:
        """Let go of the video; what is said of it, if it is to stay after an error."""
        self._video.abandon()
        return ""


class RecordingFile(ShotFile):
    """The same, but what was written stays after an error, and a note on the error says where.

    It plays there meanwhile too, with each block that was appended: also where this process is
    killed.
    """

    def _what_stays(self) -> str:
        seconds = self._video.abandon() / PICTURES_PER_SECOND
        name = str(self._unfinished)
        return f"its first {seconds:.1f} s are in {name!r}, and play" if seconds else ""


def gone(shot: Shot) -> OutputError:
    """That nothing is kept of a block."""
    return OutputError(f"the pictures from latent frame {shot.latent_frame} on are gone")
