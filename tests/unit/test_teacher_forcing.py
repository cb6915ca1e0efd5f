"""Training on clips sees what a running video sees."""

import pytest
import torch

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.transformer import Transformer
from longlive_widget.tiny.clips import FORMS, OPENING, Form, outline
from longlive_widget.tiny.teacher_forcing import BLOCK_FRAMES, TaughtWindow, repeated
from longlive_widget.tiny.train_transformer import FlowMatching, Lesson, Prompts

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
    for block in range(form.first_taught, form.blocks):
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
    for block in range(form.first_taught, form.blocks):
        frames = _frames(range(block, block + 1))
        denoiser.window.open_block(frames.start, BLOCK_FRAMES)
        yield denoiser.flow(noisy[:, frames], TIMESTEP, new)
        denoiser.write_context(clean[:, frames], new)


@pytest.mark.parametrize("form", FORMS_ONCE, ids=str)
def test_a_clip_gives_the_flow_of_a_running_video(network: Transformer, form: Form):
    torch.manual_seed(form.switch)
    clean, noisy = torch.randn(2, 2, form.blocks * BLOCK_FRAMES, 16, 4, 6)
    texts, new = _texts(network, form)
    taught = list(_taught(network, form, clean, noisy, texts, new))
    streamed = list(_streamed(network, form, clean, noisy, texts, new))
    assert len(taught) == len(streamed) == form.blocks - form.first_taught
    for ours, theirs in zip(taught, streamed, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("form", FORMS_ONCE, ids=str)
def test_every_block_is_remembered_or_taught(form: Form):
    before = [block for blocks in form.remembered for block in blocks]
    assert before == list(range(form.first_taught))
    assert form.first_taught < form.blocks


def test_blocks_before_a_switch_are_written_again_in_one_pass_but_a_sink_that_is_kept():
    assert Form(starts=True, switch=3).remembered == (range(3),)
    assert Form(starts=False, switch=3).remembered == (range(1), range(1, 3))


def test_a_block_that_no_pass_has_written_cannot_be_remembered():
    window = TaughtWindow(1)
    window.open_block(3)
    with pytest.raises(ValueError, match="no pass has written"):
        window.remember(1)


@pytest.mark.parametrize("form", [f for f in FORMS_ONCE if f.blocks > 1], ids=str)
def test_the_own_context_of_a_network_that_knows_is_the_clean_clip(
    network: Transformer, form: Form, monkeypatch
):
    torch.manual_seed(0)
    clean, context = torch.randn(2, 2, form.blocks * BLOCK_FRAMES, 16, 4, 6)
    lesson = Lesson(form, clean, clean[:, :, :1], torch.randn(2, 3, 4, 8))
    told_to = []

    def knowing(x, told, text, _window):
        block = len(told_to)
        told_to.append(text)
        noisy, sigma = x[:2], told[:2, None, None, None, None] / 1000
        assert torch.equal(x[2:], context[:, _frames(range(block, block + 1))])
        assert told[2:].eq(0).all()
        flow = (noisy - clean[:, _frames(range(block, block + 1))]) / sigma
        return torch.cat([flow, torch.zeros_like(flow)])

    monkeypatch.setattr(FlowMatching, "_pass", staticmethod(knowing))
    monkeypatch.setattr(TaughtWindow, "remember", lambda *_: None)
    prompts = Prompts(*map(network.read_text, lesson.text_BPLC.unbind(1)))
    made = FlowMatching(network)._own_context(lesson, context, prompts)
    last = form.blocks - 1
    assert torch.allclose(
        made[:, : last * BLOCK_FRAMES], clean[:, : last * BLOCK_FRAMES], atol=1e-5
    )
    assert torch.equal(made[:, last * BLOCK_FRAMES :], context[:, last * BLOCK_FRAMES :])
    ways = {"sink": prompts.sink, "before": prompts.before, "last": prompts.last}
    read = [
        next(name for name, way in ways.items() if text.layers[0][0][0].equal(way.layers[0][0][0]))
        for text in told_to
    ]
    later = ["before" if block < form.switch else "last" for block in range(1, last)]
    assert read == ["sink", *later]


def test_an_opening_is_a_first_block_with_nothing_before_it():
    assert (OPENING.remembered, OPENING.first_taught, OPENING.blocks) == ((), 0, 1)
    assert OPENING in FORMS


def test_the_first_shards_are_openings_where_that_is_asked_for_and_all_others_take_turns():
    forms = [outline(0, 1, number, openings=9).form for number in range(9 + len(FORMS))]
    assert set(forms[:9]) == {OPENING}
    assert sorted(forms[9:], key=str) == sorted(FORMS, key=str)
    assert [outline(0, 1, number).form for number in range(len(FORMS))] == list(FORMS)
