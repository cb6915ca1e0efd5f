"""How much of a stretch of time was in none of the spans that were timed in it.

The stretch is measured by itself, and so is each span: what is left is what nobody has named.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from longlive_widget.measure.clock import Span

Stretch = tuple[float, float]
"""When it begins and ends, in ms."""


def unnamed_percent(stretches: Sequence[Stretch], spans: Iterable[Span]) -> list[float]:
    """Of each stretch, the percent of its time at which none of the spans was under way.

    Args:
        stretches: none of no length.
        spans: by the same clock; they may lie over each other, and go on beyond a stretch.
    """
    named = _merged((span.begin_ms, span.end_ms) for span in spans)
    ends = [end for _, end in named]
    shares: list[float] = []
    for begin, end in stretches:
        covered, at = 0.0, bisect_right(ends, begin)
        while at < len(named) and named[at][0] < end:
            covered += min(end, named[at][1]) - max(begin, named[at][0])
            at += 1
        shares.append(100 * (1 - covered / (end - begin)))
    return shares


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same instants as stretches in order, none of which meet."""
    merged: list[Stretch] = []
    for begin, end in sorted(stretches):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
