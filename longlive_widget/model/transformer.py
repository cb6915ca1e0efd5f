"""The causal video transformer of LongLive on Wan2.1, under Wan's own key names.

Axes: B batch, F latent frames, C channels or features, H rows, W columns, T tokens (frame, row,
column), S tokens of one frame, L rows of text.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.cache.text import TextMemory
from longlive_widget.cache.window import Turning
from longlive_widget.geometry import LATENT_CHANNELS, LATENTS_PER_TOKEN
from longlive_widget.model.attention import (
    Attend,
    Memory,
    Projections,
    SelfAttention,
    torch_attention,
)
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.rotary import Turn, turn_at, turned

_WITH_GRAPHS = ("reduce-overhead", "max-autotune")
"""The modes of torch.compile that record CUDA graphs."""
PATCH = (1, LATENTS_PER_TOKEN, LATENTS_PER_TOKEN)


class Layer(nn.Module):
    """Self attention, cross attention and feed-forward, modulated by the timestep.

    `before`, `between` and `after` are all of a layer but its two attentions, which depend on what
    is in memory, and `reading` is what becomes of that: each of the four may be compiled by itself.
    `attend` computes self attention, and `attend_rows` that to each row of the prompt. With
    `turning` a memory turns its keys as it reads them, and `reading` serves those who ask for it.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.attend: Attend = torch_attention
        self.attend_rows: Attend = torch_attention
        self.turning: Callable[[Turn], Turning] | None = None
        self.self_attn = SelfAttention(config)
        self.cross_attn = Projections(config)  # over every row of the prompt, padded ones too
        self.norm3 = nn.LayerNorm(config.dim, eps=config.eps)
        self.ffn = nn.Sequential(
            nn.Linear(config.dim, config.ffn_dim),
            nn.GELU(approximate="tanh"),
            nn.Linear(config.ffn_dim, config.dim),
        )
        self.modulation = nn.Parameter(torch.empty(1, 6, config.dim))
        nn.init.normal_(self.modulation, std=config.dim**-0.5)

    def forward(
        self,
        x_BTC: Tensor,
        time_BF6C: Tensor,
        layer: int,
        memory: Memory,
        text: TextMemory,
        turns: tuple[Turn, Turn],
    ) -> Tensor:
        """One layer over the tokens of a block: it writes keys and values into `memory`.

        A relative memory holds keys as they are and turns them at each reading; an absolute one
        holds them turned.
        """
        q, k, v = self._before(x_BTC, time_BF6C, memory, turns)
        k, v = self._remembered(layer, k, v, memory, turns)
        seen_BTC = self.attend(q, k, v).flatten(2)
        x_BTC, q = self.between(x_BTC, seen_BTC, time_BF6C)
        return self.after(x_BTC, self.prompted(q, text, layer).flatten(2), time_BF6C)

    def write(
        self,
        x_BTC: Tensor,
        time_BF6C: Tensor,
        layer: int,
        memory: Memory,
        turns: tuple[Turn, Turn],
    ) -> None:
        """Write keys and values into `memory`, and do nothing else of a layer."""
        _, k, v = self._before(x_BTC, time_BF6C, memory, turns)
        memory.write(layer, k, v)

    def before(
        self, x_BTC: Tensor, time_BF6C: Tensor, query_turn: Turn, key_turn: Turn | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of self attention, `BTHD`."""
        shift, scale, *_ = self._time_parts(time_BF6C)
        return self.self_attn.read(modulated(x_BTC, shift, scale, self.eps), query_turn, key_turn)

    def _before(
        self, x_BTC: Tensor, time_BF6C: Tensor, memory: Memory, turns: tuple[Turn, Turn]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, the keys as `memory` holds them."""
        query_turn, key_turn = turns
        return self.before(x_BTC, time_BF6C, query_turn, None if memory.relative else key_turn)

    def _remembered(
        self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor, memory: Memory, turns: tuple[Turn, Turn]
    ) -> tuple[Tensor, Tensor]:
        """All keys and values that the block sees, after its own are written."""
        _, key_turn = turns
        if memory.relative and self.turning is not None:
            return memory.append_turned(layer, k_BTHD, v_BTHD, self.turning(key_turn))
        k_BTHD, v_BTHD = memory.append(layer, k_BTHD, v_BTHD)
        return (self.reading(k_BTHD, key_turn) if memory.relative else k_BTHD), v_BTHD

    def reading(self, k_BTHD: Tensor, key_turn: Turn) -> Tensor:
        """All keys of a relative memory, turned as far as each lies back from now."""
        return turned(k_BTHD, key_turn)

    def between(self, x_BTC: Tensor, seen_BTC: Tensor, time_BF6C: Tensor) -> tuple[Tensor, Tensor]:
        """`x` with what self attention saw, and the queries of cross attention."""
        gate = self._time_parts(time_BF6C)[2]
        x_BTC = gated_sum(x_BTC, self.self_attn.o(seen_BTC), gate)
        return x_BTC, self.cross_attn.queries(self.norm3(x_BTC))

    def prompted(self, q_BTHD: Tensor, text: TextMemory, layer: int) -> Tensor:
        """What queries see of the prompt, `BTHD`."""
        return self.attend_rows(q_BTHD, *text.layers[layer])

    def after(self, x_BTC: Tensor, seen_BTC: Tensor, time_BF6C: Tensor) -> Tensor:
        """`x` with what cross attention saw, then fed forward."""
        *_, shift, scale, gate = self._time_parts(time_BF6C)
        x_BTC = x_BTC + self.cross_attn.o(seen_BTC)
        risen = self.risen(modulated(x_BTC, shift, scale, self.eps))
        return gated_sum(x_BTC, self.ffn[2](risen), gate)

    def risen(self, x_BTC: Tensor) -> Tensor:
        """As wide as the feed-forward part is inside, after its activation."""
        up, activation, _ = self.ffn
        wide: Tensor = activation(up(x_BTC))
        return wide

    def _time_parts(self, time_BF6C: Tensor) -> tuple[Tensor, ...]:
        """Shift, scale and gate of self attention, then those of the feed-forward part, `BFC`."""
        return (self.modulation[:, None] + time_BF6C).unbind(2)


class Head(nn.Module):
    """Tokens to the numbers of their patches."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.head = nn.Linear(config.dim, config.patch_features)
        self.modulation = nn.Parameter(torch.empty(1, 2, config.dim))
        nn.init.normal_(self.modulation, std=config.dim**-0.5)

    def forward(self, x_BTC: Tensor, time_BFC: Tensor) -> Tensor:
        """`BTC` tokens to `BTP` patches."""
        shift, scale = (self.modulation[:, None] + time_BFC[:, :, None]).unbind(2)
        return self.head(modulated(x_BTC, shift, scale, self.eps))


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
        self.compiled: str | None = None
        self.fused = False

    def read_text(self, embeds_BLC: Tensor) -> TextMemory:
        """The keys and values of prompts' embeddings, `text_length` rows each, zero past the end.

        They depend on the prompt alone, so one call serves all passes until the next switch.
        """
        context_BLC = self.text_embedding(embeds_BLC)
        layers = tuple(layer.cross_attn.keys_and_values(context_BLC) for layer in self.layers())
        return TextMemory(layers, _told(embeds_BLC))

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
        x_BTC, time_BFC = self._through(latent_BFCHW, timestep_BF, text, memory)
        return _unpatchified(self.head(x_BTC, time_BFC), rows, columns)

    def remember(
        self, latent_BFCHW: Tensor, timestep_BF: Tensor, text: TextMemory, memory: Memory
    ) -> None:
        """A pass for what it leaves in memory alone: it ends with the last layer's keys and values.

        The arguments are those of a pass that predicts.
        """
        self._through(latent_BFCHW, timestep_BF, text, memory, to_the_end=False)

    def _through(
        self,
        latent_BFCHW: Tensor,
        timestep_BF: Tensor,
        text: TextMemory,
        memory: Memory,
        *,
        to_the_end: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Tokens after all layers, `BTC`, and the embedding of the timestep, `BFC`."""
        if self.compiled in _WITH_GRAPHS:
            torch.compiler.cudagraph_mark_step_begin()
        rows, columns = (side // LATENTS_PER_TOKEN for side in latent_BFCHW.shape[-2:])
        patches = self.patch_embedding(latent_BFCHW.transpose(1, 2))
        x_BTC = patches.flatten(2).transpose(1, 2)
        time_BFC = self.time_embedding(
            _sinusoid(timestep_BF, self.config.frequency_dim).type_as(x_BTC)
        )
        time_BF6C = self.time_projection(time_BFC).unflatten(-1, (6, -1))
        turns = self.turns(memory, rows, columns, x_BTC.device)
        *earlier, last = enumerate(self.layers())
        for index, layer in earlier:
            x_BTC = layer(x_BTC, time_BF6C, index, memory, text, turns)
        index, layer = last
        if to_the_end:
            x_BTC = layer(x_BTC, time_BF6C, index, memory, text, turns)
        else:
            layer.write(x_BTC, time_BF6C, index, memory, turns)
        return x_BTC, time_BFC

    @property
    def attend(self) -> Attend:
        """What computes self attention in all layers."""
        return self.layers()[0].attend

    @property
    def attend_rows(self) -> Attend:
        """What computes attention to the rows of a prompt, in layers that are not fused."""
        return self.layers()[0].attend_rows

    def attend_with(self, attend: Attend, *, rows: Attend | None = None) -> None:
        """Attend so in all layers from now on; to a prompt's rows otherwise, if that is said.

        Layers that are fused have a way of their own to attend to a prompt.
        """
        for layer in self.layers():
            layer.attend, layer.attend_rows = attend, rows or attend

    def fuse_layers(self) -> None:
        """Have kernels of our own compute the parts of every layer, in place: on a GPU."""
        from longlive_widget.model import fused, fused_prompt, fused_window  # they load Triton

        self.fused = True
        for layer in self.layers():
            parts = {part.__name__: partial(part, layer) for part in fused.PARTS}
            others = {"reading": fused.turned, "prompted": fused_prompt.prompted}
            for name, part in (parts | others).items():
                setattr(layer, name, part)
            layer.turning = fused_window.KeyTurning
            layer.self_attn.join_projections()

    def compile_layers(self, mode: str = "default") -> None:
        """Compile the parts of every layer, in place: once for all layers and sizes.

        `mode` is one of torch.compile's. Where it records CUDA graphs, a pass begins by saying so:
        what the graphs of the pass before have left may be overwritten. `reading` stays out of
        them: a graph would first copy the whole memory. Layers that are `fused` stay as they are.
        """
        self.compiled = mode
        if self.fused:
            return
        modes = {"before": mode, "reading": "default", "between": mode, "after": mode}
        for layer in self.layers():
            for part, how in modes.items():
                setattr(layer, part, torch.compile(getattr(layer, part), dynamic=True, mode=how))

    def layers(self) -> list[Layer]:
        """Its layers, in the order in which tokens pass them."""
        return [layer for layer in self.blocks if isinstance(layer, Layer)]

    def turns(
        self, memory: Memory, rows: int, columns: int, device: torch.device
    ) -> tuple[Turn, Turn]:
        """How queries and keys are turned in the memory as it is, for latents of so many tokens."""
        head_dim = self.config.head_dim
        query = turn_at(memory.query_positions, rows, columns, head_dim, device)
        if not memory.relative:
            return query, query
        return query, turn_at(memory.key_positions, rows, columns, head_dim, device)


def modulated(x_BTC: Tensor, shift_BFC: Tensor, scale_BFC: Tensor, eps: float) -> Tensor:
    """Layer norm without weights, then scale and shift: each latent frame has its own."""
    normed = F.layer_norm(x_BTC.float(), x_BTC.shape[-1:], eps=eps)
    frames = normed.unflatten(1, (shift_BFC.shape[1], -1))
    moved = frames * (1 + scale_BFC[:, :, None]) + shift_BFC[:, :, None]
    return moved.flatten(1, 2).type_as(x_BTC)


def gated_sum(x_BTC: Tensor, added_BTC: Tensor, gate_BFC: Tensor) -> Tensor:
    """`x` and what is added, as far as each latent frame's gate lets it through."""
    gated = added_BTC.unflatten(1, (gate_BFC.shape[1], -1)) * gate_BFC[:, :, None]
    return x_BTC + gated.flatten(1, 2)


def _told(embeds_BLC: Tensor) -> Tensor:
    """How many rows there are up to the last that is not zero, one int32; nobody waits for it."""
    rows = torch.arange(1, embeds_BLC.shape[1] + 1, device=embeds_BLC.device, dtype=torch.int32)
    return (embeds_BLC.any(dim=-1) * rows).amax().unsqueeze(0)


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
