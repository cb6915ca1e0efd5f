"""Settings that must not change the picture, two and three of them at once, drawn by a seed."""

import random
from itertools import combinations, cycle

import numpy as np
import pytest
from numpy.typing import NDArray

from longlive_widget import PRESETS, Engine, Preset, Timeline
from longlive_widget.presets import PICTURE, UNSEEN

VALUES: dict[str, tuple[object, ...]] = {
    "window_cache": ("static", "ring"),
    "prompt_cache": (1, 8),
    "context": ("always",),
    "recache": ("window",),
    "memory_pool": (True,),
    "decode_frames": (1,),
    "decode_first": (True,),
    "decode_behind": (True,),
    "offload_text_encoder": (True,),
    "attention": ("math", "fastest"),
}
"""Those of each setting that a processor has and that are not the reference's."""
ELSEWHERE = {
    "cuda_graphs": "tests/gpu/test_graphs.py: it needs a GPU",
    "kernels": "tests/gpu: it needs a GPU",
    "compiled": "tests/unit/test_compiling.py: it takes half a minute",
}
PLAIN = PRESETS["reference"].with_(denoise_steps=(1000, 500), window_frames=8)
SWITCHED = Timeline.of("a red ball bounces", (9, "a blue star spins"), (12, "a red ball bounces"))
BLOCKS = 8
"""The window is full by the first switch, and a prompt comes again.

Of 8 latent frames 5 are not the sink's: a ring turns out of step with its blocks, and what is
static moves some frames over others.
"""


def drawn(count: int, size: int, seed: str) -> list[dict[str, object]]:
    """So many different sets of so many settings, whose values take turns."""
    sets = random.Random(seed).sample([*combinations(VALUES, size)], count)
    turns = {name: cycle(values) for name, values in VALUES.items()}
    return [{name: next(turns[name]) for name in names} for names in sets]


TOGETHER = [*drawn(12, 2, "together"), *drawn(8, 3, "together")]


@pytest.fixture(scope="module")
def plain() -> Engine:
    return Engine.load("tiny", PLAIN, device="cpu")


@pytest.fixture(scope="module")
def expected(plain: Engine) -> list[NDArray[np.uint8]]:
    return _pictures(plain)


def _pictures(engine: Engine) -> list[NDArray[np.uint8]]:
    session = engine.session(SWITCHED, seed=3, size_px=(48, 32))
    return [block.frames for block in session.blocks(BLOCKS)]


def test_every_setting_that_keeps_the_picture_is_drawn_in_pairs_and_in_triples_or_is_elsewhere():
    same = {name for name, said in PICTURE.items() if said.startswith("the same picture")}
    assert VALUES.keys() | ELSEWHERE.keys() == same
    for size in (2, 3):
        sets = [parts for parts in TOGETHER if len(parts) == size]
        assert {name for parts in sets for name in parts} == VALUES.keys()
    every = {(name, value) for name, values in VALUES.items() for value in values}
    assert {pair for parts in TOGETHER for pair in parts.items()} == every


@pytest.mark.parametrize(
    "parts", TOGETHER, ids=lambda parts: ",".join(f"{k}={v}" for k, v in parts.items())
)
def test_settings_together_make_the_pictures_of_none(plain, expected, parts: dict[str, object]):
    """To the bit where each of them does, else but for rounding."""
    preset: Preset = PLAIN.with_(**parts)
    made = _pictures(Engine.load("tiny", preset, device="cpu", beside=(plain,)))
    for block, (one, other) in enumerate(zip(made, expected, strict=True)):
        off = np.abs(one.astype(int) - other)
        if parts.keys() <= set(UNSEEN):
            assert not off.any(), f"block {block}"
        else:
            assert off.max() <= 1, f"block {block}"  # rounding may fall on either side
            assert off.mean() < 3e-3, f"block {block}"  # attention="math" has 1.6e-3
