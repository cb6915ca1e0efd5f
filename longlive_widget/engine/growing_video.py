"""Videos that grow block by block and play meanwhile, whatever becomes of their maker.

H.264 in MP4, in fragments of a block. Once a block was appended it is in the file as a whole: who
kills this process then does not take it along.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from longlive_widget.engine.h264 import CODEC, codec_required, frame_of, say_colours
from longlive_widget.engine.video_file import INDEXED, QUALITY, require_fitting
from longlive_widget.files import disk_errors_explained
from longlive_widget.geometry import PICTURES_PER_SECOND

LOSSLESS_CODEC: Final = "libx264rgb"
FRAGMENT = {
    "movflags": "empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer",
    # The time of a fragment is that of its pictures in the whole video, and so it is to stay.
    "avoid_negative_ts": "disabled",
    "use_editlist": "0",
}
EXACT = {"qp": "0", "preset": "medium"}
# No picture waits for a later one, and but for the first of a block none is whole.
BLOCKWISE = {"tune": "zerolatency", "g": "999", "sc_threshold": "0"}

Packets = Iterable["av.Packet[av.VideoStream]"]


class _GrowingFile:
    """What both kinds have in common: fragments, and how the file ends.

    FFmpeg holds a fragment back until the next one begins. So each block is a video of its own in
    memory, and of all but the first the fragment alone goes into the file.

    Raises:
        OutputError: no video can be written there, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pictures = 0
        self._blocks = 0
        self._bytes = 0
        with disk_errors_explained(path):
            self._file = path.open("wb", buffering=0)

    def close(self) -> None:
        """End it, with an index in front, as players like it best.

        Without one where the disk has no room for writing it.
        """
        with disk_errors_explained(self.path):
            self._file.close()
        indexed = self.path.with_name(f".{self.path.stem}.indexed.tmp")
        try:
            with suppress(OSError):
                _copy_with_index(self.path, indexed)
                indexed.replace(self.path)
        finally:
            indexed.unlink(missing_ok=True)

    def abandon(self) -> int:
        """Let go of it, with the blocks that are in the file; how many pictures that are."""
        with suppress(OSError):
            self._file.close()
        return self.pictures

    def _add(self, coded: Callable[[OutputContainer], Packets]) -> None:
        """Put a block at the end: what `coded` gives, in a stream that it adds to a container."""
        made, pictures = BytesIO(), 0
        number = {"fragment_index": str(self._blocks + 1)}
        with av.open(made, "w", format="mp4", options=FRAGMENT | number) as block:
            for pictures, packet in enumerate(coded(block), 1):
                packet.time_base = Fraction(1, PICTURES_PER_SECOND)
                packet.pts = packet.dts = self.pictures + pictures - 1
                packet.duration = 1
                block.mux(packet)
        video = made.getvalue()
        self._write(video[_header_bytes(video) :] if self._blocks else video)
        self._blocks += 1
        self.pictures += pictures

    def _write(self, fragment: bytes) -> None:
        """Put it at the end of the file, as a whole or, after an error, not at all."""
        left = memoryview(fragment)
        try:
            with disk_errors_explained(self.path):
                while left:
                    left = left[self._file.write(left) :]
        except BaseException:
            with suppress(OSError):
                self._file.truncate(self._bytes)
                self._file.seek(self._bytes)
            raise
        self._bytes += len(fragment)


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
        self._size = (height_px, width_px, 3)
        self._lossless = lossless
        name = LOSSLESS_CODEC if lossless else CODEC
        with codec_required(name):
            av.Codec(name, "w")
        super().__init__(path)

    def append(self, frames: NDArray[np.uint8]) -> None:
        """Add a block at the end: uint8 RGB, `[F, H, W, 3]`.

        Pictures of another size or type than the video are a `GeometryError`.
        """
        require_fitting(frames, self._size)
        self._add(partial(self._coded, frames))

    def _coded(self, frames: NDArray[np.uint8], block: OutputContainer) -> Packets:
        stream = self._stream_in(block)
        pix_fmt = "rgb24" if self._lossless else "yuv420p"
        stream.height, stream.width, _ = self._size
        stream.pix_fmt = pix_fmt
        for number, picture in enumerate(frames):
            coded = frame_of(picture, pix_fmt)
            coded.pts = number
            yield from stream.encode(coded)
        yield from stream.encode()

    def _stream_in(self, block: OutputContainer) -> av.VideoStream:
        if self._lossless:
            options = EXACT | BLOCKWISE
            return block.add_stream(LOSSLESS_CODEC, PICTURES_PER_SECOND, options=options)
        options = QUALITY | BLOCKWISE
        stream = block.add_stream(CODEC, PICTURES_PER_SECOND, options=options)
        say_colours(stream.codec_context)
        return stream


class GrowingCodedFile(_GrowingFile):
    """A growing video out of blocks that are H.264 already, which is copied.

    Raises:
        OutputError: no video can be written there, or the disk is full.
    """

    def append(self, units: Sequence[bytes]) -> None:
        """Add a block at the end: access units in Annex B, the first one with SPS and PPS."""
        self._add(partial(_copied, units))


def _copied(units: Sequence[bytes], block: OutputContainer) -> Packets:
    with av.open(BytesIO(b"".join(units)), "r", format="h264") as coded:
        source = coded.streams.video[0]
        stream = block.add_stream_from_template(source)
        for packet in coded.demux(source):
            if packet.size:
                packet.stream = stream
                yield packet


def _header_bytes(video: bytes) -> int:
    """Where the first fragment of an MP4 begins: behind boxes of that many bytes together."""
    at = 0
    while video[at + 4 : at + 8] != b"moof":
        at += int.from_bytes(video[at : at + 4], "big")
    return at


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
