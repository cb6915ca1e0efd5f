"""Networks without numbers: their shapes alone, for weights that are to come or to be counted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_FIRST_NUMBERS = frozenset(
    {
        Tensor.normal_,
        Tensor.uniform_,
        nn.init.kaiming_uniform_,
        nn.init.normal_,
        nn.init.uniform_,
    }
)


class _LeftOut(TorchFunctionMode):
    """What a layer begins with is not drawn."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        said = kwargs or {}
        if func in _FIRST_NUMBERS:
            return args[0] if args else said["tensor"]
        return func(*args, **said)


@contextmanager
def undrawn() -> Iterator[None]:
    """Inside, torch draws no first numbers for modules: whoever makes one draws or loads them."""
    with _LeftOut():
        yield


@contextmanager
def bare() -> Iterator[None]:
    """Inside, modules are made on the meta device, and torch draws no first numbers for them.

    To draw them there would say nothing, and takes a second or more the first time: torch imports
    its compiler for that.
    """
    with torch.device("meta"), undrawn():
        yield
