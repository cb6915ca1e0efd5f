"""Videos that grow block by block and play meanwhile, whatever becomes of their maker.

H.264 in MP4, in fragments of a block. A block is in the file once the next one is begun.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from longlive_widget.engine.h264 import CODEC, codec_required, frame_of, say_colours
from longlive_widget.engine.video_file import INDEXED, QUALITY, require_fitting
from longlive_widget.files import disk_errors_explained
from longlive_widget.geometry import PICTURES_PER_SECOND

LOSSLESS_CODEC: Final = "libx264rgb"
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
EXACT = {"qp": "0", "preset": "medium"}
# No picture waits for a later one, and a block is whole by itself.
BLOCKWISE = {"tune": "zerolatency", "forced-idr": "1", "g": "999", "sc_threshold": "0"}


class _GrowingFile:
    """What both kinds have in common: fragments, and how the file ends.

    Raises:
        OutputError: no video can be written there, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pictures = 0
        self._sure_pictures = self._sure_bytes = 0
        self._torn = False
        with disk_errors_explained(path):
            self._container = av.open(str(path), "w", format="mp4", options=FRAGMENTS)

    def close(self) -> None:
        """End it: all is in the file then.

        With an index in front, as players like it best, unless the disk has no room for writing it.
        """
        with self._writing():
            self._flush()
            self._container.close()
        indexed = self.path.with_name(f".{self.path.stem}.indexed.tmp")
        try:
            with suppress(OSError):
                _copy_with_index(self.path, indexed)
                indexed.replace(self.path)
        finally:
            indexed.unlink(missing_ok=True)

    def abandon(self) -> int:
        """Let go of it, with what is in the file by now; how many pictures that are.

        A block that was written in part is taken out again.
        """
        try:
            self._container.close()
        except OSError:
            self._torn = True
        if not self._torn:
            return self.pictures
        with suppress(OSError), self.path.open("r+b") as file:
            file.truncate(self._sure_bytes)
        return self._sure_pictures

    def _flush(self) -> None:
        """Write what is still held back."""

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Inside, a block is written, and with its first picture the block before it."""
        before = self.pictures
        try:
            with disk_errors_explained(self.path):
                yield
                self._sure_bytes = self.path.stat().st_size
        except BaseException:
            self._torn = True
            raise
        self._sure_pictures = before


class GrowingVideoFile(_GrowingFile):
    """A growing video out of pictures.

    `lossless` keeps each picture to the bit: H.264 of RGB, which few players show.

    Raises:
        OutputError: no video can be written there, or the disk is full.
        CapabilityError: this PyAV cannot write H.264.
    """

    def __init__(
        self, path: Path, width_px: int, height_px: int, *, lossless: bool = False
    ) -> None:
        super().__init__(path)
        self._size = (height_px, width_px, 3)
        self._pix_fmt = "rgb24" if lossless else "yuv420p"
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
        with self._writing():
            for number, picture in enumerate(frames):
                coded = frame_of(picture, self._pix_fmt)
                coded.pts = self.pictures
                if number == 0:
                    coded.pict_type = PictureType.I
                self._container.mux(self._stream.encode(coded))
                self.pictures += 1

    def _flush(self) -> None:
        self._container.mux(self._stream.encode())


class GrowingCodedFile(_GrowingFile):
    """A growing video out of blocks that are H.264 already, which is copied.

    Raises:
        OutputError: no video can be written there, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stream: av.VideoStream | None = None

    def append(self, units: Sequence[bytes]) -> None:
        """Add a block at the end: access units in Annex B, the first one with SPS and PPS."""
        with self._writing(), av.open(BytesIO(b"".join(units)), "r", format="h264") as coded:
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
        self._container.mux(packet)
        self.pictures += 1


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
