"""Files that are written whole or not at all, and in words what a disk refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from longlive_widget.errors import OutputError

NAME_LETTERS = 40


@contextmanager
def disk_errors_explained(path: Path) -> Iterator[None]:
    """Inside, what a disk refuses is an `OutputError` that names the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{str(path)!r} could not be written ({error.strerror or error}): "
            "free some space, or choose another place"
        ) from error


def unfinished_beside(path: Path) -> Path:
    """A name of its own in the same folder, for a file that is moved to `path` once it is whole."""
    return path.with_name(f".{path.stem[:NAME_LETTERS]}.{uuid4().hex[:8]}.tmp")


@contextmanager
def whole_text_file(path: Path) -> Iterator[TextIO]:
    """A text file that is at `path` once the block has ended well; after an error nothing is left.

    What a disk refuses is an `OutputError`.
    """
    unfinished = unfinished_beside(path)
    try:
        with disk_errors_explained(path):
            with unfinished.open("x", encoding="utf-8") as file:
                yield file
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Have these bytes in the file at `path`, or what was there before.

    A link and a pipe are written through. What a disk refuses is an `OutputError`.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        with disk_errors_explained(path):
            path.write_bytes(content)
        return
    unfinished = unfinished_beside(path)
    try:
        with disk_errors_explained(path):
            unfinished.write_bytes(content)
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
