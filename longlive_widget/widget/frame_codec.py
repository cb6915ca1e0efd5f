"""Pictures into bytes for the page, one JPEG a picture."""

from typing import TYPE_CHECKING

import numpy as np
import simplejpeg

if TYPE_CHECKING:
    from longlive_widget.engine.decode import Pictures

# Small pictures are enlarged on the page: halved colour would show, and quality costs little.
SMALL_PIXELS = 320 * 192
SMALL_QUALITY, LARGE_QUALITY = 92, 80


def encode_jpegs(frames: "Pictures") -> list[bytes]:
    """One JPEG for each picture of `frames`, uint8 RGB `[F, H, W, 3]`, in fresh bytes."""
    small = frames.shape[1] * frames.shape[2] <= SMALL_PIXELS
    return [
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(picture),
            quality=SMALL_QUALITY if small else LARGE_QUALITY,
            colorsubsampling="444" if small else "420",
        )
        for picture in frames
    ]
