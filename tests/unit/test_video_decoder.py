import dataclasses

import pytest
import torch

from longlive_widget.errors import GeometryError
from longlive_widget.model.stream import to_bytes
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig, VideoEncoder

CONFIG = VideoDecoderConfig(dim=8)


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return VideoDecoder(CONFIG)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return VideoEncoder(CONFIG)


def noise(*shape: int):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_a_branch_goes_on_without_touching_the_stream_it_left(decoder):
    first, second, other = noise(1, 3, 16, 4, 6).split(1, dim=1)
    alone, branched = decoder.stream(), decoder.stream()
    alone.decode(first)
    branched.decode(first)
    branched.branch().decode(other)
    assert torch.equal(branched.decode(second), alone.decode(second))


@torch.inference_mode()
def test_memory_keeps_no_more_than_its_last_frames(decoder):
    stream = decoder.stream()
    stream.decode(noise(1, 5, 16, 4, 6))
    assert all(kept.untyped_storage().nbytes() == kept.nbytes for kept in stream.state)
    assert {kept.shape[2] for kept in stream.state} == {2}


def test_a_whole_batch_of_clips_trains_both_halves(decoder, encoder):
    clips = noise(2, 9, 3, 16, 24)
    posterior, _ = encoder(clips)
    rebuilt, _ = decoder(encoder.normalise(posterior.mean_BFCHW))
    assert rebuilt.shape == clips.shape
    loss = (rebuilt - clips).square().mean() + posterior.log_variance_BFCHW.square().mean()
    gradients = torch.autograd.grad(loss, [*decoder.parameters(), *encoder.parameters()])
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert sum(bool(gradient.any()) for gradient in gradients) == len(gradients)


@torch.inference_mode()
def test_the_fast_convolution_of_cpus_is_the_plain_one(decoder):
    latents = noise(1, 2, 16, 4, 6)
    fast = decoder.stream().decode(latents)
    plain = decoder.double().stream().decode(latents.double())  # float64 takes the plain path
    assert (fast - plain).norm() / plain.norm() < 1e-5


def test_parameters_on_the_meta_device_keep_real_statistics():
    with torch.device("meta"):
        decoder = VideoDecoder(CONFIG)
    assert decoder.conv2.weight.is_meta
    assert decoder.latent_mean_C111.flatten().tolist() == pytest.approx(CONFIG.latent_mean)


def test_a_stream_refuses_another_size_than_it_began_with(decoder, encoder):
    decoding, encoding = decoder.stream(), encoder.stream()
    decoding.decode(noise(1, 1, 16, 4, 6))
    encoding.encode(noise(1, 1, 3, 32, 48))
    with pytest.raises(GeometryError, match="begin a new stream"):
        decoding.decode(noise(1, 1, 16, 4, 8))
    with pytest.raises(GeometryError, match="begin a new stream"):
        encoding.encode(noise(1, 4, 3, 32, 64))


def test_the_encoder_refuses_pictures_that_are_no_whole_latent_frames(encoder):
    stream = encoder.stream()
    with pytest.raises(GeometryError, match=r"2 pictures .* 1 \+ a multiple of 4"):
        stream.encode(noise(1, 2, 3, 32, 48))
    with pytest.raises(GeometryError, match="multiples of 8"):
        encoder.stream().encode(noise(1, 1, 3, 33, 48))
    stream.encode(noise(1, 1, 3, 32, 48))
    with pytest.raises(GeometryError, match=r"5 pictures .* give a multiple of 4"):
        stream.encode(noise(1, 5, 3, 32, 48))


def test_a_config_that_contradicts_itself_is_refused():
    with pytest.raises(GeometryError, match="need 16 numbers"):
        VideoDecoderConfig(latent_mean=(0.0,))
    with pytest.raises(GeometryError, match="4 stages have 3 resamplings"):
        VideoDecoderConfig(temporal_downsample=(True,))


def test_the_config_may_come_from_json_lists():
    config = VideoDecoderConfig(dim_mult=[1, 2], temporal_downsample=[True])
    assert config.dim_mult == (1, 2)
    assert VideoDecoderConfig(**dataclasses.asdict(config)) == config


def test_bytes_are_clamped_and_rounded():
    pictures = torch.tensor([-2.0, -1.0, 0.0, 1.0, 3.0]).view(1, 5, 1, 1, 1)
    assert to_bytes(pictures).flatten().tolist() == [0, 0, 128, 255, 255]
