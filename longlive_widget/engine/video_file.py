"""Pictures into a video file, whole or not at all.

H.264 in MP4, at the rate of the model. Knows no session: whoever has frames appends them.
"""

import os
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from longlive_widget.engine.h264 import CODEC, codec_required, frame_of, say_colours
from longlive_widget.errors import (
    GeometryError,
    OutputError,
    reachable,
    require_place,
)
from longlive_widget.files import disk_errors_explained, unfinished_beside
from longlive_widget.geometry import PICTURES_PER_SECOND

SUFFIX = ".mp4"
INDEXED = {"movflags": "+faststart"}
# With x264's macroblock tree, the same pictures gave other bytes from run to run (at 160 x 96).
QUALITY = {"crf": "18", "preset": "medium", "x264-params": "mbtree=0"}


def writable_video_path(path: str | Path) -> Path:
    """The path with ~ written out, if a video can be written there.

    Raises:
        OutputError: it does not end in .mp4, its folder is missing or may not be written to, a
            folder has that name, or no file can have it.
    """
    given, path = path, reachable(path)
    if not path.name.strip("."):
        raise OutputError(f"{str(given)!r} gives the video no name: call it 'video{SUFFIX}'")
    if path.suffix.lower() != SUFFIX:
        name = path.stem.strip(".")
        better = "video" if name == SUFFIX.strip(".") else name
        raise OutputError(f"{str(path)!r} does not end in {SUFFIX}: call it '{better}{SUFFIX}'")
    require_place(path, "video")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"the folder of {str(path)!r} may not be written to: choose another one")
    return path


def require_fitting(frames: NDArray[np.uint8], size: tuple[int, int, int]) -> None:
    """Make sure that these are pictures of that height, width and depth.

    Raises:
        GeometryError: they have another size or type.
    """
    height_px, width_px, _ = size
    if frames.dtype != np.uint8 or frames.shape[1:] != size:
        raise GeometryError(
            f"frames of {frames.dtype} {list(frames.shape)} do not fit a video of "
            f"{width_px} x {height_px}: give uint8 [F, {height_px}, {width_px}, 3]"
        )


class VideoFile:
    """A video of `width_px` x `height_px` that is at `path` once its `with` block has ended well.

    It is written beside `path` under a temporary name. If the block ends with an error, or with
    Ctrl-C, nothing is left, and a file that stood at `path` before stays as it was.

    Raises:
        OutputError: no video can be written there, the disk is full, or no picture was appended.
        CapabilityError: this PyAV cannot write H.264.
    """

    def __init__(self, path: str | Path, width_px: int, height_px: int) -> None:
        self.path = writable_video_path(path)
        self.width_px = width_px
        self.height_px = height_px
        self.pictures = 0
        self._unfinished = unfinished_beside(self.path)

    def __enter__(self) -> Self:
        # Also where a signal falls between the file's opening and its `with` block.
        self._tidy = weakref.finalize(self, self._unfinished.unlink, missing_ok=True)
        try:
            with disk_errors_explained(self.path):
                self._unfinished.touch(exist_ok=False)  # PyAV creates it with the first picture
                self._container = av.open(str(self._unfinished), "w", format="mp4", options=INDEXED)
            with codec_required(CODEC):
                self._stream = self._container.add_stream(
                    CODEC, PICTURES_PER_SECOND, options=QUALITY
                )
        except BaseException:
            self._tidy()
            raise
        self._stream.width, self._stream.height = self.width_px, self.height_px
        self._stream.pix_fmt = "yuv420p"
        say_colours(self._stream.codec_context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            try:
                with suppress(OSError):  # what made the disk fail has been told already
                    self._container.close()
            finally:
                self._tidy()

    def append(self, frames: NDArray[np.uint8]) -> None:
        """Add pictures at the end: uint8 RGB, `[F, H, W, 3]`.

        Those of another size or type than the video are a `GeometryError`.
        """
        require_fitting(frames, (self.height_px, self.width_px, 3))
        with disk_errors_explained(self.path):
            for picture in frames:
                self._container.mux(self._stream.encode(self._coded(picture)))

    def _finish(self) -> None:
        if not self.pictures:
            raise OutputError(f"{str(self.path)!r} got no picture: append frames before it ends")
        with disk_errors_explained(self.path):
            self._container.mux(self._stream.encode())
            self._container.close()
            self._unfinished.replace(self.path)

    def _coded(self, picture: NDArray[np.uint8]) -> av.VideoFrame:
        frame = frame_of(picture, "yuv420p")
        frame.pts = self.pictures
        self.pictures += 1
        return frame
