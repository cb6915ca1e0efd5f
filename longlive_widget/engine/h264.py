"""What all H.264 that is made here has in common: the encoder, and colours by BT.709."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from longlive_widget.errors import CapabilityError

CODEC: Final = "libx264"


@contextmanager
def codec_required(name: str) -> Iterator[None]:
    """Inside, that encoder is asked for; a PyAV without it is a `CapabilityError`."""
    try:
        yield
    except UnknownCodecError as error:
        raise CapabilityError(
            f"this PyAV has no {name}: install the one from PyPI, `pip install av`"
        ) from error


def say_colours(coding: av.VideoCodecContext) -> None:
    """Have a stream say how its colours are meant."""
    coding.colorspace, coding.color_range = Colorspace.ITU709, ColorRange.MPEG
    coding.color_primaries, coding.color_trc = ColorPrimaries.BT709, ColorTrc.BT709


def frame_of(picture: NDArray[np.uint8], pix_fmt: str) -> av.VideoFrame:
    """A picture, uint8 RGB `[H, W, 3]`, in those colours."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    if pix_fmt == "rgb24":
        return frame
    return frame.reformat(
        format=pix_fmt, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
