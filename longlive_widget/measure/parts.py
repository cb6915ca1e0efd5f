"""Which part of the engine an operator belongs to: named ranges around the calls that make it up.

The ranges are there while something is profiled, and gone after. Knows no clock.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import wraps
from itertools import chain

from torch import Tensor, nn
from torch.profiler import record_function

from longlive_widget.cache.text import TextMemory
from longlive_widget.engine.decode import decoder_for
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Session
from longlive_widget.engine.watch import SpanName
from longlive_widget.model.fp8 import Fp8Linear, is_in_fp8
from longlive_widget.model.tiny_decoder import BLOCKS_PER_STAGE, FRAMES_PER_FRAME, TinyDecoder
from longlive_widget.model.transformer import Layer, Transformer
from longlive_widget.model.video_decoder import Upsample, VideoDecoder

PREFIX = "longlive: "
"""What the names of all ranges begin with."""
BLOCK = "block"
"""The range around a block that is measured."""
SELF_ATTENTION, CROSS_ATTENTION = "self attention", "cross attention"
QKV, OUTPUT = "self attention QKV projections", "self attention output projection"
CROSS_QUERY, CROSS_OUTPUT = "cross attention query projection", "cross attention output projection"
UP, ACTIVATION, DOWN = "feed-forward up", "feed-forward activation", "feed-forward down"
NORMS, ROTARY = "norms and modulation", "rotary positions"
COPIES = "copies"

SPAN_PARTS: dict[SpanName, str] = {
    "text": "text encoder",
    "re-cache": "re-cache",
    "steps": "sampling",
    "context": "sampling",
    "decode": "decoder to 8 bits",
    "wait": "wait for the pictures",
    "hand over": "copy of the pictures on the host",
}
"""What is done in a part of a block, but in none of the calls below.

Single steps and copies are told apart by these calls, not by their spans.
"""
GRAPH_PARTS: dict[SpanName, str] = {
    "steps": "steps as a CUDA graph",
    "context": "context pass as a CUDA graph",
    "decode": "decoder as a CUDA graph",
}
"""What a span replays: its kernels are launched as one, from no call of the model."""
FUSED_LINEARS: dict[str, tuple[str, ...]] = {
    "fused before self attention": (QKV, QKV, QKV),
    "fused between attentions": (OUTPUT, CROSS_QUERY),
    "fused around feed-forward": (CROSS_OUTPUT, UP, DOWN),
}
"""The compiled parts of a layer: what torch fuses around their linear layers, by the layers' parts.

In the order in which they must run, for each but the first three needs what the one before gives.
"""
_COMPILED = dict(zip(FUSED_LINEARS, ("before", "between", "after"), strict=True))
_WHOLE: tuple[SpanName, ...] = ("text", "re-cache")
"""What is one part, whichever calls it makes."""
Attending = Callable[[Tensor, Tensor], AbstractContextManager[None]]
_Call = tuple[object, str, str]
"""An object, the name of what is called on it, and the part that the call is."""


class Ranges:
    """The ranges of one session: a watch of its spans, and of the calls inside them.

    `attending` is entered for each attention, with its queries and keys, `BTHD`.
    """

    def __init__(self, attending: Attending = lambda _q, _k: nullcontext()) -> None:
        self.attending = attending
        self._here = threading.local()

    @property
    def part(self) -> str | None:
        """The part that this thread is in."""
        return getattr(self._here, "part", None)

    @property
    def is_in_span(self) -> bool:
        """Whether this thread is in a span of a block, and in no call inside it."""
        return getattr(self._here, "name", None) in GRAPH_PARTS

    def span(
        self, name: SpanName, block: int, step: int | None = None
    ) -> AbstractContextManager[None]:
        """A part of a block, as the engine tells it; its range is named after the span."""
        del block, step
        if name not in SPAN_PARTS:
            return nullcontext()
        return self._range(SPAN_PARTS[name], name)

    def at(self, part: str) -> AbstractContextManager[None]:
        """Inside, operators are that part's, unless all of this is one part already."""
        if self.part in {SPAN_PARTS[name] for name in _WHOLE}:
            return nullcontext()
        return self._range(part, part)

    @contextmanager
    def _range(self, part: str, name: str) -> Iterator[None]:
        here = self._here
        before = self.part, getattr(here, "name", None)
        here.part, here.name = part, name
        try:
            with record_function(PREFIX + name):
                yield
        finally:
            here.part, here.name = before


@contextmanager
def marked(
    engine: Engine, session: Session, ranges: Ranges, *, compiled: bool = True
) -> Iterator[None]:
    """Inside, the calls of a session's engine are in ranges by part; after, nothing is left of it.

    Args:
        engine: the engine, whose other sessions get ranges too meanwhile.
        session: its session.
        ranges: the watch of that session.
        compiled: whether compiled parts run compiled: then no range is put inside them, or torch
            would compile them again.
    """
    transformer = engine.model.transformer
    fused = compiled and transformer.compiled is not None and not transformer.fused
    layers = transformer.layers()
    calls = chain(
        _window_calls(session),
        _transformer_calls(transformer),
        chain.from_iterable(map(_fused_calls if fused else _layer_calls, layers)),
        decoder_calls(decoder_for(engine.preset, engine.model)),
    )
    with ExitStack() as undone:
        for owner, name, part in calls:
            undone.enter_context(_replaced(owner, name, _in_part(ranges, owner, name, part)))
        for layer in layers:
            for name, call in _attentions(layer, ranges).items():
                undone.enter_context(_replaced(layer, name, call))
        yield


