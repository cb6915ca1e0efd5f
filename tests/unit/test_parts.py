"""Parts that must not change the picture, by themselves and in random pairs and triples."""

import random

import numpy as np
import pytest

from longlive_widget import Engine, Preset, Timeline
from longlive_widget.presets import PRESETS
from longlive_widget.presets_page import PICTURE

PARTS: dict[str, tuple[object, ...]] = {
    "window_cache": ("static", "ring"),
    "prompt_cache": (1, 8),
    "context": ("always",),
    "recache": ("window",),
    "memory_pool": (True,),
    "decode_frames": (1, 3),
    "decode_first": (True,),
    "decode_behind": (True,),
    "offload_text_encoder": (True,),
    "attention": ("math",),
}
"""All that must not, but compiling, which takes long, and graphs, which need a GPU."""
TIMELINE = Timeline.of(
    "a red ball bounces on white", (6, "a big blue star spins"), (15, "a red ball bounces on white")
)
BLOCKS = 6
"""The window is full after four, and the last switch re-caches a full one."""
SIZE_PX = (48, 32)


def drawn_combinations() -> list[dict[str, object]]:
    draw = random.Random("pairs and triples of parts")
    found = [{name: value} for name, values in PARTS.items() for value in values]
    for count in (2, 2, 2, 3, 3, 4):
        names = draw.sample(sorted(PARTS), count)
        found.append({name: draw.choice(PARTS[name]) for name in names})
    return found


def pictures(preset: Preset) -> np.ndarray:
    engine = Engine.load("tiny", preset, device="cpu")  # anew: what is offloaded stays so
    session = engine.session(TIMELINE, seed=5, size_px=SIZE_PX)
    return np.concatenate([block.frames for block in session.blocks(BLOCKS)])


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return pictures(PRESETS["reference"])


@pytest.mark.parametrize("parts", drawn_combinations(), ids=str)
def test_parts_do_not_change_the_picture(plain: np.ndarray, parts: dict[str, object]):
    """A part that adds sums up in another order may round to the other side, no more.

    What is rounded otherwise is remembered, so it grows from block to block.
    """
    off = np.abs(pictures(PRESETS["reference"].with_(**parts)).astype(int) - plain)
    if all(PICTURE[name].startswith("the same picture, to the bit") for name in parts):
        assert off.max() == 0
    assert off.max() <= 1
    assert off.mean() < 3e-3


def test_the_page_calls_exact_what_is_held_here():
    held = {name for name, told in PICTURE.items() if told.startswith("the same picture")}
    assert held == {*PARTS, "compiled", "cuda_graphs", "kernels"}  # the last two need a GPU


def test_a_part_that_changes_the_picture_is_found_out(plain: np.ndarray):
    changed = pictures(PRESETS["reference"].with_(window_frames=8))
    assert np.abs(changed.astype(int) - plain).max() > 2


def test_passes_that_leave_nothing_in_memory_change_nothing_to_the_bit():
    """In a window of the sink and one block; in a larger one every pass is needed."""
    small = PRESETS["reference"].with_(window_frames=6)
    whole = pictures(small.with_(context="always", recache="window"))
    assert np.array_equal(pictures(small), whole)
