import dataclasses

import pytest

from longlive_widget.model.checkpoint import load_strictly
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.umt5 import TextEncoderConfig
from tests.parity.cases import BOUND, read_case, read_weights, relative_error, require_part


@pytest.fixture(scope="module")
def case():
    require_part("text_encoder.json", "text_encoder_io.safetensors")
    return read_case("text_encoder_io")


@pytest.fixture(scope="module")
def encoder(case):
    config, weights = read_weights("text_encoder")
    fields = {field.name for field in dataclasses.fields(TextEncoderConfig)}
    sizes = {name: value for name, value in config.items() if name in fields}
    encoder = TextEncoder(TextEncoderConfig(**sizes, tokens=case["ids"].shape[1])).eval()
    load_strictly(encoder, weights, "golden")
    return encoder


def test_tokens_are_encoded_to_the_recorded_embeddings(case, encoder):
    embeds = encoder(case["ids"], case["mask"])
    assert len(embeds) > 0
    for ours, golden in zip(embeds, case["prompt_embeds"], strict=True):
        assert relative_error(ours, golden) < BOUND


def test_rows_past_the_mask_are_exactly_zero(case, encoder):
    assert not encoder(case["ids"], case["mask"])[case["mask"] == 0].any()


@pytest.mark.usefixtures("case")
def test_the_recorded_encoder_has_a_bias_for_each_layer_as_ours():
    config, _ = read_weights("text_encoder")
    assert config["shared_pos"] is False
