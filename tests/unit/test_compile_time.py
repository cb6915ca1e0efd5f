"""What compiling takes: torch's own counter, and what Triton tells its listener."""

import importlib.util
import sys
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
import torch

from longlive_widget import Engine, Preset
from longlive_widget.measure.benchmark import Plan, benchmark
from longlive_widget.measure.compile_time import compile_timed

PLANTED_S = 0.3


def compiled_slowly() -> None:
    """Compile something: it takes a while."""

    def backend(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        time.sleep(PLANTED_S)
        return graph.forward

    def double(x: torch.Tensor) -> torch.Tensor:
        return x + x

    torch.compile(double, backend=backend)(torch.ones(2))


def test_what_torch_compiles_inside_is_timed_and_nothing_else():
    compiled_slowly()
    with compile_timed() as nothing:
        time.sleep(0.01)
    began_s = time.perf_counter()
    with compile_timed() as facts:
        compiled_slowly()
    assert PLANTED_S <= facts["torch_compile_s"] <= time.perf_counter() - began_s
    assert nothing["torch_compile_s"] == 0


@pytest.fixture
def knobs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Triton's settings, as far as they are of use here: this machine may have none."""
    triton, knobs = ModuleType("triton"), ModuleType("triton.knobs")
    triton.knobs = knobs  # type: ignore[attr-defined]
    knobs.compilation = SimpleNamespace(listener=None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "triton", triton)
    monkeypatch.setitem(sys.modules, "triton.knobs", knobs)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: triton if name == "triton" else find(name)
    )
    return knobs


def told(knobs: ModuleType, total_us: int) -> None:
    times = SimpleNamespace(total=total_us)
    rest = dict.fromkeys(("src", "metadata", "metadata_group"))
    knobs.compilation.listener(times=times, cache_hit=False, **rest)


def test_what_triton_compiles_inside_is_timed_and_who_listened_before_still_hears(
    knobs: ModuleType,
):
    heard: list[dict[str, object]] = []
    listener = knobs.compilation.listener = lambda **told: heard.append(told)
    told(knobs, 5_000_000)
    with compile_timed() as facts:
        told(knobs, 1_500_000)
        told(knobs, 250_000)
    assert facts["triton_compile_s"] == 1.75
    assert len(heard) == 3
    assert knobs.compilation.listener is listener


def test_a_stretch_that_fails_leaves_no_listener(knobs: ModuleType):
    with pytest.raises(RuntimeError), compile_timed():
        raise RuntimeError("planted")
    assert knobs.compilation.listener is None


def test_without_triton_nothing_is_said_of_it(monkeypatch: pytest.MonkeyPatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "triton" else find(name)
    )
    with compile_timed() as facts:
        pass
    assert facts == {"torch_compile_s": 0}


def test_a_benchmark_tells_what_compiling_took_of_each_preset():
    """Of loading and of the way to the first steady block."""
    slow = Preset("slow", "", denoise_steps=(1000,), window_frames=6)

    def load(preset: Preset) -> Engine:
        if preset is slow:
            compiled_slowly()
        return Engine.load("tiny", preset, device="cpu")

    plan = Plan(blocks=1, switches=0, turns=1, size_px=(64, 48))
    first, other = benchmark([slow, slow.with_(name="other")], load, plan)
    whole_s = first.facts["load_s"] + first.facts["warm_up_s"]
    assert PLANTED_S <= first.facts["torch_compile_s"] <= whole_s
    assert other.facts["torch_compile_s"] == 0
