"""What a person asks for, in the words that `commands` and `in_full` know.

Knows words alone, neither what they say nor what a scene holds.
"""

from collections.abc import Iterator, Sequence

from longlive_widget.engine.commands import ARTICLES, begins_command

_LOOKS = ("color", "colour", "shape", "size")
_SAID_HERE = {
    "": (
        *("starts to", "start to", "start", "begins to", "begin to", "begin"),
        *("any more", "anymore", "any longer"),
        *("same but", "a bit", "a little bit", "very", "really"),
        *(f"' s {look}" for look in _LOOKS),
    ),
    "and": ("while", "and then", "but"),
    "too": ("next to it", "beside it"),
    "except": ("all but",),
    "is": ("starts", "begins", "to be"),
    "it": ("the scene", *(f"{whose} {look}" for whose in ("its", "the") for look in _LOOKS)),
    "background": ("background color", "background colour"),
    "not": (
        *("no longer", "is no longer", "are no longer", "does not", "do not", "is not", "are not"),
        *("doesn ' t", "don ' t", "isn ' t", "aren ' t"),
    ),
    "rather": ("instead of",),
    "stops": ("freezes", "holds still"),
    "stop": ("freeze", "hold still"),
    "becomes": (
        *("turned", "became", "turns to", "turn to", "fades to", "fades into"),
        *("changes to", "changes into", "transforms into", "morphs into"),
        *("is replaced by", "is replaced with"),
    ),
    "appears": ("comes in", "shows up"),
    "disappears": ("is gone", "goes away", "leaves"),
    "fast": ("speeds up", "speed up", "accelerates", "gets fast", "goes fast", "go fast"),
    "slowly": ("slows down", "slow down", "gets slow", "goes slow", "go slow"),
}
"""What they know, and in which other words it is said; of these the longest comes first."""
_PHRASES = {
    tuple(phrase.split()): plainly.split()
    for plainly, phrases in _SAID_HERE.items()
    for phrase in phrases
}
_LONGEST = max(map(len, _PHRASES))
_OPENINGS = [
    opening.split()
    for opening in (
        *("now", "please", "then", ",", "after that", "can you", "could you"),
        *("i want", "i would like", "we see", "show me", "show", "draw"),
        *("use", "switch to"),
    )
]
"""What may stand before all else, and says nothing."""
_LOOK_OF = {("the", look, "of") for look in _LOOKS}
"""Of what is spoken of, not of what it is to be like: "make the ball the color of the star"."""
_REPLACES = frozenset({"replace", "swap", "exchange"})


def in_plain_words(words: Sequence[str]) -> list[str]:
    """Words of a prompt as they are known: "its color changes to blue" as "it becomes blue"."""
    said = [*_in_phrases(_without_look(_opened(words)))]
    first, second, last = (said[at] if said[at:] else "" for at in (0, 1, -1))
    if first == "just" and second in ARTICLES:
        said[0] = "only"
    elif first == "with":
        said[0] = "and"
    elif first == "and" and begins_command(said[1:] or [""]):
        del said[0]
    elif (first, last) in (("slow", "down"), ("speed", "up")):
        said = ["make", *said[1:-1], "fast" if first == "speed" else "slowly"]
    elif first in _REPLACES and (links := {"with", "by", "for"} & {*said}):
        at = min(map(said.index, links))
        if said[at + 1 : at + 2] != ["the"]:  # which may be there, and then they change places
            said = ["make", *said[1:at], "become", *said[at + 1 :]]
    return said


def _opened(words: Sequence[str]) -> Sequence[str]:
    """Words from where they begin to say something."""
    for opening in _OPENINGS:
        if [*words[: len(opening)]] == opening:
            return _opened(words[len(opening) :])
    return words


def _without_look(words: Sequence[str]) -> Sequence[str]:
    """Words that begin with a look of something, or with what is done to it, without that look."""
    for at in (0, 1):
        if tuple(words[at : at + 3]) in _LOOK_OF:
            return [*words[:at], *words[at + 3 :]]
    return words


def _in_phrases(words: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        for length in range(_LONGEST, 0, -1):
            if (plainly := _PHRASES.get(tuple(words[at : at + length]))) is not None:
                yield from plainly
                at += length
                break
        else:
            yield words[at]
            at += 1
