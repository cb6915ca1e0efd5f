"""Attention over a prompt whose later rows are all alike, against attention over each of its rows.

Without a GPU they run in Triton's interpreter, where it is asked for: TRITON_INTERPRET=1.
"""

import pytest
import torch

from longlive_widget.cache.text import TextMemory
from longlive_widget.model.attention import torch_attention
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.transformer import Transformer
from tests.gpu.test_fused import DEVICE, DTYPES, drawn, near, pytestmark

__all__ = ["pytestmark"]
HEADS = ((12, 128), (3, 32), (5, 20))
BATCH, TOKENS, ROWS = 2, 133, 70
"""Neither is a multiple of what a program reads at once."""


def prompts(told: int, heads: tuple[int, int], dtype: torch.dtype) -> TextMemory:
    """Keys and values, those of the rows after the prompts the same; of each video its own."""
    both = drawn(2, BATCH, ROWS, *heads, seed=told).to(dtype)
    both[:, :, told:] = both[:, :, -1:].clone()
    how_many = torch.tensor([told], dtype=torch.int32, device=DEVICE)
    return TextMemory(((both[0], both[1]),), how_many)


@pytest.mark.parametrize("told", [1, 17, 63, 64, ROWS - 1, ROWS])
@pytest.mark.parametrize("heads", HEADS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_rows_that_are_alike_count_each_though_one_is_read(
    dtype: torch.dtype, heads: tuple[int, int], told: int
):
    from longlive_widget.model.fused_prompt import prompted

    text = prompts(told, heads, dtype)
    q = drawn(BATCH, TOKENS, *heads, seed=9).to(dtype)
    k, v = text.layers[0]
    exact = torch_attention(*(x.double() for x in (q, k, v)))
    near(prompted(q, text, 0), torch_attention(q, k, v), exact)


@pytest.mark.parametrize("told", [3, 40])
@torch.inference_mode()
def test_rows_after_the_longest_prompt_are_told_apart_from_it_by_the_network(told: int):
    """The network's own count, over keys and values that it makes."""
    from longlive_widget.model.fused_prompt import prompted

    config = TransformerConfig(
        dim=96, heads=3, layers=2, ffn_dim=160, text_dim=32, text_length=ROWS
    )
    torch.manual_seed(0)
    network = Transformer(config).to(DEVICE)
    embeds = drawn(BATCH, ROWS, config.text_dim, seed=1).float()
    embeds[0, told:], embeds[1, told - 2 :] = 0, 0
    text = network.read_text(embeds)
    assert text.told.tolist() == [told]
    q = drawn(BATCH, TOKENS, config.heads, config.head_dim, seed=2).float()
    for layer, (k, v) in enumerate(text.layers):
        exact = torch_attention(*(x.double() for x in (q, k, v)))
        near(prompted(q, text, layer), torch_attention(q, k, v), exact)
