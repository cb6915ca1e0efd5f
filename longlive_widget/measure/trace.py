"""A trace of torch's profiler: which part each operator and each kernel in it belongs to.

An operator belongs to the range around its call, a kernel to the call that launched it. Knows no
model.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


def read_trace(path: Path, *, on_gpu: bool) -> tuple[BlockTrace, ...]:
    """The blocks of a trace that `torch.profiler` has exported.

    Args:
        path: its file.
        on_gpu: whether what takes time runs on a GPU, and not on the host.

    A GPU on which nothing was seen is a `CapabilityError`.
    """
    events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    return block_traces(events, on_gpu=on_gpu)


def block_traces(events: Iterable[TraceEvent], *, on_gpu: bool) -> tuple[BlockTrace, ...]:
    """The blocks among a trace's events, in order.

    Raises:
        CapabilityError: nothing ran on the GPU, as far as the profiler has seen.
    """
    kinds: dict[str, list[TraceEvent]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            kinds[_kind(event)].append(event)
    trace = Trace()
    threads: dict[int | str, list[TraceEvent]] = defaultdict(list)
    for event in kinds["host"]:
        threads[event["tid"]].append(event)
    for thread in threads.values():
        _Thread(trace, on_gpu=on_gpu).read(thread)
    if on_gpu:
        if not kinds["device"]:
            raise CapabilityError(
                "torch's profiler saw no kernel of this GPU: let the process read the GPU's "
                "counters (CUPTI), or profile on the processor with device 'cpu'"
            )
        trace.began.clear()
        _read_device(kinds["device"], trace)
    return per_block(trace, sorted((one["ts"], one["ts"] + one["dur"]) for one in kinds["block"]))


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
            return Place(parts.get(said, said), span, is_fused=said in FUSED_LINEARS)
        if outer is None:
            return Place(UNATTRIBUTED)
        if outer.is_range and outer.place.span in GRAPH_PARTS and name in _COPYING:
            return Place(COPIES)
        if outer.place.is_fused and name in _PRODUCTS:
            product = Place(outer.place.part)
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


def _read_device(events: Iterable[TraceEvent], trace: Trace) -> None:
    """What a GPU did, by where on the host it was launched."""
    nowhere = "", Place(UNATTRIBUTED)
    for event in events:
        launched_by, place = trace.launches.get(event["args"].get("correlation"), nowhere)
        if place.span in GRAPH_PARTS:
            graphs = cast(Mapping[str, str], GRAPH_PARTS)
            if launched_by.startswith("cudaGraphLaunch"):
                place = Place(graphs[place.span])
            elif event["cat"] == "gpu_memcpy":
                place = Place(COPIES)
        begin = event["ts"]
        trace.stretches.append(Stretch(begin, begin + event["dur"], place, busy=True))
        trace.began.append((begin, place))
