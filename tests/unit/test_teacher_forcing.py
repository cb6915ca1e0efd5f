"""Training on whole clips sees what a running video sees."""

import pytest
import torch

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.transformer import Transformer
from longlive_widget.tiny.teacher_forcing import clip_memory, joined, text_mask
from longlive_widget.tiny.train_transformer import noisy_blocks

BLOCKS, FRAMES = 4, 3
TIMESTEP = 900.0


@pytest.fixture(scope="module")
def network() -> Transformer:
    torch.manual_seed(0)
    sizes = TransformerConfig(
        dim=24, heads=2, layers=2, ffn_dim=32, text_dim=8, text_length=4, frequency_dim=16
    )
    return Transformer(sizes).eval().requires_grad_(requires_grad=False)


def _streamed(network: Transformer, clean, noisy, old, new, switch: int):
    """The flow of each noisy block, in a running video whose prompt switches at block `switch`."""
    tokens = clean.shape[-1] * clean.shape[-2] // 4
    denoiser = Denoiser(network, RollingWindow(network.config.layers, tokens, 12, 3))
    flows = []
    for block in range(BLOCKS):
        frames = slice(block * FRAMES, (block + 1) * FRAMES)
        text = new if switch and block >= switch else old
        if switch and block == switch:
            denoiser.recache(clean[:, : frames.start], frames.start, text)
        denoiser.window.open_block(frames.start, FRAMES)
        flows.append(denoiser.flow(noisy[:, frames], TIMESTEP, text))
        denoiser.write_context(clean[:, frames], text)
    return flows


@pytest.mark.parametrize("switch", [0, 1, 2, 3])
def test_a_clip_gives_the_flow_of_a_running_video(network: Transformer, switch: int):
    torch.manual_seed(switch)
    clean, noisy = torch.randn(2, 1, BLOCKS * FRAMES, 16, 4, 6)
    old, new = (network.read_text(torch.randn(1, 4, 8)) for _ in range(2))
    tokens = 6
    noisy_BK = noisy_blocks(torch.tensor([switch]))
    memory = clip_memory(noisy_BK, torch.tensor([switch]), torch.tensor([False]), tokens)
    steered_by_new = torch.full((1, 2 * BLOCKS - 1), switch > 0)
    text = joined(old, new, text_mask(steered_by_new, 4, tokens))
    shown = torch.cat([noisy[:, FRAMES * b : FRAMES * (b + 1)] for b in noisy_BK[0].tolist()], 1)
    told = torch.tensor([[0.0] * 9 + [TIMESTEP] * 12])
    flow = network(torch.cat([clean[:, :9], shown], dim=1), told, text, memory)[:, 9:]
    streamed = _streamed(network, clean, noisy, old, new, switch)
    for slot, block in enumerate(noisy_BK[0].tolist()):
        ours = flow[:, slot * FRAMES : (slot + 1) * FRAMES]
        assert torch.allclose(ours, streamed[block], atol=1e-5), f"block {block}"


def test_every_noisy_block_teaches():
    assert noisy_blocks(torch.tensor([0, 1, 2, 3])).tolist() == [
        [0, 1, 2, 3],
        [1, 2, 3, 1],
        [2, 3, 2, 3],
        [3, 3, 3, 3],
    ]


def test_a_kept_sink_reads_its_own_prompt_and_is_not_rewritten():
    noisy, switch = torch.tensor([[3, 3, 3, 3]]), torch.tensor([3])
    kept, rewritten = (
        clip_memory(noisy, switch, torch.tensor([is_kept]), 1).mask[0, 0]
        for is_kept in (True, False)
    )
    sink, second = 0, FRAMES
    assert not kept[sink, second]
    assert rewritten[sink, second]
    assert kept[second, 2 * FRAMES]
    assert rewritten[second, 2 * FRAMES]
