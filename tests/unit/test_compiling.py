"""A compiled preset makes the pictures of the reference, or says what it lacks."""

import numpy as np

from longlive_widget import Engine, Timeline

SWITCHED = Timeline.of("a red ball bounces", (6, "a blue ball rests on a meadow"))
COMPILED_PARTS = ("before", "between", "after")


def test_a_compiled_preset_makes_the_pictures_of_the_reference():
    plain, compiled = (
        Engine.load("tiny", name, device="cpu") for name in ("reference", "balanced")
    )
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
