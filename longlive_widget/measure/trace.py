"""A trace of torch's profiler: which part each operator and each kernel in it belongs to.

An operator belongs to the range around its call, a kernel to the call that launched it. Kernels of
a CUDA graph are launched as one, by no call: they belong where the same kernels belong in a trace
of the same work that was launched one by one. Knows no model.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import TypedDict, cast

from longlive_widget.errors import CapabilityError
from longlive_widget.measure.block_time import (
    UNATTRIBUTED,
    BlockTrace,
    Place,
    Stretch,
    Trace,
    per_block,
)
from longlive_widget.measure.parts import (
    BLOCK,
    COPIES,
    FUSED_LINEARS,
    GRAPH_PARTS,
    PREFIX,
    SPAN_PARTS,
)

_HOST = ("cpu_op", "user_annotation", "cuda_runtime", "cuda_driver")
_DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")
_COPYING = ("aten::copy_", "aten::_foreach_copy_")
_PRODUCTS = (
    "aten::addmm",
    "aten::mm",
    "aten::bmm",
    "aten::_scaled_mm",
    "mkldnn::_linear_pointwise",
)
"""The operators that compiled code calls for a linear layer; others are inside a fused kernel."""


Order = tuple[tuple[str, str], ...]
"""What a span has a GPU do, in turn: the name of each kernel or copy, and the part it is of."""
Orders = Mapping[str, tuple[Order, ...]]
"""By span all that it was seen to do, the longest first: windows lie in memory in several ways."""


class TraceEvent(TypedDict):
    """One event of a trace, as its file has it; times in microseconds."""

    ph: str
    cat: str
    name: str
    tid: int | str
    ts: float
    dur: float
    args: dict[str, object]


@dataclass(eq=False)
class _Call:
    """Something on the host that is under way: a range, or an operator."""

    end: float
    place: Place
    is_range: bool


def events_in(path: Path) -> list[TraceEvent]:
    """The events of a trace that `torch.profiler` has exported to a file."""
    return cast(list[TraceEvent], json.loads(path.read_text(encoding="utf-8"))["traceEvents"])


def block_traces(
    events: Iterable[TraceEvent], *, on_gpu: bool, orders: Orders | None = None
) -> tuple[BlockTrace, ...]:
    """The blocks among a trace's events, in order.

    Args:
        events: the trace's.
        on_gpu: whether what takes time runs on a GPU, and not on the host.
        orders: what `kernel_orders` says of the same blocks with nothing replayed, by which the
            kernels of CUDA graphs are told apart; those that it does not have stay "as a graph".

    A GPU on which nothing was seen is a `CapabilityError`.
    """
    kinds = _by_kind(events)
    trace = _of_the_host(kinds["host"], on_gpu=on_gpu)
    if on_gpu:
        trace.began.clear()
        for event, place in _on_the_device(kinds["device"], trace, orders or {}):
            begin = event["ts"]
            trace.stretches.append(Stretch(begin, begin + event["dur"], place, busy=True))
            trace.began.append((begin, place))
    return per_block(trace, sorted((one["ts"], one["ts"] + one["dur"]) for one in kinds["block"]))


def kernel_orders(events: Iterable[TraceEvent]) -> dict[str, tuple[Order, ...]]:
    """What each span of a block has a GPU do, in turn: of a trace in which nothing is replayed.

    Each order once; one that the trace cuts is among them, and shorter.

    A GPU on which nothing was seen is a `CapabilityError`.
    """
    kinds = _by_kind(events)
    trace = _of_the_host(kinds["host"], on_gpu=True)
    done: dict[int, tuple[str, list[tuple[str, str]]]] = {}
    for event, place in _on_the_device(kinds["device"], trace, {}):
        span = place if place.span else place.around
        if span is not None and span.span in GRAPH_PARTS:
            _, order = done.setdefault(id(span), (str(span.span), []))
            order.append((event["name"], place.part))
    found: dict[str, dict[Order, None]] = defaultdict(dict)
    for name, order in sorted(done.values(), key=lambda one: -len(one[1])):
        found[name][tuple(order)] = None
    return {name: tuple(orders) for name, orders in found.items()}


def _by_kind(events: Iterable[TraceEvent]) -> dict[str, list[TraceEvent]]:
    kinds: dict[str, list[TraceEvent]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            kinds[_kind(event)].append(event)
    return kinds


def _of_the_host(events: Iterable[TraceEvent], *, on_gpu: bool) -> Trace:
    trace = Trace()
    threads: dict[int | str, list[TraceEvent]] = defaultdict(list)
    for event in events:
        threads[event["tid"]].append(event)
    for thread in threads.values():
        _Thread(trace, on_gpu=on_gpu).read(thread)
    return trace


def _kind(event: TraceEvent) -> str:
    category = event["cat"]
    if event["name"] == PREFIX + BLOCK and category == "user_annotation":
        return "block"
    return "host" if category in _HOST else "device" if category in _DEVICE else "other"


class _Thread:
    """Reads what one thread of the host did, call by call."""

    def __init__(self, trace: Trace, *, on_gpu: bool) -> None:
        self._trace = trace
        self._on_gpu = on_gpu
        self._open: list[_Call] = []
        self._now = 0.0

    def read(self, events: Iterable[TraceEvent]) -> None:
        """All events of the thread: calls inside calls."""
        for event in sorted(events, key=lambda one: (one["ts"], -one["dur"])):
            begin = event["ts"]
            self._close_until(begin)
            self._go_on_to(begin)
            self._begin(event)
        self._close_until(float("inf"))

    def _begin(self, event: TraceEvent) -> None:
        outer = self._open[-1] if self._open else None
        end = event["ts"] + event["dur"]
        if outer is not None:
            end = min(end, outer.end)
        name, is_range = event["name"], event["name"].startswith(PREFIX)
        call = _Call(end, self._place(name, outer, is_range=is_range), is_range)
        self._open.append(call)
        if not is_range and (outer is None or outer.is_range or call.place is not outer.place):
            self._trace.began.append((event["ts"], call.place))
        if event["cat"].startswith("cuda_"):
            self._trace.launches[event["args"].get("correlation")] = name, call.place

    def _place(self, name: str, outer: _Call | None, *, is_range: bool) -> Place:
        if is_range:
            said = name.removeprefix(PREFIX)
            span = said if said in SPAN_PARTS else None
            parts = cast(Mapping[str, str], SPAN_PARTS)
            fused = said in FUSED_LINEARS
            return Place(parts.get(said, said), span, is_fused=fused, around=_span_of(outer))
        if outer is None:
            return Place(UNATTRIBUTED)
        if outer.is_range and outer.place.span in GRAPH_PARTS and name in _COPYING:
            return Place(COPIES, around=_span_of(outer))
        if outer.place.is_fused and name in _PRODUCTS:
            product = Place(outer.place.part, around=outer.place.around)
            outer.place.products.append(product)
            return product
        return outer.place

    def _close_until(self, time: float) -> None:
        while self._open and self._open[-1].end <= time:
            call = self._open[-1]
            self._go_on_to(call.end)
            self._open.pop()
            if call.is_range:
                _tell_linears_apart(call.place)

    def _go_on_to(self, time: float) -> None:
        if self._open and time > self._now:
            call = self._open[-1]
            busy = not (call.is_range or self._on_gpu)
            self._trace.stretches.append(Stretch(self._now, time, call.place, busy))
        self._now = max(self._now, time)


def _tell_linears_apart(place: Place) -> None:
    """Give the products of a compiled part their own parts, if each is one of its linear layers."""
    linears = FUSED_LINEARS.get(place.part, ())
    if len(linears) == len(place.products):
        for product, part in zip(place.products, linears, strict=True):
            product.part = part


def _span_of(call: _Call | None) -> Place | None:
    """The place of the span that a call is, or is in."""
    return None if call is None else call.place if call.place.span else call.place.around


def _on_the_device(
    events: Sequence[TraceEvent], trace: Trace, orders: Orders
) -> Iterator[tuple[TraceEvent, Place]]:
    """What a GPU did, in turn, and where it belongs: to what launched it on the host."""
    if not events:
        raise CapabilityError(
            "torch's profiler saw no kernel of this GPU: let the process read the GPU's "
            "counters (CUPTI), or profile on the processor with device 'cpu'"
        )
    nowhere = "", Place(UNATTRIBUTED)
    replayed: dict[int, tuple[str, list[TraceEvent]]] = {}
    for event in sorted(events, key=lambda one: one["ts"]):
        launched_by, place = trace.launches.get(event["args"].get("correlation"), nowhere)
        if place.span in GRAPH_PARTS:
            if launched_by.startswith("cudaGraphLaunch"):
                replayed.setdefault(id(place), (str(place.span), []))[1].append(event)
                continue
            if event["cat"] == "gpu_memcpy":
                place = Place(COPIES, around=place)
        yield event, place
    for span, kernels in replayed.values():
        as_one = Place(cast(Mapping[str, str], GRAPH_PARTS)[span])
        known = _told_apart(tuple(one["name"] for one in kernels), orders.get(span, ()))
        yield from ((one, known.get(at, as_one)) for at, one in enumerate(kernels))


@lru_cache(maxsize=64)
def _told_apart(names: tuple[str, ...], orders: tuple[Order, ...]) -> dict[int, Place]:
    """Where kernels belong, by their number: as the same ones do in the order that is most alike.

    Block after block has the same ones, or those of a block before.
    """
    for order in orders:
        if names == tuple(name for name, _ in order):
            return {at: Place(part) for at, (_, part) in enumerate(order)}
    return max((_as_in(names, order) for order in orders), key=len, default={})


def _as_in(names: tuple[str, ...], order: Order) -> dict[int, Place]:
    """Where kernels belong, as far as the same ones are in an order in the same turn."""
    places = {part: Place(part) for _, part in order}
    alike = SequenceMatcher(None, names, [name for name, _ in order], autojunk=False)
    return {
        match.a + step: places[order[match.b + step][1]]
        for match in alike.get_matching_blocks()
        for step in range(match.size)
    }
