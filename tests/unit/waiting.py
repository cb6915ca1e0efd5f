"""Waiting for what another thread is about to do."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], patience_s: float = 20) -> None:
    """Look again and again until it holds; fail where it does not in time."""
    until_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until_s, "it never happened"
        time.sleep(0.01)
