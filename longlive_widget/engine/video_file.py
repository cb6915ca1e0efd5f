"""Pictures, or blocks that are coded already, into a video file, whole or not at all.

H.264 in MP4, at the rate of the model. Knows no session: whoever has frames appends them.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType
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
LOSSLESS_CODEC: Final = "libx264rgb"
INDEXED = {"movflags": "+faststart"}
GROWING = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
# With x264's macroblock tree, the same pictures gave other bytes from run to run (at 160 x 96).
QUALITY = {"crf": "18", "preset": "medium", "x264-params": "mbtree=0"}

EXACT = {"qp": "0", "preset": "medium"}
# No picture waits for a later one, and a block is whole by itself.
BLOCKWISE = {"tune": "zerolatency", "forced-idr": "1", "g": "999", "sc_threshold": "0"}


def writable_video_path(path: str | Path) -> Path:
    """The path with ~ written out, if a video can be written there.

    Raises:
        OutputError: it does not end in .mp4, its folder is missing or may not be written to, a
            folder has that name, or no file can have it.
    """
    if not Path(path).name.strip("."):
        raise OutputError(f"{str(path)!r} gives the video no name: call it 'video{SUFFIX}'")
    path = reachable(path)
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


class Mp4File:
    """A file that is at `path` once its `with` block has ended well; what is in it, others write.

    It is written beside `path` under a temporary name. If the block ends with an error, or with
    Ctrl-C, nothing is left, and a file that stood at `path` before stays as it was.

    Raises:
        OutputError: no video can be written there, the disk is full, or no picture was appended.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = writable_video_path(path)
        self.pictures = 0
        self._unfinished = unfinished_beside(self.path)

    def __enter__(self) -> Self:
        try:
            with disk_errors_explained(self.path):
                self._unfinished.touch(exist_ok=False)  # PyAV creates it with the first picture
                self._container = av.open(str(self._unfinished), "w", format="mp4", options=INDEXED)
            self._begin(self._container)
        except BaseException:
            self._unfinished.unlink(missing_ok=True)
            raise
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
                self._unfinished.unlink(missing_ok=True)

    def _begin(self, container: OutputContainer) -> None:
        """Make what must be there before the first picture."""

    def _end(self, container: OutputContainer) -> None:
        """Write what is still held back."""

    def _finish(self) -> None:
        if not self.pictures:
            raise OutputError(f"{str(self.path)!r} got no picture: append frames before it ends")
        with disk_errors_explained(self.path):
            self._end(self._container)
            self._container.close()
            self._unfinished.replace(self.path)


class VideoFile(Mp4File):
    """A video of `width_px` x `height_px` out of pictures, written as `Mp4File` says.

    Raises:
        CapabilityError: this PyAV cannot write H.264.
    """

    def __init__(self, path: str | Path, width_px: int, height_px: int) -> None:
        super().__init__(path)
        self.width_px = width_px
        self.height_px = height_px

    def append(self, frames: NDArray[np.uint8]) -> None:
        """Add pictures at the end: uint8 RGB, `[F, H, W, 3]`.

        Those of another size or type than the video are a `GeometryError`.
        """
        require_fitting(frames, (self.height_px, self.width_px, 3))
        with disk_errors_explained(self.path):
            for picture in frames:
                self._container.mux(self._stream.encode(self._coded(picture)))

    def _begin(self, container: OutputContainer) -> None:
        with codec_required(CODEC):
            stream = container.add_stream(CODEC, PICTURES_PER_SECOND, options=QUALITY)
        stream.width, stream.height = self.width_px, self.height_px
        stream.pix_fmt = "yuv420p"
        say_colours(stream.codec_context)
        self._stream = stream

    def _end(self, container: OutputContainer) -> None:
        container.mux(self._stream.encode())

    def _coded(self, picture: NDArray[np.uint8]) -> av.VideoFrame:
        frame = frame_of(picture, "yuv420p")
        frame.pts = self.pictures
        self.pictures += 1
        return frame


class GrowingVideoFile:
    """A video that grows block by block and can be played meanwhile, whatever becomes of its maker.

    Each block begins with a picture that needs none before it, and is in the file once the next one
    is begun. `lossless` keeps each picture to the bit: H.264 of RGB, which few players show.

    Raises:
        OutputError: no video can be written there, or the disk is full.
        CapabilityError: this PyAV cannot write H.264.
    """

    def __init__(
        self, path: Path, width_px: int, height_px: int, *, lossless: bool = False
    ) -> None:
        self.path = path
        self.pictures = 0
        self._size = (height_px, width_px, 3)
        self._pix_fmt = "rgb24" if lossless else "yuv420p"
        with disk_errors_explained(path):
            self._container = av.open(str(path), "w", format="mp4", options=GROWING)
        if lossless:
            with codec_required(LOSSLESS_CODEC):
                self._stream = self._container.add_stream(
                    LOSSLESS_CODEC, PICTURES_PER_SECOND, options=EXACT | BLOCKWISE
                )
        else:
            with codec_required(CODEC):
                self._stream = self._container.add_stream(
                    CODEC, PICTURES_PER_SECOND, options=QUALITY | BLOCKWISE
                )
            say_colours(self._stream.codec_context)
        self._stream.width, self._stream.height = width_px, height_px
        self._stream.pix_fmt = self._pix_fmt

    def append(self, frames: NDArray[np.uint8]) -> None:
        """Add a block at the end: uint8 RGB, `[F, H, W, 3]`.

        Pictures of another size or type than the video are a `GeometryError`.
        """
        require_fitting(frames, self._size)
        with disk_errors_explained(self.path):
            for number, picture in enumerate(frames):
                coded = frame_of(picture, self._pix_fmt)
                coded.pts = self.pictures
                if number == 0:
                    coded.pict_type = PictureType.I
                self._container.mux(self._stream.encode(coded))
                self.pictures += 1

    def close(self) -> None:
        """End it: all is in the file then, with an index in front, as players like it best."""
        with disk_errors_explained(self.path):
            self._container.mux(self._stream.encode())
            self._container.close()
            indexed = self.path.with_name(f".{self.path.stem}.indexed.tmp")
            try:
                _copy_with_index(self.path, indexed)
                indexed.replace(self.path)
            finally:
                indexed.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Let go of it, with what is in the file by now."""
        with suppress(OSError):
            self._container.close()


def _copy_with_index(path: Path, to: Path) -> None:
    """Copy a video, with the places of all its pictures in front."""
    with (
        av.open(str(path)) as source,
        av.open(str(to), "w", format="mp4", options=INDEXED) as copy,
    ):
        stream = source.streams.video[0]
        other = copy.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = other
                copy.mux(packet)


class CodedVideoFile(Mp4File):
    """A video out of blocks that are H.264 already, which is copied; written as `Mp4File` says."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._stream: av.VideoStream | None = None

    def append(self, units: Sequence[bytes]) -> None:
        """Add a block at the end: access units in Annex B, the first one with SPS and PPS."""
        with av.open(BytesIO(b"".join(units)), "r", format="h264") as coded:
            source = coded.streams.video[0]
            if self._stream is None:
                self._stream = self._container.add_stream_from_template(source)
            for packet in coded.demux(source):
                if packet.size:
                    self._copy(packet, self._stream)

    def _copy(self, packet: "av.Packet[av.VideoStream]", stream: av.VideoStream) -> None:
        packet.stream, packet.time_base = stream, Fraction(1, PICTURES_PER_SECOND)
        packet.pts = packet.dts = self.pictures
        packet.duration = 1
        self.pictures += 1
        with disk_errors_explained(self.path):
            self._container.mux(packet)
