"""How long compiling took, by the counters of those that compile: torch and Triton.

Knows nothing of what was compiled, nor of CUDA graphs that were recorded.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def compile_timed() -> Iterator[dict[str, float]]:
    """Inside, what this process compiles is timed, on whatever thread; after, the facts are there.

    `torch_compile_s` is what torch.compile took, what it found on disk too. `triton_compile_s`,
    where Triton is installed, is what that took for kernels of our own; those that torch.compile
    writes may be in both.
    """
    facts: dict[str, float] = {}
    before_s = _torch_compile_s()
    with _triton_heard() as triton_s:
        yield facts
    facts["torch_compile_s"] = _torch_compile_s() - before_s
    if triton_s is not None:
        facts["triton_compile_s"] = sum(triton_s)


def _torch_compile_s() -> float:
    """What torch.compile has taken of this process so far; loads nothing that it has not loaded."""
    if "torch._dynamo.utils" not in sys.modules:
        return 0.0
    from torch._dynamo.utils import calculate_time_spent

    return calculate_time_spent()["total_wall_time"]


@contextmanager
def _triton_heard() -> Iterator[list[float] | None]:
    """Gets the seconds of each kernel that Triton compiles inside; None where it is not there."""
    if importlib.util.find_spec("triton") is None:
        yield None
        return
    from triton import knobs

    before, took_s = knobs.compilation.listener, list[float]()

    def hear(**told: object) -> None:
        took_s.append(told["times"].total / 1e6)  # type: ignore[attr-defined]  # Triton's own
        if before is not None:
            before(**told)

    knobs.compilation.listener = hear
    try:
        yield took_s
    finally:
        knobs.compilation.listener = before
