"""Blocks of a running video into a file or a folder, with nothing left out."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from longlive_widget.errors import LongLiveError
from longlive_widget.geometry import PICTURES_PER_SECOND, Geometry
from longlive_widget.runs.recording import RecordingFolder
from longlive_widget.widget.reel import Shot
from longlive_widget.widget.shot_file import RecordingFile, ShotFile, gone

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

    def __init__(self, file: RecordingFile | RecordingFolder) -> None:
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

    After an error what was written stays beside it, and what is still appended is passed over. What
    `RecordingFile` raises, it raises.
    """

    def __init__(self, path: str | Path, width_px: int, height_px: int) -> None:
        self._file = RecordingFile(path, width_px, height_px)
        super().__init__(self._file)

    def is_of(self, run: int) -> bool:
        """Whether blocks of that video belong to it: of all that are made."""
        return run > 0

    def take(self, take: Take) -> None:
        """Add a block at the end; one of which nothing is kept is an `OutputError`."""
        if self.failure is None:
            with self._appending():
                self._file.append(take.shot)


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
                    raise gone(take.shot)
                assert take.page is not None, "several videos in step are refused before"
                self._folder.append(take.shot.frames, take.page.manifest())


def write_shots(path: str | Path, shots: Iterable[Shot], width_px: int, height_px: int) -> Path:
    """A video file of these blocks; returns where it is."""
    with ShotFile(path, width_px, height_px) as file:
        for shot in shots:
            file.append(shot)
    return file.path
