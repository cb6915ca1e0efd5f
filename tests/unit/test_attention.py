"""The kernels of attention: they agree, belong to one model, and the fastest is found."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from longlive_widget import PRESETS, Engine, Preset
from longlive_widget.engine import attention
from longlive_widget.engine.attention import (
    KERNELS,
    Kernel,
    choose_attention,
    missing_for,
    times_ms,
)
from longlive_widget.engine.capability import within_reach
from longlive_widget.engine.layers import require_layers
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.model.attention import (
    FA3_MODULE,
    in_whole_waves,
    math_attention,
    torch_attention,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
HERE = [name for name in KERNELS if missing_for(name, CPU) is None]
FASTEST = PRESETS["reference"].with_(name="quick", attention="fastest")


def attending(kernel: str) -> Preset:
    return PRESETS["reference"].with_(name="odd", attention=kernel)


@pytest.fixture
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


def a_sample(queries: int, keys: int, device: str = "cpu") -> tuple[Tensor, ...]:
    """Keys and values are a view, as those of a window are."""
    torch.manual_seed(queries)
    q, k, v = torch.randn(3, 2, max(queries, keys) + 3, 3, 16, device=device)
    return q[:, :queries], k[:, 3 : keys + 3], v[:, 3 : keys + 3]


def test_a_processor_has_the_choice_of_torch_and_plain_mathematics():
    assert HERE == ["torch", "math"]


@pytest.mark.parametrize(("queries", "keys"), [(9, 36), (9, 9), (12, 5)])
@pytest.mark.parametrize("kernel", HERE)
def test_a_kernel_gives_the_softmax_of_the_scores_times_the_values(
    kernel: str, queries: int, keys: int
):
    q, k, v = a_sample(queries, keys)
    scores = torch.einsum("bqhd,bkhd->bhqk", q.double(), k.double()) / 16**0.5
    right = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v.double())
    found = KERNELS[kernel].attend(q, k, v)
    assert (found - right).abs().max() < 1e-6
    assert (found - torch_attention(q, k, v)).abs().max() < 1e-6


@pytest.mark.parametrize("kernel", ["efficient", "flash", "cudnn"])
def test_a_kernel_that_runs_only_on_a_gpu_is_called_as_torch_wants_it(kernel: str):
    """On the device that computes nothing, torch checks what is given to it all the same."""
    q, k, v = (x.bfloat16() for x in a_sample(9, 36, "meta"))
    assert KERNELS[kernel].attend(q, k, v).shape == q.shape


@pytest.fixture
def fa3(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """FlashAttention-3, played by torch: the queries of each call, and the parts of its keys.

    On a device of 32 multiprocessors.
    """
    calls: list[tuple[int, int]] = []

    def attended(
        q: Tensor, k: Tensor, v: Tensor, *, out: Tensor, num_splits: int, **scales: Tensor
    ) -> None:
        if scales:
            assert {x.dtype for x in (q, k, v)} == {torch.float8_e4m3fn}
            assert {scale.shape for scale in scales.values()} == {(len(q), q.shape[2])}
            q, k, v = (
                x.float() * scales[f"{name}_descale"][:, None, :, None]
                for name, x in (("q", q), ("k", k), ("v", v))
            )
        calls.append((q.shape[1], num_splits))
        out.copy_(torch_attention(q, k, v))

    operators = SimpleNamespace(fwd=attended)
    monkeypatch.setitem(sys.modules, FA3_MODULE, SimpleNamespace(fa3_fwd_cuda=operators))
    device = SimpleNamespace(multi_processor_count=32)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: device)
    return calls


@pytest.mark.parametrize(
    ("queries", "keys", "calls"),
    [(9, 36, [(9, 1)]), (1345, 2048, [(1345, 1)]), (1344, 2048, [(960, 1), (384, 2)])],
)
def test_flash_attention_3_attends_from_every_query_to_every_key(
    fa3: list[tuple[int, int]], queries: int, keys: int, calls: list[tuple[int, int]]
):
    (q, _, _), (_, k, v) = a_sample(queries, keys), a_sample(1, keys)
    off = KERNELS["fa3"].attend(q, k, v) - torch_attention(q, k, v)
    assert off.abs().max() < 1e-6
    assert fa3 == calls


@pytest.mark.parametrize(
    ("queries", "keys", "shared"),
    [
        (4680, 18720, (4224, 2)),
        (4680, 4680, (4224, 2)),
        (4680, 512, (4680, 1)),
        (14040, 14040, (14040, 1)),
        (1560, 18720, (1408, 5)),
        (300, 18720, (0, 3)),
        (700, 18720, (700, 1)),
    ],
)
def test_queries_fill_an_h200_some_times_over_and_the_keys_of_the_rest_are_cut(
    queries: int, keys: int, shared: tuple[int, int]
):
    found = in_whole_waves(queries, keys, 12, at_once=128, processors=132)
    assert found == shared


@pytest.mark.usefixtures("fa3")
def test_flash_attention_3_in_fp8_gets_small_numbers_with_a_scale_for_each_head():
    q, k, v = a_sample(90, 360)
    v[:, :, 1] *= 1000
    k[:, :, 2] = 1.0  # nothing is left of these without their mean
    right = torch_attention(q, k, v)
    far = 100 * torch.ones_like(k[:, :1])  # the same for all keys: the softmax does not see it
    for keys in (k, k + far):
        torch.set_flush_denormal(True)  # as compiled code on a GPU does
        try:
            found = KERNELS["fa3-fp8"].attend(q, keys, v)
        finally:
            torch.set_flush_denormal(False)
        assert found.dtype == q.dtype
        error_H = (found - right).square().mean((0, 1, 3)) / right.square().mean((0, 1, 3))
        assert error_H.sqrt().max() < 0.1, error_H.sqrt()


def test_the_fastest_is_none_that_changes_the_picture(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    inexact = replace(KERNELS["torch"], exact=False)
    monkeypatch.setitem(KERNELS, "fa3-fp8", inexact)
    choice = attention.choose_attention(engine.model, FASTEST)
    assert "it changes the picture" in choice.passed_over["fa3-fp8"]


def test_the_fastest_may_be_one_in_fp8_where_that_is_said(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    inexact = replace(KERNELS["torch"], exact=False)
    monkeypatch.setitem(KERNELS, "fa3-fp8", inexact)
    choice = attention.choose_attention(engine.model, FASTEST.with_(attention="fastest-fp8"))
    assert "fa3-fp8" in choice.elapsed_ms
    attention.choose_attention(engine.model, FASTEST)


def test_the_kernel_is_of_one_model_and_computes_both_its_attentions(engine: Engine):
    other = Engine.load("tiny", attending("math"), device="cpu")
    assert (engine.attention.kernel, other.attention.kernel) == ("torch", "math")
    assert engine.model.transformer.attend is torch_attention
    assert other.model.transformer.attend is math_attention
    seen = []

    def counted(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        seen.append(k.shape[1])
        return torch_attention(q, k, v)

    other.model.transformer.attend_with(counted)
    for each in (engine, other):
        next(each.session("a red ball").blocks(1))
    layers, steps = len(engine.model.transformer.blocks), 4
    context = layers - 1  # the last layer only writes
    assert seen == [180, 32] * (layers * steps + context)


def test_an_engine_runs_no_model_that_was_loaded_with_another_attention(engine: Engine):
    with pytest.raises(PresetError, match="attention 'math', and this model was loaded with 'torc"):
        Engine(engine.model, attending("math"))
    assert Engine(engine.model, FASTEST).attention.kernel == "torch"


# What a device or a model does not have


@pytest.mark.parametrize(
    ("kernel", "has", "told"),
    [
        ("efficient", (3, 7), r"compute capability 5\.0, and device 'cuda' has 3\.7"),
        ("flash", (7, 5), r"compute capability 8\.0, and device 'cuda' has 7\.5"),
        ("cudnn", (7, 5), r"compute capability 8\.0, and device 'cuda' has 7\.5"),
        ("fa3", (8, 9), r"compute capability 9\.0 to below 10\.0, and device 'cuda' has 8\.9"),
        ("fa3", (10, 0), r"compute capability 9\.0 to below 10\.0, and device 'cuda' has 10\.0"),
        ("fa3", (9, 0), r"the package fa3-fwd, and that is not installed"),
    ],
)
def test_what_a_kernel_lacks_is_told_with_the_way_out_or_replaced(
    monkeypatch: pytest.MonkeyPatch, kernel: str, has: tuple[int, int], told: str
):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: has)
    monkeypatch.setitem(sys.modules, FA3_MODULE, None)
    asked = attending(kernel)
    way_out = ": use attention='fastest', which takes what is here; or pass allow_fallback=True"
    with pytest.raises(CapabilityError, match=rf"'{kernel}', which needs .*{told}{way_out}"):
        within_reach(asked, CUDA, allow_fallback=False)
    instead, sentences = within_reach(asked, CUDA, allow_fallback=True)
    assert instead == replace(asked, attention="torch")
    assert sentences[0].startswith(f"torch chooses how to attend instead of '{kernel}': preset")


def test_a_device_that_has_all_lacks_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(attention.importlib.util, "find_spec", lambda _: object())
    for kernel in (*KERNELS, "fastest"):
        asked = attending(kernel)
        assert within_reach(asked, CUDA, allow_fallback=False) == (asked, ())


@pytest.mark.parametrize(
    ("kernel", "dtype", "heads", "told"),
    [
        ("flash", torch.float32, 6, "'flash', which takes numbers of 16 bits, and not float32"),
        ("fa3", torch.bfloat16, 16, "takes heads of a multiple of 8 features, and not of 12"),
        ("cudnn", torch.bfloat16, 1, "takes heads of at most 128 features, and not of 192"),
    ],
)
def test_numbers_and_heads_that_a_kernel_does_not_take_are_told(
    engine: Engine, kernel: str, dtype: torch.dtype, heads: int, told: str
):
    sizes = engine.model.sizes
    require_layers(attending(kernel), sizes, torch.bfloat16)
    other = replace(sizes, transformer=replace(sizes.transformer, heads=heads))
    require_layers(FASTEST, other, dtype)
    with pytest.raises(PresetError, match=f"{told}: use attention='fastest'"):
        require_layers(attending(kernel), other, dtype)


# The fastest


def clock(**elapsed_ms: float) -> Callable[[torch.device], Callable[[partial], float]]:
    """Says of each kernel that it took so long, and runs nothing."""
    named = {KERNELS[name].attend: ms for name, ms in elapsed_ms.items()}
    return lambda _device: lambda run: named[run.func]


@pytest.mark.parametrize(
    ("times", "kernel"),
    [({"torch": 2.0, "math": 1.0}, "math"), ({"torch": 1.0, "math": 1.0}, "torch")],
)
def test_the_fastest_kernel_is_taken_and_all_times_are_told(
    monkeypatch: pytest.MonkeyPatch, times: dict[str, float], kernel: str
):
    monkeypatch.setattr(attention, "stopwatch", clock(**times))
    engine = Engine.load("tiny", FASTEST, device="cpu")
    assert engine.attention.kernel == kernel
    assert engine.attention.elapsed_ms == times
    assert engine.model.transformer.attend is KERNELS[kernel].attend
    assert set(engine.attention.passed_over) == set(KERNELS) - set(times)
    assert engine.attention.passed_over["flash"] == (
        "it needs a GPU of compute capability 8.0, and device 'cpu' has none"
    )


def test_kernels_are_timed_for_one_block_over_a_full_window(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    shapes = set()

    def stopwatch(run: partial) -> float:
        shapes.add(tuple(tuple(x.shape) for x in run.args))
        return 1.0

    monkeypatch.setattr(attention, "stopwatch", lambda _: stopwatch)
    choose_attention(engine.model, FASTEST)
    assert shapes == {((1, 180, 6, 32), (1, 720, 6, 32), (1, 720, 6, 32))}


def test_times_are_medians_of_kernels_in_turns():
    ticks, order = iter([5.0, 1.0, 9.0, 2.0, 4.0, 90.0]), []

    def stopwatch(run: Callable[[], object]) -> float:
        run()
        return next(ticks)

    runs = {name: partial(order.append, name) for name in ("torch", "math")}
    assert times_ms(runs, stopwatch, rounds=3) == {"torch": 5.0, "math": 2.0}
    assert order == ["torch", "math"] * 3


def failing(*_: Tensor) -> Tensor:
    raise RuntimeError("no valid\nplan")


@pytest.mark.parametrize(
    ("kernel", "why"),
    [
        (Kernel(failing, float32=True), "fails on device 'cpu' (no valid plan)"),
        (Kernel(torch_attention), "takes numbers of 16 bits, and not float32"),
    ],
    ids=["fails", "unfit"],
)
def test_where_a_fallback_is_allowed_torch_stands_in_for_a_kernel_that_cannot_run(
    monkeypatch: pytest.MonkeyPatch, kernel: Kernel, why: str
):
    monkeypatch.setitem(KERNELS, "cudnn", kernel)
    with pytest.raises((CapabilityError, PresetError)):
        Engine.load("tiny", attending("cudnn"), device="cpu")
    engine = Engine.load("tiny", attending("cudnn"), device="cpu", allow_fallback=True)
    (told,) = engine.fallbacks
    assert told.startswith("torch chooses how to attend instead of 'cudnn': preset ")
    assert told.endswith(f"attends with 'cudnn', which {why}")
    assert engine.preset.attention == engine.attention.kernel == "torch"
    assert engine.model.transformer.attend is KERNELS["torch"].attend
    assert len(list(engine.session("a red ball", size_px=(64, 48)).blocks(1))) == 1


@pytest.mark.fault(
    "The model",
    "an attention kernel fails on this machine",
    "it is passed over where the fastest is asked for, else told",
)
def test_a_kernel_that_fails_here_is_passed_over_or_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(KERNELS, "cudnn", Kernel(failing, float32=True))
    assert choose_attention(engine.model, FASTEST).passed_over["cudnn"] == "no valid plan"
    with pytest.raises(
        CapabilityError, match=r"fails on device 'cpu' \(no valid plan\): use atten"
    ):
        Engine.load("tiny", attending("cudnn"), device="cpu")


def test_plain_mathematics_are_not_timed_where_they_hold_too_much(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attention, "_MOST_SCORES", 10**5)
    monkeypatch.setattr(attention, "stopwatch", clock())
    choice = choose_attention(engine.model, FASTEST)
    assert (choice.kernel, choice.elapsed_ms) == ("torch", {})
    assert choice.passed_over["math"] == "it holds 1 million scores at once"
