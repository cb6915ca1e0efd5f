"""Few sets of values in which every two of them meet."""

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

_TRIED = 40


def covering(values: Mapping[str, Sequence[Any]], seed: str) -> list[dict[str, Any]]:
    """Sets with a value for each name, so many that each pair of values is in one of them.

    A set begins with a pair that was in none; of some that are drawn the one with the most such
    pairs is taken.
    """
    draw = random.Random(seed)
    left = {pair for names in combinations(values, 2) for pair in _pairs_of(values, *names)}
    sets: list[dict[str, int]] = []
    while left:
        begun = dict(min(left))  # the same one in each process
        drawn = [
            {name: begun.get(name, draw.randrange(len(some))) for name, some in values.items()}
            for _ in range(_TRIED)
        ]
        new = [len(left.intersection(combinations(one.items(), 2))) for one in drawn]
        sets.append(drawn[new.index(max(new))])
        left.difference_update(combinations(sets[-1].items(), 2))
    return [{name: values[name][place] for name, place in one.items()} for one in sets]


def _pairs_of(
    values: Mapping[str, Sequence[Any]], one: str, other: str
) -> list[tuple[tuple[str, int], tuple[str, int]]]:
    places = range(len(values[one])), range(len(values[other]))
    return [((one, first), (other, second)) for first in places[0] for second in places[1]]
