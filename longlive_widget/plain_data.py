"""JSON and YAML from outside, as plain values and nothing else.

No text of a file makes an object, an endless value, or more than it says.
"""

import json
from collections import Counter
from collections.abc import Hashable

import yaml

MOST_LETTERS = 2**19
"""No longer text is read as YAML: that one takes seconds already."""


class NotPlainError(ValueError):
    """A text that is not of its form, or says more than plain values; told in one line."""


def json_in(text: str | bytes) -> object:
    """The value that a text in JSON says; each of its numbers is one.

    Raises:
        NotPlainError: it is not JSON, says NaN or Infinity, or is nested too deep.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotPlainError(_one_line(error)) from error


def yaml_in(text: str) -> object:
    """The value that a text in YAML says.

    Raises:
        NotPlainError: it is not YAML, asks for an object, repeats a part by an alias, says a key
            twice, is nested too deep, or is longer than `MOST_LETTERS`.
    """
    if len(text) > MOST_LETTERS:
        raise NotPlainError(f"it has over {MOST_LETTERS} letters: give a shorter one")
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotPlainError(_one_line(error)) from error


class _PlainLoader(yaml.SafeLoader):
    """Without aliases: with them a short text says more than a memory holds.

    YAML's own way with a key that is said twice is to forget the first.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise NotPlainError("it repeats a part by an alias: write it out")
        return super().compose_node(parent, index)

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002  as YAML has it
    ) -> dict[Hashable, object]:
        counts = Counter(str(key.value) for key, _ in node.value)
        twice = next((key for key, count in counts.items() if count > 1), None)
        if twice is not None:
            raise NotPlainError(f"{twice} is said twice: leave one out")
        return super().construct_mapping(node, deep)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
