"""Training on whole clips at once: clean blocks as context, noisy blocks beside them.

The sequence is all clean latent frames, then the same frames noisy. What a noisy block sees is
what the window would show it: the clean blocks before it, and itself. Gradients flow through the
context, which so learns what to write.

Axes: B batch, F latent frames, T tokens, S tokens of one frame, L rows of text.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory

BLOCK_FRAMES = 3


@dataclass(frozen=True, eq=False)
class ClipMemory:
    """A memory for one pass over a clip of `blocks` blocks; remembers nothing.

    `mask` is `B1TT`; positions are those of a window that is not yet full.
    """

    blocks: int
    mask: Tensor | None
    relative: bool = False

    @property
    def query_positions(self) -> tuple[int, ...]:
        """Each position twice: once for the clean frame, once for the noisy one."""
        return (*range(self.blocks * BLOCK_FRAMES),) * 2

    @property
    def key_positions(self) -> tuple[int, ...]:
        """The same: a clip sees itself."""
        return self.query_positions

    def append(self, _layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values themselves; the mask tells who sees whom."""
        return k_BTHD, v_BTHD


def self_mask(switch_B: Tensor, kept_sink_B: Tensor, blocks: int, tokens_per_frame: int) -> Tensor:
    """Who sees whom in a clip, `B1TT`.

    A re-cache runs the blocks before the switch in one pass, so they see each other both ways;
    all of them, or all but the first one where that is a sink which keeps its old text.

    Args:
        switch_B: the block with which a new prompt lands; 0 where none does.
        kept_sink_B: whether the first block is such a sink.
        blocks: blocks in a clip.
        tokens_per_frame: tokens of one latent frame.
    """
    index = torch.arange(blocks, device=switch_B.device)
    earlier = index[None, :] < index[:, None]
    itself = index[None, :] == index[:, None]
    recached_BK = (index >= kept_sink_B[:, None].long()) & (index < switch_B[:, None])
    together = recached_BK[:, :, None] & recached_BK[:, None, :]
    clean_to_clean = (earlier | itself) | together
    top = torch.cat([clean_to_clean, torch.zeros_like(clean_to_clean)], dim=2)
    bottom = torch.cat([earlier, itself], dim=1).expand(len(switch_B), -1, -1)
    by_block = torch.cat([top, bottom], dim=1)
    return _per_token(by_block, BLOCK_FRAMES * tokens_per_frame)[:, None]


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


def _per_token(by_block: Tensor, tokens: int) -> Tensor:
    return by_block.repeat_interleave(tokens, dim=1).repeat_interleave(tokens, dim=2)
