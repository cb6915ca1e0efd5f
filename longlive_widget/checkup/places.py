"""Folders that are written to: whether they can be, and what room there is. Loads no torch."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from longlive_widget.checkup.finding import Finding
from longlive_widget.engine import hub
from longlive_widget.widget import load_times
from longlive_widget.widget.bundle import STATIC

_LEAST_FREE_BYTES = 1_000_000_000
_BUILT = ("widget.js", "widget.css", "page.js", "plotly.js", "browser.js")


def folders() -> Iterator[Finding]:
    """Whether files can be kept where they are kept."""
    yield place("model files", hub.cache_folder(), "HF_HOME")
    yield place("own cache", load_times.cache_folder(), "LONGLIVE_CACHE")
    yield place("temporary", Path(tempfile.gettempdir()), "TMPDIR")


def place(about: str, folder: Path, variable: str) -> Finding:
    """Whether a file can be made in a folder, or where it would come to be, and what is free."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(
            about,
            "warning",
            f"nothing can be written there ({error.strerror or type(error).__name__})",
            f"give yourself the right to write there, or name another folder in {variable}",
        )
    fact = f"can be written to, {free / 1e9:.1f} GB free"
    if free < _LEAST_FREE_BYTES:
        return Finding(about, "warning", fact, f"make room, or name another disk in {variable}")
    return Finding(about, "ok", fact)


def bundle() -> Iterator[Finding]:
    """Whether the page's part of this package was built."""
    missing = [name for name in _BUILT if not (STATIC / name).is_file()]
    if missing:
        yield Finding(
            "page's part",
            "wrong",
            f"{', '.join(missing)} not built: no widget will show",
            "make setup, or npm --prefix js install && npm --prefix js run build",
        )
    else:
        yield Finding("page's part", "ok", "built")
