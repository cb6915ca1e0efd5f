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
_WINDOW_KEYS = ("use_static_kv", "use_integrated_kv_cache")
_CHOICES = {
    "compile_mode": ("default", "reduce-overhead", "max-autotune"),
    "kv_quantization": ("int8", "fp8"),
    "model_dtype": ("bfloat16", "fp8"),
}


def settings_of(logged: Mapping[str, object]) -> dict[str, object]:
    """The fields of a preset that a block of the log decides, and what it says of each.

    `use_integrated_kv_cache` wins over `use_static_kv`; `model_dtype: bfloat16` is the model's
    own. Numbers and steps are passed on as they are. A value of another kind is a
    `PresetError`.

    Args:
        logged: settings in the log's words; all keys must be among `KEYS`.
    """
    for key, value in logged.items():
        if key.startswith("use_"):
            true_or_false(key, value, PresetError)
        if key in _CHOICES:
            one_of(key, value, _CHOICES[key], PresetError)
    return {
        translation.field: translation.of(logged)
        for translation in _TRANSLATIONS
        if any(key in logged for key in translation.keys)
    }


def words_for(settings: Mapping[str, object]) -> dict[str, object]:
    """What the log would say of a preset's fields, as far as it has words for them.

    Args:
        settings: the value of each field that is to be said, by name.
    """
    said: dict[str, object] = {}
    for translation in _TRANSLATIONS:
        if translation.field in settings:
            said |= translation.back(settings[translation.field])
    return said


@dataclass(frozen=True)
class _Translation:
    """The keys of the log that decide one field of a preset, how, and the way back."""

    field: str
    keys: tuple[str, ...]
    of: Callable[[Mapping[str, object]], object]
    back: Callable[[object], dict[str, object]]


def _same(field: str, key: str) -> _Translation:
    """A field that has the value of a key."""
    return _Translation(field, (key,), lambda logged: logged[key], lambda value: {key: value})


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


def _compile_words(mode: object) -> dict[str, object]:
    if mode is None:
        return {"use_torch_compile": False}
    said = "max-autotune" if mode == _WITHOUT_GRAPHS else mode
    return {"use_torch_compile": True, "compile_mode": said}


_TRANSLATIONS = (
    _same("denoise_steps", "denoising_steps"),
    _same("window_frames", "local_attn_size"),
    _Translation(
        "window_cache",
        (*_WINDOW_KEYS, "use_cuda_graphs"),
        _window_cache,
        lambda kind: {
            "use_static_kv": kind != "rolling",
            "use_integrated_kv_cache": kind == "ring",
        },
    ),
    _Translation(
        "window_dtype",
        ("use_quantized_kv",),
        _window_dtype,
        lambda dtype: (
            {"use_quantized_kv": False}
            if dtype == "model"
            else {"use_quantized_kv": True, "kv_quantization": dtype}
        ),
    ),
    _Translation(
        "prompt_cache",
        ("use_prompt_cache",),
        lambda logged: PROMPTS if logged["use_prompt_cache"] else 0,
        lambda prompts: {"use_prompt_cache": prompts != 0},
    ),
    _Translation(
        "memory_pool",
        ("use_memory_pool", "use_cuda_graphs"),
        _memory_pool,
        lambda value: {"use_memory_pool": value},
    ),
    _same("cuda_graphs", "use_cuda_graphs"),
    _same("decode_behind", "use_async_vae"),
    _Translation(
        "linear_dtype",
        ("model_dtype",),
        lambda logged: "fp8" if logged["model_dtype"] == "fp8" else "model",
        lambda dtype: {"model_dtype": "fp8" if dtype == "fp8" else "bfloat16"},
    ),
    _Translation("compiled", ("use_torch_compile", "compile_mode"), _compiled, _compile_words),
)
FIELDS = tuple(translation.field for translation in _TRANSLATIONS)
"""The fields of a preset that the log has words for."""
