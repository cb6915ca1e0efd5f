"""What a scene is called, in many wordings, out of the closed list of words in `words`.

Understands no caption: it only makes them.
"""

import random
from dataclasses import replace

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
from longlive_widget.tiny.scenes import (
    SIMPLE,
    Change,
    Scene,
    Thing,
    Vocabulary,
    random_change,
    random_scene,
)
from longlive_widget.tiny.words import (
    COLOR_WORDS,
    MOTION_WORDS,
    SHAPE_WORDS,
    SIZE_WORDS,
    Verb,
    labels,
    places,
    verbs,
)


def caption(scene: Scene, rng: random.Random) -> str:
    """One of the many ways to say the whole scene: what is not said is medium."""
    return fitting(lambda: finished(_whole(scene, Change(), rng), rng))


def unusual_caption(scene: Scene, rng: random.Random) -> str:
    """The whole scene in known words, in an order that `caption` never has; for the judge."""
    return fitting(lambda: _unusual(scene, rng))


def switch_caption(scene: Scene, change: Change, rng: random.Random) -> str:
    """A way to ask for `scene`, which `change` led to: says all that changes, and perhaps more."""
    of_one = len(scene.things) == 1
    asked = _asked_of_one if of_one else _asked_of_two
    return fitting(lambda: finished(asked(scene, change, rng), rng))


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


def _whole(scene: Scene, change: Change, rng: random.Random) -> str:
    """All things in their order and the ground; what `change` names is not left out."""
    changes = [replace(change, thing=0) if i == change.thing else Change() for i in range(2)]
    parts = list(zip(scene.things, changes, strict=False))
    ways = {(thing.motion, thing.speed) for thing in scene.things}
    if len(parts) > 1 and len(ways) == 1 and rng.random() < 0.6:
        nouns = [noun_phrase(thing, rng, sized=_sized(thing, part, rng)) for thing, part in parts]
        clause = _acting_together(nouns, scene.things, rng)
    else:
        alone = len(parts) == 1
        clause = " and ".join(_thing_clause(thing, part, rng, alone=alone) for thing, part in parts)
    return _with_ground(clause, scene.ground, rng)


def _unusual(scene: Scene, rng: random.Random) -> str:
    things = " and ".join(_listed(thing, rng) for thing in scene.things)
    ground = rng.choice(labels(scene.ground))
    return rng.choice((f"{things}, {ground}", f"{ground}: {things}"))


def _listed(thing: Thing, rng: random.Random) -> str:
    """What it is, does and looks like, in an order that puts no look right before its shape."""
    shape, color = rng.choice(SHAPE_WORDS[thing.shape]), rng.choice(COLOR_WORDS[thing.color])
    looks = " and ".join(shuffled(rng, color, rng.choice(SIZE_WORDS[thing.size])))
    verb = rng.choice(verbs(thing.shape, thing.motion))
    doing = joined(verb.doing, verb.particle, speed_word(thing.speed, rng))
    return rng.choice((f"{shape}, {looks}, {doing}", f"{doing}: {shape}, {looks}"))


