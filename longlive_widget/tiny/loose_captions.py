"""What people type for a scene: looser English than that of `captions`, with counts and plurals.

Looks stand before or behind their thing, "and" joins whatever goes together, things are counted.
Training of the transformer has none of it; the text encoder learns it last.
"""

import random
import re
from collections.abc import Sequence

from longlive_widget.tiny.grounds import Ground
from longlive_widget.tiny.phrases import (
    finished,
    fitting,
    indefinite,
    joined,
    noun_phrase,
    participle,
    predicate,
    shuffled,
    speed_word,
)
from longlive_widget.tiny.scenes import Scene, Thing
from longlive_widget.tiny.words import (
    COLOR_WORDS,
    MOTION_WORDS,
    PLURAL_SHAPES,
    SHAPE_WORDS,
    SIZE_WORDS,
    labels,
    places,
    verbs,
)


def loose_caption(scene: Scene, rng: random.Random) -> str:
    """The whole scene as people type it: looks behind their thing, "and" anywhere, counts."""
    return fitting(lambda: finished(_punctuated(_loose(scene, rng)), rng))


def _loose(scene: Scene, rng: random.Random) -> str:
    (first, *others), ground = scene.things, scene.ground
    if not others and rng.random() < 0.3:
        place = rng.choice(places(ground))
        return f"{_noun(first, rng)} {place}, {_verb(first, rng, alone=True)}"
    if not others:
        return _placed(_clause(first, rng, alone=True), ground, rng)
    (second,) = others
    if first.shape == second.shape and rng.random() < 0.7:
        return _counted(first, second, ground, rng)
    joint = rng.choice((" and ", " and ", ", ", ", and ", ". "))
    one, other = (_clause(thing, rng, alone=False) for thing in scene.things)
    return _placed(f"{one}{joint}{other}", ground, rng)


def _clause(thing: Thing, rng: random.Random, *, alone: bool) -> str:
    if rng.random() < 0.15:
        shape = _with_any_article(rng.choice(SHAPE_WORDS[thing.shape]), rng)
        looks = " and ".join(_looks(thing, rng))
        return f"{shape} is {looks} and {_says(thing, rng)}"
    return f"{_noun(thing, rng)} {_verb(thing, rng, alone=alone)}"


def _noun(thing: Thing, rng: random.Random) -> str:
    """A shape with an article, its looks around it in some order, perhaps with "and" between."""
    looks = _looks(thing, rng)
    together = rng.choice((" and ".join(looks), " and ".join(looks), ", ".join(looks)))
    shape = rng.choice(SHAPE_WORDS[thing.shape])
    return rng.choice(
        (
            _with_any_article(f"{together} {shape}", rng),
            f"{_with_any_article(shape, rng)}, {together},",
            f"{_with_any_article(shape, rng)}, {together},",
            f"{_with_any_article(shape, rng)} that is {together}",
            _with_any_article(noun_phrase(thing, rng, sized=len(looks) > 1), rng),
        )
    )


def _looks(thing: Thing, rng: random.Random) -> tuple[str, ...]:
    color, size = rng.choice(COLOR_WORDS[thing.color]), rng.choice(SIZE_WORDS[thing.size])
    sized = thing.size != "medium" or rng.random() < 0.2
    return shuffled(rng, color, size) if sized else (color,)


def _with_any_article(noun: str, rng: random.Random) -> str:
    return f"the {noun}" if rng.random() < 0.2 else indefinite(noun)


def _verb(thing: Thing, rng: random.Random, *, alone: bool) -> str:
    """What a thing does, as a verb in one of its forms; of one that is alone perhaps with "it"."""
    says, doing = _says(thing, rng), _doing(thing, rng)
    forms = [says, says, f"is {doing}", f"that {says}", f", {doing}", f", {doing}"]
    if alone:
        forms += [f", and it {says}", f", it is {doing}", f". it {says}", f". it is {doing}"]
    return rng.choice(forms)


def _says(thing: Thing, rng: random.Random) -> str:
    verb = rng.choice(verbs(thing.shape, thing.motion))
    return predicate(verb, speed_word(thing.speed, rng), rng)


def _doing(thing: Thing, rng: random.Random) -> str:
    verb, speed = rng.choice(verbs(thing.shape, thing.motion)), speed_word(thing.speed, rng)
    if speed.endswith("ly") and rng.random() < 0.3:
        return joined(speed, verb.doing, verb.particle)
    return participle(verb, speed, rng)


def _counted(first: Thing, second: Thing, ground: Ground, rng: random.Random) -> str:
    """Two things of one shape, counted and then told apart."""
    counted = [shape for shape in SHAPE_WORDS[first.shape] if shape in PLURAL_SHAPES]
    two = f"two {PLURAL_SHAPES[rng.choice(counted)]}"
    both = [_looks(thing, rng) for thing in (first, second)]
    looks = [rng.choice((" and ".join(each), ", ".join(each), " ".join(each))) for each in both]
    alike = (first.motion, first.speed) == (second.motion, second.speed)
    if alike and rng.random() < 0.7:
        return _placed(_doing_the_same(two, looks, first, rng), ground, rng)
    one, other = _each_doing(looks, (first, second), rng)
    apart = f"{one}{rng.choice((' and ', ', ', ', and '))}{other}"
    if rng.random() < 0.4:
        return f"{two} {rng.choice(places(ground))}, {apart}"
    return _placed(f"{two}, {apart}", ground, rng)


def _doing_the_same(two: str, looks: Sequence[str], thing: Thing, rng: random.Random) -> str:
    """What both do, and what each looks like."""
    verb, speed = rng.choice(MOTION_WORDS[thing.motion]), speed_word(thing.speed, rng)
    they_do = predicate(verb.of_both, speed, rng)
    doing = participle(verb, speed, rng)
    one, other = looks
    apart = rng.choice((f"one {one} and one {other}", f"one {one}, the other {other}"))
    return rng.choice(
        (
            f"{two}, {apart}, {they_do}",
            f"{two}, {apart}, both {doing}",
            f"{two}, {apart}, are {doing}",
            f"there are {two}, {apart}, {doing}",
        )
    )


def _each_doing(
    looks: Sequence[str], things: Sequence[Thing], rng: random.Random
) -> tuple[str, str]:
    """What the one looks like and does, and the other."""
    (one, other), (first, second) = looks, (_verb(thing, rng, alone=False) for thing in things)
    it_does, other_does = (_says(thing, rng) for thing in things)
    return rng.choice(
        (
            (f"one {one} {first}", f"one {other} {second}"),
            (f"{indefinite(one)} one {first}", f"{indefinite(other)} one {second}"),
            (f"one {one} {first}", f"the other {other} {second}"),
            (f"one is {one} and {it_does}", f"the other is {other} and {other_does}"),
        )
    )


def _placed(clause: str, ground: Ground, rng: random.Random) -> str:
    """The clause beside its ground, joined in one of many ways."""
    place, label = rng.choice(places(ground)), rng.choice(labels(ground))
    return rng.choice(
        (
            f"{label} and {clause}",
            f"{label}, and {clause}",
            f"{label}. {clause}",
            f"{place} {clause}",
            f"{clause} and {label}",
            f"{clause}, and {label}",
            f"{clause}. {label}",
            f"{clause} {place}",
            f"{clause}, {place}",
            f"{place}, {clause}",
        )
    )


def _punctuated(text: str) -> str:
    """The text with one mark where several meet, and none after a space."""
    return re.sub(r"[ ,]*([,.])[ ,]*", r"\1 ", text).strip()
