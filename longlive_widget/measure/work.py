"""What one block asks of a device: floating-point operations and bytes, part by part, from shapes.

Counts each operator as it is called, none of them fused. Knows no clock.

Axes: B batch, T tokens, H heads, D head size.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import conv_flop_count, flop_registry, sdpa_flop_count

from longlive_widget.measure.breakdown import Work
from longlive_widget.measure.parts import COPIES, Ranges

_COPYING = (torch.ops.aten.copy_, torch.ops.aten._foreach_copy_)
_MADE_EMPTY = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")


def _convolution_flops(
    x: Tensor, weight: Tensor, *_given: object, out_val: Tensor, **_options: object
) -> int:
    return conv_flop_count(list(x.shape), list(weight.shape), list(out_val.shape))


def _attention_flops(
    q: Tensor, k: Tensor, v: Tensor, *_given: object, out_val: object, **_options: object
) -> int:
    del out_val
    return sdpa_flop_count(q.shape, k.shape, v.shape)


_OF_PROCESSORS: Mapping[object, Callable[..., int]] = {
    torch.ops.aten.mkldnn_convolution: _convolution_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
}
"""What torch's own registry of formulas leaves out."""


class WorkCounter(TorchDispatchMode):
    """Counts what is called inside, by the part that `ranges` is in."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges = Ranges(self._attending)
        self._attends = False
        self._flops: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def take(self) -> dict[str, Work]:
        """What was counted since the last time, by part."""
        names = {*self._flops, *self._bytes}
        found = {name: Work(self._flops[name], self._bytes[name]) for name in names}
        self._flops.clear()
        self._bytes.clear()
        return found

    @contextmanager
    def _attending(self, q_BTHD: Tensor, k_BTHD: Tensor) -> Iterator[None]:
        """Two products of queries with all keys or values, whichever kernel it is."""
        batch, queries, heads, head_dim = q_BTHD.shape
        if self.ranges.part is not None:
            flops = 4 * batch * heads * queries * k_BTHD.shape[1] * head_dim
            self._flops[self.ranges.part] += flops
        self._attends = True
        try:
            yield
        finally:
            self._attends = False

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  # torch's own signature
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        """Call an operator, or the operators that it is made of, and count."""
        del types
        options = kwargs or {}
        formula = _OF_PROCESSORS.get(func.overloadpacket) or flop_registry.get(func.overloadpacket)
        if formula is None:
            with self:
                parts = func.decompose(*args, **options)
            if parts is not NotImplemented:
                return parts
        made = func(*args, **options)
        copies = self.ranges.is_in_span and func.overloadpacket in _COPYING
        part = COPIES if copies else self.ranges.part
        if part is not None:
            if formula is not None and not self._attends:
                self._flops[part] += formula(*args, **options, out_val=made)
            if not _is_free(func):
                self._bytes[part] += _bytes((*tree_leaves((args, options)), *tree_leaves(made)))
        return made


def _is_free(func: Any) -> bool:  # noqa: ANN401  # an operator of torch
    """Whether an operator moves nothing: it gives a view, or room that holds nothing yet."""
    returned = func._schema.returns
    views = any(one.alias_info is not None and not one.alias_info.is_write for one in returned)
    return views or func._schema.name.removeprefix("aten::") in _MADE_EMPTY


def _bytes(values: Iterable[object]) -> int:
    """The bytes of all tensors, each place in memory once."""
    seen: dict[tuple[int, tuple[int, ...]], int] = {}
    for value in values:
        if isinstance(value, Tensor):
            sides = [
                side for side, stride in zip(value.shape, value.stride(), strict=True) if stride
            ]
            size = int(torch.Size(sides).numel()) * value.element_size()
            seen[value.data_ptr(), tuple(sides)] = size
    return sum(seen.values())
