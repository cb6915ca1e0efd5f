"""The embedded model's own tokenizer: one token per word of the caption language.

A word that means the same as one of them is read as that one. Any other is left out: a network that
was taught captions alone has learned nothing of what stands for unknown words.

Made from code alone, with T5's special tokens, so that the text encoder treats it like umT5's.
"""

import json
import re
from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace, Sequence
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from longlive_widget.model.tokenizer import (
    LEFT_OUT,
    SETTINGS,
    UNKNOWN_WORDS,
    WORDS,
    PromptTokenizer,
)
from longlive_widget.tiny.phrases import PROMPT_TOKENS
from longlive_widget.tiny.scenes import LEARNED, Vocabulary
from longlive_widget.tiny.words import READ_AS, words

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
_APOSTROPHE = "\u2019"
_HYPHEN = r"(?<=\w)-(?=\w)"
"""Inside of a word, as in "dark-blue": read as a space."""
_OTHER_MARKS = r"[:;!?()\-\u2013\u2014\u2026]+"
"""Read as commas; the last three are dashes and an ellipsis."""


def tiny_tokenizer(vocabulary: Vocabulary = LEARNED) -> PromptTokenizer:
    """A tokenizer for captions of these scenes: lower case, words and marks apart."""
    known = [PAD, END, UNKNOWN, *words(vocabulary)]
    tokenizer = Tokenizer(
        WordLevel({word: index for index, word in enumerate(known)}, unk_token=UNKNOWN)
    )
    tokenizer.normalizer = Sequence(
        [
            Lowercase(),
            Replace(_APOSTROPHE, "'"),
            Replace(Regex(_HYPHEN), " "),
            Replace(Regex(_OTHER_MARKS), ","),
            *(
                Replace(Regex(_any_of(others)), said)
                for said, others in READ_AS.items()
                if {*said.split()} <= {*known}
            ),
        ]
    )
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, known.index(END))]
    )
    tokenizer.add_special_tokens([PAD, END, UNKNOWN])
    end, padding, unknown = (known.index(token) for token in (END, PAD, UNKNOWN))
    return PromptTokenizer(tokenizer, end, padding, unknown, unknown_left_out=True)


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
        UNKNOWN_WORDS: LEFT_OUT,
    }
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _any_of(texts: tuple[str, ...]) -> str:
    """A regular expression for one of them, but not as a part of a longer word."""
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, texts))})(?!\w)"
