"""What is closed in a process that was forked from ours: it has our objects, not our threads."""

import os
from threading import Condition
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What has threads, and a lock under which all of it is in order."""

    @property
    def changed(self) -> Condition:
        """The lock."""

    def close_in_fork(self) -> None:
        """Be closed in this process; called under the lock, while no other thread runs."""


_OPEN: WeakSet[Forkable] = WeakSet()
_held: list[Forkable] = []


def close_in_forks(one: Forkable) -> None:
    """Have it closed in each process that is forked from now on; nothing happens in this one."""
    _OPEN.add(one)


def _hold() -> None:
    _held.extend(_OPEN)
    for one in _held:
        one.changed.acquire()


def _go_on() -> None:
    while _held:
        _held.pop().changed.release()


def _close_all() -> None:
    for one in _held:
        one.close_in_fork()
    _go_on()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_close_all)
