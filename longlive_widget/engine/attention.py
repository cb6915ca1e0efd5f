"""The kernels that attention may run on: what each needs, and which is the fastest here.

The only place in the engine with a clock: the choice is made once, before the first block.

Axes: B batch, T tokens, H heads, D head size.
"""

import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

import torch
from torch import Tensor

from longlive_widget.engine.gpu import ComputeCapability, missing_gpu
from longlive_widget.engine.model import Model, Sizes
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.model.attention import (
    FA3_MODULE,
    Attend,
    cudnn_attention,
    efficient_attention,
    fa3_attention,
    flash_attention,
    math_attention,
    torch_attention,
)
from longlive_widget.model.fp8_attention import fa3_fp8_attention
from longlive_widget.presets import FASTEST, Attention, Preset

Stopwatch = Callable[[Callable[[], object]], float]
"""Runs something and says how long that took, in ms."""
_ROUNDS = 7
_MOST_SCORES = 2**26
"""The scores that `math` may hold at once to be timed too: full size has 16 times as many."""


@dataclass(frozen=True)
class Kernel:
    """One way to compute attention, and what it needs of a device and of numbers.

    `gpu` is the least compute capability, `below` the first that is too much; without `gpu` any
    device will do. `head_multiple` and `most_head_dim` are the head sizes that it takes. `module`
    is what must be installed, of the package `package`. One that is not `exact` changes the picture
    more than the order of sums does: a preset gets it that names it, or asks for "fastest-fp8".
    """

    attend: Attend
    gpu: ComputeCapability | None = None
    below: ComputeCapability | None = None
    float32: bool = False
    head_multiple: int = 8
    most_head_dim: int | None = None
    module: str = ""
    package: str = ""
    exact: bool = True


_FA3 = Kernel(
    fa3_attention,
    gpu=(9, 0),
    below=(10, 0),
    most_head_dim=256,
    module=FA3_MODULE,
    package="fa3-fwd",
)
KERNELS: dict[Attention, Kernel] = {
    "torch": Kernel(torch_attention, float32=True, head_multiple=1),
    "math": Kernel(math_attention, float32=True, head_multiple=1),
    "efficient": Kernel(efficient_attention, gpu=(5, 0), float32=True),
    "flash": Kernel(flash_attention, gpu=(8, 0), most_head_dim=256),
    "cudnn": Kernel(cudnn_attention, gpu=(8, 0), most_head_dim=128),
    "fa3": _FA3,
    "fa3-fp8": replace(_FA3, attend=fa3_fp8_attention, exact=False),
}
"""All but those of `FASTEST`, which are one of them.

Source: `sdp_utils.cpp` of torch; the build flags in `fa3_fwd_config.py` of fa3-fwd 0.0.3, which
leave out float16.
"""


@dataclass(frozen=True)
class AttentionChoice:
    """The kernel that a model's attention runs on, and how it came to that.

    `elapsed_ms` is the median time of one call of each kernel that was timed, at the sizes of a
    full window; `passed_over` says of the others why they were not. Both are empty where the preset
    names the kernel and has it.
    """

    kernel: Attention
    elapsed_ms: Mapping[Attention, float] = field(default_factory=dict)
    passed_over: Mapping[Attention, str] = field(default_factory=dict)


def missing_for(kernel: Attention, device: torch.device) -> str | None:
    """What a kernel needs and a device has not, as the end of "it needs ..."; None if nothing."""
    needs = KERNELS[kernel]
    if needs.gpu is not None and (gpu := missing_gpu(device, needs.gpu, needs.below)):
        return gpu
    if needs.module and importlib.util.find_spec(needs.module) is None:
        return f"the package {needs.package}, and that is not installed"
    return None


def unfit_for(kernel: Attention, dtype: torch.dtype, head_dim: int) -> str | None:
    """What a kernel takes, where that is not these numbers or heads; None if they will do."""
    needs = KERNELS[kernel]
    if dtype == torch.float32 and not needs.float32:
        return "numbers of 16 bits, and not float32"
    if head_dim % needs.head_multiple:
        return f"heads of a multiple of {needs.head_multiple} features, and not of {head_dim}"
    if needs.most_head_dim is not None and head_dim > needs.most_head_dim:
        return f"heads of at most {needs.most_head_dim} features, and not of {head_dim}"
    return None


def require_attention(preset: Preset, sizes: Sizes, dtype: torch.dtype) -> None:
    """Make sure that the preset's attention takes a model of these sizes, in these numbers.

    Raises:
        PresetError: it does not.
    """
    if preset.attention in FASTEST:
        return
    unfit = unfit_for(preset.attention, dtype, sizes.transformer.head_dim)
    if unfit is not None:
        raise PresetError(
            f"preset {preset.name!r} attends with {preset.attention!r}, which takes {unfit}: use "
            "attention='fastest', which takes what fits"
        )


