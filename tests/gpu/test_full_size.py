"""LongLive-1.3B at full size, with random weights: it runs, and in as much memory as it says."""

import gc
from collections.abc import Callable, Iterator
from itertools import starmap
from statistics import median

import numpy as np
import pytest
import torch
from torch import Tensor

from longlive_widget import PRESETS, Engine, Preset, Timeline
from longlive_widget.engine.attention import KERNELS, choose_attention, missing_for
from longlive_widget.engine.memory import needed_bytes, text_bytes, video_bytes
from longlive_widget.engine.side_by_side import psnr_db, side_by_side, squared_error
from longlive_widget.measure.benchmark import Plan, benchmark
from longlive_widget.model.fp8 import Fp8Linear

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
        {"memory_pool": True},
        {"memory_pool": True, "decode_behind": True},
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
    weights = torch.cuda.memory_allocated()
    engine.model.read("a red ball")
    record_property("text_peak_gb", round((torch.cuda.max_memory_allocated() - weights) / 1e9, 2))
    torch.cuda.reset_peak_memory_stats()
    pictures(engine)
    peak = torch.cuda.max_memory_allocated() - before
    record_property("peak_gb", round(peak / 1e9, 2))
    needed = needed_bytes(engine.preset, engine.model.sizes, torch.bfloat16, engine.device)
    assert peak <= needed < 12e9


@pytest.mark.parametrize(
    "preset",
    [PRESETS["balanced"], PRESETS["ultra"].with_(decoder="small"), PRESETS["speed"]],
    ids=lambda preset: preset.name,
)
def test_the_parts_of_a_block_are_the_block_within_2_percent(
    preset: Preset, record_property: Callable[[str, object], None]
):
    """Of one that has a context pass, of short ones without, and where it decodes behind."""
    (measured,) = benchmark([preset], loaded, Plan(blocks=18, switches=2, turns=2))
    for share in ("unnamed_percent", "switch_unnamed_percent"):
        found = median(measured.samples[share])
        record_property(share, round(found, 2))
        assert 0 <= found < 2
    record_property("hand_over_ms", round(median(measured.samples["hand_over_ms"]), 2))
    del measured
    gc.collect()
    torch.cuda.empty_cache()


# Linear layers in FP8

FP8 = PRESETS["reference"].with_(name="fp8", linear_dtype="fp8")


@pytest.fixture(scope="module")
def fp8() -> Iterator[Engine]:
    yield loaded(FP8)
    gc.collect()
    torch.cuda.empty_cache()


@pytest.mark.parametrize("layer", ["self_attn.q", "ffn.0", "ffn.2"])
def test_a_product_in_fp8_is_off_by_a_twentieth_at_most(reference: Engine, fp8: Engine, layer: str):
    """Both models have the weights of one seed; the tokens of a block are as many as here."""
    plain, quantized = (
        engine.model.transformer.blocks[3].get_submodule(layer) for engine in (reference, fp8)
    )
    assert isinstance(quantized, Fp8Linear)
    x = torch.randn(1, 4680, quantized.in_features, device="cuda", dtype=torch.bfloat16)
    with torch.inference_mode():
        found, right = quantized(x), plain(x)
    assert (found.dtype, found.shape) == (right.dtype, right.shape)
    assert (found.float() - right.float()).norm() < 0.05 * right.float().norm()


def test_blocks_in_fp8_run_and_come_again_to_the_bit(fp8: Engine):
    made = pictures(fp8, 3)
    assert made.shape == (9 + 12 + 12, 480, 832, 3)
    assert made.std() > 1
    assert np.array_equal(made, pictures(fp8, 3))


