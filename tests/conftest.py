"""Before torch is loaded: its threads sleep while they wait, and a worker of several has one."""

import os

import longlive_widget  # noqa: F401  asks for it as it is imported

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
