"""What a list of numbers says, and whether another one says something else.

Knows no units: whatever the numbers are, so is what comes out. Loads no torch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longlive_widget.errors import RecordError

FEWEST = 6
"""The fewest samples whose least and most hold the median between them in 95 of 100 cases.

With n samples that chance is 1 - 2 / 2^n: 93.8 % of 5, 96.9 % of 6.
"""
FEWEST_FOR_P99 = 100
"""Of fewer samples p99 is the longest of them, and is called so."""
CONFIDENCE = 0.95
RESAMPLES = 10_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """The numbers of one list: how many, their mean, quantiles, least, most and spread.

    A quantile p is the least sample that p % of all do not exceed; where a whole number of samples
    is p %, it is the mean of that sample and the next, so `p50` is the usual median. Under 100
    samples `p99` is therefore the largest of them, under 20 `p95` too. `deviation` is the
    standard deviation of what the samples were drawn from (n - 1), None of a single sample.

    Source: Hyndman and Fan, "Sample quantiles in statistical packages" (1996), definition 2.
    """

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    least: float
    most: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.number]) -> "Summary":
        """The summary of these values; none at all, or one not finite, is a `RecordError`."""
        ordered = np.sort(_finite(values, "values"))
        return cls(
            count=len(ordered),
            mean=float(ordered.mean()),
            p50=_quantile(ordered, 50),
            p95=_quantile(ordered, 95),
            p99=_quantile(ordered, 99),
            least=float(ordered[0]),
            most=float(ordered[-1]),
            deviation=float(ordered.std(ddof=1)) if len(ordered) > 1 else None,
        )


def slowest(count: int) -> str:
    """What the p99 of so many times is called: "longest" where it is nothing else."""
    return "p99" if count >= FEWEST_FOR_P99 else "longest"


@dataclass(frozen=True)
class Difference:
    """By how much the median went up, with the bounds of its 95 % confidence interval.

    With fewer than 6 samples there is no such interval, and the bounds are infinite.
    """

    median: float
    low: float
    high: float

    @property
    def seen(self) -> bool:
        """False where the interval spans zero: no difference seen."""
        return not self.low <= 0 <= self.high

    @property
    def bounded(self) -> bool:
        """Whether there were samples enough for an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def as_share_of(self, value: float) -> "Difference":
        """The same in units of `value`, a number but zero."""
        whole = abs(value)
        return Difference(self.median / whole, self.low / whole, self.high / whole)


def difference(
    before: Sequence[float] | NDArray[np.number],
    after: Sequence[float] | NDArray[np.number],
    *,
    seed: int = 0,
) -> Difference:
    """How far the median of `after` lies above that of `before`.

    Medians and not means: times have long tails, in which one hiccup moves a mean by more than a
    speed-up does, and intervals of means from a few such samples are too narrow. Samples are taken
    as independent. The same `seed` gives the same interval. An empty list, or a number that is not
    finite, is a `RecordError`.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3: the
    percentile interval.
    """
    first, second = np.sort(_finite(before, "before")), np.sort(_finite(after, "after"))
    median = _quantile(second, 50) - _quantile(first, 50)
    if min(len(first), len(second)) < FEWEST:
        return Difference(median, -math.inf, math.inf)
    random = np.random.default_rng(seed)
    return _with_interval(median, _medians(second, random) - _medians(first, random))


def paired_difference(
    before: Sequence[float] | NDArray[np.number],
    after: Sequence[float] | NDArray[np.number],
    *,
    seed: int = 0,
) -> Difference:
    """The median of what each pair differs by: for repeats that were taken in turns.

    What drifts over a run moves both of a pair, and is not in their difference.

    Raises:
        RecordError: the lists are not of one length; as in `difference` else.
    """
    first, second = _finite(before, "before"), _finite(after, "after")
    if len(first) != len(second):
        raise RecordError(
            f"{len(first)} samples before and {len(second)} after are no pairs: give as many of "
            "each, or use difference(...)"
        )
    differences = np.sort(second - first)
    median = _quantile(differences, 50)
    if len(differences) < FEWEST:
        return Difference(median, -math.inf, math.inf)
    return _with_interval(median, _medians(differences, np.random.default_rng(seed)))


def _with_interval(median: float, resampled: Floats) -> Difference:
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, (outside, 1 - outside))
    return Difference(median, float(low), float(high))


def _medians(ordered: Floats, random: np.random.Generator) -> Floats:
    """The medians of `RESAMPLES` lists, each drawn from `ordered` with replacement, as long as it.

    None of these lists is made. Drawing from n samples in order is drawing n places, uniform from
    0 to 1, and the median lies where the middle one of the places does; that one is a draw from a
    beta distribution, and the one above it the least of those that are left.

    Source: David and Nagaraja, "Order Statistics" (2003), section 2.3.
    """
    count = len(ordered)
    below = (count + 1) // 2
    above = count - below
    lower = random.beta(below, above + 1, RESAMPLES)
    if count % 2:
        return ordered[_indices(lower, count)]
    upper = lower + (1 - lower) * random.beta(1, above, RESAMPLES)
    return (ordered[_indices(lower, count)] + ordered[_indices(upper, count)]) / 2


def _indices(places: Floats, count: int) -> NDArray[np.intp]:
    return np.minimum((places * count).astype(np.intp), count - 1)


def _quantile(ordered: Floats, percent: int) -> float:
    whole, rest = divmod(len(ordered) * percent, 100)
    if rest:
        return float(ordered[whole])
    return float(ordered[whole - 1 : whole + 1].mean())


def _finite(values: Sequence[float] | NDArray[np.number], name: str) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{name} are no list of numbers ({error}): give one") from error
    if numbers.ndim != 1:
        raise RecordError(f"{name} have {numbers.ndim} dimensions: give one list of numbers")
    if not len(numbers):
        raise RecordError(f"there are no {name}: give one sample or more")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise RecordError(
            f"{name} have {numbers[wrong[0]]} at index {wrong[0]}: leave out what was not measured"
        )
    return numbers
