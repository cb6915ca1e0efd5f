"""The settings of LongLive's optimisation log, in the words of a preset.

Loads no torch. A preset is read in these words and in its own, and written in its own.

Source: the YAML blocks of optimization-log.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from longlive_widget.errors import PresetError, one_of, true_or_false

KEYS = (
    "use_cuda_graphs",
    "use_torch_compile",
    "compile_mode",
    "use_static_kv",
    "use_quantized_kv",
    "kv_quantization",
    "use_integrated_kv_cache",
    "local_attn_size",
    "use_async_vae",
    "use_prompt_cache",
    "use_memory_pool",
    "model_dtype",
    "denoising_steps",
)
PROMPTS = 8
"""The prompts that `use_prompt_cache: true` remembers; the log says no number."""
_WITHOUT_GRAPHS = "max-autotune-no-cudagraphs"
"""What the log means by "max-autotune": it says so beside it."""
_NEEDS = {"compile_mode": "use_torch_compile", "kv_quantization": "use_quantized_kv"}
_WINDOW_KEYS = ("use_static_kv", "use_integrated_kv_cache")
_CHOICES = {
    "compile_mode": ("default", "reduce-overhead", "max-autotune"),
    "kv_quantization": ("int8", "fp8"),
    "model_dtype": ("bfloat16", "fp8"),
}


def settings_of(logged: Mapping[str, object]) -> dict[str, object]:
    """The fields of a preset that a block of the log decides, and what it says of each.

    `use_integrated_kv_cache` wins over `use_static_kv`; `model_dtype: bfloat16` is the model's
    own. Numbers and steps are passed on as they are. A value of another kind, and a part of a
    setting that is off, is a `PresetError`.

    Args:
        logged: settings in the log's words; all keys must be among `KEYS`.
    """
    for key, value in logged.items():
        if key.startswith("use_"):
            true_or_false(key, value, PresetError)
        if key in _CHOICES:
            one_of(key, value, _CHOICES[key], PresetError)
    for key, switch in _NEEDS.items():
        if key in logged and not logged.get(switch):
            raise PresetError(
                f"{key}: {logged[key]} does nothing without {switch}: true: say that, or leave "
                f"{key} out"
            )
    return {
        translation.field: translation.of(logged)
        for translation in _TRANSLATIONS
        if any(key in logged for key in translation.keys)
    }


@dataclass(frozen=True)
class _Translation:
    """The keys of the log that decide one field of a preset, and how."""

    field: str
    keys: tuple[str, ...]
    of: Callable[[Mapping[str, object]], object]


def _same(field: str, key: str) -> _Translation:
    """A field that has the value of a key."""
    return _Translation(field, (key,), lambda logged: logged[key])


def _window_cache(logged: Mapping[str, object]) -> str:
    """Graphs alone need buffers, which the log does not say beside them."""
    said = any(key in logged for key in _WINDOW_KEYS)
    if logged.get("use_integrated_kv_cache") or (logged.get("use_cuda_graphs") and not said):
        return "ring"
    return "static" if logged.get("use_static_kv") else "rolling"


def _memory_pool(logged: Mapping[str, object]) -> object:
    return logged.get("use_memory_pool", logged.get("use_cuda_graphs"))


def _window_dtype(logged: Mapping[str, object]) -> object:
    if not logged["use_quantized_kv"]:
        return "model"
    if "kv_quantization" not in logged:
        raise PresetError("use_quantized_kv: true says no type: add kv_quantization: int8 or fp8")
    return logged["kv_quantization"]


def _compiled(logged: Mapping[str, object]) -> object:
    if not logged.get("use_torch_compile"):
        return None
    mode = logged.get("compile_mode", "default")
    return _WITHOUT_GRAPHS if mode == "max-autotune" else mode


_TRANSLATIONS = (
    _same("denoise_steps", "denoising_steps"),
    _same("window_frames", "local_attn_size"),
    _Translation("window_cache", (*_WINDOW_KEYS, "use_cuda_graphs"), _window_cache),
    _Translation("window_dtype", ("use_quantized_kv",), _window_dtype),
    _Translation(
        "prompt_cache",
        ("use_prompt_cache",),
        lambda logged: PROMPTS if logged["use_prompt_cache"] else 0,
    ),
    _Translation("memory_pool", ("use_memory_pool", "use_cuda_graphs"), _memory_pool),
    _same("cuda_graphs", "use_cuda_graphs"),
    _same("decode_behind", "use_async_vae"),
    _Translation(
        "linear_dtype",
        ("model_dtype",),
        lambda logged: "fp8" if logged["model_dtype"] == "fp8" else "model",
    ),
    _Translation("compiled", ("use_torch_compile", "compile_mode"), _compiled),
)


@dataclass(frozen=True)
class Experiment:
    """One experiment of the log: what it set, what it took, what it said of the pictures.

    `block_ms` is its mean, on an H100 and with an empty window, where its baseline took
    `BASELINE_MS`; `decision` is the log's.
    """

    number: int
    settings: Mapping[str, object]
    block_ms: float
    picture: str
    decision: str


BASELINE_MS = 735.6
_UNCOMPILED: dict[str, object] = {
    "use_cuda_graphs": False,
    "use_torch_compile": False,
    "use_static_kv": True,
    "use_quantized_kv": False,
    "use_async_vae": True,
    "use_prompt_cache": True,
    "use_memory_pool": True,
    "model_dtype": "bfloat16",
}
_COMPILED = _UNCOMPILED | {
    "use_torch_compile": True,
    "compile_mode": "default",
    "use_integrated_kv_cache": True,
}
_IN_INT8 = _COMPILED | {
    "use_static_kv": False,
    "use_quantized_kv": True,
    "kv_quantization": "int8",
}
_TURBO = _COMPILED | {
    "compile_mode": "max-autotune",
    "local_attn_size": 8,
    "denoising_steps": [1000, 500, 250],
}
_WORDS = {
    "quality": "Identical to baseline (no torch.compile, no quantization)",
    "balanced": (
        "Identical to baseline - torch.compile with fullgraph=False preserves PEFT compatibility"
    ),
    "speed": "Same visual quality (INT8 KV cache only, model in BF16)",
    "turbo": (
        "Slight degradation - fewer denoising steps cause minor detail loss. PSNR: -0.8 dB, "
        "SSIM: -0.02"
    ),
    "turbo_fp8": "Slight degradation - FP8 precision + fewer steps. PSNR: -1.2 dB, SSIM: -0.03",
    "ultra": (
        "Noticeable degradation - aggressive settings cause visible artifacts. PSNR: -2.5 dB, "
        "SSIM: -0.06"
    ),
    "low_memory": "Same visual quality",
}
_DECISIONS = {
    "quality": "Keep - Safe conservative option",
    "balanced": "Keep ★ RECOMMENDED",
    "speed": "Drop - SLOWER than Balanced",
    "turbo": "Keep - For speed-critical applications",
    "turbo_fp8": "Keep - Maximum speed on H100",
    "ultra": "Keep - For previews/real-time only",
    "low_memory": "Keep - For VRAM-constrained scenarios",
}
_TURBO_FP8 = _TURBO | {"model_dtype": "fp8"}
_ULTRA = _TURBO_FP8 | {"local_attn_size": 6, "denoising_steps": [1000, 250]}
EXPERIMENTS = {
    name: Experiment(number, settings, block_ms, _WORDS[name], _DECISIONS[name])
    for number, name, settings, block_ms in (
        (1, "quality", _UNCOMPILED, 720.3),
        (2, "balanced", _COMPILED, 575.1),
        (3, "speed", _IN_INT8, 599.2),
        (4, "turbo", _TURBO, 431.0),
        (5, "turbo_fp8", _TURBO_FP8, 302.0),
        (6, "ultra", _ULTRA, 215.0),
        (7, "low_memory", _IN_INT8, 612.4),
    )
}
"""The experiment of the log that each preset has its name from."""
RATES = (
    "The FPS of LongLive's log are latent frames a second, 3 by the mean block (3 / 0.7356 s = "
    "4.1), and each of these is 4 pictures: hold them against latent frames/s here. Of TurboFP8 "
    "and Ultra they are by the longest block (3 / 0.330 s = 9.1, 3 / 0.250 s = 12.0)."
)
"""What it counts as frames, which it does not say."""


@dataclass(frozen=True)
class GivenUp:
    """An experiment of the log that failed: what it set, its error, what was decided."""

    settings: Mapping[str, object]
    error: str
    decision: str


GIVEN_UP = {
    8: GivenUp(
        {"use_cuda_graphs": True, "use_torch_compile": False},
        "RuntimeError: Attempting to capture a graph with tensors whose sizes can change from "
        "iteration to iteration is not allowed.",
        "Drop",
    ),
    9: GivenUp(
        {"use_torch_compile": True, "compile_mode": "reduce-overhead"},
        "RuntimeError: Error: accessing tensor output of CUDAGraphs that has been overwritten by a "
        "subsequent run.",
        "Drop",
    ),
}
"""By its number, each experiment that the log gave up on."""
NOTES = {
    1: "torch.compile is the key optimization - provides 21.9% improvement alone",
    2: "CUDA Graphs incompatible - dynamic KV indices break graph capture",
    3: "INT8 KV adds overhead on H100 - memory bandwidth is not the bottleneck",
    4: "Window size negligible for latency - use 12 for quality",
    5: "FP8 only benefits on Hopper GPUs - falls back to BF16 elsewhere",
    6: "max-autotune requires cudagraphs=False - crossattn_cache conflict",
    7: "Denoising steps have linear impact - 3 steps = 25% faster, 2 steps = 50% faster",
}
"""What the log has found, in its own words and order."""
COMPILED_CHANGE = -0.219
"""What it says that compiling alone does to a block."""
NEGLIGIBLE = 0.01
"""What it calls negligible: about this share of a block."""
