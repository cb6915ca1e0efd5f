import copy

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from longlive_widget import Engine
from longlive_widget.errors import CheckpointError
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.tokenizer import load_tokenizer
from longlive_widget.model.umt5 import TextEncoderConfig
from tests.unit.word_folder import WORDS, write_words

CONFIG = TextEncoderConfig(
    vocab=len(WORDS), dim=16, dim_attn=16, dim_ffn=24, num_heads=2, num_layers=2, tokens=6
)


@pytest.fixture
def tokenizer(tmp_path):
    return load_tokenizer(write_words(tmp_path / "tokenizer"))


@pytest.fixture
def encoder(tokenizer):
    torch.manual_seed(0)
    return TextEncoder(CONFIG, tokenizer)


@pytest.fixture
def saved(tmp_path, encoder):
    save_file(encoder.state_dict(), tmp_path / "text_encoder.safetensors")
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


def test_the_end_that_is_cut_is_told_from_the_start_of_its_first_word():
    encoder = Engine.load("tiny").model.text_encoder
    long = "a big red ball " * 8
    assert encoder.unread(f"nice {long[:-6]} above the sea") == "above the sea"
    assert encoder.unread(f"nice {long[:-6]}") == ""


def test_unknown_words_come_back_as_written_and_once():
    encoder = Engine.load("tiny").model.text_encoder
    prompt = "A red Elephant and an elephant, then an Elephant on black"
    assert encoder.unknown_words(prompt) == ("Elephant", "elephant", "then")
    assert encoder.unknown_words("A RED &lt;  ball") == ("<",)
    assert encoder.unknown_words("A RED  ball.") == ()


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
    assert all(name.startswith(("token_embedding.", "blocks.", "norm.")) for name in names)
    stored = {tensor.data_ptr() for tensor in encoder.state_dict().values()}
    assert stored == {parameter.data_ptr() for parameter in encoder.parameters()}
    assert len(names) == len(stored) == 2 + 10 * CONFIG.num_layers


def test_a_saved_encoder_loads_to_the_same_embeddings(saved, encoder):
    loaded = TextEncoder.load(saved / "text_encoder.safetensors", saved / "tokenizer", CONFIG)
    prompts = ["a red ball rolls", "a blue ball"]
    assert torch.equal(loaded.encode(prompts), encoder.encode(prompts))


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
    with pytest.raises(CheckpointError, match=r"10 missing \(blocks.2.attn.q.weight"):
        TextEncoder.load(
            saved / "text_encoder.safetensors",
            saved / "tokenizer",
            TextEncoderConfig(
                vocab=8, dim=16, dim_attn=16, dim_ffn=24, num_heads=2, num_layers=3, tokens=6
            ),
        )


def test_a_tokenizer_of_another_encoder_is_refused(saved):
    write_words(saved / "larger", words=[*WORDS, "green"])
    with pytest.raises(CheckpointError, match="knows 9 tokens, the encoder 8"):
        TextEncoder.load(saved / "text_encoder.safetensors", saved / "larger", CONFIG)


def test_an_encoder_without_a_tokenizer_says_so():
    with pytest.raises(CheckpointError, match="has no tokenizer"):
        TextEncoder(CONFIG).encode(["a"])
