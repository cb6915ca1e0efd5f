"""A file of records: one JSON object a line, added to at its end only.

Several processes may add to one file. Loads no torch.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import SEEK_END, FileIO
from pathlib import Path
from typing import BinaryIO

from longlive_widget.errors import OutputError, RecordError
from longlive_widget.measure.record import NotJsonError, Record
from longlive_widget.plain_data import json_in

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PATIENCE_S = 5.0
"""Another process may be stopped while it holds a file: it is waited for no longer than that."""
_TRY_AGAIN_S = 0.01
_START = b'{"schema": '


def append(path: str | Path, record: Record) -> None:
    """Add a record at the end of a file, which is created if there is none.

    Each line is written at once and whole, under a lock on the file. Half a line that a crash has
    left at the end is taken away, with a warning. A file that holds something else than records is
    a `RecordError`, and is left alone.

    Raises:
        OutputError: the file cannot be written; it then holds what it held.
    """
    line = record.to_json().encode() + b"\n"
    try:
        with (
            FileIO(Path(path).expanduser(), "a+") as file,
            _locked(file, alone=True),
        ):
            _mend(path, file)
            _write_whole(file, line)
    except RecordError:
        raise
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        raise OutputError(
            f"no record can be written to {str(path)!r} ({_reason(error)}): choose another place"
        ) from error


def read(path: str | Path) -> tuple[Record, ...]:
    """All records of a file, in the order in which they were written.

    Half a line at the end, which a crash has left, is passed over with a warning.

    Raises:
        RecordError: the file cannot be read, a record is of a later schema, or a line is damaged;
            the message has its number.
    """
    try:
        with Path(path).expanduser().open("rb") as file, _locked(file, alone=False):
            lines = file.read().split(b"\n")
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        raise RecordError(
            f"{str(path)!r} cannot be read ({_reason(error)}): give a file of records"
        ) from error
    return tuple(_parsed(path, lines))


def _parsed(path: str | Path, lines: Sequence[bytes]) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Record.from_json(line)
        except NotJsonError as error:
            if number < len(lines) or not _begins_a_record(line):
                raise RecordError(f"line {number} of {str(path)!r} is damaged: {error}") from error
            warnings.warn(
                f"line {number} of {str(path)!r} is half a record, left by a crash: passed over",
                stacklevel=3,
            )
        except RecordError as error:
            raise RecordError(f"line {number} of {str(path)!r}: {error}") from error


@contextmanager
def _locked(file: FileIO | BinaryIO, *, alone: bool) -> Iterator[None]:
    """Hold a file against all others, or only against those that write."""
    if sys.platform == "win32":
        _take(lambda: _lock_far_byte(file, msvcrt.LK_NBLCK))
        try:
            yield
        finally:
            _lock_far_byte(file, msvcrt.LK_UNLCK)
    else:
        how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        _take(lambda: fcntl.flock(file, how | fcntl.LOCK_NB))
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _take(lock: Callable[[], None]) -> None:
    """Try until nobody else holds it."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            lock()
        except (BlockingIOError, PermissionError):
            if time.monotonic() >= until_s:
                raise OSError(f"another process has held it for {PATIENCE_S:g} s") from None
            time.sleep(_TRY_AGAIN_S)
        else:
            return


if sys.platform == "win32":

    def _lock_far_byte(file: FileIO | BinaryIO, how: int) -> None:
        """Lock a byte that no file has: on Windows nobody else could read one that it has."""
        place = file.tell()
        file.seek(2**30)
        try:
            msvcrt.locking(file.fileno(), how, 1)
        finally:
            file.seek(place)


def _mend(path: str | Path, file: FileIO) -> None:
    """Make sure that this is a file of records, and that it ends with a whole line."""
    size = file.seek(0, SEEK_END)
    if size == 0:
        return
    file.seek(0)
    if not _begins_a_record(file.read(len(_START))):
        raise RecordError(f"{str(path)!r} is no file of records: give another one")
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    whole, _, last = file.readall().rpartition(b"\n")
    try:
        json_in(last)
    except ValueError as error:
        if not _begins_a_record(last):
            raise RecordError(
                f"the last line of {str(path)!r} is no record: remove it, or give another file"
            ) from error
        file.truncate(len(whole) + 1 if whole else 0)
        warnings.warn(
            f"half a record, left by a crash, was taken off the end of {str(path)!r}", stacklevel=3
        )
    else:
        file.write(b"\n")


def _write_whole(file: FileIO, line: bytes) -> None:
    size = file.seek(0, SEEK_END)
    try:
        written = file.write(line)
    except OSError:
        file.truncate(size)
        raise
    if written != len(line):
        file.truncate(size)
        raise OSError("there is no room for a whole line")


def _begins_a_record(line: bytes) -> bool:
    known = min(len(line), len(_START))
    return line[:known] == _START[:known]


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
