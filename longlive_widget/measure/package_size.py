"""How large the package is: what a wheel of it takes."""

import io
from zipfile import ZIP_DEFLATED, ZipFile

from longlive_widget.measure.environment import PACKAGE


def zipped_bytes() -> int:
    """The size of the package zipped as its wheel is, weights and pages with it.

    A wheel has a few kilobytes more, of its own.
    """
    zipped = io.BytesIO()
    with ZipFile(zipped, "w", ZIP_DEFLATED) as wheel:
        for path in PACKAGE.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                wheel.write(path, path.relative_to(PACKAGE.parent))
    return zipped.tell()
