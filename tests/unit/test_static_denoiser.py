"""Blocks through places that are made once, and their replay."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from longlive_widget import PRESETS, Engine
from longlive_widget.cache.window import RingWindow, StaticWindow, Window
from longlive_widget.engine.decode import PictureOutlet, _StaticStream
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.engine.static_denoiser import StaticDenoiser
from longlive_widget.model.stream import DecoderStream, to_bytes
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig
from longlive_widget.presets import WindowCache
from tests.frozen_recorder import FrozenRecorder
from tests.unit.small_network import small_transformer

BLOCK, SINK, BLOCKS = 3, 3, 14
SWITCHES = {0: 1, 5: 2, 9: 1}
"""Prompts by the block that they land on."""
LEVELS = levels([1000, 750, 500])


@pytest.fixture(scope="module", autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def network() -> Transformer:
    return small_transformer()


def window_of(network: Transformer, kind: type[Window], frames: int) -> Window:
    return kind(network.config.layers, 6, frames, SINK, relative=True)


def embeds(seed: int) -> Tensor:
    return torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(seed))


def noise_of(block: int) -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(block)
    return lambda _step=0: torch.randn(1, BLOCK, 16, 4, 6, generator=generator)


def rolled_out(network: Transformer, denoiser: Denoiser, *, settled: bool = False) -> list[Tensor]:
    rollout, made = Rollout(denoiser, LEVELS), []
    for block in range(BLOCKS):
        if block in SWITCHES:
            rollout.steer(network.read_text(embeds(SWITCHES[block])))
        noise = noise_of(block)
        made.append(rollout.next_block(noise(), noise).clone())
        if settled:
            rollout.settle()
    return made


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("frames", [12, 8, 6])
@pytest.mark.parametrize("kind", [StaticWindow, RingWindow])
def test_replayed_blocks_are_the_blocks_to_the_bit(
    network: Transformer, kind: type[Window], frames: int, *, settled: bool
):
    """8 latent frames are no multiple of a block; a switch re-caches a full window twice."""
    plain = rolled_out(network, Denoiser(network, window_of(network, kind, frames)))
    window = window_of(network, kind, frames)
    recorder = FrozenRecorder(window)
    again = rolled_out(network, StaticDenoiser(network, window, recorder), settled=settled)
    assert all(torch.equal(one, other) for one, other in zip(plain, again, strict=True))
    assert recorder.replayed > recorder.recorded > 0


def test_a_ring_has_as_many_states_as_blocks_fit_behind_its_sink(network: Transformer):
    """Each is recorded when it comes again, for denoising and for the context pass."""
    window = window_of(network, RingWindow, 12)
    recorder = FrozenRecorder(window)
    denoiser = StaticDenoiser(network, window, recorder)
    rollout = Rollout(denoiser, LEVELS)
    rollout.steer(network.read_text(embeds(1)))
    for block in range(20):
        noise = noise_of(block)
        rollout.next_block(noise(), noise)
        rollout.settle()
    assert recorder.recorded == 2 * 3
    assert recorder.replayed == 2 * (20 - 6)  # the window is full with block 3


def test_a_state_that_comes_once_is_not_recorded(network: Transformer):
    window = window_of(network, RingWindow, 12)
    recorder = FrozenRecorder(window)
    rollout = Rollout(StaticDenoiser(network, window, recorder), LEVELS)
    rollout.steer(network.read_text(embeds(1)))
    for block in range(6):
        noise = noise_of(block)
        rollout.next_block(noise(), noise)
    assert recorder.recorded == 0
    rollout.next_block(noise(), noise)
    assert recorder.recorded == 1


def test_what_was_recorded_can_be_forgotten(network: Transformer):
    window = window_of(network, StaticWindow, 6)
    recorder = FrozenRecorder(window)
    denoiser = StaticDenoiser(network, window, recorder)
    rollout = Rollout(denoiser, LEVELS, context="always")
    rollout.steer(network.read_text(embeds(1)))

    def made(block: int) -> None:
        noise = noise_of(block)
        rollout.next_block(noise(), noise)
        rollout.settle()

    for block in range(4):
        made(block)
    assert recorder.recorded == 2
    denoiser.forget()
    replayed = recorder.replayed
    made(4)
    assert (recorder.recorded, recorder.replayed) == (2, replayed)
    made(5)
    assert recorder.recorded == 4


def test_what_was_recorded_can_be_done_anew_to_the_bit(network: Transformer):
    plain = rolled_out(network, Denoiser(network, window_of(network, RingWindow, 6)))
    window = window_of(network, RingWindow, 6)
    recorder = FrozenRecorder(window)
    denoiser = StaticDenoiser(network, window, recorder)
    rollout, anew = Rollout(denoiser, LEVELS), range(6, 11)
    for block in range(BLOCKS):
        if block in SWITCHES:
            rollout.steer(network.read_text(embeds(SWITCHES[block])))
        denoiser.replaying = block not in anew
        before, noise = recorder.replayed, noise_of(block)
        assert torch.equal(rollout.next_block(noise(), noise), plain[block])
        assert block not in anew or recorder.replayed == before
    assert recorder.replayed > before


def test_latents_stay_for_as_many_blocks_as_the_window_holds_and_two_more(network: Transformer):
    window = window_of(network, RingWindow, 6)
    rollout = Rollout(StaticDenoiser(network, window), LEVELS)
    rollout.steer(network.read_text(embeds(1)))
    places = []
    for block in range(9):
        noise = noise_of(block)
        places.append(rollout.next_block(noise(), noise).data_ptr())
    assert len(set(places)) == 4
    assert places[:4] * 2 + places[:1] == places


def small_decoder() -> VideoDecoder:
    torch.manual_seed(0)
    sizes = VideoDecoderConfig(
        dim=4,
        z_dim=16,
        dim_mult=(1, 1, 1, 1),
        num_res_blocks=1,
        temporal_downsample=(False, True, True),
        latent_mean=(0.0,) * 16,
        latent_std=(1.0,) * 16,
    )
    return VideoDecoder(sizes).eval()


@pytest.mark.parametrize("replayed", [False, True])
@pytest.mark.parametrize("parts", [(3,), (1, 2), (1, 1, 1), (2, 1)])
def test_a_decoder_in_its_places_gives_the_pictures_of_the_plain_one_to_the_bit(
    parts: tuple[int, ...], *, replayed: bool
):
    """Decoded in the same parts; each size has pictures of its own, and all have one memory."""
    decoder = small_decoder()
    plain, recorded = decoder.stream(), []

    def record(step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        recorded.append(step)
        return step

    static = _StaticStream(decoder.stream(), record if replayed else None)
    places: list[list[int]] = []
    for block in range(7):
        latent = torch.randn(1, 3, 16, 4, 6, generator=torch.Generator().manual_seed(block))
        here: list[int] = []
        for part in latent.split(list(parts), dim=1):
            made = static.decode(part)
            assert torch.equal(made, to_bytes(plain.decode(part)))
            here.append(made.data_ptr())
        places.append([*here, *(kept.data_ptr() for kept in static._stream.state)])
    assert len(recorded) == replayed * len(set(parts))
    assert len(places[-1]) > len(parts)
    assert len(set(places[-1][: len(parts)])) == len(set(parts))
    assert places[3] == places[4] == places[5] == places[6]


def test_what_was_recorded_of_a_decoder_can_be_done_anew_to_the_bit():
    decoder, replayed = small_decoder(), []
    plain = decoder.stream()

    def record(step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def again() -> Tensor:
            replayed.append(block)
            return step()

        return again

    outlet = PictureOutlet(decoder.stream(), in_place=True, record=record)
    for block in range(8):
        outlet.replaying = block not in (4, 5)
        latent = torch.randn(1, 3, 16, 4, 6, generator=torch.Generator().manual_seed(block))
        pictures = torch.from_numpy(outlet.begin(latent)())
        assert torch.equal(pictures, to_bytes(plain.decode(latent))[0])
    assert replayed == [2, 3, 6, 7]


def test_a_size_that_comes_later_has_the_same_memory_and_place_to_say_whether_it_is_finite():
    decoder = small_decoder()
    plain, static, places = decoder.stream(), _StaticStream(decoder.stream()), set()
    for number, frames in enumerate((1,) * 4 + (2, 1) * 4):
        generator = torch.Generator().manual_seed(number)
        latent = torch.randn(1, frames, 16, 4, 6, generator=generator)
        assert torch.equal(static.decode(latent), to_bytes(plain.decode(latent)))
        if static._again:
            places.add(static.finite.data_ptr())
    assert len(static._again) == 2
    assert len(places) == 1
    for frames, number in ((1, torch.nan), (2, 0.0), (2, torch.inf), (1, 0.0)):
        static.decode(torch.full((1, frames, 16, 4, 6), number))
        assert bool(static.finite) == (number == 0)


@pytest.mark.parametrize("window_frames", [12, 8])
@pytest.mark.parametrize("kind", ["static", "ring"])
def test_a_steady_block_with_a_pool_keeps_nothing_that_it_allocates(
    kind: WindowCache, window_frames: int
):
    """By the counters of torch's allocator; without a pool latents and the decoder's past are new.

    What is computed with is allocated and given back inside the block.
    """
    preset = PRESETS["reference"].with_(
        window_cache=kind, denoise_steps=(1000, 500), window_frames=window_frames
    )
    plain = Engine.load("tiny", preset, device="cpu")
    pooled = Engine(plain.model, preset.with_(memory_pool=True))
    assert bytes_kept_by_steady_blocks(plain) > 1e6
    assert bytes_kept_by_steady_blocks(pooled) == 0


def bytes_kept_by_steady_blocks(engine: Engine, blocks: int = 3) -> int:
    """What they allocate less what they give back of it."""
    session = engine.session("a red ball moves right", size_px=(96, 64))
    made = session.blocks()
    for _ in range(5):
        next(made)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        for _ in range(blocks):
            next(made)
    events = seen.profiler.kineto_results.events()  # `seen.events()` takes longer than the blocks
    memory = [event.nbytes() for event in events if event.name() == "[memory]"]
    assert sum(kept for kept in memory if kept > 0) > 1e6  # something was counted
    return sum(memory)


def test_an_outlet_on_a_processor_has_its_pictures_at_once():
    def painted(latent: Tensor, _past: object = ()) -> tuple[Tensor, list[Tensor]]:
        return latent[:, :, :3], []

    latent = torch.randn(1, 3, 16, 4, 6)
    pictures = PictureOutlet(DecoderStream(painted)).begin(latent)
    assert (pictures() == to_bytes(latent[:, :, :3])[0].numpy()).all()
