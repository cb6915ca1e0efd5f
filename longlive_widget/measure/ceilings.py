"""What this very device can do at best: how fast it multiplies, and how fast it moves bytes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from longlive_widget.engine.attention import stopwatch
from longlive_widget.engine.gpu import current
from longlive_widget.model.fp8 import Fp8Linear, Scaled

_ROUNDS = 12
_SIDE_OF_GPUS, _SIDE_OF_PROCESSORS = 8192, 1024


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

    `flop_per_s` is that of a product of two square matrices of `side` in `dtype`, and
    `fp8_flop_per_s` of the same in FP8, with a scale for each row and column, if that was measured;
    `byte_per_s` is what a copy of `copied_bytes` reads and writes.
    """

    side: int
    copied_bytes: int
    dtype: str
    fp8_flop_per_s: float | None = None

    def or_better(self, again: "Ceilings") -> "Ceilings":
        """The higher one of each, of two measurements: a busy machine is only ever slower."""
        in_fp8 = [rate for rate in (self.fp8_flop_per_s, again.fp8_flop_per_s) if rate is not None]
        return replace(
            self,
            flop_per_s=max(self.flop_per_s, again.flop_per_s),
            byte_per_s=max(self.byte_per_s, again.byte_per_s),
            fp8_flop_per_s=max(in_fp8, default=None),
        )


def measured_ceilings(
    device: torch.device, dtype: torch.dtype, *, in_fp8: bool = False
) -> Ceilings:
    """Measure them, with the numbers that a model computes in; takes a second or two.

    `in_fp8` is whether it multiplies in FP8 too.
    """
    on_gpu = device.type == "cuda"
    side = _SIDE_OF_GPUS if on_gpu else _SIDE_OF_PROCESSORS
    copied_bytes = 2**30 if on_gpu else 2**27
    with current(device), torch.inference_mode():
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        product = torch.empty_like(a)
        product_s = _best_s(device, lambda: torch.mm(a, b, out=product))
        fp8_s = None
        if in_fp8:
            linear, x = Fp8Linear(b, None), Scaled.of(a)
            fp8_s = _best_s(device, lambda: linear(x))
        source = torch.ones(copied_bytes, dtype=torch.uint8, device=device)
        place = torch.empty_like(source)
        copy_s = _best_s(device, lambda: place.copy_(source))
    return Ceilings(
        flop_per_s=2 * side**3 / product_s,
        byte_per_s=2 * copied_bytes / copy_s,
        side=side,
        copied_bytes=copied_bytes,
        dtype=str(dtype).removeprefix("torch."),
        fp8_flop_per_s=None if fp8_s is None else 2 * side**3 / fp8_s,
    )


def _best_s(device: torch.device, run: Callable[[], object]) -> float:
    run()
    took = stopwatch(device)
    return min(took(run) for _ in range(_ROUNDS)) / 1e3
