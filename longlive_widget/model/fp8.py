"""Linear layers in FP8: a scale for each row of the weight, and for each token that is multiplied.

Axes: T tokens, K features in, N features out.

Source: P. Micikevicius et al., FP8 Formats for Deep Learning (2022): e4m3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from longlive_widget.cache.storage import scaled

DTYPE = torch.float8_e4m3fn
MULTIPLE = 16
"""What the kernels want the features in and out to be a multiple of."""
KEPT = (
    "patch_embedding",
    "text_embedding",
    "time_embedding",
    "time_projection",
    "head",
    "cross_attn.k",
    "cross_attn.v",
)
"""The layers that stay in the model's numbers, by the name of them or of what they are part of.

The first five are a hundredth of the work, and all that the others compute passes through them or
is scaled by them. Keys and values of the prompt are computed once a prompt, not once a pass.
"""
_PRODUCT = torch.bfloat16
"""The only type that products with a scale for each row come in on every GPU."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """Numbers in FP8 with a scale for each token, in place of a tensor `...K` of that type."""

    numbers_TK: Tensor
    scale_T1: Tensor
    shape: torch.Size
    dtype: torch.dtype

    @classmethod
    def of(cls, x: Tensor) -> "Scaled":
        """A tensor in FP8."""
        return cls(*scaled(x.flatten(0, -2).contiguous(), DTYPE), x.shape, x.dtype)


class Fp8Linear(nn.Module):
    """A linear layer that multiplies in FP8; what comes out has the type of what goes in.

    It holds its weight in FP8 alone.
    """

    def __init__(self, weight_NK: Tensor, bias_N: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight_NK.shape
        numbers_NK, scale_N1 = scaled(weight_NK, DTYPE)
        self.weight = nn.Parameter(numbers_NK, requires_grad=False)
        self.scale = nn.Parameter(scale_N1.T, requires_grad=False)
        self.bias = bias_N

    def write(self, weight_NK: Tensor) -> None:
        """Take this weight, in FP8, from the next call on; it goes where the last one was."""
        numbers_NK, scale_N1 = scaled(weight_NK, DTYPE)
        self.weight.copy_(numbers_NK)
        self.scale.copy_(scale_N1.T)

    def forward(self, x: Tensor | Scaled) -> Tensor:
        """The layer over the last axis."""
        return _product(x, self.weight, self.scale, self.bias)


class JoinedLinears:
    """Linear layers in FP8 that take the same, as one product.

    The layers keep their weights, which lie beside each other from then on: what is written to one
    of them is multiplied with.
    """

    def __init__(self, linears: Sequence[Fp8Linear]) -> None:
        self._features = [linear.out_features for linear in linears]
        rows = torch.cat([linear.weight.view(torch.uint8) for linear in linears])
        self._weight_NK = rows.view(DTYPE)
        self._scale_1N = torch.cat([linear.scale for linear in linears], dim=1)
        biases = [linear.bias for linear in linears if linear.bias is not None]
        self._bias_N = torch.cat(biases) if len(biases) == len(linears) else None
        weights = self._weight_NK.split(self._features)
        scales = self._scale_1N.split(self._features, dim=1)
        for linear, weight, scale in zip(linears, weights, scales, strict=True):
            linear.weight.data, linear.scale.data = weight, scale

    def __call__(self, x: Tensor | Scaled) -> tuple[Tensor, ...]:
        """What each of the layers gives over the last axis, as views of one tensor."""
        made = _product(x, self._weight_NK, self._scale_1N, self._bias_N)
        return made.split(self._features, dim=-1)


def _product(
    x: Tensor | Scaled, weight_NK: Tensor, scale_1N: Tensor, bias_N: Tensor | None
) -> Tensor:
    if isinstance(x, Scaled):
        numbers_TK, scale_T1 = x.numbers_TK, x.scale_T1
    else:  # no `Scaled` is made here: torch compiles this
        numbers_TK, scale_T1 = scaled(x.flatten(0, -2).contiguous(), DTYPE)
    product_TN = torch._scaled_mm(
        numbers_TK,
        weight_NK.T,
        scale_a=scale_T1,
        scale_b=scale_1N,
        bias=None if bias_N is None else bias_N.to(_PRODUCT),
        out_dtype=_PRODUCT,
        use_fast_accum=True,
    )
    return product_TN.to(x.dtype).unflatten(0, x.shape[:-1])


def linears_for_fp8(network: nn.Module) -> tuple[str, ...]:
    """The names of a transformer's linear layers that may be in FP8: all but those of `KEPT`."""
    return tuple(
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and not any(f".{k}." in f".{name}." for k in KEPT)
    )


def is_in_fp8(network: nn.Module) -> bool:
    """Whether linear layers of a network are in FP8."""
    return any(isinstance(module, Fp8Linear) for module in network.modules())
