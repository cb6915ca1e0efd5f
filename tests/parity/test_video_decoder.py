import pytest
import torch

from longlive_widget.model.checkpoint import load_strictly, part_of
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig, VideoEncoder
from tests.parity.cases import BOUND, read_case, read_weights, relative_error

CASE = read_case("vae_io")
CONFIG, WEIGHTS = read_weights("vae")
LATENTS = CASE["latents"].unsqueeze(0)
PICTURES = CASE["encode_input"].unsqueeze(0)
TOTAL = LATENTS.shape[1]
GROUPINGS = {"recorded": CASE.metadata["chunks"], "one by one": [1] * TOTAL, "at once": [TOTAL]}


def loaded(module_class):
    module = module_class(VideoDecoderConfig(**CONFIG))
    load_strictly(module, part_of(WEIGHTS, module_class.PREFIXES), "golden")
    return module


@pytest.fixture(scope="module")
def decoder():
    return loaded(VideoDecoder)


@pytest.fixture(scope="module")
def encoder():
    return loaded(VideoEncoder)


@pytest.mark.parametrize("grouping", GROUPINGS.values(), ids=GROUPINGS.keys())
def test_latents_in_any_grouping_decode_to_the_recorded_pictures(decoder, grouping):
    stream = decoder.stream()
    decoded = torch.cat([stream.decode(part) for part in LATENTS.split(grouping, dim=1)], dim=1)
    assert decoded[0].shape == CASE["decoded"].shape
    assert relative_error(decoded[0], CASE["decoded"]) < BOUND


@pytest.mark.parametrize("later", [4, 8, 0], ids=["four by four", "eight by eight", "at once"])
def test_pictures_in_any_grouping_encode_to_the_recorded_latents(encoder, later):
    stream, first = encoder.stream(), 1 if later else PICTURES.shape[1]
    parts = [PICTURES[:, :first], *(PICTURES[:, first:].split(later, dim=1) if later else ())]
    encoded = torch.cat([stream.encode(part) for part in parts], dim=1)
    assert encoded[0].shape == CASE["encode_latents"].shape
    assert relative_error(encoded[0], CASE["encode_latents"]) < BOUND


def test_the_two_halves_hold_every_name_of_the_file_once(decoder, encoder):
    assert sorted([*decoder.state_dict(), *encoder.state_dict()]) == sorted(WEIGHTS)
