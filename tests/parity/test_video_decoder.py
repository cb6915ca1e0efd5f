import pytest
import torch

from longlive_widget.model.checkpoint import load_strictly, part_of
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig, VideoEncoder
from tests.parity.cases import BOUND, read_case, read_weights, relative_error, require_part

FILES = "vae.json", "vae_io.safetensors"


@pytest.fixture(scope="module")
def case():
    require_part(*FILES)
    return read_case("vae_io")


def loaded(module_class):
    require_part(*FILES)
    config, weights = read_weights("vae")
    module = module_class(VideoDecoderConfig(**config))
    load_strictly(module, part_of(weights, module_class.PREFIXES), "golden")
    return module


@pytest.fixture(scope="module")
def decoder():
    return loaded(VideoDecoder)


@pytest.fixture(scope="module")
def encoder():
    return loaded(VideoEncoder)


@pytest.mark.parametrize("grouping", ["recorded", "one by one", "at once"])
def test_latents_in_any_grouping_decode_to_the_recorded_pictures(case, decoder, grouping):
    latents, stream = case["latents"].unsqueeze(0), decoder.stream()
    total = latents.shape[1]
    groups = {"recorded": case.metadata["chunks"], "one by one": 1, "at once": total}[grouping]
    decoded = torch.cat([stream.decode(part) for part in latents.split(groups, dim=1)], dim=1)
    assert decoded[0].shape == case["decoded"].shape
    assert relative_error(decoded[0], case["decoded"]) < BOUND


@pytest.mark.parametrize("later", [4, 8, 0], ids=["four by four", "eight by eight", "at once"])
def test_pictures_in_any_grouping_encode_to_the_recorded_latents(case, encoder, later):
    pictures, stream = case["encode_input"].unsqueeze(0), encoder.stream()
    first = 1 if later else pictures.shape[1]
    parts = [pictures[:, :first], *(pictures[:, first:].split(later, dim=1) if later else ())]
    encoded = torch.cat([stream.encode(part) for part in parts], dim=1)
    assert encoded[0].shape == case["encode_latents"].shape
    assert relative_error(encoded[0], case["encode_latents"]) < BOUND


def test_the_two_halves_hold_every_name_of_the_file_once(decoder, encoder):
    _, weights = read_weights("vae")
    assert sorted([*decoder.state_dict(), *encoder.state_dict()]) == sorted(weights)
