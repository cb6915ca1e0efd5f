"""Pages to look at, and a folder for what they looked like."""

import json
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--screenshots", help="a folder to keep the screenshots of pages in")


@pytest.fixture
def screenshots(request, tmp_path):
    folder = Path(request.config.getoption("--screenshots", None) or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def notebook_of(tmp_path):
    """Write a notebook with these cells."""

    def write(*cells: str) -> Path:
        path = tmp_path / "player.ipynb"
        rows = [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": cell,
            }
            for index, cell in enumerate(cells)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {
            "cells": rows,
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        path.write_text(json.dumps(notebook))
        return path

    return write
