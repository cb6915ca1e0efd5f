"""Blocks of a running video into a file or a folder, with nothing left out.

Large pictures are copied as they were shown, in H.264; what was not shown is coded in the same way.
Small ones were shown in a kind of H.264 that few players know (4:4:4), and are coded anew.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from longlive_widget.engine.video_file import CodedVideoFile, VideoFile
from longlive_widget.errors import LongLiveError, OutputError
from longlive_widget.geometry import PICTURES_PER_SECOND, Geometry
from longlive_widget.runs.recording import RecordingFolder
from longlive_widget.widget.frame_codec import encode_h264, is_small
from longlive_widget.widget.reel import Shot

if TYPE_CHECKING:
    from longlive_widget.runs.logbook import Page


@dataclass(frozen=True, eq=False)
class Take:
    """A block of video number `run`, and its page of the logbook; several in step have none."""

    run: int
    shot: Shot
    page: "Page | None"


class _Writing:
    """Blocks on their way into `file`, which ends with the `with` block, or with the first error.

    What is still appended after an error is passed over.
    """

    def __init__(self, file: VideoFile | CodedVideoFile | RecordingFolder) -> None:
        self._written = file
        self.path = file.path
        self.failure: BaseException | None = None
        self._open = ExitStack()
        self._open.enter_context(file)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._written.pictures / PICTURES_PER_SECOND

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.failure is None:
            self.failure = error
            self._open.__exit__(kind, error, trace)

    @contextmanager
    def _appending(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            with suppress(LongLiveError):  # what went wrong first is what is told
                self.__exit__(type(error), error, error.__traceback__)
            raise


class Recorder(_Writing):
    """A recording in the making; the file is at `path` once the `with` block has ended well.

    After an error nothing is left of it, and what is still appended is passed over. What `Mp4File`
    raises, it raises.
    """

    def __init__(self, path: str | Path, width_px: int, height_px: int) -> None:
        small = is_small(width_px, height_px)
        self._file = VideoFile(path, width_px, height_px) if small else CodedVideoFile(path)
        super().__init__(self._file)

    def is_of(self, run: int) -> bool:
        """Whether blocks of that video belong to it: of all that are made."""
        return run > 0

    def take(self, take: Take) -> None:
        """Add a block at the end; one of which nothing is kept is an `OutputError`."""
        self.append(take.shot)

    def append(self, shot: Shot) -> None:
        """Add a block at the end; one of which nothing is kept is an `OutputError`."""
        if self.failure is None:
            with self._appending():
                self._append(shot)

    def _append(self, shot: Shot) -> None:
        frames, units = shot.frames, shot.units
        if isinstance(self._file, CodedVideoFile) and units:
            self._file.append(units)
        elif frames is None:
            raise _gone(shot)
        elif isinstance(self._file, CodedVideoFile):
            self._file.append(encode_h264(frames))
        else:
            self._file.append(frames)


class RunRecorder(_Writing):
    """A recording of one video in the making, its manifest too; the folder is at `path` at once.

    After an error what was written stays, and what is still appended is passed over. What
    `RecordingFolder` raises, it raises.
    """

    def __init__(self, path: str | Path, geometry: Geometry, *, lossless: bool) -> None:
        self._folder = RecordingFolder(path, geometry, lossless=lossless)
        super().__init__(self._folder)
        self._run: int | None = None

    def is_of(self, run: int) -> bool:
        """Whether blocks of that video belong to it: the first one that comes decides."""
        self._run = run if self._run is None else self._run
        return run == self._run

    def take(self, take: Take) -> None:
        """Add a block at the end."""
        if self.failure is None:
            with self._appending():
                if take.shot.frames is None:
                    raise _gone(take.shot)
                assert take.page is not None, "several videos in step are refused before"
                self._folder.append(take.shot.frames, take.page.manifest())


def _gone(shot: Shot) -> OutputError:
    return OutputError(f"the pictures from latent frame {shot.latent_frame} on are gone")


def write_shots(path: str | Path, shots: Iterable[Shot], width_px: int, height_px: int) -> Path:
    """A video file of these blocks; returns where it is."""
    with Recorder(path, width_px, height_px) as recorder:
        for shot in shots:
            recorder.append(shot)
    return recorder.path
