"""The tokenizer in a folder; the transformers library is the reference for its ids."""

import json
from dataclasses import replace

import pytest
from transformers import AutoTokenizer, T5Tokenizer

from longlive_widget.engine.model import TOKENIZER
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import CheckpointError
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.tokenizer import Token, load_tokenizer
from longlive_widget.model.umt5 import TextEncoderConfig
from longlive_widget.timeline import clean
from tests.unit.word_folder import SPECIAL, small_tokenizer, write_words

PROMPTS = (
    "A red ball, moving right.",
    "  a RED\tball &amp; a blue\u00a0one \n\n rolls",
    "the fox\u2019s caf\u00e9 \u2014 ein gro\u00dfer W\u00fcrfel",
    "\u7ea2\u8272\u7684\u7403 \U0001f98a",
    "&amp;lt;b&amp;gt; ball",
    "ball</s> rolls <pad> a <extra_id_0> red<unk>",
    "\u2581a \ufb01ne \uff22all",
    "",
)


@pytest.fixture
def t5_folder(tmp_path):
    """A folder in the form of umT5's: pieces of words with scores, and tokens that stand for none.

    Its settings name a class of the transformers library.
    """
    pieces = [
        "\u2581",
        "\u2581a",
        "\u2581red",
        "\u2581ball",
        "\u2581ro",
        "ll",
        "s",
        *"abdefilortux,.&<>",
    ]
    special = [(token, 0.0) for token in ("<pad>", "</s>", "<unk>")]
    scored = [(piece, -1.0 - at / 8) for at, piece in enumerate(pieces)]
    T5Tokenizer(vocab=special + scored, extra_ids=2).save_pretrained(tmp_path / "t5")
    return tmp_path / "t5"


@pytest.fixture(params=["tiny", "T5"])
def folder(request, t5_folder):
    return model_folder("tiny") / TOKENIZER if request.param == "tiny" else t5_folder


@pytest.mark.parametrize("tokens", [48, 6])
def test_ids_and_mask_are_those_of_the_transformers_library(folder, tokens):
    reference, ours = AutoTokenizer.from_pretrained(folder), load_tokenizer(folder)
    config = TextEncoderConfig(16, 8, 8, 8, 2, 1, tokens=tokens)
    all_read = replace(ours, unknown_left_out=False)
    ids_BL, mask_BL = TextEncoder(config, all_read).tokenize(PROMPTS)
    expected = reference(
        [clean(prompt) for prompt in PROMPTS],
        padding="max_length",
        truncation=True,
        max_length=tokens,
        return_tensors="pt",
    )
    assert ids_BL.tolist() == expected.input_ids.tolist()
    assert mask_BL.tolist() == expected.attention_mask.tolist()


def test_size_words_and_special_tokens_are_those_of_the_transformers_library(folder):
    reference, ours = AutoTokenizer.from_pretrained(folder), load_tokenizer(folder)
    assert len(ours) == len(reference)
    assert ours.vocabulary == reference.get_vocab()
    assert (ours.end, ours.padding, ours.unknown) == (
        reference.eos_token_id,
        reference.pad_token_id,
        reference.unk_token_id,
    )


def test_places_of_tokens_are_those_of_the_transformers_library(folder):
    reference, ours = AutoTokenizer.from_pretrained(folder), load_tokenizer(folder)
    for prompt in PROMPTS:
        read = reference(prompt, add_special_tokens=False, return_offsets_mapping=True)
        assert [(start, end) for _, start, end in ours.tokens(prompt)] == read["offset_mapping"]


def test_what_a_file_says_of_cutting_and_padding_is_not_followed(tmp_path):
    folder = write_words(tmp_path / "cut")
    cutting = small_tokenizer()
    cutting.enable_truncation(2)
    cutting.enable_padding(length=9)
    cutting.save(str(folder / "tokenizer.json"))
    assert load_tokenizer(folder).tokens("a red ball") == [
        Token(3, 0, 1),
        Token(4, 2, 5),
        Token(6, 6, 10),
    ]


def test_special_tokens_may_be_objects_and_stand_in_the_older_file(tmp_path):
    folder = write_words(tmp_path / "older", special={"pad_token": {"content": "<pad>"}})
    older = {"pad_token": "a", "eos_token": {"content": "</s>", "lstrip": False}}
    (folder / "special_tokens_map.json").write_text(json.dumps(older))
    loaded = load_tokenizer(folder)
    assert (loaded.padding, loaded.end, loaded.unknown) == (0, 1, None)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="is not a folder"):
        load_tokenizer(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"/tokenizer\.json holds no tokenizer"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokenizer.json", "{"),
        ("tokenizer.json", '{"model": 1}'),
        ("tokenizer_config.json", "{"),
        ("tokenizer_config.json", "[]"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, text):
    folder = write_words(tmp_path / "damaged")
    (folder / name).write_text(text)
    with pytest.raises(CheckpointError, match=rf"/{name} (holds|cannot be read).*download it"):
        load_tokenizer(folder)


@pytest.mark.parametrize("missing", ["eos_token", "pad_token"])
def test_a_tokenizer_without_an_end_or_padding_is_refused(tmp_path, missing):
    special = {name: token for name, token in SPECIAL.items() if name != missing}
    folder = write_words(tmp_path / "endless", special=special)
    with pytest.raises(CheckpointError, match="no end token or no padding token"):
        load_tokenizer(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(SPECIAL | {missing: "<other>"}))
    with pytest.raises(CheckpointError, match="no end token or no padding token"):
        load_tokenizer(folder)
