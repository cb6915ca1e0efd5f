"""Training on clips sees what a running video sees."""

import pytest
import torch

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.transformer import Transformer
from longlive_widget.tiny.clips import CLIP_BLOCKS, FORMS, Form
from longlive_widget.tiny.teacher_forcing import BLOCK_FRAMES, TaughtWindow, repeated

TIMESTEP = 900.0
FORMS_ONCE = sorted(set(FORMS), key=str)


@pytest.fixture(scope="module")
def network() -> Transformer:
    torch.manual_seed(0)
    sizes = TransformerConfig(
        dim=24, heads=2, layers=2, ffn_dim=32, text_dim=8, text_length=4, frequency_dim=16
    )
    return Transformer(sizes).eval().requires_grad_(requires_grad=False)


def _frames(blocks: range) -> slice:
    return slice(blocks.start * BLOCK_FRAMES, blocks.stop * BLOCK_FRAMES)


def _texts(network: Transformer, form: Form):
    """The prompt that each pass before the taught blocks reads, and the last prompt."""
    old, new = (network.read_text(torch.randn(2, 4, 8)) for _ in range(2))
    sink = [new] if form.starts else [old]
    return [*sink, new][: len(form.remembered)], new


def _taught(network: Transformer, form: Form, clean, noisy, texts, new):
    window = TaughtWindow(network.config.layers)
    for blocks, text in zip(form.remembered, texts, strict=True):
        x = clean[:, _frames(blocks)]
        window.open_block(x.shape[1])
        network(x, torch.zeros(x.shape[:2]), text, window)
        window.remember(len(clean))
    both = repeated(new, 2)
    for block in range(form.first_taught, CLIP_BLOCKS):
        frames = _frames(range(block, block + 1))
        window.open_block(BLOCK_FRAMES)
        told = torch.tensor([TIMESTEP, TIMESTEP, 0, 0])[:, None].expand(-1, BLOCK_FRAMES)
        yield network(torch.cat([noisy[:, frames], clean[:, frames]]), told, both, window)[:2]
        window.remember(len(clean))


def _streamed(network: Transformer, form: Form, clean, noisy, texts, new):
    tokens = clean.shape[-1] * clean.shape[-2] // 4
    denoiser = Denoiser(network, RollingWindow(network.config.layers, tokens, 12, 3, relative=True))
    for blocks, text in zip(form.remembered, texts, strict=True):
        x = clean[:, _frames(blocks)]
        denoiser.window.open_block(blocks.start * BLOCK_FRAMES, x.shape[1])
        denoiser.write_context(x, text)
    for block in range(form.first_taught, CLIP_BLOCKS):
        frames = _frames(range(block, block + 1))
        denoiser.window.open_block(frames.start, BLOCK_FRAMES)
        yield denoiser.flow(noisy[:, frames], TIMESTEP, new)
        denoiser.write_context(clean[:, frames], new)


@pytest.mark.parametrize("form", FORMS_ONCE, ids=str)
def test_a_clip_gives_the_flow_of_a_running_video(network: Transformer, form: Form):
    torch.manual_seed(form.switch)
    clean, noisy = torch.randn(2, 2, CLIP_BLOCKS * BLOCK_FRAMES, 16, 4, 6)
    texts, new = _texts(network, form)
    taught = list(_taught(network, form, clean, noisy, texts, new))
    streamed = list(_streamed(network, form, clean, noisy, texts, new))
    assert len(taught) == len(streamed) == CLIP_BLOCKS - form.first_taught
    for ours, theirs in zip(taught, streamed, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("form", FORMS_ONCE, ids=str)
def test_every_block_is_remembered_or_taught(form: Form):
    before = [block for blocks in form.remembered for block in blocks]
    assert before == list(range(form.first_taught))
    assert form.first_taught < CLIP_BLOCKS


def test_blocks_before_a_switch_are_written_again_in_one_pass_but_a_sink_that_is_kept():
    assert Form(starts=True, switch=3).remembered == (range(3),)
    assert Form(starts=False, switch=3).remembered == (range(1), range(1, 3))


def test_a_block_that_no_pass_has_written_cannot_be_remembered():
    window = TaughtWindow(1)
    window.open_block(3)
    with pytest.raises(ValueError, match="no pass has written"):
        window.remember(1)
