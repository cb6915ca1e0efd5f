"""When to use which preset, by rules from what was measured: what each of them is the best in."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from longlive_widget.measure.figures import decibels
from longlive_widget.measure.recommend import UNSEEN_DB, Candidate, is_reference, unbeaten
from longlive_widget.measure.statistics import Summary

_SWITCH = "switch_to_picture_ms"


@dataclass(frozen=True)
class Use:
    """What one preset is for: `best_in` is empty where it is the best in nothing, as `why` says."""

    candidate: Candidate
    best_in: tuple[str, ...]
    why: str = ""

    def __str__(self) -> str:
        return f"{'; '.join(self.best_in) or self.why}. {self.candidate}"


@dataclass(frozen=True)
class _Rule:
    """The best is the one with the least figure; those that have none are not among them.

    A figure with a `unit` is told, for no candidate tells it of itself.
    """

    words: str
    figure: Callable[[Candidate], float | None]
    unit: str = ""

    def told_of(self, one: Candidate) -> str:
        """What it is the best in."""
        return f"{self.words} ({self.figure(one):.1f} {self.unit})" if self.unit else self.words

    def best_of(self, candidates: Sequence[Candidate]) -> Candidate | None:
        """The best of two or more; None where fewer have a figure, or two have the least."""
        figures = ((self.figure(one), one) for one in candidates)
        found = sorted(
            ((figure, one) for figure, one in figures if figure is not None),
            key=lambda pair: pair[0],
        )
        alone = len(found) > 1 and found[0][0] < found[1][0]
        return found[0][1] if alone else None


def _ms_from(least_db: float) -> Callable[[Candidate], float | None]:
    """The time of those whose worst block is known to be so near to the reference's."""

    def block_ms(one: Candidate) -> float | None:
        return one.block_ms if one.worst_db is not None and one.worst_db >= least_db else None

    return block_ms


def _switch_ms(one: Candidate) -> float | None:
    found = one.samples(_SWITCH)
    return Summary.of(found).p50 if found else None


_RULES = (
    _Rule("the fastest", lambda one: one.block_ms),
    _Rule("the least of the device's memory", lambda one: one.memory_bytes),
    _Rule("the soonest to show a switch", _switch_ms, "ms"),
    _Rule(f"the fastest without visible loss ({UNSEEN_DB:g} dB)", _ms_from(UNSEEN_DB)),
    _Rule("the fastest with pictures equal to the reference's", _ms_from(math.inf)),
)


def uses(candidates: Sequence[Candidate]) -> Iterator[Use]:
    """What each is for, in their order; the reference is what others are held against."""
    for one in candidates:
        rules = [rule for rule in _rules_for(one) if rule.best_of(candidates) is one]
        best_in = [rule.told_of(one) for rule in rules]
        if is_reference(one.preset):
            best_in.insert(0, "what the others are held against")
        yield Use(one, tuple(best_in), "" if best_in else _why(one, candidates))


def _rules_for(one: Candidate) -> Iterator[_Rule]:
    yield from _RULES
    if one.worst_db is not None and one.worst_db < UNSEEN_DB:
        words = f"the fastest with a worst block of {decibels(one.worst_db)} or better"
        yield _Rule(words, _ms_from(one.worst_db))


def _why(one: Candidate, candidates: Sequence[Candidate]) -> str:
    """Why it is the best in nothing."""
    if one.worst_db is None:
        return "not to be told while its pictures are not compared"
    for other in candidates:
        if unbeaten([other.costs, one.costs]) == [0]:
            return f"nothing that {other.name} does not do as well or better"
    return "the best in none alone, and no other is as fast, as small and as near at once"
