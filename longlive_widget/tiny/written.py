"""Prompts that a person wrote, each with the scene that it asks for, from a file of JSON lines.

Neither training nor the judge's own prompts draw from such a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longlive_widget.errors import RecordError, one_of
from longlive_widget.plain_data import NotPlainError, json_in
from longlive_widget.tiny.grounds import GROUNDS
from longlive_widget.tiny.motions import MOTIONS, SPEEDS
from longlive_widget.tiny.scenes import (
    COLORS,
    MOST_THINGS,
    SIZES,
    Scene,
    Thing,
    thing_in_the_middle,
)
from longlive_widget.tiny.shapes import SHAPES

_LOOKS: dict[str, Sequence[str]] = {
    "shape": SHAPES,
    "color": COLORS,
    "size": SIZES,
    "motion": MOTIONS,
    "speed": SPEEDS,
}
_UNSAID = {"size": "medium", "speed": "medium"}


@dataclass(frozen=True)
class WrittenPrompt:
    """A prompt as a person typed it, and the scene that it asks for, whose places do not count."""

    prompt: str
    scene: Scene


def read_written(path: Path | str) -> tuple[WrittenPrompt, ...]:
    """The prompts of a file, in their order.

    Each line is an object: `prompt`, `ground`, and `things`, one or two of them with `shape`,
    `color` and `motion`, `size` and `speed` where these are not medium.

    Raises:
        RecordError: the file cannot be read, is empty, or a line of it says no such prompt.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{str(path)!r} cannot be read ({error}): give a file of JSON lines, each a prompt "
            "and the scene that it asks for"
        ) from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise RecordError(f"{str(path)!r} holds no prompt: write one a line")
    return tuple(_written(line, f"{path}, line {number}") for number, line in numbered)


def _written(line: str, place: str) -> WrittenPrompt:
    try:
        said = json_in(line)
    except NotPlainError as error:
        raise RecordError(f"{place} is not JSON ({error}): write one object a line") from error
    names = ("prompt", "things", "ground")
    if not isinstance(said, dict) or set(said) != set(names):
        raise RecordError(f"{place} is no object of {', '.join(names)}: give it these and no other")
    prompt, things, ground = (said[name] for name in names)
    if not isinstance(prompt, str) or not prompt.strip():
        raise RecordError(f"{place} has the prompt {prompt!r}: write a text")
    if not isinstance(things, list) or not 1 <= len(things) <= MOST_THINGS:
        raise RecordError(f"{place} has the things {things!r}: list one or two")
    one_of(f"{place}: ground", ground, GROUNDS, RecordError)
    return WrittenPrompt(prompt, Scene(tuple(_thing(thing, place) for thing in things), ground))


def _thing(said: object, place: str) -> Thing:
    if not isinstance(said, dict) or not set(said) <= set(_LOOKS):
        raise RecordError(f"{place} has the thing {said!r}: give it {', '.join(_LOOKS)} alone")
    looks = {**_UNSAID, **said}
    for name, known in _LOOKS.items():
        one_of(f"{place}: {name}", looks.get(name), known, RecordError)
    return thing_in_the_middle(**looks)
