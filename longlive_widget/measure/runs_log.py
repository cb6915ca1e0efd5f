"""Each run of `benchmark` by itself: hosts differ, and a median over several hides by how much.

A run is one call: its presets took turns on one machine.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from longlive_widget.measure.recommend import sample_of
from longlive_widget.measure.record import Numbers, Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.presets import PRESETS, as_named

_APART = timedelta(seconds=1)
"""The records of one call are made at once, at its end."""
_COLUMNS = (
    "preset",
    "run",
    "blocks",
    "ms a block",
    "of its `reference`",
    "p99 above p50",
    "longest above p50",
    "switches",
    "beyond a block, prompt read, ms",
)


def runs_in(records: Iterable[Record]) -> tuple[tuple[Record, ...], ...]:
    """The records of `benchmark` by the run that they are of; those of one stand together."""
    runs: list[list[Record]] = []
    for record in records:
        if record.kind != "benchmark":
            continue
        if runs and _of_one_run(runs[-1], record):
            runs[-1].append(record)
        else:
            runs.append([record])
    return tuple(map(tuple, runs))


def reference_in(run: Sequence[Record]) -> Record | None:
    """The run's own reference, which took turns with the others; None if it had none."""
    found = [record for record in run if as_named(record.preset) == PRESETS["reference"]]
    return found[0] if found else None


def beyond_block_ms(record: Record) -> list[float]:
    """What each switch adds to a block where its prompt was read before.

    Its block, without reading the prompt and without the median steady block of that record.
    Nothing where it decodes behind, for a switch then waits for parts of two blocks, and where it
    is not known how long each prompt was read.
    """
    switch_ms = record.samples.get("switch_ms", ())
    text_ms = record.samples.get("text_ms", ())
    if record.preset.decode_behind or len(switch_ms) != len(text_ms):
        return []
    block_ms = Summary.of(sample_of(record, "block_ms")).p50 if switch_ms else 0.0
    return [whole - read - block_ms for whole, read in zip(switch_ms, text_ms, strict=True)]


def run_lines(records: Iterable[Record], of: Numbers) -> Iterator[str]:
    """A table of all runs, in Markdown.

    Args:
        records: any; those of `benchmark` are looked at.
        of: the numbers of records in the page, as it writes them.
    """
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|---" * len(_COLUMNS) + "|"
    for number, run in enumerate(runs_in(records), 1):
        reference_ms = _reference_ms(run)
        commit = run[0].commit or "unknown"
        for record in run:
            name = f"`{record.preset.name}` {of([record])}"
            when = f"{number}: {record.time:%Y-%m-%d %H:%M}, {commit}"
            yield f"| {' | '.join((name, when, *_cells(record, reference_ms)))} |"
    yield ""


def _cells(record: Record, reference_ms: float | None) -> tuple[str, ...]:
    block, added = Summary.of(sample_of(record, "block_ms")), beyond_block_ms(record)
    share = "" if reference_ms is None else f"{block.p50 / reference_ms:.1%}"
    return (
        f"{block.count}",
        f"{block.p50:.1f}",
        share,
        f"{block.p99 / block.p50 - 1:.1%}",
        f"{block.most / block.p50 - 1:.1%}",
        f"{len(record.samples.get('switch_ms', ()))}",
        f"{Summary.of(added).p50:.1f}" if added else "",
    )


def _reference_ms(run: Sequence[Record]) -> float | None:
    """The median block of the run's own reference; None if it had none."""
    reference = reference_in(run)
    return None if reference is None else Summary.of(sample_of(reference, "block_ms")).p50


def _of_one_run(run: Sequence[Record], record: Record) -> bool:
    last = run[-1]
    return (
        abs(record.time - last.time) <= _APART
        and _told_by_all(record) == _told_by_all(last)
        and all(record.preset != other.preset for other in run)
    )


def _told_by_all(record: Record) -> tuple[object, ...]:
    """What the records of one run have in common."""
    case = record.model, record.weights, record.dtype, record.geometry
    return *case, record.machine, record.versions, record.commit, record.counts
