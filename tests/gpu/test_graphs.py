"""Blocks replayed as CUDA graphs: the same pictures to the bit, no host waits, no allocation."""

import gc
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from longlive_widget import PRESETS, Engine, Preset, Timeline
from longlive_widget.engine.capability import has_compiler

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
POOLED = PRESETS["reference"].with_(window_cache="ring", memory_pool=True, prompt_cache=4)
REPLAYED = POOLED.with_(cuda_graphs=True)
BLOCKS, SWITCH_FRAMES = 200, range(30, 600, 57)
PROMPTS = ("a red ball bounces on white", "it turns blue", "a big star spins at night")
TIMELINE = Timeline.of(
    PROMPTS[0], *((frame, PROMPTS[at % 3]) for at, frame in enumerate(SWITCH_FRAMES, 1))
)
SMALL_PX = (416, 240)


@pytest.fixture(scope="module")
def tiny() -> Engine:
    return Engine.load("tiny", device="cuda")


@pytest.fixture(scope="module")
def full_size() -> Iterator[Engine]:
    yield Engine.load("longlive-1.3b", device="cuda", weights="random")
    gc.collect()
    torch.cuda.empty_cache()


def video(engine: Engine, blocks: int = BLOCKS, **options: object) -> Iterator[np.ndarray]:
    return (b.frames for b in engine.session(TIMELINE, seed=1, **options).blocks(blocks))


def require_equal(one: Iterator[np.ndarray], other: Iterator[np.ndarray], blocks: int) -> None:
    for block, (a, b) in enumerate(zip(one, other, strict=True)):
        assert np.array_equal(a, b), f"block {block} differs"
    assert block + 1 == blocks


@pytest.mark.parametrize(
    "parts",
    [{}, {"window_cache": "static"}, {"decode_behind": True}, {"window_frames": 8}],
    ids=str,
)
def test_200_replayed_blocks_with_10_switches_are_the_same_to_the_bit(
    tiny: Engine, parts: dict[str, object]
):
    """Against the same kernels without graphs."""
    assert len(TIMELINE.landings(3)) == 11
    replayed = Engine(tiny.model, REPLAYED.with_(**parts))
    plain = Engine(tiny.model, POOLED.with_(**parts))
    require_equal(video(replayed), video(plain), BLOCKS)


def test_200_replayed_blocks_of_the_full_size_model_are_the_same_to_the_bit(full_size: Engine):
    """At a quarter of its picture, so that it does not take minutes."""
    replayed, plain = Engine(full_size.model, REPLAYED), Engine(full_size.model, POOLED)
    options = {"size_px": SMALL_PX}
    require_equal(video(replayed, **options), video(plain, **options), BLOCKS)


def test_replayed_blocks_at_the_full_picture_size_are_the_same_to_the_bit(full_size: Engine):
    replayed, plain = Engine(full_size.model, REPLAYED), Engine(full_size.model, POOLED)
    require_equal(video(replayed, 13), video(plain, 13), 13)


def test_a_swapped_adapter_is_not_replayed_over():
    """What was recorded with other weights is recorded anew."""

    def made(preset: Preset) -> list[np.ndarray]:
        engine = Engine.load("tiny", preset, device="cuda")
        session = engine.session(PROMPTS[0], seed=2)
        before = [block.frames for block in session.blocks(12)]
        engine.use_adapters({"own": 0.5})
        return before + [block.frames for block in session.blocks(12)]

    require_equal(iter(made(REPLAYED)), iter(made(POOLED)), 24)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("name", ["tiny", "full_size"])
def test_a_steady_block_waits_for_nothing_and_allocates_nothing(
    name: str, request: pytest.FixtureRequest, *, behind: bool
):
    engine = Engine(request.getfixturevalue(name).model, REPLAYED.with_(decode_behind=behind))
    blocks = engine.session(PROMPTS[0], seed=1, size_px=SMALL_PX).blocks()
    for _ in range(14):
        next(blocks)
    torch.cuda.synchronize()
    keys = ("allocation.all.allocated", "segment.all.allocated")
    before = {key: torch.cuda.memory_stats()[key] for key in keys}
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(6):
            next(blocks)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert {key: torch.cuda.memory_stats()[key] for key in keys} == before


@pytest.mark.parametrize("mode", ["reduce-overhead", "max-autotune"])
def test_the_graphs_of_torch_compile_change_no_picture(mode: str):
    """200 blocks with 10 switches, against the same kernels in the mode without graphs."""
    if not has_compiler(torch.device("cuda")):
        pytest.skip("triton is not installed")
    without = {"reduce-overhead": "default", "max-autotune": "max-autotune-no-cudagraphs"}[mode]
    preset = PRESETS["reference"].with_(window_cache="ring")
    graphs, plain = (
        Engine.load("tiny", preset.with_(compiled=chosen), device="cuda")
        for chosen in (mode, without)
    )
    require_equal(video(graphs), video(plain), BLOCKS)
