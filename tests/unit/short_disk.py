"""A disk that ends soon, for this process alone."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

resource = pytest.importorskip("resource")


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes.

    Python keeps nothing that it compiles meanwhile: it would be cut off, and stay so.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    keeps_nothing, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, limits[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        sys.dont_write_bytecode = keeps_nothing
        signal.signal(signal.SIGXFSZ, ignored)
