"""A compiled preset makes the pictures of the reference, or says what it lacks."""

from types import SimpleNamespace

import numpy as np
import pytest

from longlive_widget import PRESETS, Engine, Timeline
from longlive_widget.engine.compiling import compile_norms
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig

SWITCHED = Timeline.of("a red ball bounces", (6, "a blue ball rests on a meadow"))
PARTS: tuple[dict[str, object], ...] = (
    {},
    {"window_cache": "ring", "decode_behind": True},
    {"compiled": "max-autotune-no-cudagraphs"},
)
COMPILED_PARTS = ("before", "between", "after")


@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_a_compiled_preset_makes_the_pictures_of_the_reference(parts: dict[str, object]):
    plain = Engine.load("tiny", device="cpu")
    compiled = Engine.load("tiny", PRESETS["balanced"].with_(**parts), device="cpu")
    (layer, *_) = compiled.model.transformer.blocks
    assert all(hasattr(getattr(layer, part), "get_compiler_config") for part in COMPILED_PARTS)
    pairs = zip(
        plain.session(SWITCHED, seed=3).blocks(3),
        compiled.session(SWITCHED, seed=3).blocks(3),
        strict=True,
    )
    for one, other in pairs:
        off = np.abs(one.frames.astype(int) - other.frames.astype(int))
        assert off.max() <= 1  # rounding may fall on either side
        assert off.mean() < 1e-3


def test_a_norm_that_kernels_of_our_own_compute_is_not_compiled():
    plain, ours = (VideoDecoder(VideoDecoderConfig(dim=4, num_res_blocks=1)) for _ in range(2))
    ours.decoder.head.folded = SimpleNamespace()
    for network in (plain, ours):
        compile_norms(network)
    assert plain.decoder.head[0]._compiled_call_impl is not None
    assert ours.decoder.head[0]._compiled_call_impl is None
