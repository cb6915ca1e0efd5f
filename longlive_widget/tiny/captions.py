"""What a scene is called, in many wordings, out of a closed list of words.

The words are all in the tables below, so that a tokenizer made from `words` knows every caption.
"""

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from longlive_widget.tiny.grounds import Ground
from longlive_widget.tiny.motions import Motion, Speed
from longlive_widget.tiny.scenes import (
    SIMPLE,
    Change,
    Color,
    Scene,
    Size,
    Thing,
    Vocabulary,
    random_change,
    random_scene,
)
from longlive_widget.tiny.shapes import Shape

PROMPT_TOKENS = 32
"""No caption has more tokens than this, its end included."""
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class _Verb:
    """One way to say a motion: `it {says} {particle}`, or `{doing} {particle}` after a noun.

    `adjective`: "a {doing} ball" is English.
    """

    says: str
    doing: str
    particle: str = ""
    adjective: bool = False

    @property
    def of_both(self) -> "_Verb":
        """The same said of two things: "they go"."""
        return replace(self, says=_PLURALS.get(self.says, self.says.removesuffix("s")))


_PLURALS = {"goes": "go", "flies": "fly"}


_SHAPE_WORDS: dict[Shape, tuple[str, ...]] = {
    "ball": ("ball", "ball", "ball", "circle", "disc", "sphere"),
    "square": ("square", "square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "ring": ("ring", "ring", "hoop"),
    "cross": ("cross", "cross", "plus"),
    "heart": ("heart",),
}
_COLOR_WORDS: dict[Color, tuple[str, ...]] = {
    "red": ("red",),
    "green": ("green",),
    "blue": ("blue",),
    "yellow": ("yellow",),
    "orange": ("orange",),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink",),
    "white": ("white",),
    "cyan": ("cyan", "cyan", "turquoise"),
    "black": ("black",),
}
_SIZE_WORDS: dict[Size, tuple[str, ...]] = {
    "small": ("small", "small", "little", "tiny"),
    "medium": ("medium",),
    "big": ("big", "big", "large", "huge"),
}
_SPEED_WORDS: dict[Speed, tuple[str, ...]] = {
    "slowly": ("slowly", "slowly", "gently", "slow"),
    "medium": (),
    "fast": ("fast", "fast", "quickly", "rapidly"),
}
_TRAVELS = (
    ("moves", "moving"),
    ("moves", "moving"),
    ("goes", "going"),
    ("slides", "sliding"),
    ("drifts", "drifting"),
    ("travels", "travelling"),
    ("flies", "flying"),
    ("floats", "floating"),
)


def _travels(*particles: str) -> tuple[_Verb, ...]:
    return tuple(_Verb(says, doing, to) for says, doing in _TRAVELS for to in particles)


_ROLLS: dict[Motion, tuple[_Verb, ...]] = {
    "moves right": (_Verb("rolls", "rolling", "right"), _Verb("rolls", "rolling", "to the right")),
    "moves left": (_Verb("rolls", "rolling", "left"), _Verb("rolls", "rolling", "to the left")),
}
"""What only a ball does."""

_MOTION_WORDS: dict[Motion, tuple[_Verb, ...]] = {
    "rests": (
        _Verb("rests", "resting", adjective=True),
        _Verb("rests", "resting", adjective=True),
        _Verb("stays", "staying"),
        _Verb("stands", "standing", "still"),
        _Verb("stays", "staying", "still"),
        _Verb("waits", "waiting", adjective=True),
        _Verb("sits", "sitting", "still"),
        _Verb("stops", "stopping"),
    ),
    "moves right": _travels("right", "to the right"),
    "moves left": _travels("left", "to the left"),
    "moves up": (
        *_travels("up", "upwards"),
        _Verb("rises", "rising", adjective=True),
        _Verb("climbs", "climbing", adjective=True),
    ),
    "moves down": (
        *_travels("down", "downwards"),
        _Verb("falls", "falling", adjective=True),
        _Verb("sinks", "sinking", adjective=True),
    ),
    "bounces": (
        _Verb("bounces", "bouncing", adjective=True),
        _Verb("bounces", "bouncing", adjective=True),
        _Verb("bounces", "bouncing", "up and down"),
        _Verb("jumps", "jumping", adjective=True),
        _Verb("jumps", "jumping", "up and down"),
        _Verb("hops", "hopping", adjective=True),
    ),
    "circles": (
        _Verb("circles", "circling", adjective=True),
        _Verb("circles", "circling", adjective=True),
        _Verb("circles", "circling", "around"),
        _Verb("moves", "moving", "in a circle"),
        _Verb("goes", "going", "in circles"),
        _Verb("flies", "flying", "in circles"),
    ),
    "spins": (
        _Verb("spins", "spinning", adjective=True),
        _Verb("spins", "spinning", adjective=True),
        _Verb("turns", "turning", adjective=True),
        _Verb("rotates", "rotating", adjective=True),
        _Verb("spins", "spinning", "around"),
        _Verb("whirls", "whirling", adjective=True),
    ),
    "swings": (
        _Verb("swings", "swinging", adjective=True),
        _Verb("swings", "swinging", adjective=True),
        _Verb("swings", "swinging", "from side to side"),
        _Verb("swings", "swinging", "back and forth"),
        _Verb("sways", "swaying", adjective=True),
    ),
    "grows": (
        _Verb("grows", "growing", adjective=True),
        _Verb("grows", "growing", adjective=True),
        _Verb("gets", "getting", "bigger"),
        _Verb("gets", "getting", "larger"),
    ),
    "shrinks": (
        _Verb("shrinks", "shrinking", adjective=True),
        _Verb("shrinks", "shrinking", adjective=True),
        _Verb("gets", "getting", "smaller"),
    ),
}
_FLAT_PLACES = (
    "on {}",
    "on {}",
    "over {}",
    "on a {} ground",
    "over a {} ground",
    "on a {} background",
    "against a {} background",
    "in front of a {} background",
)
_FLAT_LABELS = ("{} ground", "{} background", "the ground is {}", "the background is {}")
_FLAT_WORDS: dict[Ground, tuple[str, ...]] = {
    "black": ("black",),
    "white": ("white",),
    "grey": ("grey", "grey", "gray"),
    "navy": ("navy", "navy", "navy blue", "dark blue"),
}
_PLACES: dict[Ground, tuple[str, ...]] = {
    "night": (
        "under a night sky with stars",
        "in the night sky",
        "at night",
        "in a starry night",
        "under the stars",
        "in a sky full of stars",
        "on a night sky with stars",
    ),
    "sunset": (
        "at sunset",
        "in front of a sunset",
        "against a sunset",
        "in the sunset",
        "over a sunset sky",
        "on a sunset sky",
    ),
    "meadow": (
        "on a green meadow under a blue sky",
        "over a green meadow under a blue sky",
        "on a meadow",
        "over green grass under a blue sky",
        "in a meadow",
        "on the grass",
    ),
    "sea": (
        "on the sea",
        "over the sea",
        "over the waves",
        "over the sea with waves",
        "on a blue sea with waves",
        "at sea",
        "over the ocean",
    ),
    "snow": (
        "in the snow",
        "in the snow",
        "in falling snow",
        "in the falling snow",
        "on a snowy day",
        "in snowy weather",
    ),
    "rain": (
        "in the rain",
        "in the rain",
        "in falling rain",
        "in the falling rain",
        "on a rainy day",
        "in rainy weather",
    ),
}
_LABELS: dict[Ground, tuple[str, ...]] = {
    "night": ("night sky", "night sky with stars", "starry night", "the background is a night sky"),
    "sunset": ("sunset", "sunset sky", "sunset background", "the background is a sunset"),
    "meadow": (
        "meadow",
        "green meadow",
        "green meadow, blue sky",
        "the background is a green meadow under a blue sky",
    ),
    "sea": (
        "sea",
        "blue sea",
        "sea with waves",
        "ocean",
        "ocean waves",
        "the background is the sea",
        "the background is a sea with waves",
    ),
    "snow": (
        "snow",
        "falling snow",
        "snowy day",
        "it snows",
        "it is snowing",
        "the background is falling snow",
    ),
    "rain": (
        "rain",
        "falling rain",
        "rainy day",
        "it rains",
        "it is raining",
        "the background is falling rain",
    ),
}
_GLUE = "a an the it is now and both becomes turns , ."
_WORD = r"\w+|[.,]"


def caption(scene: Scene, rng: random.Random) -> str:
    """One of the many ways to say the whole scene: what is not said is medium."""
    return _fitting(lambda: _finished(_whole(scene, Change(), rng), rng))


def switch_caption(scene: Scene, change: Change, rng: random.Random) -> str:
    """A way to ask for `scene`, which `change` led to: says all that changes, and perhaps more."""
    of_one = len(scene.things) == 1
    asked = _asked_of_one if of_one else _asked_of_two
    return _fitting(lambda: _finished(asked(scene, change, rng), rng))


def random_caption(rng: random.Random, vocabulary: Vocabulary = SIMPLE) -> tuple[Scene, str]:
    """A scene and what it is called."""
    scene = random_scene(rng, vocabulary)
    return scene, caption(scene, rng)


def switch_pair(
    rng: random.Random, at_picture: int, vocabulary: Vocabulary = SIMPLE
) -> tuple[Scene, str, Scene, str]:
    """A scene, its caption, the scene that it becomes at a picture, and the prompt for that."""
    scene, said = random_caption(rng, vocabulary)
    change = random_change(rng, scene, vocabulary)
    switched = scene.switched(change, at_picture)
    return scene, said, switched, switch_caption(switched, change, rng)


def words(vocabulary: Vocabulary = SIMPLE) -> tuple[str, ...]:
    """Every word that a caption of these scenes can hold, sorted; comma and full stop too."""
    texts: list[str] = [_GLUE]
    texts += _chosen(_SHAPE_WORDS, vocabulary.shapes)
    texts += _chosen(_COLOR_WORDS, vocabulary.colors)
    texts += _chosen(_SIZE_WORDS, vocabulary.sizes)
    texts += _chosen(_SPEED_WORDS, vocabulary.speeds)
    for ground in vocabulary.grounds:
        texts += [*_places(ground), *_labels(ground)]
    for motion in vocabulary.motions:
        for verb in _verbs("ball", motion):
            texts += [verb.says, verb.doing, verb.particle]
        texts += [verb.of_both.says for verb in _MOTION_WORDS[motion]]
    return tuple(sorted(set(re.findall(_WORD, " ".join(texts)))))


def _chosen(table: dict[_Key, tuple[str, ...]], keys: Iterable[_Key]) -> list[str]:
    return [word for key in keys for word in table[key]]


def _fitting(say: Callable[[], str]) -> str:
    """The first of the texts that is not too long."""
    said = say()
    return said if len(re.findall(_WORD, said)) < PROMPT_TOKENS else _fitting(say)


def _whole(scene: Scene, change: Change, rng: random.Random) -> str:
    """All things in their order and the ground; what `change` names is not left out."""
    changes = [replace(change, thing=0) if i == change.thing else Change() for i in range(2)]
    parts = list(zip(scene.things, changes, strict=False))
    ways = {(thing.motion, thing.speed) for thing in scene.things}
    if len(parts) > 1 and len(ways) == 1 and rng.random() < 0.6:
        nouns = [_noun(thing, rng, sized=_sized(thing, part, rng)) for thing, part in parts]
        clause = _acting_together(nouns, scene.things, rng)
    else:
        clause = " and ".join(_thing_clause(thing, part, rng) for thing, part in parts)
    return _with_ground(clause, scene.ground, rng)


def _asked_of_one(scene: Scene, change: Change, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return _said_of("it", scene, change, rng)
    (thing,) = scene.things
    moved = change.motion is not None or change.speed is not None
    clause = _noun(thing, rng, sized=change.size is not None or rng.random() < 0.5)
    if moved or rng.random() < 0.5:
        clause = _acting(clause, thing, rng)
    if change.ground is not None or rng.random() < 0.3:
        clause = _with_ground(clause, scene.ground, rng)
    return f"now {clause}" if rng.random() < 0.2 else clause


def _asked_of_two(scene: Scene, change: Change, rng: random.Random) -> str:
    """Says of which thing: by what it was, by what it is now, or by saying both."""
    form = rng.random()
    if form < 0.5:
        return _said_of(_old_name(scene, change, rng), scene, change, rng)
    if form < 0.75 or not _known_by_new_name(scene, change):
        return _whole(scene, change, rng)
    thing = scene.things[change.thing]
    noun = _noun(thing, rng, sized=change.size is not None or rng.random() < 0.3)
    verb, speed = rng.choice(_verbs(thing.shape, thing.motion)), _speed_word(thing.speed, rng)
    clause = f"the {noun} {_predicate(verb, speed, rng)}"
    return clause if change.ground is None else _with_ground(clause, scene.ground, rng)


def _old_name(scene: Scene, change: Change, rng: random.Random) -> str:
    """What the changed one of two things was before, as briefly as tells it from the other."""
    old, other = (scene.before or scene).things[change.thing], scene.things[1 - change.thing]
    shape = rng.choice(_SHAPE_WORDS[old.shape])
    brief = old.shape != other.shape and rng.random() < 0.4
    return f"the {shape}" if brief else f"the {rng.choice(_COLOR_WORDS[old.color])} {shape}"


def _known_by_new_name(scene: Scene, change: Change) -> bool:
    """Whether colour and shape of the changed thing are more like its old ones than the other's."""
    new, other = scene.things[change.thing], scene.things[1 - change.thing]
    old = (scene.before or scene).things[change.thing]
    same, mistaken = (
        (new.color == thing.color) + (new.shape == thing.shape) for thing in (old, other)
    )
    return same > mistaken


def _thing_clause(thing: Thing, change: Change, rng: random.Random) -> str:
    """The thing with all that is changed or not medium about it, and what it does."""
    sized = _sized(thing, change, rng)
    still = thing.motion == "rests" and change.motion is None and rng.random() < 0.2
    noun = _noun(thing, rng, sized=sized)
    return noun if still else _acting(noun, thing, rng)


def _sized(thing: Thing, change: Change, rng: random.Random) -> bool:
    return thing.size != "medium" or change.size is not None or rng.random() < 0.1


def _noun(thing: Thing, rng: random.Random, *, sized: bool) -> str:
    size = f"{rng.choice(_SIZE_WORDS[thing.size])} " if sized else ""
    return f"{size}{rng.choice(_COLOR_WORDS[thing.color])} {rng.choice(_SHAPE_WORDS[thing.shape])}"


def _acting(noun: str, thing: Thing, rng: random.Random) -> str:
    """The noun with its motion before it, after it, or as a sentence."""
    verb = rng.choice(_verbs(thing.shape, thing.motion))
    speed = _speed_word(thing.speed, rng)
    form = rng.random()
    if verb.adjective and form < 0.25:
        return _with_article(_joined(speed, verb.doing, noun), rng)
    subject = _with_article(noun, rng)
    if form < 0.45:
        comma = "," if rng.random() < 0.3 else ""
        return _joined(f"{subject}{comma}", verb.doing, _towards(verb, speed, rng))
    return _joined(subject, _predicate(verb, speed, rng))


def _acting_together(nouns: list[str], things: tuple[Thing, ...], rng: random.Random) -> str:
    """Things that move alike, with one verb."""
    verb = rng.choice(_MOTION_WORDS[things[0].motion])
    speed = _speed_word(things[0].speed, rng)
    subject = " and ".join(_with_article(noun, rng) for noun in nouns)
    both = "both" if rng.random() < 0.4 else ""
    if rng.random() < 0.3:
        comma = "," if both or rng.random() < 0.3 else ""
        return _joined(f"{subject}{comma}", both, verb.doing, _towards(verb, speed, rng))
    return _joined(subject, both, _predicate(verb.of_both, speed, rng))


def _speed_word(speed: Speed, rng: random.Random) -> str:
    return rng.choice(_SPEED_WORDS[speed] or ("",))


def _predicate(verb: _Verb, speed: str, rng: random.Random) -> str:
    """Verb, speed and particle in an order that English has."""
    if speed.endswith("ly") and rng.random() < 0.3:
        return _joined(speed, verb.says, verb.particle)
    return _joined(verb.says, _towards(verb, speed, rng))


def _towards(verb: _Verb, speed: str, rng: random.Random) -> str:
    """Particle and speed: "slowly to the right", "right fast", "bigger quickly"."""
    early = speed.endswith("ly") and verb.doing != "getting" and rng.random() < 0.5
    return _joined(speed, verb.particle) if early else _joined(verb.particle, speed)


def _said_of(subject: str, scene: Scene, change: Change, rng: random.Random) -> str:
    """Only what changes, said of "it" or of the thing of that name."""
    thing = scene.things[change.thing]
    parts = []
    if change.shape is not None:
        noun = _noun(thing, rng, sized=change.size is not None)
        parts.append(f"becomes {_indefinite(noun)}")
    elif change.color is not None or change.size is not None:
        into = ("is", "is now", "becomes", "turns") if subject == "it" else ("becomes", "turns")
        parts.append(f"{rng.choice(into)} {_looks(change, rng)}")
    if change.motion is not None or change.speed is not None:
        speed = _speed_word(thing.speed, rng)
        parts.append(_predicate(rng.choice(_verbs(thing.shape, thing.motion)), speed, rng))
    if not parts:
        alone = (*_labels(scene.ground), *(f"it is {now}" for now in _places(scene.ground)))
        return rng.choice(alone)
    clause = f"{subject} {' and '.join(parts)}"
    if " now " not in clause and rng.random() < 0.3:
        clause = f"now {clause}"
    return clause if change.ground is None else _with_ground(clause, scene.ground, rng)


def _looks(change: Change, rng: random.Random) -> str:
    said = []
    if change.size is not None:
        said.append(rng.choice(_SIZE_WORDS[change.size]))
    if change.color is not None:
        said.append(rng.choice(_COLOR_WORDS[change.color]))
    return " and ".join(_shuffled(rng, *said))


def _with_ground(clause: str, ground: Ground, rng: random.Random) -> str:
    place, label = rng.choice(_places(ground)), rng.choice(_labels(ground))
    return rng.choice(
        (
            f"{clause} {place}",
            f"{clause} {place}",
            f"{place}, {clause}",
            f"{clause}, {label}",
            f"{label}, {clause}",
        )
    )


def _with_article(noun: str, rng: random.Random) -> str:
    form = rng.random()
    if form < 0.15:
        return noun
    if form < 0.3:
        return f"the {noun}"
    return _indefinite(noun)


def _indefinite(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _verbs(shape: Shape, motion: Motion) -> tuple[_Verb, ...]:
    rolls = _ROLLS.get(motion, ()) if shape == "ball" else ()
    return (*_MOTION_WORDS[motion], *rolls, *rolls)


def _places(ground: Ground) -> tuple[str, ...]:
    if ground not in _FLAT_WORDS:
        return _PLACES[ground]
    return tuple(place.format(name) for place in _FLAT_PLACES for name in _FLAT_WORDS[ground])


def _labels(ground: Ground) -> tuple[str, ...]:
    if ground not in _FLAT_WORDS:
        return _LABELS[ground]
    return tuple(label.format(name) for label in _FLAT_LABELS for name in _FLAT_WORDS[ground])


def _shuffled(rng: random.Random, *parts: str) -> tuple[str, ...]:
    return tuple(rng.sample(parts, len(parts)))


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _finished(text: str, rng: random.Random) -> str:
    """The text with or without a capital and a full stop."""
    text = text[0].upper() + text[1:] if rng.random() < 0.3 else text
    return f"{text}." if rng.random() < 0.2 else text
