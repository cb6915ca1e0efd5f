"""What is asked of a scene as a command, said as a statement: "make it blue", "add a star".

Knows the words and the parts of a prompt, and nothing of what a scene holds.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from longlive_widget.engine.language import Language, Part

Verb = Literal["", "make", "add", "remove", "only"]
ARTICLES = frozenset({"a", "an", "the"})
SUBJECTS = frozenset({"it", "both"})
ARE = frozenset({"is", "are"})
BECOMES = frozenset({"becomes", "turns", "turn", "turning"})
GROUND = frozenset({"background", "ground"})
_FILLERS = frozenset(
    {"please", "instead", "just", "then", "also", "too", "suddenly", "should", "much"}
    | {"same", "but", "colored", "coloured", "again", "rather"}
)
_MAKES = frozenset(
    {"make", "let", "turn", "change", "paint", "color", "colour", "put", "place", "set"}
)
_REMOVES = frozenset({"remove", "delete", "erase", "hide"})
_GOES = frozenset({"disappears", "vanishes"})
_COMES = frozenset({"appears", "joins"})
_STOPS = frozenset({"stops", "stop", "not"})
_NO_MORE = _STOPS | {"rather"}
"""What may stand before a motion that is no more."""
_MOVES = frozenset({"moves", "moving", "move"})
_LINKS = frozenset({"be", "become", "becomes", "to", "into"})
_READ_AS = {
    "them": "both",
    "everything": "both",
    "all": "both",
    "be": "becomes",
    "bigger": "big",
    "larger": "big",
    "smaller": "small",
}
"""Words that no model was taught, and what they are here: what is compared is as it becomes."""
_PLACES = frozenset(
    {"on", "over", "in", "under", "against", "at", "front", "of", "above", "across", "into", "onto"}
)
"""What stands before a ground."""


class Command(NamedTuple):
    """A statement, and what is to be done with it: "" where it was none but a statement.

    "make": no more than to be so. "add": its thing is one more. "remove": its thing is to go.
    "only": all but its thing is.
    """

    parts: list[Part]
    verb: Verb


def ground_stated(words: Sequence[str]) -> list[str]:
    """Words in which a ground does not become black, nor is made so, but is: so it is known."""
    made = bool(words) and words[0] in _MAKES
    found: list[str] = []
    for word in words:
        behind = bool(found) and found[-1] in GROUND
        links = word in BECOMES or (made and word in _LINKS)
        if behind and made and not links and word not in ARE:
            found.append("is")
        found.append("is" if behind and links else word)
    return found


def as_statement(parts: Sequence[Part], language: Language) -> Command | None:
    """A prompt's parts without those that only ask for the rest; None for a command of nothing."""
    said = list(_plain(_placed(parts), language))
    first, last = (said[0].words, said[-1].words) if said else ("", "")
    command = Command(said, "")
    if (moved := _moved(said, language)) is not None:
        return Command(moved, "make")
    if first in _MAKES and _names_subject(said[1:]):
        made = _made(said[1:])
        return None if made is None else Command(made, "make")
    if (added := _added(said)) is not None:
        of_ground = bool(added) and all(part.aspect == "ground" for part in added)
        command = Command(added, "" if of_ground else "add")  # "add snow" brings no thing
    elif first in _REMOVES:
        command = Command(said[1:], "remove")
    elif first == "only":
        command = Command(said[1:], "only")
    elif last in _COMES:
        command = Command(said[:-1], "add")
    elif last in _GOES:
        command = Command(said[:-1], "remove")
    return command


def _placed(parts: Sequence[Part]) -> list[Part]:
    """Parts with each ground by itself: "over a green meadow" as "green meadow"."""
    found: list[Part] = []
    for part in parts:
        while part.aspect == "ground" and found and _leads_to_ground(found[-1]):
            found.pop()
        found.append(part)
    return found


def _leads_to_ground(part: Part) -> bool:
    return part.aspect is None and part.words in _PLACES | ARTICLES


def _plain(parts: Sequence[Part], language: Language) -> Iterator[Part]:
    """Parts without fillers, and without what is stopped: "not bouncing" is "stops"."""
    before = Part("")
    for part in [*parts, Part("")]:
        moves = part.aspect == "motion" or part.words in _MOVES
        if _is(before, "not"):
            yield from language.parts(["stops"]) if moves else [before]
        if part.aspect is None and part.words in _READ_AS:
            yield from language.parts([_READ_AS[part.words]])
        elif not (moves and before.words in _NO_MORE) and not _says_nothing(part):
            yield part
        before = part


def _added(parts: list[Part]) -> list[Part] | None:
    """A thing that is asked for as one more; None where none is."""
    rest = parts[1:] if parts and _is(parts[0], "add") else parts
    words = [part.words for part in rest[:2]]
    if words[:1] == ["another"]:
        return [Part("a"), *rest[1:]]
    if words in (["a", "second"], ["one", "more"]):
        return [Part("a"), *rest[2:]]
    return None if rest is parts else rest


def _names_subject(parts: Sequence[Part]) -> bool:
    """Whether these begin with what something is done to: "turn it", not "turn left"."""
    return bool(parts) and (parts[0].aspect == "ground" or parts[0].words in SUBJECTS | ARTICLES)


def _made(parts: Sequence[Part]) -> list[Part] | None:
    """A subject and what it is made: "the ball blue", "it spin"."""
    end = next((at for at, part in enumerate(parts) if _ends_subject(part)), None)
    if end is None:
        return None
    if parts[end].aspect == "ground":
        return list(parts)
    subject, rest = list(parts[: end + 1]), list(parts[end + 1 :])
    while rest and rest[0].aspect is None and rest[0].words in _LINKS:
        rest = rest[1:]
    if not rest:
        return None
    if rest[0].aspect in ("motion", "speed", "ground"):
        of_one = subject[-1].words != "both"
        return [*subject, *(_said_of_one(part) if of_one else part for part in rest)]
    return [*subject, Part("becomes"), *rest]


def _moved(parts: Sequence[Part], language: Language) -> list[Part] | None:
    """A subject and what it is to do: "move it to the left", "spin the ball"; None for no such."""
    end = next((at for at, part in enumerate(parts) if at and _ends_subject(part)), None)
    if end is None or not _names_subject(parts[1:]) or parts[0].words in _MAKES:
        return None
    said = " ".join(part.words for part in (parts[0], *parts[end + 1 :]))
    verb, *rest = language.parts(said.split())
    if verb.form != "of both" or any(part.form == "of both" for part in rest):
        return None
    return [*parts[1 : end + 1], _said_of_one(verb), *rest]


def _ends_subject(part: Part) -> bool:
    return part.aspect in ("shape", "ground") or part.words in SUBJECTS


def _said_of_one(part: Part) -> Part:
    """A verb that is not said of two: "spin" as "spins"."""
    return part._replace(form="says") if part.form == "of both" else part


def _is(part: Part, word: str) -> bool:
    return part.aspect is None and part.words == word


def _says_nothing(part: Part) -> bool:
    return part.aspect is None and part.words in _FILLERS | {"", "not"}  # "not" has had its turn
