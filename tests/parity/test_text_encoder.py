import dataclasses

from longlive_widget.model.checkpoint import load_strictly
from longlive_widget.model.text_encoder import TextEncoder, TextEncoderConfig
from tests.parity.cases import BOUND, read_case, read_weights, relative_error

CASE = read_case("text_encoder_io")
CONFIG, WEIGHTS = read_weights("text_encoder")


def loaded():
    fields = {field.name for field in dataclasses.fields(TextEncoderConfig)}
    sizes = {name: value for name, value in CONFIG.items() if name in fields}
    encoder = TextEncoder(TextEncoderConfig(**sizes, tokens=CASE["ids"].shape[1])).eval()
    load_strictly(encoder, WEIGHTS, "golden")
    return encoder


def test_tokens_are_encoded_to_the_recorded_embeddings():
    embeds = loaded()(CASE["ids"], CASE["mask"])
    for ours, golden in zip(embeds, CASE["prompt_embeds"], strict=True):
        assert relative_error(ours, golden) < BOUND


def test_rows_past_the_mask_are_exactly_zero():
    assert not loaded()(CASE["ids"], CASE["mask"])[CASE["mask"] == 0].any()


def test_the_recorded_encoder_has_a_bias_for_each_layer_as_ours():
    assert CONFIG["shared_pos"] is False
