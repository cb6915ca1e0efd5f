"""Blocks of a running video into a file, with nothing left out.

Large pictures are copied as they were shown, in H.264; what was not shown is coded in the same way.
Small ones were shown in a kind of H.264 that few players know (4:4:4), and are coded anew.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from longlive_widget.engine.video_file import CodedVideoFile, VideoFile
from longlive_widget.errors import OutputError
from longlive_widget.geometry import PICTURES_PER_SECOND
from longlive_widget.widget.frame_codec import encode_h264, is_small
from longlive_widget.widget.reel import Shot


class Recorder:
    """A recording in the making; the file is at `path` once the `with` block has ended well.

    After an error nothing is left of it, and what is still appended is passed over. What `Mp4File`
    raises, it raises.
    """

    def __init__(self, path: str | Path, width_px: int, height_px: int) -> None:
        small = is_small(width_px, height_px)
        self._file = VideoFile(path, width_px, height_px) if small else CodedVideoFile(path)
        self.path = self._file.path
        self.failed = False
        self._open = ExitStack()
        self._open.enter_context(self._file)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._file.pictures / PICTURES_PER_SECOND

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.failed:
            self.failed = kind is not None
            self._open.__exit__(kind, error, trace)

    def append(self, shot: Shot) -> None:
        """Add a block at the end; one of which nothing is kept is an `OutputError`."""
        if self.failed:
            return
        try:
            self._append(shot)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def _append(self, shot: Shot) -> None:
        frames, units = shot.frames, shot.units
        if isinstance(self._file, CodedVideoFile) and units:
            self._file.append(units)
        elif frames is None:
            raise OutputError(f"the pictures from latent frame {shot.latent_frame} on are gone")
        elif isinstance(self._file, CodedVideoFile):
            self._file.append(encode_h264(frames))
        else:
            self._file.append(frames)


def write_shots(path: str | Path, shots: Iterable[Shot], width_px: int, height_px: int) -> Path:
    """A video file of these blocks; returns where it is."""
    with Recorder(path, width_px, height_px) as recorder:
        for shot in shots:
            recorder.append(shot)
    return recorder.path
