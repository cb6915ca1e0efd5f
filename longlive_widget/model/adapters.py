"""LoRAs in a transformer's weights: several at once, each with a scale, changed as often as wanted.

What is in the weights is always W + the sum of scale * B A, added in float32 to the weights as they
were loaded; so no change leaves a trace once it is taken back.

Source: E. Hu et al., LoRA (2021), section 4.1.
"""

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from longlive_widget.errors import CheckpointError
from longlive_widget.model.checkpoint import ADAPTER_PREFIX, check_fit, rank_of

Pair = tuple[Tensor, Tensor]
"""A and B of one layer: `[rank, in]` and `[out, rank]`."""


class Adapters:
    """The adapters of one transformer, by name; those of scale 0 are known and not in use.

    Whoever computes a block does it in `held`, so that the weights change between blocks only.
    """

    def __init__(self, transformer: nn.Module) -> None:
        self._linears = {
            name: module
            for name, module in transformer.named_modules()
            if name.startswith("blocks.") and isinstance(module, nn.Linear)
        }
        self._loaded = {name: linear.weight.detach() for name, linear in self._linears.items()}
        self._known: dict[str, dict[str, Pair]] = {}
        self._scales: dict[str, float] = {}
        self._changes = 0
        self._lock = threading.RLock()

    @property
    def scales(self) -> dict[str, float]:
        """The scale of each known adapter, in the order in which they are added up."""
        return dict(self._scales)

    @contextmanager
    def held(self) -> Iterator[int]:
        """Inside, nobody changes the weights. Gives the number of changes so far."""
        with self._lock:
            yield self._changes

    def add(
        self,
        name: str,
        weights: Mapping[str, Tensor],
        path: Path | str,
        *,
        scale: float = 1.0,
        whole: bool = False,
    ) -> None:
        """Make an adapter known, and use it.

        Args:
            name: what it is called from now on; another of that name makes room for it.
            weights: its tensors, under peft's names.
            path: where they come from, for the message.
            scale: how much of B A is added; an alpha / rank other than 1 belongs in here.
            whole: it must cover every Linear of the blocks; else any of them will do.

        One that does not fit this transformer or has not one rank, and a scale that is no number,
        are a `CheckpointError`; nothing is changed then.
        """
        rank = rank_of(weights, path)
        shapes = self._shapes(rank)
        touched = {linear for linear, names in shapes.items() if whole or names.keys() & weights}
        expected = {name: s for linear in touched for name, s in shapes[linear].items()}
        check_fit(expected, weights, "this transformer's adapters", path)
        _require_scale(name, scale)
        with self._lock:
            self._known[name] = {linear: _pair(weights, shapes[linear]) for linear in touched}
            self.use(self._scales | {name: scale})

    def use(self, scales: Mapping[str, float]) -> None:
        """Add the known adapters up with these scales; one that is not named gets 0.

        Raises:
            CheckpointError: one is not known, or a scale is no finite number.
        """
        for name, scale in scales.items():
            if name not in self._known:
                known = ", ".join(map(repr, self._known)) or "none"
                raise CheckpointError(f"no adapter is called {name!r}: there is {known}")
            _require_scale(name, scale)
        with self._lock:
            self._scales = {name: float(scales.get(name, 0.0)) for name in self._known}
            self._changes += 1
            with torch.no_grad():
                for name in self._linears:
                    self._sum_up(name)

    def _sum_up(self, linear: str) -> None:
        """Write the weights of one layer."""
        loaded, parameter = self._loaded[linear], self._linears[linear].weight
        added = [
            (scale, pairs[linear])
            for scale, pairs in zip(self._scales.values(), self._known.values(), strict=True)
            if scale and linear in pairs
        ]
        if parameter.data_ptr() == loaded.data_ptr():
            if not added:
                return
            parameter.data = loaded.clone()
        whole = loaded.to(parameter.device, torch.float32, copy=True)
        for scale, pair in added:
            a, b = (half.to(parameter.device, torch.float32) for half in pair)
            whole += scale * (b @ a)
        parameter.copy_(whole)

    def _shapes(self, rank: int) -> dict[str, dict[str, tuple[int, ...]]]:
        """By layer the names of A and B, in this order, and their shapes."""
        return {
            name: {
                f"{ADAPTER_PREFIX}{name}.lora_A.weight": (rank, linear.in_features),
                f"{ADAPTER_PREFIX}{name}.lora_B.weight": (linear.out_features, rank),
            }
            for name, linear in self._linears.items()
        }


def _pair(weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> Pair:
    a, b = (weights[name] for name in shapes)
    return a, b


def _require_scale(name: str, scale: object) -> None:
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale):
        raise CheckpointError(f"scale {scale!r} of adapter {name!r} is no finite number: use 1.0")
