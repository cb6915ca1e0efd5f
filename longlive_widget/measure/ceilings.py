"""What this very device can do at best: how fast it multiplies, and how fast it moves bytes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from longlive_widget.engine.attention import stopwatch
from longlive_widget.engine.gpu import current

_ROUNDS = 12


@dataclass(frozen=True)
class Roof:
    """The two ceilings of a roofline.

    Source: S. Williams et al., Roofline: an insightful visual performance model (2009).
    """

    flop_per_s: float
    byte_per_s: float

    def reachable_flop_per_s(self, flop_per_byte: float) -> float:
        """The roof over work of that arithmetic intensity."""
        return min(self.flop_per_s, flop_per_byte * self.byte_per_s)


@dataclass(frozen=True)
class Ceilings(Roof):
    """A roof as it was measured, the best of some rounds.

    `flop_per_s` is that of a product of two square matrices of `side` in `dtype`; `byte_per_s` what
    a copy of `copied_bytes` reads and writes.
    """

    side: int
    copied_bytes: int
    dtype: str

    def or_better(self, again: Roof) -> "Ceilings":
        """The higher one of each, of two measurements: a busy machine is only ever slower."""
        return replace(
            self,
            flop_per_s=max(self.flop_per_s, again.flop_per_s),
            byte_per_s=max(self.byte_per_s, again.byte_per_s),
        )


def measured_ceilings(device: torch.device, dtype: torch.dtype) -> Ceilings:
    """Measure them, with the numbers that a model computes in; takes a second or two."""
    on_gpu = device.type == "cuda"
    side, copied_bytes = (8192, 2**30) if on_gpu else (1024, 2**27)
    with current(device), torch.inference_mode():
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        product = torch.empty_like(a)
        product_s = _best_s(device, lambda: torch.mm(a, b, out=product))
        source = torch.ones(copied_bytes, dtype=torch.uint8, device=device)
        place = torch.empty_like(source)
        copy_s = _best_s(device, lambda: place.copy_(source))
    return Ceilings(
        flop_per_s=2 * side**3 / product_s,
        byte_per_s=2 * copied_bytes / copy_s,
        side=side,
        copied_bytes=copied_bytes,
        dtype=str(dtype).removeprefix("torch."),
    )


def _best_s(device: torch.device, run: Callable[[], object]) -> float:
    run()
    took = stopwatch(device)
    return min(took(run) for _ in range(_ROUNDS)) / 1e3
