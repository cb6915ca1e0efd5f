"""A Chrome or Chromium that runs headless: `python -m tests.browser.chromium` prints where it is.

Loads no playwright until a browser is asked for.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chrome", "chromium-browser")
MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> Path | None:
    """`LONGLIVE_CHROMIUM`, else a browser on this machine, else playwright's, else None."""
    if named := os.environ.get("LONGLIVE_CHROMIUM"):
        return Path(named)
    installed = [Path(found) for name in NAMES if (found := shutil.which(name))]
    installed += [Path(path) for path in MACOS if Path(path).exists()]
    return next((path for path in installed if not is_snap(path)), None) or playwright_chromium()


@contextmanager
def running_chromium() -> "Iterator[Browser]":
    """A browser of our own; a thread can have one alone, and no asyncio beside it."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), headless=True)
        yield browser
        browser.close()


def is_snap(path: Path) -> bool:
    """Whether the program is Ubuntu's snap, or the script that only calls it."""
    if "/snap" in str(path) or path.resolve().name == "snap":
        return True
    with path.open("rb") as program:
        start = program.read(4096)
    return start.startswith(b"#!") and b"/snap/" in start


def playwright_chromium() -> Path | None:
    """The browser that `playwright install chromium` left, if it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


if __name__ == "__main__":
    found = chromium_path()
    if found is None:
        sys.exit(
            "no Chrome or Chromium was found: run .ci/install_chromium, or set LONGLIVE_CHROMIUM"
        )
    sys.stdout.write(f"{found}\n")
