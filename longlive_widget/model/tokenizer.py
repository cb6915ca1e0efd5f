"""A prompt's words to the rows of the text encoder's table: the tokenizer that lies in a folder.

Knows neither how prompts are cleaned nor how many tokens an encoder reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer

from longlive_widget.errors import CheckpointError
from longlive_widget.model.checkpoint import read_json

WORDS, SETTINGS = "tokenizer.json", "tokenizer_config.json"
UNKNOWN_WORDS, LEFT_OUT = "longlive_widget_unknown_words", "left out"
"""The one setting of our own, and its one value; without it an unknown word has a token too."""
_OLDER_SETTINGS = "special_tokens_map.json"


class Token(NamedTuple):
    """A token, and where in the prompt it stands."""

    id: int
    start: int
    end: int


@dataclass(frozen=True)
class PromptTokenizer:
    """Words to tokens; `end`, `padding` and `unknown` are the ids of its special ones.

    `unknown` is None where each word has tokens. `unknown_left_out`: an encoder gets no token for
    an unknown word.
    """

    words: Tokenizer
    end: int
    padding: int
    unknown: int | None
    unknown_left_out: bool = False

    def __len__(self) -> int:
        """How many tokens it knows."""
        return self.words.get_vocab_size()

    @property
    def vocabulary(self) -> dict[str, int]:
        """Each token that it knows, and its row in the table."""
        return self.words.get_vocab()

    def tokens(self, text: str) -> list[Token]:
        """All tokens of a text, however long, unknown ones too, without the end token."""
        read = self.words.encode(text, add_special_tokens=False)
        return [Token(token, *span) for token, span in zip(read.ids, read.offsets, strict=True)]

    def word(self, token: Token) -> str:
        """What a token of a known word stands for."""
        return str(self.words.id_to_token(token.id))

    def read(self, text: str) -> list[Token]:
        """The tokens of a text that an encoder gets, without the end token."""
        left_out = self.unknown if self.unknown_left_out else None
        return [token for token in self.tokens(text) if token.id != left_out]


def load_tokenizer(folder: Path | str) -> PromptTokenizer:
    """The tokenizer that a folder holds, as the tokenizers and transformers libraries save it.

    Raises:
        CheckpointError: there is no folder, no tokenizer in it, or one without end and padding.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder: name the one that holds the tokenizer")
    words = _words(folder / WORDS)
    settings = [path for path in (folder / _OLDER_SETTINGS, folder / SETTINGS) if path.is_file()]
    said = {key: value for path in settings for key, value in read_json(path).items()}
    words.no_truncation()
    words.no_padding()
    end, padding, unknown = (
        _row(words, said.get(f"{kind}_token")) for kind in ("eos", "pad", "unk")
    )
    if end is None or padding is None:
        raise CheckpointError(
            f"the tokenizer in {folder} has no end token or no padding token: name both in "
            f"{SETTINGS}, as eos_token and pad_token"
        )
    left_out = said.get(UNKNOWN_WORDS) == LEFT_OUT
    return PromptTokenizer(words, end, padding, unknown, unknown_left_out=left_out)


def _words(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the tokenizers library raises nothing more special
        raise CheckpointError(
            f"{path} holds no tokenizer that can be read ({error}): download it again, or save the "
            "tokenizer with the tokenizers or the transformers library"
        ) from error


def _row(words: Tokenizer, token: object) -> int | None:
    """The id of a special token, which is a text or an object with the text and its settings."""
    text = token.get("content") if isinstance(token, dict) else token
    return words.token_to_id(text) if isinstance(text, str) else None
