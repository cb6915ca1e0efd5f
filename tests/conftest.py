"""Before torch is loaded: its threads sleep while they wait, and a worker of several has one."""

import gc
import os
from tempfile import TemporaryDirectory

import pytest

import longlive_widget  # noqa: F401  asks for it as it is imported

# What a studio remembers of this machine: neither out of a person's own file, nor into it.
_cache = TemporaryDirectory(prefix="longlive-tests-")
os.environ["LONGLIVE_CACHE"] = _cache.name

MOST_WORKERS = 4


def pytest_xdist_auto_num_workers():
    """One more than there are cores: whoever looks at a page mostly waits for its pictures."""
    return min(MOST_WORKERS, (os.cpu_count() or 1) + 1)


if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module", autouse=True)
def nothing_old_is_looked_through():
    """What is there before a file's tests stays: looking for garbage costs by all that is there.

    A worker has a million objects, nearly all of them of what it has imported.
    """
    gc.collect()
    gc.freeze()
