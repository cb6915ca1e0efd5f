"""What a preset needs that a machine may not have, and what stands in for it if that is allowed.

Each need is asked for by name; no device is known by its name.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from longlive_widget.engine.attention import missing_for
from longlive_widget.engine.gpu import has_triton, missing_gpu
from longlive_widget.errors import CapabilityError
from longlive_widget.presets import COMPILED_WITHOUT_GRAPHS, FASTEST, Preset

_CPP_COMPILERS = ("c++", "g++", "clang++", "cl")
_FP8_CAPABILITY = (8, 9)
"""The least compute capability of a GPU that converts FP8 itself.

Source: CUDA C++ Programming Guide, features by compute capability.
"""
FP8_LINEARS_CAPABILITY = (9, 0)
"""The least compute capability of a GPU that torch multiplies FP8 on with a scale for each row."""


@dataclass(frozen=True)
class Lack:
    """Something that a preset asks for and a device cannot do.

    `why` and `way_out` make a sentence; `settings` are those that do without it, and `instead` says
    so. `emulated` says what else can be done: the same, without the units that a GPU has for it.
    """

    why: str
    way_out: str
    settings: Mapping[str, object]
    instead: str
    emulated: str | None = None


def within_reach(
    preset: Preset, device: torch.device, *, allow_fallback: bool, emulate: bool = False
) -> tuple[Preset, tuple[str, ...]]:
    """The preset as this device can run it, and a sentence on each thing that it cannot do.

    With `emulate` it does what it can do slowly.

    Raises:
        CapabilityError: it cannot do something, and no fallback is allowed; the message has the
            way out.
    """
    told, refused = [], []
    for need in (_fp8, _fp8_linears, _attention, _kernels, _graphs, _own_graphs, _compiler):
        lack = need(preset, device)
        if lack is None:
            continue
        if emulate and lack.emulated:
            told.append(f"{lack.emulated}: preset {preset.name!r} {lack.why}")
            continue
        refused.append(f"{lack.why}: {lack.way_out}")
        preset = replace(preset, **lack.settings)  # type: ignore[arg-type]  # our own, below
        told.append(f"{lack.instead}: preset {preset.name!r} {lack.why}")
    if refused and not allow_fallback:
        ways = "; and ".join(refused)
        raise CapabilityError(
            f"preset {preset.name!r} {ways}; or pass allow_fallback=True, in a terminal "
            "--allow-fallback"
        )
    return preset, tuple(told)


def _fp8(preset: Preset, device: torch.device) -> Lack | None:
    if preset.window_dtype != "fp8":
        return None
    missing = missing_gpu(device, _FP8_CAPABILITY)
    if missing is None:
        return None
    return Lack(
        f"holds its window in FP8, which needs {missing}",
        "use window_dtype='int8', which takes as many bytes",
        {"window_dtype": "int8"},
        "the window is in int8 instead of FP8",
        "the window is in FP8 that is emulated, for its pictures",
    )


def _fp8_linears(preset: Preset, device: torch.device) -> Lack | None:
    if preset.linear_dtype != "fp8":
        return None
    missing = missing_gpu(device, FP8_LINEARS_CAPABILITY)
    if missing is None:
        return None
    emulated = "the linear layers are in FP8 that is emulated, for its pictures"
    return Lack(
        f"multiplies its linear layers in FP8, which needs {missing}",
        "use linear_dtype='model'",
        {"linear_dtype": "model"},
        "the linear layers are in the model's numbers instead of FP8",
        emulated if device.type == "cpu" else None,  # on a GPU torch multiplies it in units alone
    )


def _attention(preset: Preset, device: torch.device) -> Lack | None:
    if preset.attention in FASTEST:
        return None
    missing = missing_for(preset.attention, device)
    if missing is None:
        return None
    return Lack(
        f"attends with {preset.attention!r}, which needs {missing}",
        "use attention='fastest', which takes what is here",
        {"attention": "torch"},
        f"torch chooses how to attend instead of {preset.attention!r}",
    )


def _kernels(preset: Preset, device: torch.device) -> Lack | None:
    if preset.kernels != "triton" or has_triton(device):
        return None
    missing = f"a GPU, and device '{device}' is none"
    if device.type == "cuda":
        missing = "the package triton, and that is not installed"
    return Lack(
        f"computes norms, turns and sums with kernels in Triton, which need {missing}",
        "use kernels='fastest', which takes what is here",
        {"kernels": "torch"},
        "torch computes norms, turns and sums",
    )


def _graphs(preset: Preset, device: torch.device) -> Lack | None:
    if preset.cuda_graphs is not True or device.type == "cuda":
        return None
    return Lack(
        f"replays blocks as CUDA graphs, and device '{device}' has none",
        "use cuda_graphs=False, which makes the same pictures",
        {"cuda_graphs": False},
        "no block is replayed",
    )


def _own_graphs(preset: Preset, device: torch.device) -> Lack | None:
    if preset.compiled not in COMPILED_WITHOUT_GRAPHS or device.type == "cuda":
        return None
    without = COMPILED_WITHOUT_GRAPHS[preset.compiled]
    return Lack(
        f"compiles in the mode {preset.compiled!r}, which records CUDA graphs, and device "
        f"'{device}' has none",
        f"use compiled={without!r}, which makes the same pictures",
        {"compiled": without},
        f"torch compiles in the mode {without!r}",
    )


def _compiler(preset: Preset, device: torch.device) -> Lack | None:
    if preset.compiled is None or has_compiler(device):
        return None
    needs, install = (
        ("compiles for the GPU, and triton is not installed", "install it")
        if device.type == "cuda"
        else ("compiles for the processor, and there is no C++ compiler", "install one (g++)")
    )
    return Lack(
        needs,
        f"{install}, or use compiled=None, which makes the same pictures",
        {"compiled": None},
        "nothing is compiled",
    )


def has_compiler(device: torch.device) -> bool:
    """Whether what torch compiles with is here."""
    if device.type == "cuda":
        return has_triton(device)
    names = (os.environ.get("CXX", ""), *_CPP_COMPILERS)
    return any(shutil.which(name) for name in names if name)
