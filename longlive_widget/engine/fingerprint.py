"""Hashes that tell one model's weights from another's, as they were loaded.

Where a file lies and in which form plays no part; the numbers that the model computes in do.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

import torch
from torch import Tensor, nn

from longlive_widget.engine.model import Model
from longlive_widget.engine.names import ADAPTER, LANGUAGE


def fingerprint(model: Model) -> dict[str, str]:
    """A SHA-256 of each part of a model, by the part's name; "adapter own" is that of an adapter.

    Its closed language, if it has one, is such a part. Adapters are told apart from the weights
    that they are added to. Reads all weights once: about a second for each GB. Waits for the
    device.
    """
    parts: dict[str, Mapping[str, Tensor]] = {
        "transformer": _as_loaded(model),
        "decoder": _named(model.decoder),
        "text_encoder": _named(model.text_encoder),
    }
    if model.small_decoder is not None:
        parts["small_decoder"] = _named(model.small_decoder)
    for name, pairs in model.adapters.pairs.items():
        a = {f"{layer}.A": pair[0] for layer, pair in pairs.items()}
        parts[ADAPTER + name] = a | {f"{layer}.B": pair[1] for layer, pair in pairs.items()}
    found = {name: _hashed(weights) for name, weights in parts.items()}
    tokenizer = model.text_encoder.tokenizer
    if tokenizer is not None:
        found["tokenizer"] = _hashed_plainly(sorted(tokenizer.vocabulary.items()))
    if model.language is not None:
        found[LANGUAGE] = _hashed_plainly(asdict(model.language))
    return found


def _as_loaded(model: Model) -> dict[str, Tensor]:
    """The transformer without adapters, and as it was before any layer was put in 8 bits."""
    loaded = model.adapters.loaded
    others = {
        name: tensor
        for name, tensor in _named(model.transformer).items()
        if name.rpartition(".")[0] not in loaded or name.endswith(".bias")
    }
    return others | {f"{layer}.weight": weight for layer, weight in loaded.items()}


def _hashed_plainly(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def _named(part: nn.Module) -> dict[str, Tensor]:
    return dict(part.state_dict())


def _hashed(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
