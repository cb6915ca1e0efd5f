"""The blocks of a rollout, and what a prompt switch leaves in its memory."""

import pytest
import torch

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.errors import SessionError
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import Recache
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


def _denoiser(network: Transformer) -> Denoiser:
    return Denoiser(network, RollingWindow(network.config.layers, 6, WINDOW, SINK))


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


@pytest.mark.parametrize(("recache", "passed"), [("needed", WINDOW - SINK), ("window", WINDOW)])
def test_a_re_cache_passes_as_many_frames_as_the_preset_says(
    network: Transformer, recache: Recache, passed: int, monkeypatch: pytest.MonkeyPatch
):
    rollout = Rollout(_denoiser(network), LEVELS, recache=recache)
    rollout.steer(network.read_text(_embeds(1)))
    for block in range(4):
        _made(rollout, block)
    seen, forward = [], network.forward

    def watched(x, *arguments: object):
        seen.append(x.shape[1])
        return forward(x, *arguments)

    monkeypatch.setattr(network, "forward", watched)
    rollout.steer(network.read_text(_embeds(2)))
    assert seen == [passed]


def test_a_rollout_without_a_prompt_says_so(network: Transformer):
    with pytest.raises(SessionError, match="no prompt steers this video yet"):
        _made(Rollout(_denoiser(network), LEVELS), 0)
