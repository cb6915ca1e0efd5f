"""How the records of a log were measured: for each kind the command, and how much was measured."""

from collections.abc import Iterator, Sequence

from longlive_widget.measure.record import Numbers, Record

_HOW = {
    "benchmark": (
        "longlive-widget benchmark",
        "presets in turns, windows full, after warm-up; each part by marks on the device, and "
        "nobody waits inside a block",
    ),
    "benchmark_as_the_log": (
        "longlive-widget benchmark --as-the-log",
        "first blocks of new videos, whose window is empty",
    ),
    "ablation": ("longlive-widget ablate", "as a benchmark, of presets that differ in a setting"),
    "ablation_synchronised": (
        "longlive-widget ablate --synchronised",
        "the same, under a host that waits for the device after each part",
    ),
    "scale": (
        "longlive-widget scale",
        "sizes and sessions at once, in turns, on one engine",
    ),
    "startup": ("longlive-widget startup", "a new process with empty caches, and one after it"),
    "profile": (
        "longlive-widget profile",
        "each kernel by the part of the engine that launched it, in turns with blocks that were "
        "not profiled",
    ),
    "likeness": (
        "longlive-widget likeness",
        "pictures of one seed against another preset's: block by block from one history, and "
        "running free",
    ),
    "rounding": (
        "longlive-widget rounding",
        "pictures against the same steps, window and decoder in float32, from one history",
    ),
    "quality": ("longlive-widget quality", "what the judge sees of what prompts say"),
}
_LEFT_OUT = "seed"
_SWITCHED = ("switch_ms", "switched_block_ms")
"""The samples of switches: older records of first blocks count switches that nobody made."""


def method_lines(records: Sequence[Record], of: Numbers) -> Iterator[str]:
    """A table of the kinds of these records, each with how often what was measured.

    Args:
        records: those of the log; kinds that it does not know are left out.
        of: the numbers of records in the page, as it writes them.
    """
    yield from ("| command | what it does | how much, and in which records |", "|---|---|---|")
    for kind, (command, words) in _HOW.items():
        amounts: dict[str, list[Record]] = {}
        for record in records:
            if record.kind == kind:
                amounts.setdefault(_amount(record), []).append(record)
        if amounts:
            told = "; ".join(f"{amount} {of(some)}" for amount, some in amounts.items())
            yield f"| `{command}` | {words} | {told} |"


def _amount(record: Record) -> str:
    """What it counts, in words; nothing of what there was none of."""
    counts = {name: count for name, count in record.counts.items() if count and name != _LEFT_OUT}
    if not any(record.samples.get(name) for name in _SWITCHED):
        counts.pop("switches", None)
    told = (f"{count} {_named(name, count)}" for name, count in counts.items())
    return ", ".join(told)


def _named(name: str, count: int) -> str:
    one = "switch" if name == "switches" else name.removesuffix("s")
    return (one if count == 1 else name).replace("_", " ")
