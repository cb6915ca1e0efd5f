"""Compiling a model's parts, for presets that ask for it."""

import importlib.util
import os
import shutil

import torch
from torch import nn

from longlive_widget.engine.model import Model
from longlive_widget.errors import CapabilityError
from longlive_widget.model.video_decoder import RmsNorm

_CPP_COMPILERS = ("c++", "g++", "clang++", "cl")
_MOST_VERSIONS = 64


def compile_model(model: Model) -> None:
    """Compile, in place, what lies between attentions and convolutions; happens at first use.

    The compiled code is kept on disk by torch, so a later process begins faster. It is a
    `CapabilityError` if nothing compiles for this device.
    """
    require_compiler(model.device)
    model.transformer.compile_layers()
    compile_norms(model.decoder)


def compile_norms(network: nn.Module) -> None:
    """Compile all norms of a video autoencoder, in place: one version a number of channels."""
    limit = torch._dynamo.config.recompile_limit
    torch._dynamo.config.recompile_limit = max(limit, _MOST_VERSIONS)
    for module in network.modules():
        if isinstance(module, RmsNorm):
            module.compile(dynamic=True)


def require_compiler(device: torch.device) -> None:
    """Make sure that something compiles for this device.

    Raises:
        CapabilityError: nothing does; the message says what to install.
    """
    if device.type == "cuda":
        if importlib.util.find_spec("triton") is None:
            raise CapabilityError(
                "this preset compiles for the GPU, and triton is not installed: install it, or use "
                "the preset 'reference', which makes the same pictures"
            )
        return
    names = (os.environ.get("CXX", ""), *_CPP_COMPILERS)
    if not any(shutil.which(name) for name in names if name):
        raise CapabilityError(
            "this preset compiles for the processor, and there is no C++ compiler here: install "
            "one (g++), or use the preset 'reference', which makes the same pictures"
        )