def _asked_of_one(scene: Scene, change: Change, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return _said_of("it", scene, change, rng)
    (thing,) = scene.things
    moved = change.motion is not None or change.speed is not None
    clause = noun_phrase(
        thing, rng, sized=change.size is not None or rng.random() < 0.5, alone=True
    )
    if moved or rng.random() < 0.5:
        clause = _acting(clause, thing, rng, alone=True)
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
    noun = noun_phrase(thing, rng, sized=change.size is not None or rng.random() < 0.3)
    verb, speed = rng.choice(verbs(thing.shape, thing.motion)), speed_word(thing.speed, rng)
    clause = f"the {noun} {predicate(verb, speed, rng)}"
    return clause if change.ground is None else _with_ground(clause, scene.ground, rng)


def _old_name(scene: Scene, change: Change, rng: random.Random) -> str:
    """What the changed one of two things was before, as briefly as tells it from the other."""
    old, other = (scene.before or scene).things[change.thing], scene.things[1 - change.thing]
    shape = rng.choice(SHAPE_WORDS[old.shape])
    brief = old.shape != other.shape and rng.random() < 0.4
    return f"the {shape}" if brief else f"the {rng.choice(COLOR_WORDS[old.color])} {shape}"


def _known_by_new_name(scene: Scene, change: Change) -> bool:
    """Whether colour and shape of the changed thing are more like its old ones than the other's."""
    new, other = scene.things[change.thing], scene.things[1 - change.thing]
    old = (scene.before or scene).things[change.thing]
    same, mistaken = (
        (new.color == thing.color) + (new.shape == thing.shape) for thing in (old, other)
    )
    return same > mistaken


def _thing_clause(thing: Thing, change: Change, rng: random.Random, *, alone: bool) -> str:
    """The thing with all that is changed or not medium about it, and what it does."""
    sized = _sized(thing, change, rng)
    still = thing.motion == "rests" and change.motion is None and rng.random() < 0.2
    noun = noun_phrase(thing, rng, sized=sized, alone=alone)
    return noun if still else _acting(noun, thing, rng, alone=alone)


def _sized(thing: Thing, change: Change, rng: random.Random) -> bool:
    return thing.size != "medium" or change.size is not None or rng.random() < 0.1


def _acting(noun: str, thing: Thing, rng: random.Random, *, alone: bool = False) -> str:
    """The noun with its motion before it, after it, or as a sentence."""
    verb = rng.choice(verbs(thing.shape, thing.motion))
    speed = speed_word(thing.speed, rng)
    form = rng.random()
    if verb.adjective and form < 0.25:
        return _with_article(joined(speed, verb.doing, noun), rng)
    if alone and rng.random() < 0.3:
        return _presented(noun, verb, speed, rng)
    subject = _with_article(noun, rng)
    if form < 0.45:
        comma = "," if rng.random() < 0.3 else ""
        return joined(f"{subject}{comma}", participle(verb, speed, rng))
    return joined(subject, predicate(verb, speed, rng))


def _presented(noun: str, verb: Verb, speed: str, rng: random.Random) -> str:
    """What a thing that is alone does, in front of it or under "there is"."""
    doing = participle(verb, speed, rng)
    return rng.choice(
        (
            f"{doing}, {_with_article(noun, rng)}",
            f"there is {indefinite(noun)} {doing}",
            f"there is {indefinite(noun)} that {predicate(verb, speed, rng)}",
        )
    )


def _acting_together(nouns: list[str], things: tuple[Thing, ...], rng: random.Random) -> str:
    """Things that move alike, with one verb."""
    verb = rng.choice(MOTION_WORDS[things[0].motion])
    speed = speed_word(things[0].speed, rng)
    subject = " and ".join(_with_article(noun, rng) for noun in nouns)
    both = "both" if rng.random() < 0.4 else ""
    if rng.random() < 0.3:
        comma = "," if both or rng.random() < 0.3 else ""
        return joined(f"{subject}{comma}", both, participle(verb, speed, rng))
    return joined(subject, both, predicate(verb.of_both, speed, rng))


def _said_of(subject: str, scene: Scene, change: Change, rng: random.Random) -> str:
    """Only what changes, said of "it" or of the thing of that name."""
    thing = scene.things[change.thing]
    parts = []
    if change.shape is not None:
        noun = noun_phrase(thing, rng, sized=change.size is not None)
        parts.append(f"becomes {indefinite(noun)}")
    elif change.color is not None or change.size is not None:
        into = ("is", "is now", "becomes", "turns") if subject == "it" else ("becomes", "turns")
        parts.append(f"{rng.choice(into)} {_looks(change, rng)}")
    if change.motion is not None or change.speed is not None:
        speed = speed_word(thing.speed, rng)
        parts.append(predicate(rng.choice(verbs(thing.shape, thing.motion)), speed, rng))
    if not parts:
        alone = (*labels(scene.ground), *(f"it is {now}" for now in places(scene.ground)))
        return rng.choice(alone)
    clause = f"{subject} {' and '.join(parts)}"
    if " now " not in clause and rng.random() < 0.3:
        clause = f"now {clause}"
    return clause if change.ground is None else _with_ground(clause, scene.ground, rng)


def _looks(change: Change, rng: random.Random) -> str:
    said = []
    if change.size is not None:
        said.append(rng.choice(SIZE_WORDS[change.size]))
    if change.color is not None:
        said.append(rng.choice(COLOR_WORDS[change.color]))
    return " and ".join(shuffled(rng, *said))


def _with_ground(clause: str, ground: Ground, rng: random.Random) -> str:
    place, label = rng.choice(places(ground)), rng.choice(labels(ground))
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
    return indefinite(noun)