def test_linears_in_fp8_leave_no_second_copy_of_their_weights_on_the_device(
    record_property: Callable[[str, object], None],
):
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    engine = loaded(FP8)
    gc.collect()
    taken = torch.cuda.memory_allocated() - before
    model = engine.model
    parts = [model.transformer, model.decoder, model.small_decoder, model.text_encoder]
    held = sum(w.nbytes for part in parts if part is not None for w in part.parameters())
    record_property("weights_gb", round(taken / 1e9, 2))
    assert held <= taken < held + 100e6
    sizes, dtype = model.sizes, torch.bfloat16
    whole = video_bytes(sizes, dtype) + text_bytes(FP8, sizes, dtype, torch.device("cuda"))
    assert 1.2e9 < whole - held < 1.3e9


def test_the_worst_block_in_fp8_is_15_db_or_better_with_random_weights(
    reference: Engine, fp8: Engine, record_property: Callable[[str, object], None]
):
    both = side_by_side([reference, fp8], Timeline.of("a red ball moves right"), 4)
    worst_db = psnr_db(max(starmap(squared_error, both)))
    record_property("worst_block_psnr_db", round(worst_db, 1))
    assert 15 <= worst_db < float("inf")


def test_compiled_blocks_in_fp8_run(record_property: Callable[[str, object], None]):
    gc.collect()
    torch.cuda.empty_cache()
    engine = loaded(FP8.with_(compiled="default"))
    torch.cuda.reset_peak_memory_stats()
    made = pictures(engine, 5)
    record_property("peak_gb", round(torch.cuda.max_memory_allocated() / 1e9, 2))
    assert made.std() > 1
    assert np.array_equal(made[:33], pictures(engine, 3))


# Kernels of attention


def sample(keys: int, dtype: torch.dtype = torch.bfloat16) -> tuple[Tensor, Tensor, Tensor]:
    """Queries of one block over keys and values that are a view, as those of a window are."""
    generator = torch.Generator("cuda").manual_seed(keys)

    def drawn(tokens: int) -> Tensor:
        shape = 1, tokens, 12, 128
        return torch.randn(shape, generator=generator, device="cuda", dtype=dtype)

    k, v = (drawn(keys + 1560)[:, :keys] for _ in range(2))
    return drawn(4680), k, v


@pytest.mark.parametrize("keys", [512, 4680, 18_720])
@pytest.mark.parametrize("kernel", [name for name in KERNELS if name != "math"])
def test_a_kernel_gives_what_plain_mathematics_give_in_float32(
    kernel: str, keys: int, record_property: Callable[[str, object], None]
):
    if missing := missing_for(kernel, torch.device("cuda")):
        pytest.skip(f"{kernel} needs {missing}")
    q, k, v = sample(keys)
    with torch.inference_mode():
        found = KERNELS[kernel].attend(q, k, v).float()
        right = KERNELS["math"].attend(q.float(), k.float(), v.float())
    off = float((found - right).norm() / right.norm())
    record_property("relative_error", off)
    assert found.shape == q.shape
    assert off < (0.01 if KERNELS[kernel].exact else 0.1)


def test_math_in_bf16_gives_what_it_gives_in_float32():
    q, k, v = sample(4680)
    with torch.inference_mode():
        found = KERNELS["math"].attend(q, k, v).float()
        right = KERNELS["math"].attend(q.float(), k.float(), v.float())
    assert (found - right).norm() < 0.02 * right.norm()


def test_the_fastest_attention_is_no_slower_than_what_torch_chooses(
    reference: Engine, record_property: Callable[[str, object], None]
):
    before = reference.model.transformer.attend
    try:
        choice = choose_attention(reference.model, PRESETS["reference"].with_(attention="fastest"))
        attends = reference.model.transformer.attend
        plain = Engine(reference.model, PRESETS["reference"].with_(attention="fastest"))
        made = pictures(plain, 3)
    finally:
        reference.model.transformer.attend_with(before)
    record_property("attention", f"{choice.kernel}: {choice.elapsed_ms}, {choice.passed_over}")
    assert attends is KERNELS[choice.kernel].attend
    assert choice.elapsed_ms[choice.kernel] == min(choice.elapsed_ms.values())
    assert {"torch", "efficient", "flash", "cudnn"} <= set(choice.elapsed_ms)
    assert "scores" in choice.passed_over["math"]
    assert made.std() > 1
