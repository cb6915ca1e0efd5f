"""The caption language as tables for `language.json`: what each way of saying something means."""

from collections.abc import Callable, Iterable

from longlive_widget.engine.language import Language
from longlive_widget.tiny.grounds import GROUNDS, Ground
from longlive_widget.tiny.motions import MOTIONS
from longlive_widget.tiny.phrases import joined
from longlive_widget.tiny.words import (
    COLOR_WORDS,
    PLURAL_SHAPES,
    SHAPE_WORDS,
    SIZE_WORDS,
    SPEED_WORDS,
    Verb,
    labels,
    places,
    verbs,
)

_MORE_GROUNDS: dict[Ground, tuple[str, ...]] = {"night": ("night",), "meadow": ("on grass",)}
"""Ways that no caption has: they are read, and never written."""


def tiny_language() -> Language:
    """All that captions can say."""
    return Language(
        shape={shape: _each(ways) for shape, ways in SHAPE_WORDS.items()},
        two={
            shape: _each(PLURAL_SHAPES[way] for way in ways if way in PLURAL_SHAPES)
            for shape, ways in SHAPE_WORDS.items()
        },
        color={color: _each(ways) for color, ways in COLOR_WORDS.items()},
        size={size: _each(ways) for size, ways in SIZE_WORDS.items()},
        speed={speed: _each(ways) for speed, ways in SPEED_WORDS.items()},
        ground={
            ground: _each((*places(ground), *labels(ground), *_MORE_GROUNDS.get(ground, ())))
            for ground in GROUNDS
        },
        motion=_motions(lambda verb: verb.says),
        doing=_motions(lambda verb: verb.doing),
        of_both=_motions(lambda verb: verb.of_both.says),
        unsaid={"size": "medium", "speed": "medium"},
    )


def _motions(form: Callable[[Verb], str]) -> dict[str, list[str]]:
    return {
        motion: _each(joined(form(verb), verb.particle) for verb in verbs("ball", motion))
        for motion in MOTIONS
    }


def _each(ways: Iterable[str]) -> list[str]:
    """Each way once, in their order."""
    return list(dict.fromkeys(ways))
