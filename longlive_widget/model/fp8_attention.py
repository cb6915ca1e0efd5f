"""Attention on numbers in FP8, with a scale for each head.

Axes: B batch, T tokens, H heads, D head size.
"""

import torch
from torch import Tensor

from longlive_widget.model.attention import fa3_attention, fa3_in_waves
from longlive_widget.model.fp8 import DTYPE

Numbers = tuple[Tensor, Tensor]
"""Numbers in e4m3, `BTHD`, and what each head's are to be multiplied by, `BH`."""
_MOST = torch.finfo(DTYPE).max
_LEAST = torch.finfo(torch.float32).tiny * _MOST


def fa3_fp8_attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
    """FlashAttention-3 on FP8 numbers, with a scale for each head.

    Over fewer keys than queries it gains nothing, and is `fa3_attention`.

    Source: J. Shah et al., FlashAttention-3 (2024).
    """
    if k_BTHD.shape[1] < q_BTHD.shape[1]:
        return fa3_attention(q_BTHD, k_BTHD, v_BTHD)
    (q, q_scale), (k, k_scale), (v, v_scale) = in_fp8(q_BTHD, k_BTHD, v_BTHD)
    scales = {"q_descale": q_scale, "k_descale": k_scale, "v_descale": v_scale}
    return fa3_in_waves(q, k, v, **scales).type_as(q_BTHD)


def in_fp8(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Numbers, Numbers, Numbers]:
    """Queries, keys and values in FP8.

    Keys go without their mean: that adds the same to all the scores of a query, which the softmax
    does not see, and leaves FP8 less to hold.

    Source: J. Zhang et al., SageAttention (2024), for the mean of the keys.
    """
    apart_BTHD = k_BTHD - k_BTHD.mean(dim=1, keepdim=True)
    return _in_fp8(q_BTHD), _in_fp8(apart_BTHD), _in_fp8(v_BTHD)


def _in_fp8(x_BTHD: Tensor) -> Numbers:
    largest_BH = x_BTHD.abs().amax(dim=(1, 3)).float().clamp(min=_LEAST)
    numbers_BTHD = x_BTHD.float() * (_MOST / largest_BH)[:, None, :, None]
    return numbers_BTHD.to(DTYPE), largest_BH / _MOST
