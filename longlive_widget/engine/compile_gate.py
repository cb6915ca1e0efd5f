"""Networks of one process may run side by side, and while one is compiled it runs alone.

torch compiles at a call, and its tracer is one for all threads: code that another thread runs
meanwhile is refused, or gets into the trace. (https://github.com/pytorch/pytorch/issues/126024)
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import torch
from torch import Tensor, nn

from longlive_widget.cache.text import TextMemory


class CompileGate:
    """Lets any number of calls in together, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._taken = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, nobody is alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, there is nobody else."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            self._taken = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._inside == 0)
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()


GATE = CompileGate()
"""That of this process, as torch's tracer is."""


_UNCOMPILED = ContextVar("uncompiled", default=False)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Inside, this thread's compiled networks run as they are written, and nothing is compiled."""
    before = _UNCOMPILED.set(True)
    try:
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        _UNCOMPILED.reset(before)


def through_gate(network: nn.Module, gate: CompileGate = GATE) -> None:
    """Have a compiled network's first call of each kind run alone, in place.

    Calls are of one kind if their tensors have the same shapes and types, and memory as many
    frames: so torch has what it needs after the first, but for one that is `uncompiled`.
    """
    forward: Callable[..., object] = network.forward
    known: set[Hashable] = set()

    @wraps(forward)
    def gated(*given: object) -> object:
        kind = (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), *map(_kind, given))
        with gate.together() if kind in known else gate.alone():
            made = forward(*given)
        if not _UNCOMPILED.get():
            known.add(kind)
        return made

    network.forward = gated


def _kind(given: object) -> Hashable:
    """What torch might compile anew for."""
    if isinstance(given, Tensor):
        return tuple(given.shape), given.dtype, given.device
    if isinstance(given, (list, tuple)):
        return tuple(map(_kind, given))
    if isinstance(given, TextMemory):
        return _kind(given.layers[0])
    keys, queries = (getattr(given, f"{what}_positions", ()) for what in ("key", "query"))
    return type(given), getattr(given, "relative", None), len(keys), len(queries)
