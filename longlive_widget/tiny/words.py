"""The words of captions: in which ways shapes, colours, motions and grounds are said.

Every word is in the tables below, so that a tokenizer made from `words` knows every caption. Knows
no sentence.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from longlive_widget.tiny.grounds import Ground
from longlive_widget.tiny.motions import Motion, Speed
from longlive_widget.tiny.scenes import SIMPLE, Color, Size, Vocabulary
from longlive_widget.tiny.shapes import Shape

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Verb:
    """One way to say a motion: `it {says} {particle}`, or `{doing} {particle}` after a noun.

    `adjective`: "a {doing} ball" is English.
    """

    says: str
    doing: str
    particle: str = ""
    adjective: bool = False

    @property
    def of_both(self) -> "Verb":
        """The same said of two things: "they go"."""
        return replace(self, says=_PLURALS.get(self.says, self.says.removesuffix("s")))


_PLURALS = {"goes": "go", "flies": "fly"}

SHAPE_WORDS: dict[Shape, tuple[str, ...]] = {
    "ball": ("ball", "ball", "ball", "circle", "disc", "sphere"),
    "square": ("square", "square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "ring": ("ring", "ring", "hoop"),
    "cross": ("cross", "cross", "plus"),
    "heart": ("heart",),
}
PLURAL_SHAPES = {
    "ball": "balls",
    "circle": "circles",
    "disc": "discs",
    "sphere": "spheres",
    "square": "squares",
    "box": "boxes",
    "triangle": "triangles",
    "star": "stars",
    "ring": "rings",
    "hoop": "hoops",
    "cross": "crosses",
    "heart": "hearts",
}
"""What two of a shape are called; two of "plus" are called nothing."""
COLOR_WORDS: dict[Color, tuple[str, ...]] = {
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
SIZE_WORDS: dict[Size, tuple[str, ...]] = {
    "small": ("small", "small", "little", "tiny"),
    "medium": ("medium",),
    "big": ("big", "big", "large", "huge"),
}
SPEED_WORDS: dict[Speed, tuple[str, ...]] = {
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


def _travels(*particles: str) -> tuple[Verb, ...]:
    return tuple(Verb(says, doing, to) for says, doing in _TRAVELS for to in particles)


_ROLLS: dict[Motion, tuple[Verb, ...]] = {
    "moves right": (Verb("rolls", "rolling", "right"), Verb("rolls", "rolling", "to the right")),
    "moves left": (Verb("rolls", "rolling", "left"), Verb("rolls", "rolling", "to the left")),
}
"""What only a ball does."""

MOTION_WORDS: dict[Motion, tuple[Verb, ...]] = {
    "rests": (
        Verb("rests", "resting", adjective=True),
        Verb("rests", "resting", adjective=True),
        Verb("stays", "staying"),
        Verb("stands", "standing", "still"),
        Verb("stays", "staying", "still"),
        Verb("waits", "waiting", adjective=True),
        Verb("sits", "sitting", "still"),
        Verb("stops", "stopping"),
    ),
    "moves right": _travels("right", "to the right"),
    "moves left": _travels("left", "to the left"),
    "moves up": (
        *_travels("up", "upwards"),
        Verb("rises", "rising", adjective=True),
        Verb("climbs", "climbing", adjective=True),
    ),
    "moves down": (
        *_travels("down", "downwards"),
        Verb("falls", "falling", adjective=True),
        Verb("sinks", "sinking", adjective=True),
    ),
    "bounces": (
        Verb("bounces", "bouncing", adjective=True),
        Verb("bounces", "bouncing", adjective=True),
        Verb("bounces", "bouncing", "up and down"),
        Verb("jumps", "jumping", adjective=True),
        Verb("jumps", "jumping", "up and down"),
        Verb("hops", "hopping", adjective=True),
    ),
    "circles": (
        Verb("circles", "circling", adjective=True),
        Verb("circles", "circling", adjective=True),
        Verb("circles", "circling", "around"),
        Verb("moves", "moving", "in a circle"),
        Verb("goes", "going", "in circles"),
        Verb("flies", "flying", "in circles"),
    ),
    "spins": (
        Verb("spins", "spinning", adjective=True),
        Verb("spins", "spinning", adjective=True),
        Verb("turns", "turning", adjective=True),
        Verb("rotates", "rotating", adjective=True),
        Verb("spins", "spinning", "around"),
        Verb("whirls", "whirling", adjective=True),
    ),
    "swings": (
        Verb("swings", "swinging", adjective=True),
        Verb("swings", "swinging", adjective=True),
        Verb("swings", "swinging", "from side to side"),
        Verb("swings", "swinging", "back and forth"),
        Verb("sways", "swaying", adjective=True),
    ),
    "grows": (
        Verb("grows", "growing", adjective=True),
        Verb("grows", "growing", adjective=True),
        Verb("gets", "getting", "bigger"),
        Verb("gets", "getting", "larger"),
    ),
    "shrinks": (
        Verb("shrinks", "shrinking", adjective=True),
        Verb("shrinks", "shrinking", adjective=True),
        Verb("gets", "getting", "smaller"),
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
_GLUE = "a an the it is are there that now and with both two one other becomes turns , ."
READ_AS: dict[str, tuple[str, ...]] = {
    "it is": ("it's",),
    "there is": ("there's",),
    "that is": ("that's",),
    "and": ("&",),
    "on": ("upon",),
    "over": ("above",),
    "under": ("below", "beneath", "underneath"),
    "background": ("backdrop",),
    "sphere": ("orb",),
    "disc": ("disk",),
    "huge": ("enormous", "giant", "gigantic"),
    "tiny": ("mini", "miniature"),
    "slow": ("slower", "gentle"),
    "fast": ("faster", "quick", "quicker", "rapid", "swift", "speedily"),
    "quickly": ("swiftly",),
    "upwards": ("upward",),
    "downwards": ("downward",),
    "left": ("leftward", "leftwards"),
    "right": ("rightward", "rightwards"),
    "travelling": ("traveling",),
    "slide": ("glide",),
    "slides": ("glides",),
    "sliding": ("gliding",),
    "rises": ("ascends",),
    "rise": ("ascend",),
    "rising": ("ascending",),
    "sinks": ("descends",),
    "sink": ("descend",),
    "sinking": ("descending",),
    "falls": ("drops",),
    "falling": ("dropping",),
    "rolls": ("roll",),
    "stays": ("remains",),
    "stay": ("remain",),
    "staying": ("remaining",),
    "stops": ("halts",),
    "resting": ("motionless", "stationary", "unmoving"),
    "jumps": ("leaps",),
    "jump": ("leap",),
    "jumping": ("leaping",),
    "circles": ("orbits",),
    "circling": ("orbiting",),
    "whirls": ("twirls",),
    "whirl": ("twirl",),
    "whirling": ("twirling",),
    "grows": ("enlarges", "expands"),
    "grow": ("enlarge", "expand"),
    "growing": ("enlarging", "expanding"),
    "becomes": (
        "become",
        "becoming",
        "turns into",
        "turn into",
        "turning into",
        "changes into",
        "change into",
        "changes to",
        "change to",
    ),
    "both": ("they",),
    "starry": ("starlit",),
    "night": ("nighttime",),
    "sunset": ("sundown",),
    "falling snow": ("snowfall",),
    "falling rain": ("rainfall",),
}
"""What captions say, and what else a person types for the same: other spellings and endings, and
words of one meaning. No caption has the others, so no network has learned them: a tokenizer reads
the first in their place. What only comes near, as "crimson", "cube" or "dusk", is not in here."""
WORD = r"\w+|[.,:]"
"""A word or a mark, as a regular expression."""


def words(vocabulary: Vocabulary = SIMPLE) -> tuple[str, ...]:
    """Every word that a caption of these scenes can hold, sorted; comma and full stop too."""
    texts: list[str] = [_GLUE]
    shapes = _chosen(SHAPE_WORDS, vocabulary.shapes)
    texts += [*shapes, *(PLURAL_SHAPES[shape] for shape in shapes if shape in PLURAL_SHAPES)]
    texts += _chosen(COLOR_WORDS, vocabulary.colors)
    texts += _chosen(SIZE_WORDS, vocabulary.sizes)
    texts += _chosen(SPEED_WORDS, vocabulary.speeds)
    for ground in vocabulary.grounds:
        texts += [*places(ground), *labels(ground)]
    for motion in vocabulary.motions:
        for verb in verbs("ball", motion):
            texts += [verb.says, verb.doing, verb.particle]
        texts += [verb.of_both.says for verb in MOTION_WORDS[motion]]
    return tuple(sorted(set(re.findall(WORD, " ".join(texts)))))


def verbs(shape: Shape, motion: Motion) -> tuple[Verb, ...]:
    """The ways to say what a thing of that shape does."""
    rolls = _ROLLS.get(motion, ()) if shape == "ball" else ()
    return (*MOTION_WORDS[motion], *rolls, *rolls)


def places(ground: Ground) -> tuple[str, ...]:
    """The ways to say where things are: "at sunset"."""
    if ground not in _FLAT_WORDS:
        return _PLACES[ground]
    return tuple(place.format(name) for place in _FLAT_PLACES for name in _FLAT_WORDS[ground])


def labels(ground: Ground) -> tuple[str, ...]:
    """The ways to name a ground by itself: "the background is a sunset"."""
    if ground not in _FLAT_WORDS:
        return _LABELS[ground]
    return tuple(label.format(name) for label in _FLAT_LABELS for name in _FLAT_WORDS[ground])


def _chosen(table: dict[_Key, tuple[str, ...]], keys: Iterable[_Key]) -> list[str]:
    return [word for key in keys for word in table[key]]


def names_shape(prompt: str, shape: Shape) -> bool:
    """Whether a prompt has a word for the shape; "in a circle" is a motion."""
    said = prompt.lower()
    for particle in _PARTICLES:
        said = said.replace(particle, "")
    return any(word in re.findall(WORD, said) for word in SHAPE_WORDS[shape])


_PARTICLES = frozenset(
    verb.particle for ways in MOTION_WORDS.values() for verb in ways if " " in verb.particle
)
