"""Weights in 8 bits on disk: matrices and filters as whole numbers, with a scale for each row.

Only a smaller file: what computes gets them back as floating point numbers. The window's 8 bits
and those of linear layers are elsewhere.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from longlive_widget.errors import CheckpointError

SCALE_SUFFIX = ".row_scale"
_MOST = 127
_MATRIX_OR_FILTER = 2, 4, 5
"""So many axes these have."""
_SHORTEST_ROW = 16
"""A scale takes as much as two weights in 16 bits: a shorter row gains nothing to speak of."""


def packed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with matrices and filters as int8, and float32 scales `[rows, 1]`.

    A row is all that one output is made with. A weight is off by half a 127th of the largest in its
    row at most. What is neither, or has rows too short for a scale, is in float16.
    """
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.ndim not in _MATRIX_OR_FILTER or weight[0].numel() < _SHORTEST_ROW:
            tensors[name] = weight.half()
            continue
        rows = weight.float().flatten(1)
        scale = rows.abs().amax(dim=1, keepdim=True) / _MOST
        shares = rows / scale.clamp(min=torch.finfo(torch.float32).tiny)
        tensors[name] = shares.round().to(torch.int8).view_as(weight)
        tensors[name + SCALE_SUFFIX] = scale
    return tensors


def unpacked(tensors: Mapping[str, Tensor], path: Path | str) -> dict[str, Tensor]:
    """Weights out of what `packed` made of them, in float32; others stay as they are.

    Raises:
        CheckpointError: scales stand there without their rows of int8, or do not fit them.
    """
    weights = {n: tensor for n, tensor in tensors.items() if not n.endswith(SCALE_SUFFIX)}
    for scale_name in tensors.keys() - weights.keys():
        name, scale = scale_name.removesuffix(SCALE_SUFFIX), tensors[scale_name]
        whole = weights.get(name)
        if whole is None or whole.dtype != torch.int8 or scale.shape != (len(whole), 1):
            shape = "nothing" if whole is None else f"{whole.dtype} {list(whole.shape)}"
            raise CheckpointError(
                f"{path} has {scale_name} {list(scale.shape)} for {shape}: as many rows of int8 "
                "belong there; get the file anew"
            )
        weights[name] = (whole.flatten(1).float() * scale.float()).view_as(whole)
    return weights


def as_packed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are read back once they were packed: to measure what is left on disk."""
    return unpacked(packed(weights), "what was packed")
