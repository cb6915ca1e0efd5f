"""What to do with a preset: proposed by a rule from what was measured, or decided by a person."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from longlive_widget.errors import RecordError
from longlive_widget.measure.figures import decibels, percent
from longlive_widget.measure.recommend import UNSEEN_DB, Candidate
from longlive_widget.measure.statistics import Difference

SMALLER = 0.95
"""Of the baseline's memory: from here down a preset counts as smaller."""
RULE = (
    f"*Keep* is faster or smaller ({1 - SMALLER:.0%} of memory) with every block at "
    f"{UNSEEN_DB:g} dB or better from one history; *trade* has a visible loss; *drop* gains "
    "nothing; *open* was not compared."
)


@dataclass(frozen=True)
class Decision:
    """What to do with a preset, and why."""

    what: str
    reason: str


def proposed(one: Candidate, baseline: Candidate, change: Difference | None) -> Decision:
    """What the rule says of a preset.

    Args:
        one: the preset.
        baseline: what it is held against.
        change: of its steady block, as a share of the baseline's; None for the baseline itself.
    """
    if change is None:
        return Decision("baseline", "what the others are compared with")
    faster = change.seen and change.median < 0
    smaller = (one.memory_bytes or 0) < SMALLER * (baseline.memory_bytes or 0)
    gain = percent(change) if faster else "less memory"
    if not (faster or smaller):
        return Decision("drop", f"neither faster nor smaller than the {baseline.preset}")
    if one.worst_db is None:
        return Decision("open", f"{gain}, and its pictures were not compared")
    if one.worst_db >= UNSEEN_DB:
        return Decision("keep", f"{gain}, and no block is under {UNSEEN_DB:g} dB")
    return Decision("trade", f"{gain}, for pictures that differ ({decibels(one.worst_db)})")


def decisions_in(path: Path) -> dict[str, str]:
    """What a person decided, by the name of a preset, from a YAML file.

    Raises:
        RecordError: the file cannot be read, or does not say words for names.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise RecordError(f"{path} cannot be read ({told}): write `preset: words`") from error
    if not isinstance(said, dict) or not all(isinstance(v, str) for v in (*said, *said.values())):
        raise RecordError(f"{path} says no decisions: write `preset: words` in lines")
    return said
