"""LoRAs in a transformer's weights: several at once, each with a scale, changed as often as wanted.

What is in the weights is always W + the sum of scale * B A, added in float32 to the weights as they
were loaded; so no change leaves a trace once it is taken back.

Source: E. Hu et al., LoRA (2021), section 4.1.
"""

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from longlive_widget.errors import CheckpointError
from longlive_widget.model.checkpoint import (
    ADAPTER_PREFIX,
    check_fit,
    rank_of,
    read_checkpoint,
    read_json,
    unwrap_lora,
)
from longlive_widget.model.fp8 import Fp8Linear, linears_for_fp8

MOST_SCALE = 100.0
PEFT_FILE, PEFT_CONFIG = "adapter_model.safetensors", "adapter_config.json"
_NOT_PLAIN = ("use_dora", "rank_pattern", "alpha_pattern")
"""What a LoRA may have by peft that is no product of two matrices and one number."""
Pair = tuple[Tensor, Tensor]
"""A and B of one layer: `[rank, in]` and `[out, rank]`."""
Sum = tuple[tuple[int, float], ...]
"""What the weights are the sum of: the number of each adapter that is in use, and its scale."""


@dataclass(frozen=True, eq=False)
class _Adapter:
    """An adapter as it was given; its number is no other's, also where it has another's name."""

    number: int
    pairs: Mapping[str, Pair]
    file: Path | str | None


