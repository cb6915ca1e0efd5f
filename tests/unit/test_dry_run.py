"""What is counted on the meta device is what torch's allocator gives out for the same work."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from longlive_widget import PRESETS, Engine, Preset
from longlive_widget.engine import dry_run
from longlive_widget.engine.decode import decoder_for
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.dry_run import LiveBytes, decoding_work, passing_bytes
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.windows import new_window
from longlive_widget.model.stream import to_bytes
from tests.unit.allocated import most_bytes

REFERENCE = PRESETS["reference"]


@pytest.fixture(scope="module", autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


def test_decoding_a_block_takes_what_was_counted(engine: Engine):
    sizes = engine.model.sizes
    stream = decoder_for(REFERENCE, engine.model).stream()
    latent = torch.randn(1, *sizes.geometry.latent_block_shape)
    for _ in range(2):
        stream.decode(latent)
    counted = decoding_work(REFERENCE, sizes, torch.float32)
    assert counted.kept_bytes == sum(kept.nbytes for kept in stream.state)
    taken = most_bytes(lambda: to_bytes(stream.decode(latent)))
    assert taken == pytest.approx(counted.most_bytes, rel=0.05)


@pytest.mark.parametrize(
    "preset", [REFERENCE.with_(window_cache="ring"), PRESETS["low_memory"]], ids=lambda p: p.name
)
def test_passes_take_what_was_counted(engine: Engine, preset: Preset):
    """A step that evicts, and a re-cache; attention itself takes a little more."""
    sizes = engine.model.sizes
    denoiser = Denoiser(
        engine.model.transformer, new_window(preset, sizes, sizes.geometry, "relative")
    )
    noise, text = torch.randn(1, *sizes.geometry.latent_block_shape), engine.model.read("a ball")

    def step(block: int) -> None:
        denoiser.window.open_block(3 * block, 3)
        denoiser.denoise(noise, lambda _: noise, text, levels((1000,)))

    def work() -> None:
        step(5)
        denoiser.recache(noise.repeat(1, 4, 1, 1, 1), 18, text, next_frames=3)

    for block in range(5):
        step(block)
    counted = passing_bytes(preset, sizes, torch.float32)
    assert counted <= most_bytes(work) < 1.1 * counted


@pytest.mark.parametrize("window_frames", [12, 6])
@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda p: p.name)
def test_presets_that_share_a_dry_run_take_what_one_of_their_own_counts(
    engine: Engine, preset: Preset, window_frames: int
):
    """Once the turns of positions are there, which are kept: only the first run counts them."""
    one, sizes = preset.with_(window_frames=window_frames), engine.model.sizes
    shared = dry_run._passing_bytes
    shared.__wrapped__(one, sizes, torch.float32)
    shared.cache_clear()
    assert passing_bytes(one, sizes, torch.float32) == shared.__wrapped__(one, sizes, torch.float32)


def test_a_window_that_rolls_evicts_layer_by_layer(engine: Engine):
    """So one layer's memory is there twice at a time, not that of all."""
    sizes = engine.model.sizes
    many = replace(sizes, transformer=replace(sizes.transformer, layers=8))
    window = new_window(REFERENCE, many, sizes.geometry, "relative")
    with LiveBytes() as live:
        block = torch.empty(1, 12 * sizes.geometry.tokens_per_frame, 2, 16, device="meta")
        window.open_block(0, 12)
        for layer in range(8):
            window.append(layer, block, block)
        held = live.restart()
        window.open_block(12, 3)
    assert live.most - held <= window.nbytes / 8


def test_views_and_what_is_gone_are_not_counted():
    given = torch.empty(10, device="meta")
    with LiveBytes() as live:
        assert given.view(2, 5).T.shape == (5, 2)
        assert live.now == live.most == 0
        made = given + 1
        also = made[:5]
        del made
        assert live.now == 40
        both = also * 2
        del also
        assert (live.now, live.most) == (20, 60)
        assert live.restart() == 20
        del both
    assert (live.now, live.most) == (0, 20)


def test_all_keys_are_scores_where_attention_is_plain_mathematics(engine: Engine):
    """They are in memory at once: a step holds those of a block over the whole window."""
    sizes = engine.model.sizes
    config, tokens = sizes.transformer, sizes.geometry.tokens_per_frame
    scores = config.heads * (3 * tokens) * (12 * tokens) * 4
    plain, math = (
        passing_bytes(REFERENCE.with_(attention=kernel), sizes, torch.float32)
        for kernel in ("torch", "math")
    )
    assert math > plain + scores / 2
