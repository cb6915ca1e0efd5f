"""The sweet spots as the log tells them: under each limit the preset to take, with its figures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from longlive_widget.measure.decision import baseline_of, change_of
from longlive_widget.measure.figures import changed, number, percent
from longlive_widget.measure.recommend import UNSEEN_DB, Candidate, Limits, recommend
from longlive_widget.measure.record import Numbers, Record
from longlive_widget.measure.statistics import Summary

_ASKED = (
    Limits(),
    Limits(worst_db=UNSEEN_DB),
    Limits(pictures_per_s=25),
    Limits(memory_bytes=24e9),
)
_STARTS = {
    "cold_start_s": "nothing compiled before",
    "warm_start_s": "compiled before",
}


def sweet_spot_lines(
    candidates: Sequence[Candidate], records: Iterable[Record], of: Numbers
) -> Iterator[str]:
    """What is recommended under each limit, and the first of these beside the reference.

    Args:
        candidates: the presets, the reference among them.
        records: all of the log: its starts are looked at.
        of: the numbers of records in the page, as it writes them.
    """
    found = [recommend(candidates, limits) for limits in _ASKED]
    for one in found:
        numbers = "" if one.chosen is None else f" {_numbers(one.chosen, of)}"
        yield f"- {one.sentence}{numbers}."
    chosen, baseline = found[0].chosen, baseline_of(candidates)
    if chosen is None or chosen is baseline:
        return
    yield ""
    yield f"| | `{chosen.name}` {_numbers(chosen, of)} | `{baseline.name}` {of(baseline.timed)} |"
    yield "|---|---|---|"
    yield from (f"| {' | '.join(row)} |" for row in _rows(chosen, baseline))
    starts = [one for one in records if one.kind == "startup" and _is_of(one, chosen)]
    for name, words in _STARTS.items():
        timed = [one for one in starts if name in one.facts]
        if timed:
            taken_s = Summary.of([float(one.facts[name]) for one in timed]).p50
            yield f"| start to a steady block, {words}, s {of(timed)} | {number(taken_s)} | |"


def _is_of(record: Record, one: Candidate) -> bool:
    """Whether it ran the same settings, whatever the words about them, of the same model."""
    timed = one.timed[-1]
    ran, model = replace(record.preset, summary=""), (record.model, record.machine.device)
    return ran == one.preset and model == (timed.model, timed.machine.device)


def _rows(one: Candidate, baseline: Candidate) -> Iterator[tuple[str, str, str]]:
    """Each figure of the two, the first with its change."""
    change = change_of(one, baseline)
    told = "" if change is None else f", {percent(change)}"
    yield "steady block, ms", f"{one.block_ms:.1f}{told}", f"{baseline.block_ms:.1f}"
    both = [Summary.of(of.samples("block_ms")).most for of in (one, baseline)]
    yield "longest block, ms", *_with_change(both)
    switches = [of.samples("switch_to_picture_ms") for of in (one, baseline)]
    if all(switches):
        yield "a switch, ms", *_with_change([Summary.of(ms).p50 for ms in switches])
    yield "pictures/s", *_with_change([of.pictures_per_s for of in (one, baseline)])
    memory = [of.memory_bytes for of in (one, baseline)]
    known = [taken / 1e9 for taken in memory if taken is not None]
    if len(known) == len(memory):
        yield "most of the device's memory, GB", *_with_change(known)


def _with_change(both: Sequence[float]) -> tuple[str, str]:
    after, before = both
    return f"{after:.1f}, {changed(after, before)}", f"{before:.1f}"


def _numbers(one: Candidate, of: Numbers) -> str:
    return of([*one.timed, *one.alike])
