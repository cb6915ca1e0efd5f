"""How a window holds keys and values: as they are, or in 8 bits.

Knows no frames: where a token lies is the window's to say.

Axes: B batch, T tokens, H heads, D head size.
"""

from typing import Protocol

import torch
from torch import Tensor

Parts = tuple[Tensor, ...]
"""Keys and values as they are held; the tokens are axis 1 of each part."""


class Storage(Protocol):
    """The way into memory and out of it."""

    exact: bool
    """Whether what comes out is what went in."""

    def pack(self, k_BTHD: Tensor, v_BTHD: Tensor) -> Parts:
        """Keys and values as they are held."""

    def unpack(self, parts: Parts, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Keys and values as attention reads them, `BTHD`."""


class PlainStorage:
    """Keys and values as they are: nothing is copied on the way out."""

    exact = True

    def pack(self, k_BTHD: Tensor, v_BTHD: Tensor) -> Parts:
        """Keys and values themselves."""
        return k_BTHD, v_BTHD

    def unpack(self, parts: Parts, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Keys and values themselves, if they have that type."""
        k_BTHD, v_BTHD = parts
        return k_BTHD.to(dtype), v_BTHD.to(dtype)


class ScaledStorage:
    """8 bits a number, and a scale in float32 for each token and head.

    At a head size of 128 that is 132 bytes where 16-bit numbers take 256. Symmetric: the largest
    number of a token and head becomes the largest one that the type has, 127 or 448. Attention
    reads new tensors, made for each call.

    Args:
        dtype: torch.int8 or torch.float8_e4m3fn.
    """

    exact = False

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def pack(self, k_BTHD: Tensor, v_BTHD: Tensor) -> Parts:
        """Keys, their scales, values, their scales."""
        return (*scaled(k_BTHD, self._dtype), *scaled(v_BTHD, self._dtype))

    def unpack(self, parts: Parts, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Keys and values, multiplied in float32."""
        k_BTHD, k_scale_BTH1, v_BTHD, v_scale_BTH1 = parts
        return _whole(k_BTHD, k_scale_BTH1, dtype), _whole(v_BTHD, v_scale_BTH1, dtype)


def _whole(numbers: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Numbers times their scales, multiplied in float32; of whole numbers in one kernel."""
    if numbers.dtype.is_floating_point:  # torch promotes no FP8
        return (numbers.float() * scale).to(dtype)
    return torch.mul(numbers, scale, out=torch.empty_like(numbers, dtype=dtype))


def scaled(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`x` in 8 bits, and by what to multiply: a float32 for each row of the last axis."""
    most = torch.finfo(dtype).max if dtype.is_floating_point else torch.iinfo(dtype).max
    largest = x.abs().amax(dim=-1, keepdim=True).float()
    largest = largest.clamp_min(torch.finfo(torch.float32).tiny * most)
    numbers = x.float() * (most / largest)
    return (numbers if dtype.is_floating_point else numbers.round()).to(dtype), largest / most
