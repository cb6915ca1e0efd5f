"""Clean latents to 8-bit pictures on the host.

Axes: B batch, F frames, C channels, H rows, W columns.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.engine.model import Model, Sizes
from longlive_widget.errors import PresetError
from longlive_widget.model.stream import DecoderStream, to_bytes
from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.presets import Preset

Pictures = NDArray[np.uint8]


def decoder_for(preset: Preset, model: Model) -> VideoDecoder | TinyDecoder:
    """The decoder that the preset asks for; `require_decoder` has seen that there is one."""
    small = model.small_decoder if preset.decoder == "small" else None
    return model.decoder if small is None else small


def require_decoder(preset: Preset, sizes: Sizes) -> None:
    """Make sure that a model of these sizes has the preset's decoder.

    Raises:
        PresetError: it has no small one.
    """
    if preset.decoder == "small" and sizes.small_decoder is None:
        raise PresetError(
            f"preset {preset.name!r} decodes by the small decoder, and {sizes.name!r} has none: "
            "put TAEHV's taew2_1.pth beside its files, or use decoder='full'"
        )


def decode_now(stream: DecoderStream, latent_BFCHW: Tensor) -> Pictures:
    """The pictures of one block, uint8 RGB `FHWC`; waits for the device."""
    pictures: Pictures = to_bytes(stream.decode(latent_BFCHW))[0].cpu().numpy()
    return pictures
