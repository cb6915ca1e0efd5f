"""Training on whole clips at once: clean blocks as context, noisy blocks beside them.

The sequence is the clean latent frames of all blocks but the last, then as many noisy blocks as a
clip has, each of which may be any block of it. What a noisy block sees is what the window would
show it: the clean blocks before it, and itself. Gradients flow through the context, which so
learns what to write.

Axes: B batch, F latent frames, K blocks, T tokens, L rows of text.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory

BLOCK_FRAMES = 3


@dataclass(frozen=True, eq=False)
class ClipMemory:
    """A memory for one pass over clean and noisy blocks; remembers nothing.

    `positions_BF` are those of a window that is not yet full; `mask` is `B1TT`.
    """

    positions_BF: Tensor
    mask: Tensor | None
    relative: bool = False

    @property
    def query_positions(self) -> Tensor:
        """The position of each frame in its clip."""
        return self.positions_BF

    @property
    def key_positions(self) -> Tensor:
        """The same: a clip sees itself."""
        return self.positions_BF

    def append(self, _layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values themselves; the mask tells who sees whom."""
        return k_BTHD, v_BTHD


def clip_memory(
    noisy_BK: Tensor, switch_B: Tensor, kept_sink_B: Tensor, tokens_per_frame: int
) -> ClipMemory:
    """The memory of clips of K blocks.

    Args:
        noisy_BK: which block of its clip each noisy one is, from 0.
        switch_B: the block with which a new prompt lands; 0 where none does.
        kept_sink_B: whether the first block is a sink that kept its old prompt.
        tokens_per_frame: tokens of one latent frame.
    """
    clean = torch.arange(noisy_BK.shape[1] - 1, device=noisy_BK.device)
    blocks_BK = torch.cat([clean.expand(len(noisy_BK), -1), noisy_BK], dim=1)
    within = torch.arange(BLOCK_FRAMES, device=noisy_BK.device)
    positions_BF = (blocks_BK[..., None] * BLOCK_FRAMES + within).flatten(1)
    seen_BKK = torch.cat(
        [
            torch.cat([_context(clean, switch_B, kept_sink_B), _nothing(noisy_BK)], dim=2),
            torch.cat([clean < noisy_BK[..., None], _itself(noisy_BK)], dim=2),
        ],
        dim=1,
    )
    tokens = BLOCK_FRAMES * tokens_per_frame
    mask = seen_BKK.repeat_interleave(tokens, dim=1).repeat_interleave(tokens, dim=2)
    return ClipMemory(positions_BF, mask[:, None])


def text_mask(new_text_BK: Tensor, text_length: int, tokens_per_frame: int) -> Tensor:
    """Which of two prompts' rows each token reads, `B1T(2L)`: the old one's, then the new one's.

    Args:
        new_text_BK: for the clean blocks, then the noisy ones: whether the new prompt steers it.
        text_length: rows of one prompt.
        tokens_per_frame: tokens of one latent frame.
    """
    reads = torch.stack([~new_text_BK, new_text_BK], dim=-1)
    rows = reads.repeat_interleave(text_length, dim=-1)
    return rows.repeat_interleave(BLOCK_FRAMES * tokens_per_frame, dim=1)[:, None]


def joined(old: TextMemory, new: TextMemory, mask: Tensor) -> TextMemory:
    """Two prompts in one memory, told apart by `mask`."""
    layers = tuple(
        (torch.cat([k_old, k_new], dim=1), torch.cat([v_old, v_new], dim=1))
        for (k_old, v_old), (k_new, v_new) in zip(old.layers, new.layers, strict=True)
    )
    return TextMemory(layers, mask)


def _context(clean: Tensor, switch_B: Tensor, kept_sink_B: Tensor) -> Tensor:
    """Which clean blocks see which, `BKK`: each sees those before it, and itself.

    A re-cache runs the blocks before the switch in one pass, so they see each other both ways;
    all of them, or all but the first one where that is a sink which keeps its old text.
    """
    recached_BK = (clean >= kept_sink_B[:, None].long()) & (clean < switch_B[:, None])
    together = recached_BK[:, :, None] & recached_BK[:, None, :]
    return (clean[None, :] <= clean[:, None]) | together


def _nothing(noisy_BK: Tensor) -> Tensor:
    """No clean block sees a noisy one."""
    count, blocks = noisy_BK.shape
    return noisy_BK.new_zeros((count, blocks - 1, blocks), dtype=torch.bool)


def _itself(noisy_BK: Tensor) -> Tensor:
    """Noisy blocks do not see each other."""
    count, blocks = noisy_BK.shape
    return torch.eye(blocks, dtype=torch.bool, device=noisy_BK.device).expand(count, -1, -1)