class Adapters:
    """The adapters of one transformer, by name; those of scale 0 are known and not in use.

    Whoever computes a block does it in `held`, so that the weights change between blocks only.

    Args:
        transformer: its weights as they were loaded.
        path: the file that they still are a view of, if any: it must stay as it is.
    """

    def __init__(self, transformer: nn.Module, path: Path | None = None) -> None:
        self._linears: dict[str, nn.Linear | Fp8Linear] = {
            name: module
            for name, module in transformer.named_modules()
            if name.startswith("blocks.") and isinstance(module, nn.Linear)
        }
        self._loaded = {name: linear.weight.detach() for name, linear in self._linears.items()}
        self._path = path
        self._stamp = _stamp(path)
        self._known: dict[str, _Adapter] = {}
        self._scales: dict[str, float] = {}
        self._given = 0
        self._lock = threading.RLock()

    @property
    def scales(self) -> dict[str, float]:
        """The scale of each known adapter, in the order in which they are added up."""
        return dict(self._scales)

    @property
    def loaded(self) -> dict[str, Tensor]:
        """The weights of the linear layers that adapters are added to, as they were loaded."""
        return dict(self._loaded)

    @property
    def pairs(self) -> dict[str, Mapping[str, Pair]]:
        """A and B of each layer that an adapter has, by the adapter's name."""
        return {name: known.pairs for name, known in self._known.items()}

    @property
    def files(self) -> dict[str, Path | str | None]:
        """What whoever added an adapter calls its file, by name; None of the model's own one."""
        return {name: known.file for name, known in self._known.items()}

    def scales_in(self, weights: Sum) -> dict[str, float]:
        """The scale of each adapter in such a sum, by name; those are left out that are gone."""
        names = {adapter.number: name for name, adapter in self._known.items()}
        return {names[number]: scale for number, scale in weights if number in names}

    @contextmanager
    def held(self) -> Iterator[Sum]:
        """Inside, nobody else changes the weights. Equal sums are equal weights, to the bit."""
        with self._lock:
            numbers = ((self._known[name].number, scale) for name, scale in self._scales.items())
            yield tuple((number, scale) for number, scale in numbers if scale)

    def add(
        self,
        name: str,
        weights: Mapping[str, Tensor],
        path: Path | str,
        *,
        scale: float = 1.0,
        whole: bool = False,
        file: Path | str | None = None,
    ) -> None:
        """Make an adapter known, and use it.

        Args:
            name: what it is called from now on; another of that name makes room for it.
            weights: its tensors, under peft's names; they are copied.
            path: where they come from, for the message.
            scale: how much of B A is added; an alpha / rank other than 1 belongs in here.
            whole: it must cover every Linear of the blocks; else any of them will do.
            file: what `files` has of it.

        One that does not fit this transformer or has not one rank, and a scale that is no number,
        are a `CheckpointError`; nothing is changed then.
        """
        self.put(name, self.pairs_in(weights, path, whole=whole), scale=scale, file=file)

    def put(
        self,
        name: str,
        pairs: Mapping[str, Pair],
        *,
        scale: float = 1.0,
        file: Path | str | None = None,
    ) -> None:
        """Make an adapter known that `pairs_in` has found to fit, and use it; it is copied.

        A name that is no text and a scale that is no number are a `CheckpointError`; nothing is
        changed then.
        """
        _require_name(name)
        number = _checked_scale(name, scale)
        copied = {linear: (a.clone(), b.clone()) for linear, (a, b) in pairs.items()}
        with self._lock:
            self._given += 1
            own = _Adapter(self._given, copied, file)
            self._change(self._known | {name: own}, self._scales | {name: number})

    def pairs_in(
        self, weights: Mapping[str, Tensor], path: Path | str, *, whole: bool = False
    ) -> dict[str, Pair]:
        """A and B of each layer that an adapter has: the tensors that were given.

        One that does not fit this transformer or has not one rank is a `CheckpointError`.
        """
        shapes = self._shapes(rank_of(weights, path))
        own = {n: names for n, names in shapes.items() if whole or names.keys() & weights}
        expected = {name: shape for names in own.values() for name, shape in names.items()}
        check_fit(expected, weights, "the layers that this transformer has", path)
        return {linear: (weights[a], weights[b]) for linear, (a, b) in own.items()}

    def use(self, scales: Mapping[str, float]) -> None:
        """Add the known adapters up with these scales; one that is not named gets 0.

        Raises:
            CheckpointError: one is not known, a scale is no number from -100 to 100, or there is no
                mapping.
        """
        if not isinstance(scales, Mapping):
            raise CheckpointError(
                f"scales of adapters {scales!r} are no mapping: write {{'own': 1.0}}, or {{}} for "
                "none"
            )
        with self._lock:
            for name in scales:
                if name not in self._known:
                    known = ", ".join(map(repr, self._known)) or "none"
                    raise CheckpointError(f"no adapter is called {name!r}: there is {known}")
            wanted = dict.fromkeys(self._known, 0.0)
            wanted |= {name: _checked_scale(name, scale) for name, scale in scales.items()}
            self._change(self._known, wanted)

    def follow(self, other: "Adapters") -> None:
        """Know the adapters of another transformer of the same weights, and use them as it does."""
        with other.held():
            known, scales, given = dict(other._known), dict(other._scales), other._given
        with self._lock:
            if (known.keys(), scales) == (self._known.keys(), self._scales) and all(
                known[name].number == own.number for name, own in self._known.items()
            ):
                return
            self._given = given
            self._change(known, scales)

    def quantize(self, transformer: nn.Module) -> None:
        """Put layers in FP8 in the place of this transformer's linear layers, but those kept.

        Their weights are those sums, made in float32, then quantised; every change makes them anew.
        So the weights as they were loaded stay, but on the host: the device has FP8 alone.
        """
        with self._lock, torch.no_grad():
            for name in linears_for_fp8(transformer):
                whole = self._whole(name, self._added(name, self._known, self._scales))
                quantized = Fp8Linear(whole, self._linears[name].bias)
                transformer.set_submodule(name, quantized)
                self._linears[name] = quantized
                self._loaded[name] = self._loaded[name].to("cpu")

    def _change(self, known: dict[str, _Adapter], scales: dict[str, float]) -> None:
        """Write the sums of these adapters into the weights, or leave all as it was.

        Raises:
            CheckpointError: the file behind the weights has changed since they were loaded.
        """
        if _stamp(self._path) != self._stamp:
            raise CheckpointError(
                f"{self._path} has changed since it was loaded: load the model again"
            )
        before = self._known, self._scales
        try:
            self._write(known, scales)
        except BaseException:
            self._write(*before)
            raise
        self._known, self._scales = known, scales

    def _write(self, known: dict[str, _Adapter], scales: dict[str, float]) -> None:
        for name in self._linears:
            self._write_layer(name, self._added(name, known, scales))

    @staticmethod
    def _added(
        linear: str, known: dict[str, _Adapter], scales: dict[str, float]
    ) -> list[tuple[float, Pair]]:
        return [
            (scale, known[adapter].pairs[linear])
            for adapter, scale in scales.items()
            if scale and linear in known[adapter].pairs
        ]

    @torch.no_grad()
    def _write_layer(self, linear: str, added: list[tuple[float, Pair]]) -> None:
        loaded, layer = self._loaded[linear], self._linears[linear]
        parameter = layer.weight
        if parameter.data_ptr() == loaded.data_ptr():
            if not added:
                return
            parameter.data = loaded.clone()
        whole = self._whole(linear, added)
        if added and not whole.to(loaded.dtype).isfinite().all():
            raise CheckpointError(
                f"the adapters make weights of {linear} that are no finite numbers: use smaller "
                "scales, or download them again"
            )
        if isinstance(layer, Fp8Linear):
            layer.write(whole)
        else:
            parameter.copy_(whole)

    def _whole(self, linear: str, added: list[tuple[float, Pair]]) -> Tensor:
        """The sum in float32, where the layer is."""
        device = self._linears[linear].weight.device
        whole = self._loaded[linear].to(device, torch.float32, copy=True)
        for scale, pair in added:
            a, b = (half.to(device, torch.float32) for half in pair)
            whole += scale * (b @ a)
        return whole

    def _shapes(self, rank: int) -> dict[str, dict[str, tuple[int, ...]]]:
        """By layer the names of A and B, in this order, and their shapes."""
        return {
            name: {
                f"{ADAPTER_PREFIX}{name}.lora_A.weight": (rank, linear.in_features),
                f"{ADAPTER_PREFIX}{name}.lora_B.weight": (linear.out_features, rank),
            }
            for name, linear in self._linears.items()
        }


