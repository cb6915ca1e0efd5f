"""What captions of all kinds are made of: nouns, verbs and their order, an end, a length.

Knows no whole sentence.
"""

import random
import re
from collections.abc import Callable

from longlive_widget.tiny.motions import Speed
from longlive_widget.tiny.scenes import Thing
from longlive_widget.tiny.words import (
    COLOR_WORDS,
    SHAPE_WORDS,
    SIZE_WORDS,
    SPEED_WORDS,
    WORD,
    Verb,
)

PROMPT_TOKENS = 32
"""No caption has more tokens than this, its end included."""


def noun_phrase(thing: Thing, rng: random.Random, *, sized: bool, alone: bool = False) -> str:
    """The shape with its looks before it; of a thing that is alone perhaps after it."""
    shape, color = rng.choice(SHAPE_WORDS[thing.shape]), rng.choice(COLOR_WORDS[thing.color])
    looks = [rng.choice(SIZE_WORDS[thing.size]), color] if sized else [color]
    form = rng.random()
    if alone and form < 0.12:
        return f"{shape} that is {' and '.join(shuffled(rng, *looks))}"
    return joined(*(looks[::-1] if form > 0.9 else looks), shape)


def speed_word(speed: Speed, rng: random.Random) -> str:
    """A word for the speed, '' for a medium one."""
    return rng.choice(SPEED_WORDS[speed] or ("",))


def predicate(verb: Verb, speed: str, rng: random.Random) -> str:
    """Verb, speed and particle in an order that English has."""
    if speed.endswith("ly") and rng.random() < 0.3:
        return joined(speed, verb.says, verb.particle)
    return joined(verb.says, towards(verb, speed, rng))


def participle(verb: Verb, speed: str, rng: random.Random) -> str:
    """What it is doing, with particle and speed behind it: "sliding slowly to the right"."""
    return joined(verb.doing, towards(verb, speed, rng))


def towards(verb: Verb, speed: str, rng: random.Random) -> str:
    """Particle and speed: "slowly to the right", "right fast", "bigger quickly"."""
    early = speed.endswith("ly") and verb.doing != "getting" and rng.random() < 0.5
    return joined(speed, verb.particle) if early else joined(verb.particle, speed)


def indefinite(noun: str) -> str:
    """A noun behind "a" or "an"."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def shuffled(rng: random.Random, *parts: str) -> tuple[str, ...]:
    """The parts in any order."""
    return tuple(rng.sample(parts, len(parts)))


def joined(*parts: str) -> str:
    """The parts that there are, with spaces between."""
    return " ".join(part for part in parts if part)


def finished(text: str, rng: random.Random) -> str:
    """The text with or without a capital and a full stop."""
    text = text[0].upper() + text[1:] if rng.random() < 0.3 else text
    return f"{text}." if rng.random() < 0.2 else text


def fitting(say: Callable[[], str]) -> str:
    """The first of the texts that is not too long."""
    said = say()
    return said if len(re.findall(WORD, said)) < PROMPT_TOKENS else fitting(say)
