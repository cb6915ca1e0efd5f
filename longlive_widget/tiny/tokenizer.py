"""The embedded model's own tokenizer: one token per word of the caption language.

Made from code alone, saved as a folder that `transformers` loads, with T5's special tokens so that
the text encoder treats it like umT5's.
"""

from pathlib import Path

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace, Sequence
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from longlive_widget.tiny.captions import PROMPT_TOKENS
from longlive_widget.tiny.scenes import LEARNED, Vocabulary
from longlive_widget.tiny.words import words

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
_OTHER_MARKS = r"[:;!?\-\u2013\u2014\u2026]+"
"""Read as commas; the last three are dashes and an ellipsis."""


def tiny_tokenizer(vocabulary: Vocabulary = LEARNED) -> PreTrainedTokenizerFast:
    """A tokenizer for captions of these scenes: lower case, words and marks apart, an end token."""
    known = [PAD, END, UNKNOWN, *words(vocabulary)]
    tokenizer = Tokenizer(
        WordLevel({word: index for index, word in enumerate(known)}, unk_token=UNKNOWN)
    )
    tokenizer.normalizer = Sequence([Lowercase(), Replace(Regex(_OTHER_MARKS), ",")])
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, known.index(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=PROMPT_TOKENS,
        padding_side="right",
    )


def save_tokenizer(folder: Path, vocabulary: Vocabulary = LEARNED) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` for captions of these scenes."""
    tiny_tokenizer(vocabulary).save_pretrained(folder)
