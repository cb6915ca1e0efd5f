"""What is asked of a scene as a command, said as a statement: "make it blue", "add a star".

Knows the words and the parts of a prompt, and nothing of what a scene holds.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from longlive_widget.engine.language import Aspect, Language, Part

Verb = Literal["", "make", "add", "remove", "only"]
INDEFINITE = frozenset({"a", "an"})
ARTICLES = INDEFINITE | {"the"}
SUBJECTS = frozenset({"it", "both"})
ARE = frozenset({"is", "are"})
BECOMES = frozenset({"becomes", "turns", "turn", "turning"})
STAYS = frozenset({"stays", "stay"})
GROUND = frozenset({"background", "ground"})
LOOKS: tuple[Aspect, ...] = ("color", "size", "shape")
_FILLERS = frozenset(
    {"please", "instead", "just", "then", "suddenly", "should", "much", "same"}
    | {"colored", "coloured"}
)
_ALSO = frozenset({"also", "too"})
_MAKES = frozenset(
    {"make", "let", "turn", "change", "paint", "color", "colour", "put", "place", "set"}
)
_PUTS = frozenset({"put", "place"})
_REMOVES = frozenset({"remove", "delete", "erase", "hide"})
_GOES = frozenset({"disappears", "vanishes"})
_COMES = frozenset({"appears", "joins"})
_STOPS = frozenset({"stops", "stop", "not"})
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
_COMMANDS = _MAKES | _REMOVES | {"add"}
"""What a command begins with, beside the verbs of `_DOES`."""
_DOES = frozenset({"stop", "spin", "rotate", "bounce", "move", "slow", "speed"})
"""What a command begins with that names what is to be done, where a subject follows."""
_NOTHING = Part("")
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


def begins_command(words: Sequence[str]) -> bool:
    """Whether these begin with a command and what it is given to: "turn it", not "turn left"."""
    first, *rest = words
    if rest[:1] in (["down"], ["up"]):  # "slow down the ball"
        del rest[0]
    given = bool(rest) and (rest[0] in SUBJECTS | ARTICLES or rest[0] in _READ_AS)
    return (first in _REMOVES | {"add"} and bool(rest)) or (first in _COMMANDS | _DOES and given)


def as_statement(parts: Sequence[Part], language: Language) -> Command | None:
    """A prompt's parts without those that only ask for the rest; None for a command of nothing."""
    command = _stated(parts, language)
    if command and command.verb == "add" and any(_is(part, "instead") for part in parts):
        return None  # instead of what: of all, or of one thing
    return command


def _stated(parts: Sequence[Part], language: Language) -> Command | None:
    said = list(_plain(_placed(parts), language))
    first = said[0].words if said else ""
    if first in ARE and (_names_subject(said[1:]) or said[1:2] == [Part("there")]):
        return None  # "is it red": that is a question
    if (moved := _moved(said, language)) is not None:
        return Command(moved, "make")
    if first in _MAKES and not _is_put(said) and _names_subject(said[1:]):
        made = _made(said[1:])
        return None if made is None else Command(made, "make")
    if (added := _added(said)) is not None:
        of_ground = bool(added) and all(part.aspect == "ground" for part in added)
        return Command(added, "" if of_ground else "add")  # "add snow" brings no thing
    comes_too = first in INDEFINITE | {"there"} and any(part.words in _ALSO for part in parts)
    return _by_its_ends(said) or Command(said, "add" if comes_too else "")


def _by_its_ends(said: list[Part]) -> Command | None:
    """What the first or the last word asks for; None where neither asks for anything."""
    first, last = (said[0].words, said[-1].words) if said else ("", "")
    if first in _REMOVES:
        return Command(said[1:], "remove")
    if first == "only":
        return _alone(said[1:])
    if last in _GOES | _COMES:
        return Command(said[:-1], "remove" if last in _GOES else "add")
    return None


def _alone(parts: list[Part]) -> Command:
    """What "only" is said of: of a thing, or of what it does."""
    if parts and parts[-1].words in STAYS:
        return Command(parts[:-1], "only")
    does = any(part.aspect == "motion" or part.words in BECOMES | ARE for part in parts)
    return Command(parts, "" if does else "only")


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
    """Parts without fillers; "stops bouncing" and "not bouncing" as one part."""
    left = list(parts)
    while left:
        part = left.pop(0)
        ends = bool(left) and _is_motion(*left[:2])
        (instead,) = language.parts(["stops"])
        if part.words in _STOPS and ends and instead.aspect == "motion":
            yield Part(part.words, "motion", left.pop(0).value, "no more", instead)
        elif _is(part, "rather") and ends:
            del left[0]
        elif part.aspect is None and part.words in _READ_AS:
            yield from language.parts([_READ_AS[part.words]])
        elif part.aspect is not None or not _says_nothing(part.words, left):
            yield part