def attention_in(model: Model) -> Attention:
    """The kernel that a model's attention runs on."""
    return next(n for n, kernel in KERNELS.items() if kernel.attend is model.transformer.attend)


@torch.inference_mode()
def choose_attention(
    model: Model, preset: Preset, *, allow_fallback: bool = False
) -> AttentionChoice:
    """Have a model attend as the preset says, after each kernel in question has run once.

    Raises:
        CapabilityError: the kernel that the preset names fails on this device, and no fallback is
            allowed. Else torch chooses, and the named kernel is passed over.
    """
    asked = preset.attention
    if asked in FASTEST:
        choice = _fastest(model, _full_window(model, preset), in_fp8=asked == "fastest-fp8")
    else:
        choice = AttentionChoice(asked)
        if asked != "torch" and (failure := _against_named(asked, model, preset)):
            if not allow_fallback:
                raise CapabilityError(
                    f"preset {preset.name!r} attends with {asked!r}, which {failure}: use "
                    "attention='torch'"
                )
            choice = AttentionChoice("torch", passed_over={asked: failure})
    model.transformer.attend_with(KERNELS[choice.kernel].attend)
    return choice


def times_ms(
    runs: Mapping[Attention, Callable[[], object]], stopwatch: Stopwatch, rounds: int = _ROUNDS
) -> dict[Attention, float]:
    """The median time of each, taken in turns so that a slow moment falls on all of them."""
    taken: dict[Attention, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(stopwatch(run))
    return {name: median(times) for name, times in taken.items()}


def _fastest(
    model: Model, sample_BTHD: tuple[Tensor, Tensor, Tensor], *, in_fp8: bool
) -> AttentionChoice:
    torch_attention(*sample_BTHD)
    passed_over: dict[Attention, str] = {}
    runs: dict[Attention, Callable[[], object]] = {}
    for name, kernel in KERNELS.items():
        if not (kernel.exact or in_fp8):
            passed_over[name] = "it changes the picture: name it or 'fastest-fp8' to have it"
        elif reason := _against(name, model, sample_BTHD):
            passed_over[name] = reason
        else:
            runs[name] = partial(kernel.attend, *sample_BTHD)
    if len(runs) == 1:
        return AttentionChoice(next(iter(runs)), {}, passed_over)
    elapsed_ms = times_ms(runs, stopwatch(model.device))
    return AttentionChoice(min(runs, key=lambda name: elapsed_ms[name]), elapsed_ms, passed_over)


def _against(name: Attention, model: Model, sample_BTHD: tuple[Tensor, ...]) -> str | None:
    """Why a kernel is not timed on a model; None if it is, and then it has run once."""
    q, k, _ = sample_BTHD
    if missing := missing_for(name, model.device):
        return f"it needs {missing}"
    if unfit := unfit_for(name, model.dtype, q.shape[-1]):
        return f"it takes {unfit}"
    if name == "math" and (scores := q.shape[1] * k.shape[1] * q.shape[2]) > _MOST_SCORES:
        return f"it holds {scores / 1e6:.0f} million scores at once"
    return _failure(name, sample_BTHD)


def _against_named(name: Attention, model: Model, preset: Preset) -> str | None:
    """Why a model cannot have the kernel that its preset names; None if it can."""
    if unfit := unfit_for(name, model.dtype, model.sizes.transformer.head_dim):
        return f"takes {unfit}"
    if failure := _failure(name, _full_window(model, preset)):
        return f"fails on device '{model.device}' ({failure})"
    return None


def _failure(name: Attention, sample_BTHD: tuple[Tensor, ...]) -> str | None:
    """What went wrong as a kernel ran; None if nothing did."""
    try:
        KERNELS[name].attend(*sample_BTHD)
    except (ImportError, OSError, RuntimeError) as error:
        return " ".join(str(error).split())
    return None


def _full_window(model: Model, preset: Preset) -> tuple[Tensor, Tensor, Tensor]:
    """Queries of one block, and keys and values of a full window; zeros would run faster."""
    config, geometry = model.sizes.transformer, model.sizes.geometry
    generator = torch.Generator(model.device).manual_seed(0)

    def drawn(frames: int) -> Tensor:
        shape = 1, frames * geometry.tokens_per_frame, config.heads, config.head_dim
        return torch.randn(shape, generator=generator, device=model.device, dtype=model.dtype)

    k, v = (drawn(preset.window_frames) for _ in range(2))
    return drawn(geometry.block_frames), k, v


def stopwatch(device: torch.device) -> Stopwatch:
    """What times a device: a GPU's own events, or the host's clock."""
    return _gpu_ms if device.type == "cuda" else _host_ms


def _gpu_ms(run: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    run()  # while it does this, the host is asked for the next one: that is not to be timed
    start.record()
    run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def _host_ms(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3
