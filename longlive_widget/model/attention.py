"""Attention over the window and over the prompt.

Axes: B batch, T tokens, C features, H heads, D head size.
"""

import importlib
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.cache.window import Turning
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.rotary import Turn, turned

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values to what each query sees, all of them `BTHD`; not yet projected."""


class Memory(Protocol):
    """What self attention needs of a window: write this block's keys, get all that it may see."""

    relative: bool

    @property
    def query_positions(self) -> tuple[int, ...]:
        """The time positions of the frames being written."""

    @property
    def key_positions(self) -> tuple[int, ...]:
        """The time positions of all frames that are seen."""

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write the keys and values of one layer; return all that the block sees."""

    def append_turned(
        self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor, turning: Turning
    ) -> tuple[Tensor, Tensor]:
        """As `append`, with the keys turned: those that did not change, once a block if they stay.

        They may lie in a place that the next pass overwrites.
        """

    def write(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> None:
        """Write the keys and values of one layer, and read nothing."""


class RMSNorm(nn.Module):
    """x / rms(x) in float32, then a weight per feature."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(Tensor(dim).fill_(1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis."""
        return F.rms_norm(x.float(), x.shape[-1:], eps=self.eps).type_as(x) * self.weight


class Projections(nn.Module):
    """The four linear layers and two norms that both kinds of attention have."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.q = nn.Linear(config.dim, config.dim)
        self.k = nn.Linear(config.dim, config.dim)
        self.v = nn.Linear(config.dim, config.dim)
        self.o = nn.Linear(config.dim, config.dim)
        self.norm_q = RMSNorm(config.dim, config.eps)
        self.norm_k = RMSNorm(config.dim, config.eps)

    def queries(self, x_BTC: Tensor) -> Tensor:
        """Normalised queries, `BTHD`."""
        return self._split(self.norm_q(self.q(x_BTC)))

    def keys_and_values(self, x_BTC: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised keys, and values, `BTHD`."""
        return self._split(self.norm_k(self.k(x_BTC))), self._split(self.v(x_BTC))

    def _split(self, x_BTC: Tensor) -> Tensor:
        return x_BTC.unflatten(-1, (-1, self.head_dim))


class SelfAttention(Projections):
    """What attention of a block over everything in its memory needs."""

    def read(
        self, x_BTC: Tensor, query_turn: Turn, key_turn: Turn | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, `BTHD`; queries turned, keys where a turn is given."""
        k_BTHD, v_BTHD = self.keys_and_values(x_BTC)
        if key_turn is not None:
            k_BTHD = turned(k_BTHD, key_turn)
        return turned(self.queries(x_BTC), query_turn), k_BTHD, v_BTHD


# The kernels of torch are called each by its own operator: `sdpa_kernel` sets a switch of the whole
# process, which a thread that decodes meanwhile would see, and costs the host time at every call.


def torch_attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
    """The kernel that torch chooses."""
    q, k, v = _heads_first(q_BTHD, k_BTHD, v_BTHD)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)


def math_attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
    """Two products and a softmax: all scores are in memory at once."""
    q, k, v = _heads_first(q_BTHD, k_BTHD, v_BTHD)
    seen, _ = torch.ops.aten._scaled_dot_product_attention_math(q, k, v)
    return seen.transpose(1, 2)


def efficient_attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
    """The memory-efficient kernel of xFormers."""
    q, k, v = _heads_first(q_BTHD, k_BTHD, v_BTHD)
    efficient = torch.ops.aten._scaled_dot_product_efficient_attention
    return efficient(q, k, v, None, compute_log_sumexp=False)[0].transpose(1, 2)


def flash_attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
    """FlashAttention-2."""
    q, k, v = _heads_first(q_BTHD, k_BTHD, v_BTHD)
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v)[0].transpose(1, 2)


def cudnn_attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
    """The kernel that cuDNN chooses for these sizes."""
    q, k, v = _heads_first(q_BTHD, k_BTHD, v_BTHD)
    cudnn = torch.ops.aten._scaled_dot_product_cudnn_attention
    return cudnn(q, k, v, None, compute_log_sumexp=False)[0].transpose(1, 2)


def fa3_attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
    """FlashAttention-3, of the package `fa3-fwd`.

    Source: J. Shah et al., FlashAttention-3 (2024).
    """
    attend = importlib.import_module(FA3_MODULE).flash_attn_func
    seen: Tensor = attend(q_BTHD, k_BTHD, v_BTHD, num_splits=_splits(q_BTHD, k_BTHD))
    return seen


def _splits(q_BTHD: Tensor, k_BTHD: Tensor) -> int:
    """Into how many parts FlashAttention-3 cuts the keys.

    Two fill the last wave of a GPU's multiprocessors better; under three times as many keys as
    queries their sum costs as much.
    """
    return 2 if k_BTHD.shape[1] >= 3 * q_BTHD.shape[1] else 1


FA3_MODULE = "fa3_fwd_interface"


def _heads_first(*tensors_BTHD: Tensor) -> tuple[Tensor, ...]:
    return tuple(x.transpose(1, 2) for x in tensors_BTHD)
