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
from longlive_widget.model.fp8 import Fp8Linear, JoinedLinears, Scaled
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

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self._joined: JoinedLinears | None = None

    def join_projections(self) -> None:
        """Make queries, keys and values of one product, where their layers are in FP8.

        In 16 bits three products take no longer than one.
        """
        all_three: tuple[nn.Module, ...] = self.q, self.k, self.v
        linears = [linear for linear in all_three if isinstance(linear, Fp8Linear)]
        if len(linears) == len(all_three):
            self._joined = JoinedLinears(linears)

    def projected(self, x_BTC: Tensor | Scaled) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, `BTC`; those of one product lie beside each other."""
        if self._joined is not None:
            q, k, v = self._joined(x_BTC)
            return q, k, v
        return self.q(x_BTC), self.k(x_BTC), self.v(x_BTC)

    def read(
        self, x_BTC: Tensor, query_turn: Turn, key_turn: Turn | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, `BTHD`; queries turned, keys where a turn is given."""
        q, k, v = self.projected(x_BTC)
        q_BTHD, k_BTHD = self._split(self.norm_q(q)), self._split(self.norm_k(k))
        if key_turn is not None:
            k_BTHD = turned(k_BTHD, key_turn)
        return turned(q_BTHD, query_turn), k_BTHD, self._split(v)


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
    return fa3_in_waves(q_BTHD, k_BTHD, v_BTHD)


def fa3_in_waves(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor, **scales_BH: Tensor) -> Tensor:
    """FlashAttention-3, so that no multiprocessor of the GPU waits for others.

    A part of the queries keeps all of them busy some times over, each with all keys; for the rest,
    which would leave most of them idle, the keys are cut into parts. `scales_BH` are those of
    numbers in FP8, by the names that it has for them; what comes out then is bfloat16.
    """
    attend = importlib.import_module(FA3_MODULE).fa3_fwd_cuda.fwd
    seen_BTHD = torch.empty_like(q_BTHD, dtype=torch.bfloat16 if scales_BH else None)
    batch, queries, heads, head_dim = q_BTHD.shape
    processors = torch.cuda.get_device_properties(q_BTHD.device).multi_processor_count
    first, parts = in_whole_waves(
        queries,
        k_BTHD.shape[1],
        batch * heads,
        at_once=_queries_at_once(head_dim),
        processors=processors,
    )
    for some, splits in ((slice(None, first), 1), (slice(first, None), parts)):
        if q_BTHD[:, some].numel():
            attend(
                q_BTHD[:, some],
                k_BTHD,
                v_BTHD,
                out=seen_BTHD[:, some],
                num_splits=splits,
                **scales_BH,
            )
    return seen_BTHD


def _queries_at_once(head_dim: int) -> int:
    """Source: `tile_size_fwd_sm90` of FlashAttention-3."""
    return 192 if head_dim <= 96 else 128


FA3_MODULE = "fa3_fwd_interface"
_FEWEST_KEYS = 1024
"""In a part: making a sum of smaller ones takes longer than it gains."""


def in_whole_waves(
    queries: int, keys: int, heads: int, *, at_once: int, processors: int
) -> tuple[int, int]:
    """How queries are shared out so that no multiprocessor waits for others.

    Each takes `at_once` queries of one head at a time. `heads` are those of all videos.

    Returns:
        How many queries fill all multiprocessors some times over; and into how many parts the keys
        go for the rest of the queries, so that there is something to do for all once more. All
        queries and 1 where the rest does that by itself.
    """
    tiles = -(-queries // at_once)
    full = tiles * heads // processors * processors // heads
    rest = (tiles - full) * heads
    parts = min(processors // rest, keys // _FEWEST_KEYS) if rest else 1
    return (full * at_once, parts) if parts > 1 else (queries, 1)


def _heads_first(*tensors_BTHD: Tensor) -> tuple[Tensor, ...]:
    return tuple(x.transpose(1, 2) for x in tensors_BTHD)
