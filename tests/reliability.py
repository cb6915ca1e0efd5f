"""Writes docs/reliability.md: what may go wrong and what comes of it, as the tests say.

A test that holds something of that is marked `@pytest.mark.fault(area, what happens, what comes of
it)`. Figures are those on record in docs/reliability/. `python -m tests.reliability` writes it.
"""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.unit.test_waits import WITHOUT_A_LIMIT

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"
RECORDS = TESTS.parent / "docs" / "reliability"
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

WAITED = """## Waited for as long as it takes

Of all calls in the source that wait, these take no limit of 5 s; `test_waits` finds any other one.
Those of the page are in `test_page_waits`.

| why it ends | what waits |
|---|---|
"""
FUZZED = """## Read at random

`make fuzz` hands each reader what hypothesis makes up, and nothing may come of it but the right
result or an error of the package's own. On record, on 2 shared cores, in part beside other work
and at the lowest priority, so that the seconds say little. What a page hears, messages and states,
is changed 100,000 times each in every `make test`, under a seed (`protocol-fuzz.test.ts`).

| reader | examples | seconds | commit |
|---|---:|---:|---|
"""
SOAKED = """## Left running

`make soak` (`python -m tests.soak --blocks 20000` for longer) has a studio with a model of one
layer switch, edit, pause, branch and record at random, under a seed, while views come and go, and
compares every picture with the same timeline made alone.
What the process holds is counted after each video, and what the C library only keeps for later is
given back before. The first third warms up; figures are of the second third and of the last one.
Of memory they are medians, which may differ by 1 %, or the soak ends with an error; in brackets are
the least and the most after a single video.

| blocks | minutes | disturbances | other pictures | threads | files | memory, MiB | commit |
|---:|---:|---:|---:|---|---|---|---|
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
    return "\n".join((*parts, _waits(), *_figures()))


def _waits() -> str:
    """The waits without a limit, by the reason for which each ends."""
    places: dict[str, list[str]] = {}
    for (module, function, _), why in WITHOUT_A_LIMIT.items():
        places.setdefault(why, []).append(f"`{function}` in `{module}`")
    rows = (f"| {why} | {', '.join(dict.fromkeys(found))} |" for why, found in places.items())
    return WAITED + "\n".join(rows) + "\n"


def _figures() -> Iterator[str]:
    tried = (
        f"| {row['reader']} | {row['examples']:,} | {row['seconds']:,.0f} | {row['commit']} |"
        for row in _rows("fuzz.jsonl")
    )
    yield FUZZED + "\n".join(tried) + "\n"
    left = (
        f"| {row['blocks']:,} in {row['videos']} videos | {row['minutes']:.0f} | "
        f"{row['disturbances']:,} | {row['different']} | {_both(row['threads'])} | "
        f"{_both(row['files'])} | {_memory(row)} | {row['commit']} |"
        for row in _rows("soak.jsonl")
    )
    yield SOAKED + "\n".join(left) + "\n"


def _both(values: list[int]) -> str:
    return f"{values[0]}, {values[1]}"


def _memory(row: dict) -> str:
    before, after = row["mib"]
    least, most = row["mib_range"]
    return f"{before:.1f}, {after:.1f} ({least:.1f} to {most:.1f})"


def _rows(name: str) -> list[dict]:
    text = (RECORDS / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
