"""What to do with a preset: proposed by a rule from what was measured, or decided by a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short

from longlive_widget.errors import RecordError
from longlive_widget.measure.figures import changed, decibels, percent
from longlive_widget.measure.recommend import UNSEEN_DB, Candidate, candidates_in
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Difference, difference
from longlive_widget.plain_data import NotPlainError, yaml_in

BASELINE = "reference"
SMALLER = 0.95
"""Of the baseline's memory: from here down a preset counts as smaller."""
LARGER = 1.05
"""From here up it counts as larger."""
RULE = (
    f"*Keep* takes less time, whatever memory that needs, or less memory (by {1 - SMALLER:.0%}) "
    f"and not more time, and has every block at {UNSEEN_DB:g} dB or better from one history; "
    "*trade* pays for what it gains with time or with a visible loss; *drop* gains nothing; *open* "
    f"cannot be told yet. From {LARGER - 1:.0%} on, what is faster says how much more memory it "
    "needs."
)


@dataclass(frozen=True)
class Decision:
    """What to do with a preset, and why; a person may leave out the reason."""

    what: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.what}; {self.reason}" if self.reason else self.what


def proposed(one: Candidate, baseline: Candidate, change: Difference | None) -> Decision:
    """What the rule says of a preset.

    Args:
        one: the preset.
        baseline: what it is held against.
        change: of its steady block, as a share of the baseline's; None for the baseline itself.
    """
    if change is None:
        return Decision("baseline", "what the others are compared with")
    if not change.bounded:
        return Decision("open", percent(change))
    faster, slower = (change.seen and sign * change.median > 0 for sign in (-1, 1))
    smaller = is_smaller(one.memory_bytes, baseline.memory_bytes)
    if not (faster or smaller):
        return Decision("drop", f"neither faster nor smaller than the {baseline.name}")
    gain = percent(change) if faster else "less memory"
    if faster:
        gain += _more_memory(one.memory_bytes, baseline.memory_bytes)
    if slower:
        gain += f", and {percent(change)} time"
    if one.worst_db is None:
        return Decision("open", f"{gain}; its pictures were not compared")
    if one.worst_db < UNSEEN_DB:
        return Decision("trade", f"{gain}; pictures that differ ({decibels(one.worst_db)})")
    seen = f"{gain}; no block is under {UNSEEN_DB:g} dB"
    return Decision("trade" if slower else "keep", seen)


def _more_memory(memory_bytes: float | None, than_bytes: float | None) -> str:
    """How much more memory is taken; nothing where it is little, or was not measured."""
    if memory_bytes is None or not than_bytes or memory_bytes < LARGER * than_bytes:
        return ""
    return f", with {changed(memory_bytes, than_bytes)} memory"


def proposed_for(records: Iterable[Record]) -> dict[str, Decision]:
    """What the rule says of each preset that benchmarks are about, by name; none, if none is.

    Benchmarks of several cases, and none of the reference among them, are a `RecordError`.
    """
    kept = tuple(records)
    if not any(record.kind == "benchmark" for record in kept):
        return {}
    candidates = candidates_in(kept)
    baseline = baseline_of(candidates)
    return {one.name: proposed(one, baseline, change_of(one, baseline)) for one in candidates}


def baseline_of(candidates: Sequence[Candidate]) -> Candidate:
    """The reference, which all others are compared with.

    Raises:
        RecordError: it is not among them.
    """
    for one in candidates:
        if one.name == BASELINE:
            return one
    raise RecordError(
        f"no benchmark of {BASELINE!r} is here, which all others are compared with: measure it in "
        f"the same run as {', '.join(one.name for one in candidates)}"
    )


def change_of(one: Candidate, baseline: Candidate) -> Difference | None:
    """How a preset's steady block differs from the baseline's, as a share; None for itself."""
    if one is baseline:
        return None
    before, after = (of.samples("block_ms") for of in (baseline, one))
    return difference(before, after).as_share_of(baseline.block_ms)


def is_smaller(memory_bytes: float | None, than_bytes: float | None) -> bool:
    """Whether clearly less memory is taken; not where it was not measured."""
    if memory_bytes is None or than_bytes is None:
        return False
    return memory_bytes < SMALLER * than_bytes


def decisions_in(path: Path) -> dict[str, Decision]:
    """What a person decided, by the name of a preset, from a YAML file.

    Of a preset it says words, or a decision and a reason.

    Raises:
        RecordError: the file cannot be read, or says something else.
    """
    try:
        said = yaml_in(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, NotPlainError) as error:
        raise RecordError(f"{path} cannot be read ({error}): write {_form('preset')}") from error
    if not isinstance(said, dict):
        raise RecordError(f"{path} says no decisions: write {_form('preset')} in lines")
    return {name: _decision(path, name, value) for name, value in said.items()}


def _decision(path: Path, name: object, said: object) -> Decision:
    if isinstance(said, dict) and said.keys() == {"decision", "reason"}:
        words = [_words(said["decision"]), _words(said["reason"])]
    else:
        words = [_words(said)]
    if not (isinstance(name, str) and all(words)):
        form = _form(name if isinstance(name, str) else "preset")
        raise RecordError(f"{path} says {short(said)} of {short(name)}: write {form}")
    return Decision(*words)


def _words(said: object) -> str:
    """A text in one line, without its full stop; empty if it is none."""
    return " ".join(said.split()).removesuffix(".") if isinstance(said, str) else ""


def _form(name: str) -> str:
    return f"`{name}: words`, or `{name}: {{decision: words, reason: words}}`"
