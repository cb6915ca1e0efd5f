"""The closed language that a model was taught, as `language.json` in its folder says it.

Tables of words and of what they say, and prompts cut into what each part says. Knows nothing of
sentences: `in_full` does.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from longlive_widget.errors import CheckpointError, known_version
from longlive_widget.files import write_whole
from longlive_widget.model.checkpoint import read_json

LANGUAGE_FILE = "language.json"
LANGUAGE_VERSION = 1
"""Goes up with every change of what `language.json` says."""
Aspect = Literal["shape", "color", "size", "motion", "speed", "ground"]
Form = Literal["says", "doing", "of both", "two", "no more"]
Ways = Mapping[str, Sequence[str]]
"""In which ways each value is said, if any; the first is how it is written."""


class Part(NamedTuple):
    """Some words of a prompt, and the value of an aspect that they say; glue has no aspect.

    `form` is a verb's, "bounces", "bouncing", or "bounce" as it is said of two, or a shape's, of
    which there may be two: "stars". `also` is what else the same words may say, as "circle" does.
    Of a motion that is "no more" it is what is done then, and without a value that is any motion.
    """

    words: str
    aspect: Aspect | None = None
    value: str = ""
    form: Form = "says"
    also: "Part | None" = None


@dataclass(frozen=True)
class Language:
    """How shapes, colours, sizes, motions, speeds and grounds are said, each value in its ways.

    `two` are shapes that are counted: "stars". `doing` and `of_both` are further ways to say
    motions: "bouncing", and "bounce" of two things.
    `unsaid` are values that are meant where a prompt says nothing.
    """

    shape: Ways
    two: Ways
    color: Ways
    size: Ways
    speed: Ways
    ground: Ways
    motion: Ways
    doing: Ways
    of_both: Ways
    unsaid: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> "Language | None":
        """The language that a folder's model was taught; None where it says none.

        Raises:
            CheckpointError: the file does not say what is needed.
        """
        path = folder / LANGUAGE_FILE
        if not path.is_file():
            return None
        said = read_json(path)
        known_version("this language", said.get("version", 1), LANGUAGE_VERSION, CheckpointError)
        try:
            tables = {name: _ways(said.get(name)) for name in _TABLES}
            language = cls(**tables, unsaid=_texts(said.get("unsaid")))
            language._require_whole()
        except _TableError as error:
            raise CheckpointError(
                f"{path} does not say a language ({error}): take the {LANGUAGE_FILE} that belongs "
                "to the weights"
            ) from error
        return language

    def _require_whole(self) -> None:
        """Make sure that each value that can be said can be written too."""
        for name, table in (("shape", self.two), ("motion", self.doing), ("motion", self.of_both)):
            if unknown := [value for value in table if not getattr(self, name).get(value)]:
                raise _TableError(f"{name} does not say {unknown[0]!r}")

    def write(self, folder: Path) -> None:
        """Write `language.json` into a folder."""
        said = {"version": LANGUAGE_VERSION} | asdict(self)
        write_whole(folder / LANGUAGE_FILE, (json.dumps(said, indent=1) + "\n").encode())

    def written(self, aspect: Aspect, value: str) -> str:
        """How a value is written."""
        ways: Ways = getattr(self, aspect)
        return ways[value][0]

    def parts(self, words: Sequence[str]) -> list[Part]:
        """What a prompt is made of; words that say no value are glue.

        The longest way comes first. A verb may have its speed inside, as "slides slowly to the
        left": the speed is the next part then.
        """
        found: list[Part] = []
        at = 0
        while at < len(words):
            for way, part in self._ways.get(words[at], ()):
                if (end := self._end(words, at, way)) is not None:
                    found.append(part._replace(also=self._others.get(part)))
                    found += (
                        Part(word, "speed", self._speeds[word])
                        for word in words[at:end]
                        if part.aspect == "motion" and word in self._speeds
                    )
                    at = end
                    break
            else:
                found.append(Part(words[at]))
                at += 1
        return found

    def _end(self, words: Sequence[str], at: int, way: Sequence[str]) -> int | None:
        """Where a way to say something ends that begins at a word; None if it does not."""
        for number, word in enumerate(way):
            while number and at < len(words) and words[at] in self._speeds and words[at] != word:
                at += 1
            if at == len(words) or words[at] != word:
                return None
            at += 1
        return at

    @cached_property
    def _speeds(self) -> dict[str, str]:
        return {way: value for value, ways in self.speed.items() for way in ways}

    @cached_property
    def _others(self) -> dict[Part, Part]:
        """A shape and the verb of the same word."""
        verbs = {part.words: part for _, part in self._all_ways() if part.aspect == "motion"}
        found = (part for _, part in self._all_ways() if part.aspect == "shape")
        return {part: verbs[part.words] for part in found if part.words in verbs}

    @cached_property
    def _ways(self) -> dict[str, list[tuple[list[str], Part]]]:
        """All ways by their first word, the longest first."""
        found: dict[str, list[tuple[list[str], Part]]] = {}
        for way, part in self._all_ways():
            cut = way.replace(",", " ,").split()
            found.setdefault(cut[0], []).append((cut, part))
        return {first: sorted(ways, key=lambda way: -len(way[0])) for first, ways in found.items()}

    def _all_ways(self) -> Iterator[tuple[str, Part]]:
        tables: list[tuple[Ways, Aspect, Form]] = [
            (self.shape, "shape", "says"),
            (self.color, "color", "says"),
            (self.size, "size", "says"),
            (self.speed, "speed", "says"),
            (self.ground, "ground", "says"),
            (self.two, "shape", "two"),
            (self.motion, "motion", "says"),
            (self.doing, "motion", "doing"),
            (self.of_both, "motion", "of both"),
        ]
        for table, aspect, form in tables:
            for value, ways in table.items():
                yield from ((way, Part(way, aspect, value, form)) for way in ways)


class _TableError(Exception):
    """A table of a language is none."""


_TABLES = ("shape", "two", "color", "size", "speed", "ground", "motion", "doing", "of_both")


def _texts(said: object) -> Mapping[str, str]:
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise _TableError("unsaid is no table of texts")
    return said


def _ways(said: object) -> Ways:
    if not isinstance(said, dict) or not all(
        isinstance(ways, list) and all(isinstance(way, str) and way.strip() for way in ways)
        for ways in said.values()
    ):
        raise _TableError(f"one of {', '.join(_TABLES)} is no table of lists of texts")
    return said
