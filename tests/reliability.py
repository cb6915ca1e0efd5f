"""Writes docs/reliability.md: what may go wrong and what comes of it, as the tests say.

A test that holds something of that is marked `@pytest.mark.fault(area, what happens, what comes of
it)`. `python -m tests.reliability` writes it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"
AREAS = (
    "The model",
    "Memory and disks",
    "Threads, processes and clocks",
    "The page and its messages",
    "Files that are read",
    "What is asked for",
)
HEAD = """# What goes wrong, and what comes of it

<!-- `python -m tests.reliability` writes this page out of the tests: change them, not it. -->

Each line is held by a test, which `make test` runs. What is told says how to go on.
"""


@dataclass(frozen=True)
class Fault:
    """Something that may go wrong, what comes of it, and the test that holds it."""

    area: str
    happens: str
    comes: str
    test: str

    @property
    def row(self) -> str:
        return f"| {self.happens} | {self.comes} | `{self.test}` |"


def faults() -> Iterator[Fault]:
    """All that the tests are marked with, in the order of files and lines."""
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                match mark:
                    case ast.Call(func=ast.Attribute(attr="fault"), args=arguments):
                        words = [ast.literal_eval(each) for each in arguments]
                        yield Fault(*words, f"{file.stem}::{node.name}")


def page() -> str:
    """The page as Markdown."""
    found = list(faults())
    parts = [HEAD]
    for area in AREAS:
        rows = [fault.row for fault in found if fault.area == area]
        parts.append(f"## {area}\n\n| what happens | what comes of it | held by |\n|---|---|---|\n")
        parts[-1] += "\n".join(rows) + "\n"
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
