"""The embedded model's own tokenizer: one token per word of the caption language.

Made from code alone, with T5's special tokens, so that the text encoder treats it like umT5's.
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace, Sequence
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from longlive_widget.model.tokenizer import SETTINGS, WORDS, PromptTokenizer
from longlive_widget.tiny.captions import PROMPT_TOKENS
from longlive_widget.tiny.scenes import LEARNED, Vocabulary
from longlive_widget.tiny.words import words

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
_OTHER_MARKS = r"[:;!?\-\u2013\u2014\u2026]+"
"""Read as commas; the last three are dashes and an ellipsis."""


def tiny_tokenizer(vocabulary: Vocabulary = LEARNED) -> PromptTokenizer:
    """A tokenizer for captions of these scenes: lower case, words and marks apart."""
    known = [PAD, END, UNKNOWN, *words(vocabulary)]
    tokenizer = Tokenizer(
        WordLevel({word: index for index, word in enumerate(known)}, unk_token=UNKNOWN)
    )
    tokenizer.normalizer = Sequence([Lowercase(), Replace(Regex(_OTHER_MARKS), ",")])
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, known.index(END))]
    )
    tokenizer.add_special_tokens([PAD, END, UNKNOWN])
    end, padding, unknown = (known.index(token) for token in (END, PAD, UNKNOWN))
    return PromptTokenizer(tokenizer, end, padding, unknown)


def save_tokenizer(folder: Path, vocabulary: Vocabulary = LEARNED) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` for captions of these scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny_tokenizer(vocabulary).words.save(str(folder / WORDS))
    settings = {
        "backend": "tokenizers",
        "eos_token": END,
        "model_max_length": PROMPT_TOKENS,
        "pad_token": PAD,
        "padding_side": "right",
        "tokenizer_class": "TokenizersBackend",
        "unk_token": UNKNOWN,
    }
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
