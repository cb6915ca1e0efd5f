"""Profiles beside each other, as the log tells them: groups of parts, and what FP8 takes."""

from collections.abc import Iterator, Sequence

from longlive_widget.measure.profile_log import GROUPS, LINEAR_PARTS, grouped, part_times
from longlive_widget.measure.record import Numbers, Record
from longlive_widget.measure.told_apart import has_all_kernels

_OF_FP8 = (
    "self attention",
    "cross attention",
    *LINEAR_PARTS,
    "feed forward activation",
    "norms and modulation",
)
"""The parts that multiply in FP8, and those that make its numbers."""
_ALIKE = ("denoise_steps", "window_frames", "window_dtype", "decoder")
"""The settings that two presets share of which one shows what FP8 takes."""


def parts_lines(profiles: Sequence[Record], of: Numbers) -> Iterator[str]:
    """A table of all profiles by group of parts, and one for each pair that FP8 tells apart.

    Nothing of fewer than two of one model and device.

    Args:
        profiles: records of profiles.
        of: the numbers of records in the page, as it writes them.
    """
    networks: dict[tuple[object, ...], list[Record]] = {}
    for record in profiles:
        networks.setdefault(_network_of(record), []).append(record)
    beside = [some for some in networks.values() if len(some) > 1]
    if not beside:
        return
    yield from ("## Part by part", "", "Medians of profiled blocks, in ms.", "")
    for some in beside:
        yield f"| {' | '.join(('preset', 'commit', 'block', *GROUPS))} |"
        yield "|---" * (3 + len(GROUPS)) + "|"
        yield from (_row(record, of) for record in some)
        yield ""
        if left := [f"`{one.preset.name}` {of([one])}" for one in some if not _is_told_apart(one)]:
            yield (
                f"Of {', '.join(left)} some of what the transformer's graph replays was not told "
                "apart: it is in *rest*."
            )
            yield ""
        for before, after in _pairs(some):
            yield from _pair(before, after, of)


def _row(record: Record, of: Numbers) -> str:
    parts, block_ms = part_times(record)
    sums = (sum(map(parts.__getitem__, members)) for members in grouped(parts).values())
    cells = (f"{ms:.1f}" for ms in (block_ms, *sums))
    name = f"`{record.preset.name}` {of([record])}"
    return f"| {' | '.join((name, str(record.commit or 'unknown'), *cells))} |"


def _pairs(profiles: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """Each profile in FP8 after the newest in the model's numbers that does the same."""
    for after in profiles:
        if after.preset.linear_dtype != "fp8":
            continue
        before = [one for one in profiles if one.preset.linear_dtype == "model"]
        before = [one for one in before if _compares(one, after)]
        if before:
            yield max(before, key=lambda one: one.time), after


def _compares(before: Record, after: Record) -> bool:
    same = (getattr(before.preset, name) == getattr(after.preset, name) for name in _ALIKE)
    return before.commit == after.commit and all(same)


def _pair(before: Record, after: Record, of: Numbers) -> Iterator[str]:
    """A part a row, and all of them; or why that cannot be told."""
    names = [f"`{one.preset.name}` {of([one])}" for one in (before, after)]
    yield from (f"### What FP8 takes: {names[1]} beside {names[0]}", "")
    if not (_is_told_apart(before) and _is_told_apart(after)):
        yield "Not to be told: some of what is replayed was not told apart, and is missing."
        yield ""
        return
    without, within = (part_times(one)[0] for one in (before, after))
    yield from (_besides(before, after), "")
    yield f"| part | {names[0]} | {names[1]} | times as fast |"
    yield "|---|---|---|---|"
    rows = [(part, without.get(part, 0.0), within.get(part, 0.0)) for part in _OF_FP8]
    rows.append(("all of these", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    for part, took_ms, takes_ms in rows:
        if took_ms or takes_ms:
            faster = f"{took_ms / takes_ms:.2f}" if took_ms and takes_ms else ""
            yield f"| {part} | {took_ms:.1f} | {takes_ms:.1f} | {faster} |"
    yield ""


def _is_told_apart(record: Record) -> bool:
    """Whether the parts of its transformer have all their kernels."""
    return has_all_kernels("self attention", *part_times(record))


def _besides(before: Record, after: Record) -> str:
    """In what else the two differ, and what may be in which row."""
    told = (
        "Norms and the activation make the numbers of FP8; in the model's numbers the activation "
        "may be in *feed forward up*."
    )
    names = before.preset.changes().keys() | after.preset.changes().keys()
    other = [
        f"`{name}`"
        for name in sorted(names - {"linear_dtype"})
        if getattr(before.preset, name) != getattr(after.preset, name)
    ]
    return f"{told} The two differ in {', '.join(other)} too." if other else told


def _network_of(record: Record) -> tuple[object, ...]:
    case = record.model, record.weights, record.dtype, record.geometry
    return *case, record.machine.device
