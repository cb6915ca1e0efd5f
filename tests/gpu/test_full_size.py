"""LongLive-1.3B at full size, with random weights: it runs, and in as much memory as it says."""

import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from longlive_widget import PRESETS, Engine, Preset, Timeline
from longlive_widget.engine.memory import least_bytes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
TIMELINE = Timeline.of("a red ball moves right", (6, "a blue star spins"), (15, "a red ball rests"))
BLOCKS = 7
"""The window is full after four, and the last switch re-caches a full one."""


def loaded(preset: Preset) -> Engine:
    return Engine.load("longlive-1.3b", preset, device="cuda", weights="random")


@pytest.fixture(scope="module")
def reference() -> Iterator[Engine]:
    yield loaded(PRESETS["reference"])
    gc.collect()
    torch.cuda.empty_cache()


def pictures(engine: Engine, blocks: int = BLOCKS) -> np.ndarray:
    return np.concatenate([b.frames for b in engine.session(TIMELINE, seed=1).blocks(blocks)])


def test_blocks_have_the_models_own_size_and_come_again_to_the_bit(reference: Engine):
    made = pictures(reference, 3)
    assert made.shape == (9 + 12 + 12, 480, 832, 3)
    assert made.std() > 1
    assert np.array_equal(made, pictures(reference, 3))


@pytest.mark.parametrize(
    "parts",
    [
        {"decode_behind": True},
        {"prompt_cache": 4},
        {"window_cache": "static"},
        {"window_cache": "ring", "decode_behind": True},
    ],
    ids=str,
)
def test_parts_that_must_not_change_the_picture_do_not_change_the_first_blocks(
    reference: Engine, parts: dict[str, object]
):
    """Before the window turns, no sum is made in another order."""
    engine = Engine(reference.model, PRESETS["reference"].with_(**parts))
    assert np.array_equal(pictures(engine, 4), pictures(reference, 4))


def test_low_memory_takes_12_gb_at_most_over_steady_blocks_and_switches(
    record_property: Callable[[str, object], None],
):
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    engine = loaded(PRESETS["low_memory"])
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    pictures(engine)
    peak = torch.cuda.max_memory_allocated() - before
    record_property("peak_gb", round(peak / 1e9, 2))
    assert least_bytes(engine.preset, engine.model.sizes, torch.bfloat16) < peak < 12e9