def _is_motion(part: Part, after: Part = _NOTHING) -> bool:
    """Whether it says what something does: "turn" does not before "blue"."""
    becomes = part.words in BECOMES and (after.aspect in LOOKS or after.words in ARTICLES)
    return (part.aspect == "motion" and not becomes) or part.words in _MOVES


def _says_nothing(word: str, following: Sequence[Part]) -> bool:
    """Whether a word of no value is a filler: "too" is, but not in "too big"."""
    too_much = word == "too" and bool(following) and following[0].aspect in ("speed", *LOOKS)
    return word in _FILLERS or (word in _ALSO and not too_much)


def _added(parts: list[Part]) -> list[Part] | None:
    """A thing that is asked for as one more; None where none is."""
    asked = bool(parts) and (_is(parts[0], "add") or _is_put(parts))
    rest = parts[1:] if asked else parts
    if rest and rest[-1].words in _COMES:
        rest = rest[:-1]
    words = [part.words for part in rest[:2]]
    if words[:1] == ["another"]:
        return [Part("a"), *rest[1:]]
    if words in (["a", "second"], ["one", "more"]):
        return [Part("a"), *rest[2:]]
    return rest if asked else None


def _is_put(parts: Sequence[Part]) -> bool:
    """Whether a thing is put there that is none yet: "put a star next to it"."""
    new = parts[1:2] and parts[1].words in INDEFINITE | {"another", "one"}
    end = _end_of_subject(parts[1:]) if new and parts[0].words in _PUTS else None
    return end is not None and parts[1 + end].aspect == "shape"


def _names_subject(parts: Sequence[Part]) -> bool:
    """Whether these begin with what something is done to: "turn it", not "turn left"."""
    return bool(parts) and (parts[0].aspect == "ground" or parts[0].words in SUBJECTS | ARTICLES)


def _made(parts: Sequence[Part]) -> list[Part] | None:
    """A subject and what it is made: "the ball blue", "it spin"."""
    end = _end_of_subject(parts)
    if end is None:
        return None
    subject, rest = list(parts[: end + 1]), list(parts[end + 1 :])
    if parts[end].aspect == "ground":
        return None if rest and rest[0].aspect in LOOKS else list(parts)  # "the snow red"
    while rest and rest[0].aspect is None and rest[0].words in _LINKS:
        rest = rest[1:]
    if not rest:
        return None
    if rest[0].aspect == "speed":
        return [*subject, Part("both"), *rest] if _are_several(subject) else [*subject, *rest]
    if rest[0].aspect in ("motion", "ground"):
        return [*subject, *(_said_of(subject, part) for part in rest)]
    return [*subject, Part("becomes"), *rest]


def _moved(parts: Sequence[Part], language: Language) -> list[Part] | None:
    """A subject and what it is to do: "move it to the left", "spin the ball"; None for no such."""
    if not _names_subject(parts[1:]) or parts[0].words in _MAKES:
        return None
    end = _end_of_subject(parts[1:])
    if end is None:
        return None
    subject, rest = list(parts[1 : end + 2]), parts[end + 2 :]
    verb, *rest = language.parts(" ".join(part.words for part in (parts[0], *rest)).split())
    if verb.form != "of both" or any(part.form == "of both" for part in rest):
        return None
    return [*subject, _said_of(subject, verb), *rest]


def _end_of_subject(parts: Sequence[Part]) -> int | None:
    """Where what something is done to ends: "it", "the ball", "the ball and the red star"."""
    end = next((at for at, part in enumerate(parts) if _ends_subject(part)), None)
    while end is not None and parts[end + 1 :] and _is(parts[end + 1], "and"):
        another = parts[end + 2 :]
        named = [part.aspect in ("color", "size") or part.words in ARTICLES for part in another]
        length = named.index(False) if False in named else len(named)
        ends = another[length : length + 1]
        if not ends or not (ends[0].aspect == "shape" or _is(ends[0], "one")):
            break
        if any(map(_is_finite, another[length + 1 : length + 2])):
            break  # "spin the ball and the star turns green"
        end += 2 + length
    return end


def _is_finite(part: Part) -> bool:
    """Whether it says what one thing does: then those before it are no two."""
    verbs = ARE | BECOMES - {"turn", "turning"}
    return part.words in verbs or (part.aspect == "motion" and part.form == "says")


def _ends_subject(part: Part) -> bool:
    return part.aspect in ("shape", "ground") or part.words in SUBJECTS or _is(part, "one")


def _said_of(subject: Sequence[Part], part: Part) -> Part:
    """A verb as it is said of a subject: of one thing "spin" as "spins"."""
    of_one = part.form == "of both" and not _are_several(subject)
    return part._replace(form="says") if of_one else part


def _are_several(subject: Sequence[Part]) -> bool:
    return subject[-1].words == "both" or any(_is(part, "and") for part in subject)


def _is(part: Part, word: str) -> bool:
    return part.aspect is None and part.words == word
