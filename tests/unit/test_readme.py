"""The figures of the README, and of the page on GPUs, are those of the log from the records."""

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


def test_the_table_of_the_page_on_gpus_has_each_run_as_the_log_has_it():
    log = (ROOT / "docs" / "optimization-log.md").read_text()
    runs = log.partition("## Run by run")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for row in runs.splitlines():
        if row.startswith("| `") and "of its" not in row:
            name, _, _, block_ms, of_reference, *_ = row.strip("| ").split(" | ")
            if of_reference.endswith("%"):  # a run of all presets: `reference` took turns with them
                found.setdefault(name.split()[0].strip("`"), []).append(block_ms)
    page = (ROOT / "docs" / "gpu.md").read_text()
    rows = [row.split("|") for row in page.splitlines() if row.startswith("| `")]
    told = {row[1].split("`")[1]: row[5].strip().split(", ") for row in rows}
    assert told == found
    assert told.keys() == PRESETS.keys() | {"ultra_small"}


def test_the_times_in_sentences_are_those_of_the_log_too():
    log = (ROOT / "docs" / "optimization-log.md").read_text()
    summary = log.partition("## Summary")[2].partition("\n## ")[0]
    rows = (row.strip("| ").split(" | ") for row in summary.splitlines() if row.startswith("| `"))
    block_ms = {row[0].split("`")[1]: float(row[1]) for row in rows}
    index, readme = ((ROOT / name).read_text() for name in ("docs/index.md", "README.md"))
    assert f" takes {block_ms['reference']:.0f} ms, {block_ms['balanced']:.0f} by `bal" in index
    for name in ("speed", "turbo_fp8", "low_memory"):
        assert f" {block_ms[name]:.0f} by `{name}`" in index
    assert f"With the small decoder `ultra` takes {block_ms['ultra_small']:.1f} ms." in readme
