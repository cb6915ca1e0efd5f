"""Known distributions give what is known of them, and intervals hold the truth as often as said."""

import math

import numpy as np
import pytest

from longlive_widget.errors import RecordError
from longlive_widget.measure import statistics
from longlive_widget.measure.statistics import Summary, difference, paired_difference

DRAWS = {
    "normal": lambda random, count: random.normal(10, 1, count),
    "long tail": lambda random, count: random.lognormal(0, 1, count),
    "whole numbers": lambda random, count: random.poisson(20, count),
}


def test_the_summary_of_1_to_1000_is_what_one_counts_by_hand():
    shuffled = np.random.default_rng(0).permutation(np.arange(1, 1001))
    summary = Summary.of(shuffled)
    assert (summary.count, summary.least, summary.most) == (1000, 1, 1000)
    assert (summary.mean, summary.p50, summary.p95, summary.p99) == (500.5, 500.5, 950.5, 990.5)
    assert summary.deviation == pytest.approx(math.sqrt(1000 * 1001 / 12))


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 99, 100, 101, 997])
def test_quantiles_are_numpys_by_the_method_that_is_stated(count):
    values = np.random.default_rng(count).exponential(size=count)
    summary = Summary.of(values)
    found = (summary.p50, summary.p95, summary.p99)
    at = (0.5, 0.95, 0.99)
    assert found == pytest.approx(np.quantile(values, at, method="averaged_inverted_cdf"))
    assert summary.p50 == pytest.approx(np.median(values))


def test_the_summary_of_many_draws_is_that_of_their_distribution():
    summary = Summary.of(np.random.default_rng(0).normal(10, 2, 200_000))
    expected = (10, 10, 10 + 2 * 1.645, 10 + 2 * 2.326, 2)
    found = (summary.mean, summary.p50, summary.p95, summary.p99, summary.deviation)
    assert found == pytest.approx(expected, abs=0.05)


def test_under_100_samples_p99_is_the_largest_of_them():
    assert Summary.of(range(1, 100)).p99 == 99
    assert Summary.of(range(1, 101)).p99 == 99.5
    assert Summary.of(range(1, 202)).p99 == 199


def test_one_sample_has_no_deviation():
    assert Summary.of([7]) == Summary(1, 7, 7, 7, 7, 7, 7, None)


def test_constant_samples_deviate_by_nothing():
    assert Summary.of([5.5] * 10) == Summary(10, 5.5, 5.5, 5.5, 5.5, 5.5, 5.5, 0)


def test_an_outlier_moves_the_mean_and_not_the_median():
    summary = Summary.of([10.0] * 20 + [1000.0])
    assert (summary.p50, summary.p95, summary.most) == (10, 10, 1000)
    assert summary.mean > 50


@pytest.mark.parametrize("compare", [difference, paired_difference])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("count", [6, 9, 40])
def test_the_interval_holds_the_true_difference_in_95_of_100_runs(compare, draw, count):
    random = np.random.default_rng(count)
    runs = 200
    held = 0
    for run in range(runs):
        found = compare(draw(random, count), draw(random, count) + 3, seed=run)
        held += found.low <= 3 <= found.high
    assert 0.90 < held / runs <= 1.0
    if draw is not DRAWS["whole numbers"]:  # in which ties widen it
        assert held / runs < 0.99


def test_a_difference_that_is_large_beside_the_noise_is_seen_and_noise_is_not():
    random = np.random.default_rng(0)
    before, again = random.normal(10, 1, 100), random.normal(10, 1, 100)
    assert not difference(before, again).seen
    slower = difference(before, again + 2)
    assert slower.seen
    assert slower.low < slower.median < slower.high
    faster = difference(again + 2, before)
    assert faster.seen
    assert faster.median == -slower.median


def test_what_drifts_over_a_run_hides_a_difference_but_not_that_of_pairs():
    random = np.random.default_rng(0)
    drift = np.linspace(0, 50, 40)
    before, after = (drift + offset + random.normal(0, 0.1, 40) for offset in (0, 1))
    assert not difference(before, after).seen
    paired = paired_difference(before, after)
    assert paired.seen
    assert paired.low < 1 < paired.high


@pytest.mark.parametrize("count", [6, 7, 50, 51])
def test_resampled_medians_are_those_of_lists_that_are_really_drawn(count, monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 100_000)
    ordered = np.arange(count, dtype=float)
    random = np.random.default_rng(count)
    fast = statistics._medians(ordered, random)
    slow = np.median(random.choice(ordered, (100_000, count)), axis=1)
    values = np.union1d(fast, slow)
    of_fast, of_slow = (np.searchsorted(np.sort(of), values, "right") for of in (fast, slow))
    assert np.abs(of_fast - of_slow).max() / 100_000 < 0.01


def test_samples_that_never_vary_differ_by_exactly_what_they_differ():
    same = difference([5.0] * 8, [5.0] * 8)
    assert (same.median, same.low, same.high, same.seen) == (0, 0, 0, False)
    more = difference([5.0] * 8, [5.5] * 8)
    assert (more.median, more.low, more.high, more.seen) == (0.5, 0.5, 0.5, True)


@pytest.mark.parametrize("compare", [difference, paired_difference])
def test_of_fewer_than_6_samples_no_difference_is_ever_seen(compare):
    few = compare([1.0] * 5, [100.0] * 5)
    assert (few.median, few.seen, few.bounded) == (99, False, False)
    assert (few.low, few.high) == (-math.inf, math.inf)
    assert compare([1.0] * 6, [100.0] * 6).seen


def test_one_outlier_does_not_make_a_difference():
    random = np.random.default_rng(1)
    before, after = random.normal(10, 1, 50), random.normal(10, 1, 50)
    after[7] = 10_000
    assert not difference(before, after).seen
    assert difference(before, after).high < 2


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    random = np.random.default_rng(2)
    before, after = random.normal(size=30), random.normal(size=30)
    assert difference(before, after, seed=1) == difference(before, after, seed=1)
    assert difference(before, after, seed=1) != difference(before, after, seed=2)


def test_a_difference_is_told_as_a_share():
    share = statistics.Difference(1, -2, 4).as_share_of(-8)
    assert (share.median, share.low, share.high) == (0.125, -0.25, 0.5)


BAD = {
    "empty": ([], "there are no values: give one sample or more"),
    "not a number": ([1, math.nan], "values have nan at index 1: leave out what was not measured"),
    "infinite": ([math.inf], "values have inf at index 0"),
    "text": (["fast"], "values are no list of numbers"),
    "nothing": ([1, None], "values have nan at index 1"),
    "table": ([[1, 2], [3, 4]], "values have 2 dimensions"),
    "one number": (3, "values have 0 dimensions"),
}


@pytest.mark.parametrize(("values", "said"), BAD.values(), ids=BAD)
def test_what_is_no_list_of_numbers_is_told(values, said):
    with pytest.raises(RecordError, match=said):
        Summary.of(values)
    for compare in (difference, paired_difference):
        with pytest.raises(RecordError, match=said.replace("values", "after")):
            compare([1.0] * 10, values)


def test_lists_of_two_lengths_are_no_pairs():
    with pytest.raises(RecordError, match="10 samples before and 9 after are no pairs"):
        paired_difference([1.0] * 10, [1.0] * 9)
