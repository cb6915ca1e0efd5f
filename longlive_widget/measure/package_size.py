"""How large the package is: what a wheel of it takes."""

import io
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import longlive_widget


def zipped_bytes() -> int:
    """The size of the package zipped as its wheel is, weights and pages with it.

    A wheel has a few kilobytes more, of its own.
    """
    package = Path(longlive_widget.__file__).parent
    zipped = io.BytesIO()
    with ZipFile(zipped, "w", ZIP_DEFLATED) as wheel:
        for path in package.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                wheel.write(path, path.relative_to(package.parent))
    return zipped.tell()
