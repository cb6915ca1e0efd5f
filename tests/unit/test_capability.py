"""What a machine cannot do is told with the way out, or replaced and told."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from longlive_widget import Engine, Preset
from longlive_widget.cli import main
from longlive_widget.engine import capability
from longlive_widget.engine.capability import has_compiler, within_reach
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.measure.environment import measured
from longlive_widget.presets import PRESETS

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
FP8 = Preset("small", "", window_dtype="fp8")
FP8_LINEARS = Preset("quick", "", linear_dtype="fp8")
TRITON = Preset("own", "", kernels="triton")
PROMPT = "a red ball moves right on black"
SIZE_PX = (48, 32)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)


def test_fp8_is_refused_where_the_device_has_none(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(CapabilityError, match=r"8\.9, and device 'cpu' has none: use window_d"):
        Engine.load("tiny", FP8, device="cpu")
    with pytest.raises(CapabilityError, match=r"8\.9, and device 'cpu' has none: use window_d"):
        Engine(Engine.load("tiny", device="cpu").model, FP8)
    for version in ((8, 0), (8, 9), (9, 0)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, v=version: v)
        if version >= (8, 9):
            assert within_reach(FP8, CUDA, allow_fallback=False) == (FP8, ())
            continue
        with pytest.raises(CapabilityError, match=r"device 'cuda' has 8\.0: use window_dtype"):
            within_reach(FP8, CUDA, allow_fallback=False)


def test_linears_in_fp8_are_refused_where_the_device_multiplies_none_with_a_scale_for_each_row(
    monkeypatch: pytest.MonkeyPatch,
):
    with pytest.raises(
        CapabilityError, match=r"9\.0, and device 'cpu' has none: use linear_dtype="
    ):
        Engine.load("tiny", FP8_LINEARS, device="cpu")
    for has in ((8, 9), (9, 0), (10, 0)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, has=has: has)
        if has >= (9, 0):
            assert within_reach(FP8_LINEARS, CUDA, allow_fallback=False) == (FP8_LINEARS, ())
            continue
        with pytest.raises(CapabilityError, match=r"device 'cuda' has 8\.9: use linear_dtype='mod"):
            within_reach(FP8_LINEARS, CUDA, allow_fallback=False)


def test_kernels_in_triton_are_refused_where_they_do_not_run(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        CapabilityError, match=r"need a GPU, and device 'cpu' is none: use kernels='fas"
    ):
        Engine.load("tiny", TRITON, device="cpu")
    for found in (None, "a spec"):
        monkeypatch.setattr(importlib.util, "find_spec", lambda _, found=found: found)
        if found:
            assert within_reach(TRITON, CUDA, allow_fallback=False) == (TRITON, ())
            continue
        with pytest.raises(CapabilityError, match=r"need the package triton, and that is not ins"):
            within_reach(TRITON, CUDA, allow_fallback=False)


def test_the_fastest_kernels_of_a_processor_are_those_of_torch():
    engine = Engine.load("tiny", TRITON.with_(kernels="fastest"), device="cpu")
    assert engine.fallbacks == ()
    assert not engine.model.transformer.fused


@pytest.mark.parametrize(
    ("preset", "told"),
    [
        (FP8, "the window is in FP8 that is emulated, for its pictures: preset 'small' holds"),
        (
            FP8_LINEARS,
            "the linear layers are in FP8 that is emulated, for its pictures: preset 'qu",
        ),
    ],
)
def test_fp8_is_emulated_on_a_processor_where_that_is_asked_for(preset: Preset, told: str):
    """The pictures are others than without it, and what it is said with goes into every record."""
    engine = Engine.load("tiny", preset, device="cpu", emulate=True)
    assert engine.preset == preset
    (sentence,) = engine.fallbacks
    assert sentence.startswith(told)
    assert measured("likeness", engine).facts["fallbacks"] == sentence
    plain = Engine.load("tiny", device="cpu")
    made, without = (
        list(e.session(PROMPT, size_px=SIZE_PX).blocks(2))[1].frames for e in (engine, plain)
    )
    assert 0 < np.abs(made.astype(int) - without).mean() < 5
    with pytest.raises(CapabilityError, match="device 'cpu' has none"):
        Engine(engine.model, preset)


def test_a_gpu_does_not_emulate_products_in_fp8(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert within_reach(FP8, CUDA, allow_fallback=False, emulate=True)[0] == FP8
    with pytest.raises(CapabilityError, match=r"device 'cuda' has 8\.0: use linear_dtype='model'"):
        within_reach(FP8_LINEARS, CUDA, allow_fallback=False, emulate=True)


def test_linears_in_the_models_own_numbers_stand_in_for_fp8():
    engine = Engine.load("tiny", FP8_LINEARS, device="cpu", allow_fallback=True)
    assert engine.preset == Preset("quick", "")
    assert engine.fallbacks == (
        "the linear layers are in the model's numbers instead of FP8: preset 'quick' multiplies "
        "its linear layers in FP8, which needs a GPU of compute capability 9.0, and device 'cpu' "
        "has none",
    )


@pytest.mark.usefixtures("no_compiler")
def test_a_missing_compiler_is_told_with_the_way_out():
    with pytest.raises(CapabilityError, match=r"install one \(g\+\+\), or use compiled=None"):
        Engine.load("tiny", "balanced", device="cpu")


@pytest.mark.usefixtures("no_compiler")
def test_a_compiler_that_the_environment_names_is_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    assert not has_compiler(CPU)
    own = tmp_path / "cpp"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("CXX", "cpp")
    assert has_compiler(CPU)


def test_what_stands_in_is_run_and_told():
    engine = Engine.load("tiny", FP8, device="cpu", allow_fallback=True)
    assert engine.preset == Preset("small", "", window_dtype="int8")
    assert engine.fallbacks == (
        "the window is in int8 instead of FP8: preset 'small' holds its window in FP8, which needs "
        "a GPU of compute capability 8.9, and device 'cpu' has none",
    )
    assert "int8 instead of FP8" in repr(engine)
    assert engine.session(PROMPT).fallbacks == engine.fallbacks
    named = Engine.load("tiny", FP8.with_(window_dtype="int8"), device="cpu")
    made, wanted = (
        next(e.session(PROMPT, size_px=SIZE_PX).blocks(1)).frames for e in (engine, named)
    )
    assert np.array_equal(made, wanted)


@pytest.mark.usefixtures("no_compiler")
def test_several_things_that_lack_are_all_told():
    both = PRESETS["balanced"].with_(name="both", window_dtype="fp8")
    preset, told = within_reach(both, CPU, allow_fallback=True)
    assert (preset.name, preset.window_dtype, preset.compiled) == ("both", "int8", None)
    assert [sentence.split(":")[0] for sentence in told] == [
        "the window is in int8 instead of FP8",
        "nothing is compiled",
    ]


@pytest.mark.parametrize(
    ("parts", "refused", "replaced", "told"),
    [
        (
            {"cuda_graphs": True, "memory_pool": True, "window_cache": "ring"},
            "replays blocks as CUDA graphs, and device 'cpu' has none: use cuda_graphs=False",
            {"cuda_graphs": False},
            "no block is replayed",
        ),
        (
            {"compiled": "reduce-overhead"},
            "'reduce-overhead', which records CUDA graphs, and device 'cpu' .*: use compiled='def",
            {"compiled": "default"},
            "torch compiles in the mode 'default'",
        ),
        (
            {"compiled": "max-autotune"},
            "'max-autotune', which records.*: use compiled='max-autotune-no-cudagraphs'",
            {"compiled": "max-autotune-no-cudagraphs"},
            "torch compiles in the mode 'max-autotune-no-cudagraphs'",
        ),
    ],
)
def test_graphs_need_a_gpu(
    monkeypatch: pytest.MonkeyPatch, parts, refused: str, replaced, told: str
):
    monkeypatch.setattr(capability, "has_compiler", lambda _: True)
    preset = PRESETS["reference"].with_(**parts)
    with pytest.raises(CapabilityError, match=refused):
        Engine.load("tiny", preset, device="cpu")
    reached, (sentence,) = within_reach(preset, CPU, allow_fallback=True)
    assert reached == preset.with_(name=preset.name, **replaced, summary=preset.summary)
    assert sentence.startswith(told)
    assert within_reach(preset, CUDA, allow_fallback=False) == (preset, ())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_here_is_replaced_only_if_that_is_allowed():
    with pytest.raises(CapabilityError, match="device 'cuda' is not here"):
        Engine.load("tiny", device="cuda")
    engine = Engine.load("tiny", device="cuda", allow_fallback=True)
    assert engine.device == CPU
    assert engine.fallbacks == ("the processor computes: device 'cuda' is not here",)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"compiled": "default"}, "has compiled 'default', and this model was loaded with None"),
        ({"offload_text_encoder": True}, "offload_text_encoder True, .* loaded with False"),
    ],
)
def test_a_model_does_not_run_under_what_was_not_done_to_it(parts, told: str):
    model = Engine.load("tiny", device="cpu").model
    with pytest.raises(PresetError, match=f"{told}: load it again"):
        Engine(model, PRESETS["reference"].with_(**parts))
    done = Engine.load("tiny", PRESETS["reference"].with_(**parts), device="cpu")
    with pytest.raises(PresetError, match="load it again"):
        Engine(done.model, PRESETS["reference"])


def test_a_decoder_takes_a_block_in_equal_parts():
    for frames in (2, 5):
        with pytest.raises(PresetError, match=f"decodes {frames} .* has 3: use decode_frames=1 or"):
            Engine.load("tiny", PRESETS["reference"].with_(decode_frames=frames), device="cpu")


def test_nothing_is_told_where_nothing_lacks():
    assert Engine.load("tiny", device="cpu", allow_fallback=True).fallbacks == ()


def test_the_command_names_the_option_that_lets_something_stand_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = ["generate", "--prompt", PROMPT, "--blocks", "1", "--device", "cpu"]
    assert main([*given, "--preset", "speed", "--out", str(tmp_path / "x.mp4")]) == 2
    assert "allow_fallback=True, in a terminal --allow-fallback" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_command_says_what_stands_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given = ["generate", "--prompt", PROMPT, "--blocks", "1", "--device", "cuda"]
    given += ["--out", str(tmp_path / "x.mp4")]
    assert main(given) == 2
    assert "device 'cuda' is not here" in capsys.readouterr().err
    assert main([*given, "--allow-fallback"]) == 0
    assert "the processor computes: device 'cuda' is not here" in capsys.readouterr().out
