import pytest
import torch

from longlive_widget.model.tiny_decoder import TinyDecoder
from tests.parity.cases import BOUND, read_case, read_weights, relative_error, require_part

FILES = "tiny_decoder.json", "tiny_decoder_io.safetensors"


@pytest.fixture(scope="module")
def case():
    require_part(*FILES)
    return read_case("tiny_decoder_io")


@pytest.fixture(scope="module")
def decoder():
    require_part(*FILES)
    _, weights = read_weights("tiny_decoder")
    weights["decoder.22.bias"] += 0.5  # as recorded
    decoder = TinyDecoder()
    decoder.load_state_dict(weights, strict=True)
    return decoder


@pytest.mark.parametrize("grouped", [3, 1, None], ids=["by threes", "singly", "at once"])
def test_latents_in_any_grouping_decode_to_the_recorded_pictures(case, decoder, grouped):
    latents, stream = case["latents"].unsqueeze(0), decoder.stream()
    parts = latents.split(grouped or latents.shape[1], dim=1)
    decoded = torch.cat([stream.decode(part) for part in parts], dim=1)
    in_unit_range = (decoded[0] / 2 + 0.5).clamp(0, 1)
    assert in_unit_range.shape == case["decoded"].shape
    assert relative_error(in_unit_range, case["decoded"]) < BOUND
