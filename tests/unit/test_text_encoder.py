import copy
import logging

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from transformers import PreTrainedTokenizerFast

from longlive_widget import Engine
from longlive_widget.errors import CheckpointError
from longlive_widget.model.text_encoder import (
    TextEncoder,
    TextEncoderConfig,
    load_tokenizer,
)

WORDS = ["<pad>", "</s>", "<unk>", "a", "red", "blue", "ball", "rolls"]
CONFIG = TextEncoderConfig(
    vocab=len(WORDS), dim=16, dim_attn=16, dim_ffn=24, num_heads=2, num_layers=2, tokens=6
)


@pytest.fixture
def tokenizer():
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


@pytest.fixture
def encoder(tokenizer):
    torch.manual_seed(0)
    return TextEncoder(CONFIG, tokenizer)


@pytest.fixture
def saved(tmp_path, encoder, tokenizer):
    save_file(encoder.state_dict(), tmp_path / "text_encoder.safetensors")
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    return tmp_path


def test_prompts_end_with_the_end_token_and_are_padded(encoder):
    ids, mask = encoder.tokenize(["a  red &amp; ball", ""])
    assert ids.tolist() == [[3, 4, 2, 6, 1, 0], [1, 0, 0, 0, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0]]


def test_a_prompt_that_is_too_long_is_cut_and_still_ends(encoder):
    ids, mask = encoder.tokenize(["a red ball rolls a blue ball"])
    assert ids.tolist() == [[3, 4, 6, 7, 3, 1]]
    assert mask.all()


def test_what_is_cut_from_a_prompt_can_be_asked_for(encoder):
    assert encoder.unread("a red  ball rolls a &amp; blue ball") == "& blue ball"
    assert encoder.unread("a red ball rolls a") == ""


def test_unknown_words_come_back_as_written_and_once():
    encoder = Engine.load("tiny").model.text_encoder
    prompt = "A red Elephant and an elephant, then an Elephant on black"
    assert encoder.unknown_words(prompt) == ("Elephant", "elephant", "then")
    assert encoder.unknown_words("A RED &amp;  ball") == ("&",)
    assert encoder.unknown_words("A RED  ball.") == ()


def test_a_prompt_that_is_too_long_is_cut_without_a_word_from_the_tokenizer(
    encoder, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    encoder.tokenizer.model_max_length = CONFIG.tokens
    encoder.tokenize(["a red ball rolls a blue ball"])
    assert caplog.text == ""


def test_embeddings_are_zero_past_the_prompt_and_the_same_in_any_batch(encoder):
    both = encoder.encode(["a red ball", "a"])
    assert both.shape == (2, 6, 16)
    assert not both[0, 4:].any()
    assert both[0, :4].any(dim=-1).all()
    assert torch.allclose(encoder.encode(["a"])[0], both[1], atol=1e-6)


def test_files_carry_wans_names_and_each_tensor_once(encoder):
    names = list(encoder.state_dict())
    assert "token_embedding.weight" in names
    assert "blocks.1.ffn.gate.0.weight" in names
    assert not any("umt5" in name or "embed_tokens" in name for name in names)
    stored = {tensor.data_ptr() for tensor in encoder.state_dict().values()}
    assert stored == {parameter.data_ptr() for parameter in encoder.parameters()}
    assert len(names) == len(stored) == 2 + 10 * CONFIG.num_layers


def test_a_saved_encoder_loads_to_the_same_embeddings(saved, encoder):
    loaded = TextEncoder.load(saved / "text_encoder.safetensors", saved / "tokenizer", CONFIG)
    prompts = ["a red ball rolls", "a blue ball"]
    assert torch.equal(loaded.encode(prompts), encoder.encode(prompts))


def test_a_loaded_encoder_has_one_embedding_to_train(saved):
    loaded = TextEncoder.load(saved / "text_encoder.safetensors", saved / "tokenizer", CONFIG)
    assert loaded.umt5.shared.weight is loaded.umt5.encoder.embed_tokens.weight


def test_every_parameter_trains(encoder):
    encoder(*encoder.tokenize(["a red ball rolls"])).square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_names_hold_inside_a_larger_module_and_in_a_copy(encoder):
    whole = nn.ModuleDict({"text": encoder})
    tensors = {name: torch.zeros_like(tensor) for name, tensor in whole.state_dict().items()}
    assert "text.blocks.0.attn.q.weight" in tensors
    twin = copy.deepcopy(whole)
    twin.load_state_dict(tensors, strict=True)
    assert not any(parameter.any() for parameter in twin.parameters())
    assert any(parameter.any() for parameter in whole.parameters())


def test_an_encoder_on_the_meta_device_costs_nothing():
    with torch.device("meta"):
        encoder = TextEncoder()
    assert all(parameter.is_meta for parameter in encoder.parameters())
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 5_680_910_336


def test_weights_of_another_encoder_are_refused(saved):
    with pytest.raises(CheckpointError, match=r"10 missing \(blocks.2.norm1.weight"):
        TextEncoder.load(
            saved / "text_encoder.safetensors",
            saved / "tokenizer",
            TextEncoderConfig(
                vocab=8, dim=16, dim_attn=16, dim_ffn=24, num_heads=2, num_layers=3, tokens=6
            ),
        )


def test_a_tokenizer_of_another_encoder_is_refused(saved, tokenizer):
    tokenizer.add_tokens(["green"])
    tokenizer.save_pretrained(saved / "larger")
    with pytest.raises(CheckpointError, match="knows 9 tokens, the encoder 8"):
        TextEncoder.load(saved / "text_encoder.safetensors", saved / "larger", CONFIG)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="is not a folder"):
        load_tokenizer(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_without_an_end_is_refused(tmp_path, tokenizer):
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="no end token"):
        load_tokenizer(tmp_path)


def test_an_encoder_without_a_tokenizer_says_so():
    with pytest.raises(CheckpointError, match="has no tokenizer"):
        TextEncoder(CONFIG).encode(["a"])


def test_random_weights_are_spread_as_those_that_training_begins_with(tokenizer):
    here = torch.device("cpu")
    config = TextEncoderConfig(
        vocab=400, dim=96, dim_attn=64, dim_ffn=160, num_heads=4, num_layers=1, num_buckets=32
    )
    torch.manual_seed(0)
    usual = TextEncoder(config, tokenizer).state_dict()
    drawn = TextEncoder.random(
        config, tokenizer, torch.float32, kept_on=here, drawn_on=here
    ).state_dict()
    assert drawn.keys() == usual.keys()
    for name, weight in usual.items():
        if weight.ndim == 1:
            assert torch.equal(drawn[name], weight), name
        else:
            assert float(drawn[name].std() / weight.std()) == pytest.approx(1, abs=0.2), name
