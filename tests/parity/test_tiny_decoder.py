import pytest
import torch

from longlive_widget.model.tiny_decoder import TinyDecoder
from tests.parity.cases import BOUND, read_case, read_weights, relative_error

CASE = read_case("tiny_decoder_io")
LATENTS = CASE["latents"].unsqueeze(0)
TOTAL = LATENTS.shape[1]
GROUPINGS = {
    "by threes": [3] * (TOTAL // 3) + [TOTAL % 3],
    "singly": [1] * TOTAL,
    "at once": [TOTAL],
}


@pytest.fixture(scope="module")
def decoder():
    _, weights = read_weights("tiny_decoder")
    weights["decoder.22.bias"] += 0.5  # as recorded
    decoder = TinyDecoder()
    decoder.load_state_dict(weights, strict=True)
    return decoder


@pytest.mark.parametrize("grouping", GROUPINGS.values(), ids=GROUPINGS.keys())
def test_latents_in_any_grouping_decode_to_the_recorded_pictures(decoder, grouping):
    stream = decoder.stream()
    parts = [part for part in LATENTS.split(grouping, dim=1) if part.shape[1]]
    decoded = torch.cat([stream.decode(part) for part in parts], dim=1)
    in_unit_range = (decoded[0] / 2 + 0.5).clamp(0, 1)
    assert in_unit_range.shape == CASE["decoded"].shape
    assert relative_error(in_unit_range, CASE["decoded"]) < BOUND
