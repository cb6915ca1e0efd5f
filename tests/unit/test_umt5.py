"""The text encoder's network against the transformers library's, which is the reference for it."""

import pytest
import torch
from transformers import UMT5Config, UMT5EncoderModel

from longlive_widget.errors import CheckpointError
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.umt5 import FARTHEST_TOKENS, TextEncoderConfig

CONFIG = TextEncoderConfig(
    vocab=50, dim=24, dim_attn=32, dim_ffn=40, num_heads=4, num_layers=3, tokens=160
)
HERE = torch.device("cpu")
_NAMES = {"token_embedding": "shared", "norm": "encoder.final_layer_norm"}
_LAYER_NAMES = {
    "norm1": "layer.0.layer_norm",
    "attn.q": "layer.0.SelfAttention.q",
    "attn.k": "layer.0.SelfAttention.k",
    "attn.v": "layer.0.SelfAttention.v",
    "attn.o": "layer.0.SelfAttention.o",
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "norm2": "layer.1.layer_norm",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}


def reference(config):
    """The library's encoder of these sizes, with the weights that it begins training with."""
    torch.manual_seed(0)
    sizes = UMT5Config(
        vocab_size=config.vocab,
        d_model=config.dim,
        d_kv=config.dim_attn // config.num_heads,
        d_ff=config.dim_ffn,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        relative_attention_num_buckets=config.num_buckets,
        relative_attention_max_distance=FARTHEST_TOKENS,
    )
    return UMT5EncoderModel(sizes).eval()


def under_wans_names(network, config):
    """The library's weights under the names that Wan's file has."""
    names = {f"{wan}.weight": f"{theirs}.weight" for wan, theirs in _NAMES.items()}
    for layer in range(config.num_layers):
        for wan, theirs in _LAYER_NAMES.items():
            names[f"blocks.{layer}.{wan}.weight"] = f"encoder.block.{layer}.{theirs}.weight"
    weights = network.state_dict()
    return {wan: weights[theirs] for wan, theirs in names.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("buckets", [4, 14, 32])
def test_embeddings_are_the_references_to_the_bit(dtype, buckets):
    config = TextEncoderConfig(**{**vars(CONFIG), "num_buckets": buckets})
    theirs = reference(config).to(dtype)
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            if "layer_norm" in name:
                weight.uniform_(0.5, 1.5)
            elif "bias" in name:
                weight.normal_()
    ours = TextEncoder(config).to(dtype)
    ours.load_state_dict(under_wans_names(theirs, config))
    ids_BL = torch.randint(0, config.vocab, (3, config.tokens))
    mask_BL = torch.ones_like(ids_BL)
    mask_BL[1, 9:] = mask_BL[2, 1:] = 0
    with torch.no_grad():
        embeds = ours(ids_BL, mask_BL)
        expected = theirs(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
    assert torch.equal(embeds[mask_BL == 1], expected[mask_BL == 1])
    assert embeds.dtype == dtype
    assert embeds[mask_BL == 1].any(dim=-1).all()


def test_gradients_are_the_references():
    theirs, ours = reference(CONFIG), TextEncoder(CONFIG)
    ours.load_state_dict(under_wans_names(theirs, CONFIG))
    ids_BL = torch.randint(0, CONFIG.vocab, (2, CONFIG.tokens))
    mask_BL = torch.ones_like(ids_BL)
    ours(ids_BL, mask_BL).pow(3).sum().backward()
    theirs(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state.pow(3).sum().backward()
    for parameter in theirs.parameters():
        parameter.data = parameter.grad
    expected = under_wans_names(theirs, CONFIG)
    for name, parameter in ours.named_parameters():
        assert parameter.grad.any(), name
        assert torch.allclose(parameter.grad, expected[name], rtol=1e-4, atol=1e-4), name


def test_random_weights_are_spread_as_those_that_the_reference_begins_with():
    config = TextEncoderConfig(
        vocab=400, dim=96, dim_attn=64, dim_ffn=160, num_heads=4, num_layers=1, num_buckets=32
    )
    usual = under_wans_names(reference(config), config)
    drawn = TextEncoder.random(config, None, torch.float32, kept_on=HERE, drawn_on=HERE)
    assert drawn.state_dict().keys() == usual.keys()
    for name, weight in drawn.state_dict().items():
        if weight.ndim == 1:
            assert torch.equal(weight, usual[name]), name
        else:
            assert float(weight.std() / usual[name].std()) == pytest.approx(1, abs=0.2), name


def test_sizes_are_read_off_the_tensors_of_wans_file():
    weights = under_wans_names(reference(CONFIG), CONFIG)
    assert TextEncoderConfig.from_wan(weights, CONFIG.tokens, "file") == CONFIG


def test_too_few_buckets_for_both_sides_are_refused():
    with pytest.raises(CheckpointError, match=r"num_buckets 3 is out of range"):
        TextEncoderConfig(num_buckets=3)
