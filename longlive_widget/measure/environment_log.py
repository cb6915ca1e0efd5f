"""Where the records of a log were made, and by which code: a row for each environment of any."""

from collections.abc import Iterable, Iterator, Sequence

from longlive_widget.measure.record import Machine, Numbers, Record, Versions

_COLUMNS = ("device", "driver", "processor", "torch", "source", "records")


def environment_lines(records: Iterable[Record], summed_up: Record, of: Numbers) -> Iterator[str]:
    """What the summary is of, then a table of all machines, drivers, torches and commits.

    Args:
        records: all of the log; each is in one row.
        summed_up: one of those that the summary is made of.
        of: the numbers of records in the page, as it writes them.
    """
    size = summed_up.geometry
    weights = ", random weights: times are true, pictures mean nothing"
    yield from ("| summary of | |", "|---|---|")
    yield f"| model | {summed_up.model}{weights if summed_up.weights == 'random' else ''} |"
    yield f"| pictures | {size.width_px} x {size.height_px}, {summed_up.dtype} |"
    yield from ("", f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|")
    made: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        made.setdefault(_environment(record), []).append(record)
    for environment, some in made.items():
        yield f"| {' | '.join((*environment, of(some)))} |"


def _environment(record: Record) -> tuple[str, ...]:
    machine, versions = record.machine, record.versions
    return (
        f"{machine.device} ({machine.device_type})",
        machine.driver or "",
        ", ".join(_processor(machine)),
        ", ".join(_torch(versions)),
        f"{versions.package}, commit {record.commit or 'unknown'}",
    )


def _processor(machine: Machine) -> Sequence[str]:
    threads = f"{machine.threads} thread{'s' if machine.threads > 1 else ''}"
    return machine.processor, f"{machine.cores} cores", threads, machine.system


def _torch(versions: Versions) -> Iterator[str]:
    yield versions.torch
    for name, version in (("CUDA", versions.cuda), ("Triton", versions.triton)):
        if version:
            yield f"{name} {version}"
    yield f"Python {versions.python}"
