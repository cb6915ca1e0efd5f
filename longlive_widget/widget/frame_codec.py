"""Pictures into bytes for the page: a block as H.264 that begins by itself, or as one JPEG each.

A picture that stands is sent once more, as a PNG.
"""

from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, assert_never

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from longlive_widget.engine.h264 import CODEC, codec_required, frame_of, say_colours
from longlive_widget.errors import CapabilityError
from longlive_widget.geometry import PICTURES_PER_SECOND
from longlive_widget.widget.protocol import Codec

if TYPE_CHECKING:
    from longlive_widget.engine.decode import Pictures

# Small pictures are enlarged on the page: halved colour would show, and quality costs little.
SMALL_PIXELS = 320 * 192
SMALL_QUALITY, LARGE_QUALITY = 92, 80
# Of tiny's pictures, 46.0 dB in 2.2 KiB each, where the JPEG has 44.6 in 3.4 (docs/log.md).
SMALL_CRF, LARGE_CRF = 12, 20
PNG_LEVEL = 1  # the fastest: somebody waits for it
# No picture waits for later ones, and but for the first none is whole.
H264_OPTIONS = {"preset": "superfast", "tune": "zerolatency", "g": "999", "sc_threshold": "0"}
SEQUENCE_PARAMETERS = b"\x00\x00\x01\x67"


Encode = Callable[["Pictures"], list[bytes]]
"""Codes the next pictures of a block, uint8 RGB `[F, H, W, 3]`: one buffer a picture."""


def encode_block(frames: "Pictures", codec: Codec) -> list[bytes]:
    """The pictures of `frames`, uint8 RGB `[F, H, W, 3]`, in fresh bytes: one buffer a picture."""
    return block_encoder(codec, *_size_px(frames))(frames)


def block_encoder(codec: Codec, width_px: int, height_px: int) -> Encode:
    """What codes one block, whose pictures may come in parts.

    The buffers of all parts together are those of the whole block, to the bit.
    """
    match codec:
        case "h264":
            return H264Block(width_px, height_px).encode
        case "jpeg":
            return encode_jpegs
        case _:
            assert_never(codec)


def encode_h264(frames: "Pictures") -> list[bytes]:
    """The pictures of one block as `H264Block` codes them."""
    return H264Block(*_size_px(frames)).encode(frames)


class H264Block:
    """One access unit for each picture, in Annex B; the first one is an IDR with its SPS and PPS.

    Small pictures keep all of their colour (4:4:4), large ones half of it each way (4:2:0). The
    colours are BT.709, and the stream says so. A PyAV without libx264 is a `CapabilityError`.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        small = is_small(width_px, height_px)
        self._encoder = _h264_encoder()
        self._encoder.width, self._encoder.height = width_px, height_px
        self._pix_fmt = self._encoder.pix_fmt = "yuv444p" if small else "yuv420p"
        self._encoder.options = {**H264_OPTIONS, "crf": str(SMALL_CRF if small else LARGE_CRF)}
        self._encoder.thread_count = 1 if small else 0
        self._coded = 0

    def encode(self, frames: "Pictures") -> list[bytes]:
        """The next pictures, uint8 RGB `[F, H, W, 3]`."""
        units = []
        for number, picture in enumerate(frames, self._coded):
            coded = frame_of(picture, self._pix_fmt)
            coded.pts = number
            units += [bytes(packet) for packet in self._encoder.encode(coded)]
        self._coded += len(frames)
        return units


def h264_name(width_px: int, height_px: int) -> str | None:
    """What browsers call the H.264 of such pictures, like avc1.64001e; None where none is made."""
    try:
        unit = encode_h264(np.zeros((1, height_px, width_px, 3), np.uint8))[0]
    except CapabilityError:
        return None
    begin = unit.index(SEQUENCE_PARAMETERS) + len(SEQUENCE_PARAMETERS)
    return f"avc1.{unit[begin : begin + 3].hex()}"


def encode_jpegs(frames: "Pictures") -> list[bytes]:
    """One JPEG for each picture of `frames`, uint8 RGB `[F, H, W, 3]`, in fresh bytes."""
    small = is_small(frames.shape[2], frames.shape[1])
    return [
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(picture),
            quality=SMALL_QUALITY if small else LARGE_QUALITY,
            colorsubsampling="444" if small else "420",
        )
        for picture in frames
    ]


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """A picture without loss: uint8 RGB, `[H, W, 3]`."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=PNG_LEVEL)
    return file.getvalue()


def _size_px(frames: "Pictures") -> tuple[int, int]:
    height_px, width_px = frames.shape[1:3]
    return width_px, height_px


def is_small(width_px: int, height_px: int) -> bool:
    """Whether pictures are enlarged on the page, so that they keep all of their colour."""
    return width_px * height_px <= SMALL_PIXELS


def _h264_encoder() -> av.VideoCodecContext:
    with codec_required(CODEC):
        encoder = av.CodecContext.create(CODEC, "w")
    encoder.time_base = Fraction(1, PICTURES_PER_SECOND)
    encoder.framerate = Fraction(PICTURES_PER_SECOND)
    say_colours(encoder)
    return encoder
