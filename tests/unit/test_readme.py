"""The figures of the README are those of the log that is made from the records."""

from pathlib import Path

from longlive_widget import PRESETS

ROOT = Path(__file__).parents[2]


def presets_of(page, columns):
    """The cells of these columns by preset, of the first table that has a row for each."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    wide = [[cell.strip() for cell in row] for row in rows if len(row) > max(columns)]
    found = {row[0].split()[0].strip("`"): [row[at] for at in columns] for row in wide}
    return {name: cells for name, cells in found.items() if name in PRESETS}


def test_the_table_of_the_readme_says_what_the_log_says():
    readme = presets_of((ROOT / "README.md").read_text(), [1, 2, 3, 4])
    log = (ROOT / "docs" / "optimization-log.md").read_text()
    summary = log.partition("## Summary")[2].partition("\n## ")[0]
    assert readme == presets_of(summary.replace(" |  | ", " | - | "), [1, 3, 5, 6])
    assert readme.keys() == PRESETS.keys()
    assert "NVIDIA H200" in summary
