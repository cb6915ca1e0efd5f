"""Compiling a model's parts, for presets that ask for it."""

from collections.abc import Iterable

import torch
from torch import nn

from longlive_widget.engine.compile_gate import through_gate
from longlive_widget.engine.model import Model
from longlive_widget.model.video_decoder import Head, ResidualBlock, RmsNorm
from longlive_widget.presets import COMPILED_WITHOUT_GRAPHS, CompileMode

_MOST_VERSIONS = 64


def compile_model(model: Model, mode: CompileMode) -> None:
    """Compile, in place, what lies between attentions and convolutions; happens at first use.

    The compiled code is kept on disk by torch, so a later process begins faster. Threads may use
    the model and others meanwhile: see `compile_gate`.
    """
    model.transformer.compile_layers(mode)
    compile_norms(model.decoder, COMPILED_WITHOUT_GRAPHS.get(mode, mode))  # too small for a graph
    through_gate(model.transformer)
    through_gate(model.decoder)


def compile_norms(network: nn.Module, mode: CompileMode = "default") -> None:
    """Compile the norms of a video autoencoder, in place: one version a number of channels.

    Those that kernels of our own compute with what is around them stay as they are.
    """
    limit = torch._dynamo.config.recompile_limit
    torch._dynamo.config.recompile_limit = max(limit, _MOST_VERSIONS)
    elsewhere = {layer for module in network.modules() for layer in _computed_by_ours(module)}
    for module in network.modules():
        if isinstance(module, RmsNorm) and module not in elsewhere:
            module.compile(dynamic=True, mode=mode)


def _computed_by_ours(module: nn.Module) -> Iterable[nn.Module]:
    """The layers of a part that kernels of our own compute; none if torch does."""
    if isinstance(module, ResidualBlock) and module.kernels:
        return module.residual
    return module if isinstance(module, Head) and module.folded else ()
