"""Weights in 8 bits on disk: a matrix as whole numbers, with a scale for each of its rows.

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


def packed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with each matrix as int8 `[rows, columns]` and float32 scales `[rows, 1]`.

    A weight is off by half a 127th of the largest in its row at most. What is no matrix is in
    float16.
    """
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.ndim != 2:
            tensors[name] = weight.half()
            continue
        scale = weight.float().abs().amax(dim=1, keepdim=True) / _MOST
        shares = weight.float() / scale.clamp(min=torch.finfo(torch.float32).tiny)
        tensors[name] = shares.round().to(torch.int8)
        tensors[name + SCALE_SUFFIX] = scale
    return tensors


def unpacked(tensors: Mapping[str, Tensor], path: Path | str) -> dict[str, Tensor]:
    """Weights out of what `packed` made of them, in float32; others stay as they are.

    Raises:
        CheckpointError: scales stand there without their matrix of int8, or do not fit it.
    """
    weights = {n: tensor for n, tensor in tensors.items() if not n.endswith(SCALE_SUFFIX)}
    for scale_name in tensors.keys() - weights.keys():
        name, scale = scale_name.removesuffix(SCALE_SUFFIX), tensors[scale_name]
        whole = weights.get(name)
        if whole is None or whole.dtype != torch.int8 or scale.shape != (len(whole), 1):
            shape = "nothing" if whole is None else f"{whole.dtype} {list(whole.shape)}"
            raise CheckpointError(
                f"{path} has {scale_name} {list(scale.shape)} for {shape}: a matrix of int8 with "
                "as many rows belongs there; get the file anew"
            )
        weights[name] = whole.float() * scale.float()
    return weights
