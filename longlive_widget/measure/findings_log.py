"""The findings of LongLive's log as ours tells them: their words, and which records say what."""

import json
from collections.abc import Iterator, Sequence

from longlive_widget.measure.findings import FINDINGS, empty_window
from longlive_widget.measure.recommend import sample_of
from longlive_widget.measure.record import Numbers, Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.optimization_log import GIVEN_UP

_FINDING_OF = {8: 2, 9: 6}
"""By the number of an experiment that the log gave up on, what it says that it found by it."""
_OF_A_FAILURE = {"wrong": "it runs"}
"""What the verdict on such a finding says of the experiment."""


def finding_lines(records: Sequence[Record], of: Numbers) -> Iterator[str]:
    """The findings in their order, after what the log timed instead of a steady block.

    Args:
        records: of one model, on any device of one kind.
        of: the numbers of records in the page, as it writes them.
    """
    for first, steady in empty_window(records):
        yield from (_empty_window(first, steady, of), "")
    looked = {finding.number: finding.look(records) for finding in FINDINGS}
    for finding in FINDINGS:
        seen = looked[finding.number]
        numbers = f" {of(seen.records)}" if seen.records else ""
        yield f'{finding.number}. "{finding.words}": **{seen.verdict}**{numbers}.'
        yield f"   {_sentence(seen.told)}"
        if seen.verdict in {"wrong", "differs"}:
            yield f"   {_sentence(finding.why)}"
    yield from ("", "| experiment that it gave up on | its error | its decision | here |")
    yield "|---|---|---|---|"
    for number, given_up in GIVEN_UP.items():
        said = ", ".join(f"`{name}: {json.dumps(v)}`" for name, v in given_up.settings.items())
        at = _FINDING_OF[number]
        told = f"finding {at}: {_OF_A_FAILURE.get(looked[at].verdict, looked[at].verdict)}"
        yield f'| {number}: {said} | "{given_up.error}" | "{given_up.decision}" | {told} |'


def _empty_window(first: Record, steady: Sequence[Record], of: Numbers) -> str:
    name, taken = first.preset.name, Summary.of(sample_of(first, "first_block_ms")).p50
    numbers = of([first, *steady])
    told = f"`{name}` {numbers}: the first block of a new video, as the log timed, {taken:.1f} ms"
    if not steady:
        return f"{told}; its steady block was not measured."
    block_ms = Summary.of([ms for one in steady for ms in sample_of(one, "block_ms")]).p50
    return f"{told}; a steady block, over a full window, {block_ms:.1f} ms."


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
