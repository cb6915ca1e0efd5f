"""The sizes and layers of umT5's encoder, under the names that Wan's file has for them.

Every layer has its own bias by distance, queries are not scaled, and no linear has a bias.

Axes: B batch, L tokens, H heads, D channels, of one head in attention.

Source: C. Raffel et al., T5 (2020); H. W. Chung et al., UniMax (2023) for a bias in each layer.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.errors import CheckpointError, whole_number

TOKEN_EMBEDDING = "token_embedding.weight"
"""The table that holds one row for each token."""
FARTHEST_TOKENS = 128
"""From this distance on all tokens share a bias."""
_EPS = 1e-6


@dataclass(frozen=True)
class TextEncoderConfig:
    """The sizes of the encoder; each default is umT5-xxl's, as Wan2.1 uses it.

    `tokens` is the fixed length that prompts are padded or cut to.

    Raises:
        CheckpointError: a size is no whole number from 1 up, there are fewer than 4 buckets, or the
            heads do not divide the width of attention.
    """

    vocab: int = 256384
    dim: int = 4096
    dim_attn: int = 4096
    dim_ffn: int = 10240
    num_heads: int = 64
    num_layers: int = 24
    num_buckets: int = 32
    tokens: int = 512

    def __post_init__(self) -> None:
        for name, size in asdict(self).items():
            least = 4 if name == "num_buckets" else 1  # two on each side of a token
            whole_number(f"the text encoder's {name}", size, CheckpointError, least=least)
        if self.dim_attn % self.num_heads:
            raise CheckpointError(
                f"dim_attn {self.dim_attn} does not split into {self.num_heads} heads"
            )

    @classmethod
    def from_wan(
        cls, weights: Mapping[str, Tensor], tokens: int, path: Path | str
    ) -> "TextEncoderConfig":
        """The sizes of the encoder whose tensors, under Wan's names, a file holds.

        Raises:
            CheckpointError: these are no tensors of such an encoder.
        """
        try:
            vocab, dim = weights[TOKEN_EMBEDDING].shape
            buckets, heads = weights["blocks.0.pos_embedding.embedding.weight"].shape
            return cls(
                vocab=vocab,
                dim=dim,
                dim_attn=len(weights["blocks.0.attn.q.weight"]),
                dim_ffn=len(weights["blocks.0.ffn.fc1.weight"]),
                num_heads=heads,
                num_layers=sum(name.endswith(".norm1.weight") for name in weights),
                num_buckets=buckets,
                tokens=tokens,
            )
        except (LookupError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{path} is not the text encoder of Wan2.1 ({error}): give "
                "models_t5_umt5-xxl-enc-bf16.pth, or the same tensors as safetensors"
            ) from error


class Layer(nn.Module):
    """Self attention over the tokens of a prompt, then feed-forward, each added to what came in."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.attn = Attention(config)
        self.pos_embedding = DistanceBias(config)
        self.norm1 = Norm(config.dim)
        self.ffn = FeedForward(config)
        self.norm2 = Norm(config.dim)

    def forward(self, x_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        """One layer; tokens whose mask is 0 are seen by none."""
        bias_1HLL = self.pos_embedding(mask_BL)
        least = torch.finfo(bias_1HLL.dtype).min
        bias_BHLL = torch.where(mask_BL[:, None, None] != 0, bias_1HLL, least).contiguous()
        x_BLD = x_BLD + self.attn(self.norm1(x_BLD), bias_BHLL)
        fed_BLD: Tensor = self.ffn(self.norm2(x_BLD))
        return x_BLD + fed_BLD


class Attention(nn.Module):
    """Self attention without the usual scale of 1 / sqrt(head size)."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.head_dim = config.dim_attn // config.num_heads
        self.q = nn.Linear(config.dim, config.dim_attn, bias=False)
        self.k = nn.Linear(config.dim, config.dim_attn, bias=False)
        self.v = nn.Linear(config.dim, config.dim_attn, bias=False)
        self.o = nn.Linear(config.dim_attn, config.dim, bias=False)

    def forward(self, x_BLD: Tensor, bias_BHLL: Tensor) -> Tensor:
        """What each token sees; the bias is added to the product of its query with each key."""
        q, k, v = (
            linear(x_BLD).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for linear in (self.q, self.k, self.v)
        )
        seen_BHLD = F.scaled_dot_product_attention(q, k, v, attn_mask=bias_BHLL, scale=1.0)
        seen_BLD: Tensor = self.o(seen_BHLD.transpose(1, 2).flatten(2))
        return seen_BLD


class DistanceBias(nn.Module):
    """How much each head looks at a token, by how far and on which side it lies."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.num_buckets, config.num_heads)

    def forward(self, prompt_BL: Tensor) -> Tensor:
        """The bias, `1HLL`, of each query (first L) for each key of prompts as long as these."""
        place_L = torch.arange(prompt_BL.shape[1], device=prompt_BL.device)
        buckets_LL = _buckets(place_L - place_L[:, None], self.embedding.num_embeddings)
        bias_LLH: Tensor = self.embedding(buckets_LL)
        return bias_LLH.permute(2, 0, 1)[None]


class FeedForward(nn.Module):
    """A linear that is gated by the GELU of another one, and a third back to the width."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(config.dim, config.dim_ffn, bias=False))
        self.fc1 = nn.Linear(config.dim, config.dim_ffn, bias=False)
        self.fc2 = nn.Linear(config.dim_ffn, config.dim, bias=False)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Each token by itself."""
        fed_BLD: Tensor = self.fc2(_gelu(self.gate(x_BLD)) * self.fc1(x_BLD))
        return fed_BLD


class Norm(nn.Module):
    """To a mean square of 1, times a weight for each channel; the mean is taken in float32."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x_BLD: Tensor) -> Tensor:
        """The same tokens, in the weight's dtype."""
        mean_square = x_BLD.float().square().mean(-1, keepdim=True)
        return self.weight * (x_BLD * torch.rsqrt(mean_square + _EPS)).to(self.weight.dtype)


def _gelu(x: Tensor) -> Tensor:
    """GELU by tanh, rounded after each operation as Wan does: torch's own rounds once in bf16."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))


def _buckets(distance: Tensor, buckets: int) -> Tensor:
    """The row of the bias for each distance, in tokens, below 0 for those that lie before.

    Each side has half of the rows: half of these for single distances, the others for ever wider
    ranges of them up to `FARTHEST_TOKENS`.
    """
    one_side = buckets // 2
    single = one_side // 2
    far = distance.abs()
    ranges = torch.log(far.float() / single) / math.log(FARTHEST_TOKENS / single)
    wide = (single + (ranges * (one_side - single)).long()).clamp(max=one_side - 1)
    return torch.where(far < single, far, wide) + one_side * (distance > 0)
