"""A comparison in words, and as what JSON knows.

Loads no torch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import chain

from longlive_widget.measure.compare import Change, Comparison, Growth, Pair, nearest
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import FEWEST, Difference

_REGRESSED = ", a regression"


def as_lines(comparison: Comparison) -> tuple[str, ...]:
    """The comparison in words, a line each."""
    both = tuple(pair.subject for pair in comparison.pairs)
    before, after = (*both, *comparison.only_before), (*both, *comparison.only_after)
    return (
        *chain.from_iterable(map(_pair_lines, comparison.pairs)),
        *(f"only before: {one}; {nearest([one], after)}" for one in comparison.only_before),
        *(f"only after: {one}; {nearest([one], before)}" for one in comparison.only_after),
        _verdict(comparison),
    )


def _pair_lines(pair: Pair) -> Iterable[str]:
    yield str(pair.subject)
    yield f"  before: {_origin(pair.before)}; after: {_origin(pair.after)}"
    if pair.changes:
        yield f"  {'sample':<24}{'before p50':>16}{'after p50':>16}   change"
    for change in pair.changes:
        medians = f"{_figure(change.before.p50):>16}{_figure(change.after.p50):>16}"
        yield f"  {change.name:<24}{medians}   {_told(change)}"
    if pair.growths:
        heads = f"{'memory, a single figure':<24}{'before':>16}{'after':>16}"
        yield f"  {heads}   change, with no interval"
    for growth in pair.growths:
        figures = f"{_figure(growth.before):>16}{_figure(growth.after):>16}"
        yield f"  {growth.name:<24}{figures}   {_grown(growth)}"
    for side, names in (("before", pair.only_before), ("after", pair.only_after)):
        for name in names:
            yield f"  {name:<24}only {side}"
    yield ""


def _origin(records: Sequence[Record]) -> str:
    commits = {str(record.commit) if record.commit else "no commit": None for record in records}
    return f"{_counted(len(records), 'record')} of {', '.join(commits)}"


def _told(change: Change) -> str:
    if not change.difference.bounded:
        counts = f"{change.before.count} and {change.after.count} samples"
        return f"{_extent(change, 'median')}, but {counts} are too few to tell: take {FEWEST}"
    bounds = f"{_extent(change, 'low')} to {_extent(change, 'high')}"
    if not change.difference.seen:
        return f"no difference seen ({bounds})"
    return f"{_extent(change, 'median')} ({bounds})" + _REGRESSED * change.regressed


def _grown(growth: Growth) -> str:
    share = growth.share
    more = f"{growth.after - growth.before:+.4g}" if share is None else f"{share * 100:+.2f} %"
    return more + _REGRESSED * growth.regressed


def _extent(change: Change, bound: str) -> str:
    """One number of a change, in percent if it has any."""
    share = change.share
    if share is None:
        return f"{getattr(change.difference, bound):+.4g}"
    return f"{getattr(share, bound) * 100:+.2f} %"


def _figure(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 10_000 else f"{number:.4g}"


def _verdict(comparison: Comparison) -> str:
    allowed = f"more than {comparison.regression * 100:g} %"
    worse = [f"{one.name} of {subject.preset.name!r}" for subject, one in comparison.regressions]
    if not worse:
        return f"nothing is worse by {allowed}"
    return f"{_counted(len(worse), 'regression')} of {allowed}: {', '.join(worse)}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def as_json(comparison: Comparison) -> dict[str, object]:
    """The comparison as what JSON knows; a bound that is not there is None."""
    return {
        "regression": comparison.regression,
        "regressed": bool(comparison.regressions),
        "pairs": [
            asdict(pair.subject)
            | {
                "records": {"before": len(pair.before), "after": len(pair.after)},
                "changes": {change.name: _change_json(change) for change in pair.changes},
                "memory": {growth.name: _growth_json(growth) for growth in pair.growths},
                "only_before": list(pair.only_before),
                "only_after": list(pair.only_after),
            }
            for pair in comparison.pairs
        ],
        "only_before": [asdict(subject) for subject in comparison.only_before],
        "only_after": [asdict(subject) for subject in comparison.only_after],
    }


def _change_json(change: Change) -> Mapping[str, object]:
    return {
        "before": asdict(change.before),
        "after": asdict(change.after),
        "difference": _bounds(change.difference),
        "share": None if change.share is None else _bounds(change.share),
        "seen": change.difference.seen,
        "regressed": change.regressed,
    }


def _growth_json(growth: Growth) -> Mapping[str, object]:
    return {
        "before": growth.before,
        "after": growth.after,
        "share": growth.share,
        "regressed": growth.regressed,
    }


def _bounds(found: Difference) -> Mapping[str, float | None]:
    return {
        "median": found.median,
        "low": found.low if found.bounded else None,
        "high": found.high if found.bounded else None,
    }
