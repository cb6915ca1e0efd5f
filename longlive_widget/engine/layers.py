"""The transformer's layers as a preset asks for them: what multiplies, attends, does the rest."""

from dataclasses import replace

import torch

from longlive_widget.engine.attention import (
    AttentionChoice,
    attention_in,
    choose_attention,
    require_attention,
)
from longlive_widget.engine.gpu import has_triton
from longlive_widget.engine.model import Model, Sizes
from longlive_widget.errors import PresetError
from longlive_widget.model.fp8 import MULTIPLE, is_in_fp8
from longlive_widget.presets import FASTEST, LinearDtype, Preset


def require_layers(
    preset: Preset, sizes: Sizes, dtype: torch.dtype, *, allow_fallback: bool = False
) -> None:
    """Make sure that a model of these sizes, in these numbers, can have the preset's layers.

    With a fallback allowed it may have another attention.

    Raises:
        PresetError: a size is none that FP8 multiplies, or the attention does not take its numbers.
    """
    config = sizes.transformer
    odd = [n for n in ("dim", "ffn_dim") if getattr(config, n) % MULTIPLE]
    if preset.linear_dtype == "fp8" and odd:
        raise PresetError(
            f"preset {preset.name!r} multiplies in FP8, which takes multiples of {MULTIPLE}, and "
            f"{sizes.name!r} has a {odd[0]} of {getattr(config, odd[0])}: use linear_dtype='model'"
        )
    if not allow_fallback:
        require_attention(preset, sizes, dtype)


def prepare_layers(
    model: Model, preset: Preset, *, allow_fallback: bool = False
) -> tuple[AttentionChoice, Preset, tuple[str, ...]]:
    """Give a model, in place, the layers that the preset asks for.

    Returns:
        What it attends with; the preset as the model can run it, and a sentence on what it cannot.

    A named attention that fails is a `CapabilityError`, unless a fallback is allowed.
    """
    if preset.linear_dtype == "fp8":
        model.adapters.quantize(model.transformer)
    if preset.kernels != "torch" and has_triton(model.device):
        model.transformer.fuse_layers()
        model.decoder.fuse()
    choice = choose_attention(model, preset, allow_fallback=allow_fallback)
    asked = preset.attention
    if asked in (*FASTEST, choice.kernel):
        return choice, preset, ()
    told = (
        f"torch chooses how to attend instead of {asked!r}: preset {preset.name!r} attends with "
        f"{asked!r}, which {choice.passed_over[asked]}"
    )
    return choice, replace(preset, attention=choice.kernel), (told,)


def require_own_layers(preset: Preset, model: Model) -> None:
    """Make sure that a model has the layers that the preset asks for.

    Raises:
        PresetError: it was loaded with others.
    """
    has: LinearDtype = "fp8" if is_in_fp8(model.transformer) else "model"
    found_by_setting: dict[str, object] = {
        "linear_dtype": has,
        "attention": attention_in(model),
        "kernels": "triton" if model.transformer.fused else "torch",
        "compiled": model.transformer.compiled,
        "offload_text_encoder": model.text_encoder.offloaded,
    }
    for setting, found in found_by_setting.items():
        asked = getattr(preset, setting)
        if asked not in (found, *FASTEST):
            raise PresetError(
                f"preset {preset.name!r} has {setting} {asked!r}, and this model was loaded with "
                f"{found!r}: load it again, Engine.load(..., preset)"
            )
