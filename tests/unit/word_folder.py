"""A folder with a tokenizer of a few words, as `tokenizers` writes it."""

import json

from tokenizers import Tokenizer, models, pre_tokenizers

WORDS = ["<pad>", "</s>", "<unk>", "a", "red", "blue", "ball", "rolls"]
SPECIAL = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def small_tokenizer(words=WORDS):
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(SPECIAL.values()))
    return tokenizer


def write_words(folder, words=WORDS, special=SPECIAL):
    """The folder, made, with these words and what `tokenizer_config.json` says of some."""
    folder.mkdir()
    small_tokenizer(words).save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(special))
    return folder
