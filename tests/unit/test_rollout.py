"""The blocks of a rollout, and what a prompt switch leaves in its memory."""

import pytest
import torch
from torch import Tensor

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.errors import SessionError
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import Context, Recache
from tests.unit.small_network import small_transformer

WINDOW, SINK, BLOCK = 6, 3, 3
LEVELS = levels([1000, 500])


@pytest.fixture(scope="module", autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def network() -> Transformer:
    return small_transformer()


def _denoiser(network: Transformer, window_frames: int = WINDOW) -> Denoiser:
    return Denoiser(network, RollingWindow(network.config.layers, 6, window_frames, SINK))


def _noise(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return lambda _step=0: torch.randn(1, BLOCK, 16, 4, 6, generator=generator)


def _embeds(seed: int):
    return torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(seed))


def _made(rollout: Rollout, block: int):
    noise = _noise(block)
    return rollout.next_block(noise(), noise)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
@pytest.mark.parametrize("global_sink", [True, False])
@pytest.mark.parametrize("recache", ["needed", "window"])
def test_a_switch_keeps_the_sink_only_once_more_frames_exist_than_the_window_holds(
    network: Transformer, blocks: int, recache: Recache, *, global_sink: bool
):
    """Exactly as many frames as the window holds are all computed again, the sink too."""
    rollout = Rollout(_denoiser(network), LEVELS, global_sink=global_sink, recache=recache)
    old, new = (network.read_text(_embeds(seed)) for seed in (1, 2))
    rollout.steer(old)
    latents = torch.cat([_made(rollout, block) for block in range(blocks)], dim=1)
    rollout.steer(new)

    by_hand = _denoiser(network)
    frames = latents.shape[1]
    if global_sink and frames > WINDOW:
        by_hand.window.open_block(0, SINK)
        by_hand.write_context(latents[:, :SINK], old)
    again = WINDOW - SINK if global_sink and frames > WINDOW else min(frames, WINDOW)
    by_hand.window.open_block(frames - again, again)
    by_hand.write_context(latents[:, -again:], new)
    by_hand.window.open_block(frames, BLOCK)
    noise = _noise(blocks)
    expected = by_hand.denoise(noise(), noise, new, LEVELS)

    assert torch.allclose(_made(rollout, blocks), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("window_frames", "recache", "passed"),
    [(9, "needed", [6]), (9, "window", [9]), (6, "needed", []), (6, "window", [6])],
)
def test_a_re_cache_passes_as_many_frames_as_the_preset_says(
    network: Transformer,
    window_frames: int,
    recache: Recache,
    passed: list[int],
    monkeypatch: pytest.MonkeyPatch,
):
    """In a window of a sink and one block nothing of it would be left: none is needed."""
    rollout = Rollout(_denoiser(network, window_frames), LEVELS, recache=recache)
    rollout.steer(network.read_text(_embeds(1)))
    for block in range(4):
        _made(rollout, block)
    seen = _passes(network, monkeypatch)
    rollout.steer(network.read_text(_embeds(2)))
    assert seen == passed


@pytest.mark.parametrize(
    ("window_frames", "context", "passes"),
    [(6, "needed", 4 * 2 + 1), (6, "always", 4 * 3), (7, "needed", 4 * 3)],
)
def test_a_context_pass_is_made_where_the_preset_says(
    network: Transformer,
    window_frames: int,
    context: Context,
    passes: int,
    monkeypatch: pytest.MonkeyPatch,
):
    """The first block is the sink; a window of 6 forgets each other one as the next opens."""
    rollout = Rollout(_denoiser(network, window_frames), LEVELS, context=context)
    rollout.steer(network.read_text(_embeds(1)))
    seen = _passes(network, monkeypatch)
    for block in range(4):
        _made(rollout, block)
        rollout.settle()
    assert seen == [BLOCK] * passes


def test_a_context_pass_that_is_not_needed_changes_nothing(network: Transformer):
    """To the bit, with prompts that switch."""
    made = []
    for context in ("needed", "always"):
        rollout = Rollout(_denoiser(network), LEVELS, context=context)
        latents = []
        for block in range(6):
            if block in (0, 2, 5):
                rollout.steer(network.read_text(_embeds(block)))
            latents.append(_made(rollout, block))
        made.append(torch.cat(latents))
    assert torch.equal(*made)


def _passes(network: Transformer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The latent frames of each pass from now on."""
    seen, embed = [], network.patch_embedding.forward

    def watched(x: Tensor) -> Tensor:
        seen.append(x.shape[2])
        return embed(x)

    monkeypatch.setattr(network.patch_embedding, "forward", watched)
    return seen


def test_blocks_of_one_video_are_equally_long(network: Transformer):
    rollout = Rollout(_denoiser(network), LEVELS)
    rollout.steer(network.read_text(_embeds(1)))
    _made(rollout, 0)
    with pytest.raises(SessionError, match="a block of 2 latent frames after others of 3"):
        rollout.next_block(_noise(1)()[:, :2], _noise(1))


def test_a_rollout_without_a_prompt_says_so(network: Transformer):
    with pytest.raises(SessionError, match="no prompt steers this video yet"):
        _made(Rollout(_denoiser(network), LEVELS), 0)
