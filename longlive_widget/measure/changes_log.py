"""What each figure of a preset is, run by run, beside the `reference` that took turns with it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME
from longlive_widget.measure.figures import changed, percent
from longlive_widget.measure.recommend import kept, sample_of
from longlive_widget.measure.record import Numbers, Record
from longlive_widget.measure.runs_log import reference_in, runs_in
from longlive_widget.measure.statistics import Summary, difference

_BLOCK_MS = "block_ms"


@dataclass(frozen=True)
class _Figure:
    """A row: a figure of a record; `median_of` are the samples whose median it is, if it is one."""

    label: str
    of: Callable[[Record], float | None]
    median_of: str = ""

    def cells(self, record: Record, before: Record) -> tuple[str, str, str]:
        """The figure, that of the baseline, and the change: of medians with its interval."""
        after, first = self.of(record), self.of(before)
        change = ""
        if after is not None and first is not None:
            change = self._change(record, before, after, first)
        return _shown(after), _shown(first), change

    def _change(self, record: Record, before: Record, after: float, first: float) -> str:
        if not (self.median_of and first):
            return changed(after, first)
        both = (kept(one, self.median_of) for one in (before, record))
        return percent(difference(*both).as_share_of(first))


def change_lines(
    timed: Sequence[Record],
    records: Iterable[Record],
    of: Numbers,
) -> Iterator[str]:
    """A table with a change for each figure and each run that had a `reference`, in Markdown.

    Args:
        timed: the benchmarks of one preset.
        records: all of the log.
        of: the numbers of records in the page, as it writes them.
    """
    pairs, alone = [], []
    for run in runs_in(records):
        own = [one for one in run if any(one is another for another in timed)]
        reference = reference_in(run)
        if reference is None:
            alone += own
        else:
            pairs += [(one, reference) for one in own]
    if pairs:
        heads = (f"{of([one])} | `reference` {of([first])} | change" for one, first in pairs)
        yield from ("", f"| figure | {' | '.join(heads)} |")
        yield "|---" * (1 + 3 * len(pairs)) + "|"
        for figure in _FIGURES:
            rows = [figure.cells(one, first) for one, first in pairs]
            if any(row[0] for row in rows):
                yield f"| {figure.label} | {' | '.join(cell for row in rows for cell in row)} |"
    if alone:
        yield from ("", f"{of(alone)}: no `reference` took turns with it, so no change is told.")


def _block(record: Record) -> Summary:
    return Summary.of(sample_of(record, _BLOCK_MS))


def _median_of(label: str, name: str) -> _Figure:
    """The median of those samples; None of a record that has none."""

    def median(record: Record) -> float | None:
        found = kept(record, name)
        return Summary.of(found).p50 if found else None

    return _Figure(f"{label}, p50, ms", median, name)


def _peak_gb(record: Record) -> float | None:
    peak = record.facts.get("device_peak_bytes")
    return peak / 1e9 if isinstance(peak, int | float) else None


def _pictures_per_s(record: Record) -> float:
    return 1e3 * record.geometry.block_pictures / _block(record).mean


_FIGURES = (
    _Figure("steady block, mean, ms", lambda record: _block(record).mean),
    _median_of("steady block", _BLOCK_MS),
    _Figure(
        "steady block, p99, of fewer than 100 the longest, ms", lambda record: _block(record).p99
    ),
    _median_of("block of a switch", "switch_ms"),
    _median_of("from a switch to its first pictures", "switch_to_picture_ms"),
    _Figure("peak of device memory, GB", _peak_gb),
    _Figure("pictures/s, by the mean block", _pictures_per_s),
    _Figure(
        "latent frames/s, the same",
        lambda record: _pictures_per_s(record) / PICTURES_PER_LATENT_FRAME,
    ),
)


def _shown(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.1f}"
