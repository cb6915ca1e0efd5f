"""Clean latents to 8-bit pictures on the host.

Axes: B batch, F frames, C channels, H rows, W columns.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.model.stream import DecoderStream, to_bytes

Pictures = NDArray[np.uint8]


def decode_now(stream: DecoderStream, latent_BFCHW: Tensor) -> Pictures:
    """The pictures of one block, uint8 RGB `FHWC`; waits for the device."""
    pictures: Pictures = to_bytes(stream.decode(latent_BFCHW))[0].cpu().numpy()
    return pictures
