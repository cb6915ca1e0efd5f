"""Pages to look at, and a folder for what they looked like."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import running_chromium
from tests.browser.lab import Lab, Screenshots, running_lab, write_notebook
from tests.browser.warm_kernels import NAME, warm_kernels


def pytest_addoption(parser):
    parser.addoption("--screenshots", help="a folder to keep the screenshots of pages in")


# Of the folder, not of the whole session: beside playwright nothing else can run an event loop.


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One for all tests of this folder."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One for all tests of this folder; each opens a notebook of its own in it."""
    folder = tmp_path_factory.mktemp("lab")
    with (
        warm_kernels(tmp_path_factory.mktemp("warm")) as warm,
        running_lab(folder, chromium, more=warm) as lab,
    ):
        yield lab


@pytest.fixture
def screenshots(request):
    folder = request.config.getoption("--screenshots", None)
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return Screenshots(folder and Path(folder))


@pytest.fixture
def notebook_of(tmp_path):
    """Write a notebook with these cells, for a kernel that has loaded torch."""

    def write(*cells, kernel=NAME):
        return write_notebook(tmp_path / "player.ipynb", *cells, kernel=kernel)

    return write
