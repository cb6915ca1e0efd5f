"""What presets gain and what they cost, in one table: time beside pictures."""

from collections.abc import Iterator, Sequence

from longlive_widget.measure.figures import decibels, percent
from longlive_widget.measure.recommend import Candidate
from longlive_widget.measure.statistics import Difference, paired_difference


def time_change(one: Candidate, base: Candidate) -> Difference:
    """How a steady block of `one` differs from the base's, as a share of it; they took turns.

    As `paired_difference` raises.
    """
    before, after = (of.samples("block_ms") for of in (base, one))
    return paired_difference(before, after).as_share_of(base.block_ms)


def trade_table(candidates: Sequence[Candidate]) -> str:
    """A Markdown table with a row for each; times are held against the first one's.

    Args:
        candidates: at least one, measured in turns.
    """
    return "\n".join(_lines(candidates))


def _lines(candidates: Sequence[Candidate]) -> Iterator[str]:
    base = candidates[0]
    yield "| preset | ms a block | change (95 % interval) | worst block |"
    yield "|---|---|---|---|"
    for one in candidates:
        told = "" if one is base else percent(time_change(one, base))
        yield f"| {one.name} | {one.block_ms:.0f} | {told} | {decibels(one.worst_db)} |"