def _stamp(path: Path | None) -> tuple[int, int] | None:
    """What tells whether a file has been written to."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None  # a file that was removed stays readable for who has it open
    return found.st_mtime_ns, found.st_size


def _require_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise CheckpointError(f"{name!r} is no name of an adapter: use some text")


def _checked_scale(name: str, scale: object) -> float:
    """The scale as a number.

    Raises:
        CheckpointError: it is none, or beyond all use.
    """
    number = math.nan
    if not isinstance(scale, bool | str):
        with suppress(OverflowError, TypeError, ValueError):
            number = float(scale)  # type: ignore[arg-type]  # whatever it is, float() knows
    if not abs(number) <= MOST_SCALE:
        raise CheckpointError(
            f"scale {scale!r} of adapter {name!r} is no number from -{MOST_SCALE:g} to "
            f"{MOST_SCALE:g}: use 1.0"
        )
    return number


def peft_adapter(path: Path | str) -> dict[str, Tensor]:
    """An adapter's tensors, each B times the strength that peft's own file beside them says.

    Args:
        path: the file, or the folder that peft has saved. Without `adapter_config.json` beside it
            the strength is 1.

    One that cannot be read, is no plain LoRA or has another rank than that file says is a
    `CheckpointError`.
    """
    if not isinstance(path, str | Path):
        raise CheckpointError(f"{path!r} is no path: give the file or folder of an adapter")
    path = Path(path)
    try:
        path = path / PEFT_FILE if path.is_dir() else path
    except OSError as error:
        raise CheckpointError(
            f"{str(path)!r} cannot be a file ({error.strerror}): give the file or folder of an "
            "adapter"
        ) from error
    config_path = path.with_name(PEFT_CONFIG)
    said = _said_by_peft(config_path)
    weights = unwrap_lora(read_checkpoint(path), path)
    if said is None:
        return weights
    if said.rank != (rank := rank_of(weights, path)):
        raise CheckpointError(
            f"{config_path} has r {said.rank}, and {path} is of rank {rank}: give the two files "
            f"that peft has saved together, or take {PEFT_CONFIG} away to have its strength be 1"
        )
    strength = said.strength
    if strength == 1:
        return weights
    return {
        name: tensor.float() * strength if name.endswith("lora_B.weight") else tensor
        for name, tensor in weights.items()
    }


class _Said(NamedTuple):
    """What peft says of an adapter: its rank, and what it multiplies B A with."""

    rank: int
    strength: float


def _said_by_peft(config_path: Path) -> _Said | None:
    """None where peft says nothing."""
    if not config_path.exists():
        return None
    said = read_json(config_path)
    special = [name for name in _NOT_PLAIN if said.get(name)]
    if said.get("peft_type", "LORA") != "LORA" or special:
        kind = ", ".join(special) or said["peft_type"]
        raise CheckpointError(
            f"{config_path} asks for {kind}, which is not added here: merge it with peft first"
        )
    alpha, rank = said.get("lora_alpha"), said.get("r")
    if not isinstance(alpha, int | float) or not isinstance(rank, int) or rank < 1:
        raise CheckpointError(
            f"{config_path} has lora_alpha {alpha!r} and r {rank!r}: two numbers are needed, "
            "download it again"
        )
    return _Said(rank, alpha / (math.sqrt(rank) if said.get("use_rslora") else rank))
