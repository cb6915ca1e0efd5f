"""A stored profile as the log tells it: the parts of a block beside what the device can do."""

from collections.abc import Iterator

from longlive_widget.measure.recommend import sample_of
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary

_NO_PART = ("block_ms", "unprofiled_", "switched_")
"""How the samples of a profile begin that are no part of a steady block."""
_COLUMNS = ("part", "ms", "of a block", "calls", "TFLOP/s", "of the most", "GB/s", "of the most")


def profile_lines(record: Record) -> Iterator[str]:
    """What parts and gaps take, then a table of all: medians over blocks, the longest first."""
    parts, block_ms = part_times(record)
    if told := _sums(record):
        yield from (told, "")
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|---" * len(_COLUMNS) + "|"
    for name, ms in sorted(parts.items(), key=lambda part: -part[1]):
        if ms:
            key = name.replace(" ", "_")
            cells = name, f"{ms:.1f}", f"{ms / block_ms:.1%}", *_of(record, key)
            yield f"| {' | '.join(cells)} |"
    yield ""


def part_times(record: Record) -> tuple[dict[str, float], float]:
    """What each part of a steady block takes, by its name, gaps too, and the block, in ms: medians.

    A record that is none of a profile is a `RecordError`.
    """
    parts = {
        name.removesuffix("_ms").replace("_", " "): Summary.of(sample).p50
        for name, sample in ((name, record.samples[name]) for name in _parts_of(record))
    }
    return parts, Summary.of(sample_of(record, "block_ms")).p50


def counted_as(part: str) -> str:
    """What the operations of a part are counted as, where it may be computed with fewer."""
    return " of direct convolution" if part.startswith("decoder") else ""


def _parts_of(record: Record) -> list[str]:
    """The names of its samples of parts and gaps of a steady block."""
    names = (name for name in record.samples if not name.startswith(_NO_PART))
    return [name for name in names if name.endswith("_ms")]


def _sums(record: Record) -> str:
    """How much is in parts, and what profiling costs, as far as the record says."""
    names = ("unattributed_percent", "overhead_percent")
    if not all(name in record.facts for name in names):
        return ""
    unattributed, overhead = (_number(record, name) for name in names)
    block_ms = sample_of(record, "block_ms")
    gaps = sum(record.samples.get("gaps_ms", ()))
    parts = sum(sum(record.samples[name]) for name in _parts_of(record)) - gaps
    parts, gaps = (100 * ms / sum(block_ms) for ms in (parts, gaps))
    told = (
        f"{len(block_ms)} blocks. Parts take {max(parts - unattributed, 0):.2f} % of them, gaps "
        f"{gaps:.2f} %, {unattributed:.2f} % is in no part, and profiling changed the median block "
        f"by {overhead:+.1f} %."
    )
    if "unnamed_percent" not in record.facts:
        return told
    unnamed = _number(record, "unnamed_percent")
    return f"{told} In {unnamed:.2f} % nothing runs, and the host is in no part."


def _of(record: Record, part: str) -> tuple[str, ...]:
    """Calls and rates of a part; nothing where it is not known."""
    calls = f"{_number(record, f'{part}_calls'):.0f}" if f"{part}_calls" in record.facts else ""
    cells = [calls]
    for kind, unit in (("flop_per_s", 1e12), ("byte_per_s", 1e9)):
        if f"{part}_{kind}" not in record.facts:
            cells += ["", ""]
            continue
        rate, most = (_number(record, name) for name in (f"{part}_{kind}", f"ceiling_{kind}"))
        shown = rate / unit
        mark = counted_as(part) if kind == "flop_per_s" else ""
        figure = f"{shown:,.0f}" if shown >= 100 else f"{shown:.3g}"
        cells += [f"{figure}{mark}", f"{rate / most:.0%}"]
    return tuple(cells)


def _number(record: Record, name: str) -> float:
    return float(record.facts[name])