def decoder_calls(decoder: VideoDecoder | TinyDecoder) -> Iterator[_Call]:
    """The stages of a decoder: what it does before the first one is its entry."""
    yield decoder, "forward", "decoder entry"
    if isinstance(decoder, VideoDecoder):
        yield decoder.decoder.middle, "forward", "decoder middle"
        stage = 1
        for module in decoder.decoder.upsamples:
            yield module, "forward", f"decoder stage {stage}"
            stage += isinstance(module, Upsample)
        yield decoder.decoder.head, "forward", "decoder head"
        return
    first, each = 3, BLOCKS_PER_STAGE + 3
    for place, module in enumerate(decoder.decoder):
        stage = (place - first) // each + 1
        if place >= first:
            head = stage > len(FRAMES_PER_FRAME)
            yield module, "forward", "decoder head" if head else f"decoder stage {stage}"


def with_fused_code(engine: Engine) -> frozenset[str]:
    """The parts in which something is compiled, or of our own, but those of `FUSED_LINEARS`.

    They move fewer bytes than operators that are called one by one.
    """
    decoder, transformer = decoder_for(engine.preset, engine.model), engine.model.transformer
    ours = transformer.fused and isinstance(decoder, VideoDecoder)
    of_decoder = (
        part
        for owner, _, part in decoder_calls(decoder)
        if isinstance(owner, nn.Module)
        and part != "decoder entry"
        and (ours or _has_compiled(owner))
    )
    if transformer.fused:
        of_layers: tuple[str, ...] = (NORMS, ROTARY, "window write", "window read")
        if is_in_fp8(transformer):  # what is multiplied comes in FP8 from the kernel before
            of_layers += (QKV, OUTPUT, CROSS_QUERY, CROSS_OUTPUT, UP, ACTIVATION, DOWN)
    else:
        of_layers = () if transformer.compiled is None else (ROTARY,)
    return frozenset((*of_decoder, *of_layers))


def _has_compiled(module: nn.Module) -> bool:
    return any(one._compiled_call_impl is not None for one in module.modules())


def _window_calls(session: Session) -> Iterator[_Call]:
    window = session.window
    yield window, "open_block", "window eviction"
    yield window, "append", "window write"
    yield window, "write", "window write"
    yield window, "append_turned", ROTARY if window.storage.exact else "window read"
    yield window.storage, "unpack", "window read"


def _transformer_calls(transformer: Transformer) -> Iterator[_Call]:
    yield transformer, "forward", "embeddings"
    yield transformer, "remember", "embeddings"
    yield transformer.head, "forward", "output head"


def _fused_calls(layer: Layer) -> Iterator[_Call]:
    for part, name in _COMPILED.items():
        yield layer, name, part
    yield layer, "reading", ROTARY


def _layer_calls(layer: Layer) -> Iterator[_Call]:
    for name in _COMPILED.values():
        yield layer, name, NORMS
    mine, cross = layer.self_attn, layer.cross_attn
    yield mine, "read", ROTARY
    yield layer, "reading", ROTARY
    yield mine, "projected", QKV
    yield mine.o, "forward", OUTPUT
    yield cross.q, "forward", CROSS_QUERY
    yield cross.o, "forward", CROSS_OUTPUT
    for norm in (mine.norm_q, mine.norm_k, cross.norm_q, layer.norm3):
        yield norm, "forward", NORMS
    yield layer, "risen", ACTIVATION if isinstance(layer.ffn[2], Fp8Linear) else UP
    for module, part in zip(layer.ffn, (UP, ACTIVATION, DOWN), strict=True):
        yield module, "forward", part


def _attentions(layer: Layer, ranges: Ranges) -> dict[str, Callable[..., Tensor]]:
    """The two attentions of a layer, by the names of its calls."""
    attend, prompted = layer.attend, layer.prompted

    def over_window(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        with ranges.at(SELF_ATTENTION), ranges.attending(q_BTHD, k_BTHD):
            return attend(q_BTHD, k_BTHD, v_BTHD)

    def over_prompt(q_BTHD: Tensor, text: TextMemory, index: int) -> Tensor:
        k_BLHD, _ = text.layers[index]
        with ranges.at(CROSS_ATTENTION), ranges.attending(q_BTHD, k_BLHD):
            return prompted(q_BTHD, text, index)

    return {"attend": over_window, "prompted": over_prompt}


def _in_part(ranges: Ranges, owner: object, name: str, part: str) -> Callable[..., object]:
    call: Callable[..., object] = getattr(owner, name)

    @wraps(call)
    def inside(*given: object, **options: object) -> object:
        with ranges.at(part):
            return call(*given, **options)

    return inside


@contextmanager
def _replaced(owner: object, name: str, by: object) -> Iterator[None]:
    """Inside, an object has this attribute of its own; after, it has what it had."""
    own = vars(owner)
    had = name in own
    before = own.get(name)
    setattr(owner, name, by)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
