"""What a checkup has found, as lines to read and as JSON. Loads no torch."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "wrong"]
FORMAT = "longlive-widget checkup"
VERSION = 1
"""Goes up with every change of what the JSON of a checkup holds."""
_ABOUT_LETTERS = 14


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what is so, and what to do if that is not well.

    "wrong" is what stops all videos, or those that were asked about; "warning" is what stops less.
    """

    about: str
    verdict: Verdict
    fact: str
    way_out: str = ""

    def __str__(self) -> str:
        said = f"{self.verdict:<8} {self.about:<{_ABOUT_LETTERS}} {self.fact}"
        indent = " " * len(f"{'':<8} {'':<{_ABOUT_LETTERS}} ")
        return f"{said}\n{indent}-> {self.way_out}" if self.way_out else said


@dataclass(frozen=True, repr=False)
class Checkup:
    """All that was looked at, in the order in which one thing needs the other."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong; there may be warnings."""
        return all(finding.verdict != "wrong" for finding in self.findings)

    def __repr__(self) -> str:
        count = Counter(finding.verdict for finding in self.findings)
        sums = f"{count['ok']} ok, {count['warning']} to know of, {count['wrong']} wrong"
        return "\n".join([*map(str, self.findings), sums])

    def as_json(self) -> dict[str, object]:
        """The same in plain values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "healthy": self.healthy,
            "findings": [asdict(finding) for finding in self.findings],
        }
