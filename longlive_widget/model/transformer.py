"""The causal video transformer of LongLive on Wan2.1, under Wan's own key names.

Axes: B batch, F latent frames, C channels or features, H rows, W columns, T tokens (frame, row,
column), S tokens of one frame, L rows of text.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.cache.text import LayerText, TextMemory
from longlive_widget.geometry import LATENT_CHANNELS, LATENTS_PER_TOKEN
from longlive_widget.model.attention import CrossAttention, Memory, SelfAttention
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.rotary import Turn, turn_at

PATCH = (1, LATENTS_PER_TOKEN, LATENTS_PER_TOKEN)


class Modulation(nn.Module):
    """Layer norm without weights, then scale and shift by what the timestep says."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x_BTC: Tensor, shift_BFC: Tensor, scale_BFC: Tensor) -> Tensor:
        """The same shape; each latent frame has its own shift and scale."""
        normed = F.layer_norm(x_BTC.float(), x_BTC.shape[-1:], eps=self.eps)
        frames = normed.unflatten(1, (shift_BFC.shape[1], -1))
        modulated = frames * (1 + scale_BFC[:, :, None]) + shift_BFC[:, :, None]
        return modulated.flatten(1, 2).type_as(x_BTC)


class GatedSum(nn.Module):
    """What a part of a layer adds to its input, as far as the timestep lets it through."""

    def forward(self, x_BTC: Tensor, added_BTC: Tensor, gate_BFC: Tensor) -> Tensor:
        """The same shape; each latent frame has its own gate."""
        gated = added_BTC.unflatten(1, (gate_BFC.shape[1], -1)) * gate_BFC[:, :, None]
        return x_BTC + gated.flatten(1, 2)


class Layer(nn.Module):
    """Self attention, cross attention and feed-forward, modulated by the timestep."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.modulated, self.gated_sum = Modulation(config.eps), GatedSum()
        self.self_attn = SelfAttention(config)
        self.cross_attn = CrossAttention(config)
        self.norm3 = nn.LayerNorm(config.dim, eps=config.eps)
        self.ffn = nn.Sequential(
            nn.Linear(config.dim, config.ffn_dim),
            nn.GELU(approximate="tanh"),
            nn.Linear(config.ffn_dim, config.dim),
        )
        self.modulation = nn.Parameter(torch.randn(1, 6, config.dim) * config.dim**-0.5)

    def forward(
        self,
        x_BTC: Tensor,
        time_BF6C: Tensor,
        layer: int,
        memory: Memory,
        text: LayerText,
        turns: tuple[Turn, Turn],
    ) -> Tensor:
        """One layer over the tokens of a block."""
        parts = (self.modulation[:, None] + time_BF6C).unbind(2)
        shift_attn, scale_attn, gate_attn, shift_ffn, scale_ffn, gate_ffn = parts
        attended = self.self_attn(
            self.modulated(x_BTC, shift_attn, scale_attn), layer, memory, *turns
        )
        x_BTC = self.gated_sum(x_BTC, attended, gate_attn)
        x_BTC = x_BTC + self.cross_attn(self.norm3(x_BTC), text)
        fed = self.ffn(self.modulated(x_BTC, shift_ffn, scale_ffn))
        return self.gated_sum(x_BTC, fed, gate_ffn)


class Head(nn.Module):
    """Tokens to the numbers of their patches."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.modulated = Modulation(config.eps)
        self.head = nn.Linear(config.dim, config.patch_features)
        self.modulation = nn.Parameter(torch.randn(1, 2, config.dim) * config.dim**-0.5)

    def forward(self, x_BTC: Tensor, time_BFC: Tensor) -> Tensor:
        """`BTC` tokens to `BTP` patches."""
        shift, scale = (self.modulation[:, None] + time_BFC[:, :, None]).unbind(2)
        return self.head(self.modulated(x_BTC, shift, scale))


class Transformer(nn.Module):
    """Predicts the flow of one block of noisy latents, given memory and prompt.

    Source: Wan2.1 (text-to-video 1.3B), made causal by LongLive.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.patch_embedding = nn.Conv3d(LATENT_CHANNELS, dim, kernel_size=PATCH, stride=PATCH)
        self.text_embedding = nn.Sequential(
            nn.Linear(config.text_dim, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim)
        )
        self.time_embedding = nn.Sequential(
            nn.Linear(config.frequency_dim, dim), nn.SiLU(), nn.Linear(dim, dim)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.blocks = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.head = Head(config)

    def read_text(self, embeds_BLC: Tensor) -> TextMemory:
        """The keys and values of prompts' embeddings, `text_length` rows each, zero past the end.

        They depend on the prompt alone, so one call serves all passes until the next switch.
        """
        context_BLC = self.text_embedding(embeds_BLC)
        return TextMemory(
            tuple(layer.cross_attn.keys_and_values(context_BLC) for layer in self._layers())
        )

    def forward(
        self, latent_BFCHW: Tensor, timestep_BF: Tensor, text: TextMemory, memory: Memory
    ) -> Tensor:
        """One pass: the predicted flow, `BFCHW`.

        Args:
            latent_BFCHW: the noisy latents of the block that is open in `memory`.
            timestep_BF: the noise level of each latent frame, 0 (clean) to 1000 (noise).
            text: what `read_text` gave for the prompt.
            memory: the window; this pass writes the open block's keys and values.
        """
        rows, columns = (side // LATENTS_PER_TOKEN for side in latent_BFCHW.shape[-2:])
        patches = self.patch_embedding(latent_BFCHW.transpose(1, 2))
        x_BTC = patches.flatten(2).transpose(1, 2)
        time_BFC = self.time_embedding(
            _sinusoid(timestep_BF, self.config.frequency_dim).type_as(x_BTC)
        )
        time_BF6C = self.time_projection(time_BFC).unflatten(-1, (6, -1))
        turns = self._turns(memory, rows, columns, x_BTC.device)
        for index, layer in enumerate(self._layers()):
            x_BTC = layer(x_BTC, time_BF6C, index, memory, text.layers[index], turns)
        return _unpatchified(self.head(x_BTC, time_BFC), rows, columns)

    def _layers(self) -> list[Layer]:
        return [layer for layer in self.blocks if isinstance(layer, Layer)]

    def _turns(
        self, memory: Memory, rows: int, columns: int, device: torch.device
    ) -> tuple[Turn, Turn]:
        head_dim = self.config.head_dim
        query = turn_at(memory.query_positions, rows, columns, head_dim, device)
        if not memory.relative:
            return query, query
        return query, turn_at(memory.key_positions, rows, columns, head_dim, device)


def _sinusoid(timestep_BF: Tensor, dim: int) -> Tensor:
    """Cosines, then sines, of the timestep at `dim` / 2 frequencies; in float64."""
    exponent = torch.arange(dim // 2, device=timestep_BF.device, dtype=torch.float64) / (dim // 2)
    angle = timestep_BF.double()[..., None] * 10_000.0**-exponent
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def _unpatchified(patch_BTP: Tensor, rows: int, columns: int) -> Tensor:
    """Patches `(row in patch, column in patch, channel)` back in their places, `BFCHW`."""
    p = LATENTS_PER_TOKEN
    grid = patch_BTP.unflatten(-1, (p, p, LATENT_CHANNELS)).unflatten(1, (-1, rows, columns))
    return grid.permute(0, 1, 6, 2, 4, 3, 5).flatten(-2).flatten(-3, -2)
