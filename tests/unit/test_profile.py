"""Where a profile says that the time of a block goes."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from longlive_widget import Engine, Preset
from longlive_widget.cli import main
from longlive_widget.engine.session import Session
from longlive_widget.errors import CapabilityError, RecordError
from longlive_widget.measure.block_time import UNATTRIBUTED, BlockTrace, PartTime
from longlive_widget.measure.breakdown import Breakdown, Part, Work, breakdown
from longlive_widget.measure.ceilings import Ceilings, measured_ceilings
from longlive_widget.measure.parts import (
    CROSS_OUTPUT,
    CROSS_QUERY,
    DOWN,
    OUTPUT,
    PREFIX,
    QKV,
    SELF_ATTENTION,
    SPAN_PARTS,
    UP,
)
from longlive_widget.measure.profile import profiled
from longlive_widget.measure.profile_charts import (
    roofline_figure,
    shares_figure,
    stored_roofline_figure,
    stored_shares_figure,
)
from longlive_widget.measure.profile_log import multiplies_in_fp8
from longlive_widget.measure.profile_report import Profile
from longlive_widget.measure.records import read
from longlive_widget.measure.trace import block_traces, kernel_orders
from tests.unit.planted_time import slowing
from tests.unit.written_record import record

DRAFT = Preset("draft", "", denoise_steps=(1000,), window_frames=6, context="always")
BEHIND = DRAFT.with_(
    name="behind", window_cache="ring", window_dtype="int8", memory_pool=True, decode_behind=True
)
SMALL = {"size_px": (64, 48), "switches": 0}
SWITCHED = {"size_px": (64, 48), "switches": 1}


def part(found: Breakdown, name: str) -> Part:
    return next(one for one in found.parts if one.name == name)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", DRAFT, device="cpu")


@pytest.fixture(scope="module")
def found(engine: Engine) -> Profile:
    return profiled(engine, 3, **SWITCHED)


@pytest.fixture(scope="module")
def behind(engine: Engine) -> Profile:
    return profiled(engine.under(BEHIND), 3, **SWITCHED)


def attributes_and_hooks(model: object) -> dict[str, object]:
    """All that a range could be left in, by its place."""
    kept: dict[str, object] = {}
    for network in (model.transformer, model.decoder, model.small_decoder):
        for name, module in network.named_modules():
            calls = {key: value for key, value in vars(module).items() if callable(value)}
            hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
            kept[f"{type(network).__name__}.{name}"] = (calls, hooks)
    return kept


# Each reading is of the trace's own clock but the measured block: a busy machine moves all of
# them alike. Only a pause between the two clocks, some microseconds apart, could come between.


def test_little_of_a_block_is_in_no_part(found: Profile, behind: Profile):
    for profile in (found, behind):
        for _, blocks in profile.breakdowns():
            assert blocks.unattributed_share <= 0.03
            assert 0 < blocks.parts_share < 1.03
            assert 0 <= blocks.gaps_share < 1
        assert 0 <= profile.steady.unnamed_share <= 0.03


def test_the_ceilings_are_the_best_of_before_and_after(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    measured = iter([Ceilings(2e12, 1e11, 8, 8, "float32"), Ceilings(1e12, 3e11, 8, 8, "float32")])
    monkeypatch.setattr(
        "longlive_widget.measure.profile.measured_ceilings", lambda *_, **__: next(measured)
    )
    found = profiled(engine, 1, **SMALL)
    assert found.ceilings == Ceilings(2e12, 3e11, 8, 8, "float32")


def test_operations_of_the_decoder_are_told_to_be_of_direct_convolution(found: Profile):
    rows = [row for row in found.markdown().splitlines() if row.startswith("| ")]
    marked = {row.split(" | ")[0][2:] for row in rows if " of direct convolution |" in row}
    assert marked == {
        one.name
        for one in found.steady.parts
        if one.name.startswith("decoder") and one.flop_per_s is not None
    }
    assert "decoder stage 1" in marked


def test_every_part_of_the_engine_has_its_time(found: Profile, behind: Profile):
    names = {one.name for one in found.steady.parts}
    assert names >= {
        "self attention",
        "cross attention",
        "self attention QKV projections",
        "self attention output projection",
        "cross attention query projection",
        "cross attention output projection",
        "feed-forward up",
        "feed-forward activation",
        "feed-forward down",
        "norms and modulation",
        "rotary positions",
        "embeddings",
        "output head",
        "window write",
        "window eviction",
        "sampling",
        "decoder entry",
        "decoder middle",
        *(f"decoder stage {stage}" for stage in range(1, 5)),
        "decoder head",
        "decoder to 8 bits",
    }
    assert not names & {"text encoder", "re-cache", UNATTRIBUTED}
    assert found.switched is not None
    assert {one.name for one in found.switched.parts} >= {"text encoder", "re-cache"}
    assert part(behind.steady, "window read").mean_ms > 0
    turned = part(found.steady, "rotary positions").calls
    assert part(found.steady, "embeddings").calls < turned / 2, "keys are turned layer by layer"
    assert part(behind.steady, "copies").mean_ms > 0


def test_a_planted_slow_part_shows_under_its_name(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    up = engine.model.transformer.blocks[0].ffn[0]
    forward, a = up.forward, torch.randn(900, 900)

    def slow(x: Tensor) -> Tensor:
        for _ in range(3):
            torch.mm(a, a)
        return forward(x)

    monkeypatch.setattr(up, "forward", slow)
    steady = profiled(engine, 3, **SMALL).steady
    assert steady.parts[0].name == "feed-forward up"
    plain = part(steady, "feed-forward down")
    assert part(steady, "feed-forward up").mean_ms > 3 * plain.mean_ms
    assert part(steady, "feed-forward up").calls == plain.calls + 6, "2 passes: a step, the context"


def test_a_planted_pause_shows_as_a_gap_under_its_name(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    down = engine.model.transformer.blocks[1].ffn[2]
    forward = down.forward

    def slow(x: Tensor) -> Tensor:
        time.sleep(0.1)
        return forward(x)

    monkeypatch.setattr(down, "forward", slow)
    steady = profiled(engine, 2, **SMALL).steady
    paused = part(steady, "feed-forward down")
    assert min(paused.gap_ms) >= 200
    assert paused.gap_ms == max((one.gap_ms for one in steady.parts), key=sum)


def test_a_pause_that_is_in_no_part_is_told_as_such(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    keep = Session._keep_decoder

    def slow(session: Session, block: int) -> None:
        time.sleep(0.05)
        keep(session, block)

    monkeypatch.setattr(Session, "_keep_decoder", slow)
    found = profiled(engine, 2, **SMALL)
    steady = found.steady
    assert steady.unnamed_share * sum(steady.block_ms) >= 100
    told = f"in {100 * steady.unnamed_share:.2f} % nothing runs and the host is in no part"
    assert told in found.markdown()
    assert found.record().facts["unnamed_percent"] == 100 * steady.unnamed_share


def test_nothing_is_left_of_a_profile(engine: Engine):
    before = attributes_and_hooks(engine.model)
    profiled(engine, 1, **SMALL)
    assert attributes_and_hooks(engine.model) == before
    assert [name for name in vars(engine.model.transformer) if name == "forward"] == []


def test_nothing_is_left_where_a_block_fails(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    activation = engine.model.transformer.blocks[2].ffn[1]
    forward = activation.forward

    def fails(x: Tensor) -> Tensor:
        if torch.autograd.profiler._is_profiler_enabled:
            raise RuntimeError("planted")
        return forward(x)

    monkeypatch.setattr(activation, "forward", fails)
    before = attributes_and_hooks(engine.model)
    with pytest.raises(RuntimeError, match="planted"):
        profiled(engine, 1, **SMALL)
    assert attributes_and_hooks(engine.model) == before


def test_the_operations_are_those_of_the_shapes(found: Profile):
    config = found.engine.model.sizes.transformer
    frames, tokens = 3, 3 * 4 * 3  # of a block; 64 x 48 pictures have 4 x 3 tokens a frame
    passes = 2 * config.layers - 1  # the last layer of a context pass only writes
    written, seen = 2 * config.layers, tokens * DRAFT.window_frames // frames
    steady = found.steady
    linear = 2 * tokens * config.dim * config.dim * passes
    feed = 2 * tokens * config.dim * config.ffn_dim * passes
    assert flops(steady, "self attention") == 4 * tokens * seen * config.dim * passes
    text = config.text_length
    assert flops(steady, "cross attention") == 4 * tokens * text * config.dim * passes
    assert flops(steady, "self attention QKV projections") == 3 * linear * written // passes
    assert flops(steady, "cross attention output projection") == linear
    assert flops(steady, "feed-forward up") == flops(steady, "feed-forward down") == feed
    kept = {"text encoder", "re-cache"}
    assert found.switched is not None
    for one in steady.parts:
        if one.work is not None and one.name not in kept:
            assert flops(found.switched, one.name) == one.work.flops


def test_the_bytes_of_a_linear_layer_are_its_tensors_once(found: Profile):
    config = found.engine.model.sizes.transformer
    tokens, passes = 36, 2 * config.layers - 1
    numbers = tokens * (config.dim + config.ffn_dim) + config.dim * config.ffn_dim + config.ffn_dim
    assert part(found.steady, "feed-forward up").work == Work(
        2 * tokens * config.dim * config.ffn_dim * passes, 4 * numbers * passes
    )


def test_the_operations_of_a_convolution_are_counted(found: Profile):
    head = found.engine.model.decoder.decoder.head
    convolutions = [module for module in head if isinstance(module, nn.Conv3d)]
    weight = convolutions[0].weight
    assert flops(found.steady, "decoder head") == 2 * weight.numel() * 12 * 64 * 48


def flops(found: Breakdown, name: str) -> int:
    work = part(found, name).work
    assert work is not None
    return work.flops


def test_a_rate_is_work_over_the_time_in_which_it_runs():
    one = Part("up", (1.0, 3.0), (0.0, 0.0), busy_ms=4.0, calls=2, work=Work(8_000, 2_000))
    assert (one.mean_ms, one.flop_per_s, one.byte_per_s, one.flop_per_byte) == (2, 2e6, 5e5, 4)
    fused = Part("fused", (1.0,), (0.0,), busy_ms=1.0, calls=1, work=Work(0, None))
    assert (fused.flop_per_s, fused.byte_per_s, fused.flop_per_byte) == (None, None, None)


def test_a_part_of_which_kernels_are_in_a_graph_has_no_rate():
    """Over what is left of its time it would compute faster than it does."""
    work = {"self attention": Work(60, 10), "decoder stage 1": Work(30, 10)}
    for in_steps_ms, rates in ((0.9, {60.0, 30.0}), (2.0, {None, 30.0})):
        times = {
            "self attention": 1e3,
            "decoder stage 1": 1e3,
            "steps as a CUDA graph": in_steps_ms,
        }
        trace = BlockTrace(100.0, {name: PartTime(ms, ms) for name, ms in times.items()})
        found = breakdown([100.0], [100.0], [trace], work)
        assert {part(found, name).flop_per_s for name in work} == rates


def test_what_the_profiler_costs_is_told_by_medians():
    one = Breakdown((1.0, 1.1, 9.0), (1.0, 1.0, 5.0), (0.0, 0.0, 0.0), ())
    assert one.overhead_share == pytest.approx(0.1)


def test_unnamed_is_the_gap_in_which_the_host_is_in_no_part():
    up = Part("up", (5.0, 5.0), (1.0, 2.0), busy_ms=5.0, calls=1, work=None)
    nowhere = Part("unattributed", (1.0, 1.0), (0.5, 0.5), busy_ms=1.0, calls=1, work=None)
    one = Breakdown((10.0, 10.0), (10.0,), (4.0, 4.0), (up, nowhere))
    assert (one.parts_share, one.unattributed_share, one.gaps_share) == (0.5, 0.1, 0.4)
    assert one.unnamed_share == pytest.approx((8 - 3) / 20)


def test_the_ceilings_are_what_the_best_round_does(monkeypatch: pytest.MonkeyPatch):
    took_ms = iter([9.0, 5.0, *[7.0] * 10, 4.0, 2.0, *[3.0] * 10])
    monkeypatch.setattr(
        "longlive_widget.measure.ceilings.stopwatch", lambda _: lambda _: next(took_ms)
    )
    ceilings = measured_ceilings(torch.device("cpu"), torch.float32)
    assert ceilings.flop_per_s == pytest.approx(2 * ceilings.side**3 / 5e-3)
    assert ceilings.byte_per_s == pytest.approx(2 * ceilings.copied_bytes / 2e-3)
    ridge = ceilings.flop_per_s / ceilings.byte_per_s
    assert ceilings.reachable_flop_per_s(ridge / 2) == pytest.approx(ceilings.flop_per_s / 2)
    assert ceilings.reachable_flop_per_s(ridge * 2) == ceilings.flop_per_s


def test_the_ceiling_in_fp8_is_measured_where_something_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch,
):
    took_ms = iter([*[9.0] * 12, 5.0, *[7.0] * 11, *[2.0] * 12])
    monkeypatch.setattr(
        "longlive_widget.measure.ceilings.stopwatch", lambda _: lambda _: next(took_ms)
    )
    monkeypatch.setattr("longlive_widget.measure.ceilings._SIDE_OF_PROCESSORS", 32)
    found = measured_ceilings(torch.device("cpu"), torch.float32, in_fp8=True)
    assert found.fp8_flop_per_s == pytest.approx(2 * found.side**3 / 5e-3)
    slower = replace(found, fp8_flop_per_s=1.0)
    assert slower.or_better(found).fp8_flop_per_s == found.fp8_flop_per_s
    without = replace(found, fp8_flop_per_s=None)
    assert without.or_better(without).fp8_flop_per_s is None


def test_parts_in_fp8_are_told_by_the_names_of_a_profile_and_of_its_record():
    for part in (UP, DOWN, QKV, OUTPUT, CROSS_QUERY, CROSS_OUTPUT):
        stored = part.lower().replace("-", "_").replace(" ", "_")
        assert multiplies_in_fp8(part, "fp8")
        assert multiplies_in_fp8(stored, "fp8")
        assert not multiplies_in_fp8(part, "model")
    assert not multiplies_in_fp8(SELF_ATTENTION, "fp8")


# A GPU, as its trace would be: nothing here has one.


def event(cat: str, name: str, ts: float, dur: float, *, tid: int = 1, to: int = 0) -> dict:
    args = {"correlation": to} if to else {}
    return {"ph": "X", "cat": cat, "name": name, "ts": ts, "dur": dur, "tid": tid, "args": args}


def mark(name: str, ts: float, dur: float) -> dict:
    return event("user_annotation", PREFIX + name, ts, dur)


def launched(name: str, ts: float, number: int) -> dict:
    return event("cuda_runtime", name, ts, 5, to=number)


def on_a_gpu(*events: dict):
    (block,) = block_traces([mark("block", 0, 1000), *events], on_gpu=True)
    return block.parts


def test_a_kernel_belongs_to_where_it_was_launched_however_late_it_runs():
    parts = on_a_gpu(
        mark("self attention", 10, 40),
        event("cpu_op", "aten::mm", 20, 20),
        launched("cudaLaunchKernel", 25, 1),
        event("kernel", "any_name", 500, 300, tid=7, to=1),
        launched("cudaLaunchKernel", 70, 2),
        event("kernel", "any_name", 800, 100, tid=7, to=2),
    )
    assert parts["self attention"].ms == pytest.approx(0.3)
    assert parts["self attention"].calls == 1
    assert parts[UNATTRIBUTED].ms == pytest.approx(0.1)
    assert parts["self attention"].gap_ms == pytest.approx(0.04), "where the host was meanwhile"


def test_streams_that_run_at_once_share_the_time():
    parts = on_a_gpu(
        mark("a", 0, 10),
        launched("cudaLaunchKernel", 1, 1),
        mark("b", 20, 10),
        launched("cudaLaunchKernel", 21, 2),
        event("kernel", "x", 100, 400, tid=7, to=1),
        event("kernel", "x", 300, 400, tid=8, to=2),
    )
    assert (parts["a"].ms, parts["b"].ms) == (pytest.approx(0.3), pytest.approx(0.3))
    assert (parts["a"].busy_ms, parts["b"].busy_ms) == (pytest.approx(0.4), pytest.approx(0.4))


def test_what_is_replayed_or_copied_by_a_span_itself_is_called_so():
    parts = on_a_gpu(
        mark("steps", 0, 100),
        launched("cudaGraphLaunch", 10, 1),
        launched("cudaMemcpyAsync", 30, 2),
        mark("window write", 50, 20),
        launched("cudaMemcpyAsync", 55, 3),
        event("kernel", "x", 100, 400, tid=7, to=1),
        event("kernel", "y", 500, 100, tid=7, to=1),
        event("gpu_memcpy", "Memcpy HtoD", 600, 50, tid=7, to=2),
        event("gpu_memcpy", "Memcpy DtoD", 650, 20, tid=7, to=3),
    )
    assert parts["steps as a CUDA graph"].ms == pytest.approx(0.5)
    assert parts["copies"].ms == pytest.approx(0.05)
    assert parts["window write"].ms == pytest.approx(0.02)
    assert SPAN_PARTS["steps"] not in parts or parts[SPAN_PARTS["steps"]].ms == 0


def one_by_one(*kernels: tuple[str, str]) -> list[dict]:
    """The trace of a span of steps: the part that launches each kernel, and the kernel's name."""
    events = [mark("block", 0, 1000), mark("steps", 0, 100)]
    for number, (part, name) in enumerate(kernels, 1):
        at = 10 * number
        if part != "steps":
            events.append(mark(part, at, 8))
        events.append(launched("cudaLaunchKernel", at + 1, number))
        events.append(event("kernel", name, 200 + at, 5, tid=7, to=number))
    return events


def test_kernels_of_a_graph_belong_where_the_same_ones_belong_launched_one_by_one():
    plain = one_by_one(
        ("steps", "noise"), ("norms", "sum"), ("up", "product"), ("norms", "sum"), ("up", "last")
    )
    orders = kernel_orders(plain)
    order = (
        (SPAN_PARTS["steps"], "noise")[::-1],
        ("sum", "norms"),
        ("product", "up"),
        ("sum", "norms"),
        ("last", "up"),
    )
    assert orders == {"steps": (order,)}
    replayed = ["sum", "product", "stranger", "sum", "last"]
    (block,) = block_traces(
        [
            mark("block", 0, 1000),
            mark("steps", 0, 100),
            launched("cudaGraphLaunch", 10, 1),
            launched("cudaGraphLaunch", 20, 2),
            *(
                event("kernel", name, 100 + 100 * at, 10 * (at + 1), tid=7, to=1 + at // 3)
                for at, name in enumerate(replayed)
            ),
        ],
        on_gpu=True,
        orders=orders,
    )
    busy = {name: time.busy_ms for name, time in block.parts.items() if time.busy_ms}
    assert busy == pytest.approx({"norms": 0.05, "up": 0.07, "steps as a CUDA graph": 0.03})


def test_a_graph_is_told_apart_by_the_block_that_does_the_same():
    """Other kernels write a block that wraps around the end of a window."""
    layer = ("norms", "sum"), ("window write", "copy"), ("up", "product")
    wrapped = ("norms", "sum"), *[("window write", "copy of a piece")] * 2, ("up", "product")
    both = kernel_orders([*one_by_one(*layer * 2), *later(one_by_one(*wrapped * 2))])
    assert [len(order) for order in both["steps"]] == [8, 6]
    for kernels, write_ms in ((layer * 2, 0.02), (wrapped * 2, 0.04)):
        (block,) = block_traces(
            [
                mark("block", 0, 2000),
                mark("steps", 0, 100),
                launched("cudaGraphLaunch", 10, 1),
                *(
                    event("kernel", name, 100 + 100 * at, 10, tid=7, to=1)
                    for at, (_, name) in enumerate(kernels)
                ),
            ],
            on_gpu=True,
            orders=both,
        )
        busy = {name: time.busy_ms for name, time in block.parts.items() if time.busy_ms}
        assert busy == pytest.approx({"norms": 0.02, "up": 0.02, "window write": write_ms})


def later(events: list[dict]) -> list[dict]:
    """The same after a while, with launches of their own."""
    return [
        one | {"ts": one["ts"] + 5000, "args": {"correlation": one["args"]["correlation"] + 500}}
        if "correlation" in one["args"]
        else one | {"ts": one["ts"] + 5000}
        for one in events
    ]


def test_one_trace_has_a_block_one_by_one_and_tells_its_replayed_ones_apart():
    """As of a block in a studio: the one before it, in no range, is launched one by one."""
    first = one_by_one(("norms", "sum"), ("up", "product"), ("norms", "sum"))[1:]
    second = [
        mark("block", 2000, 1000),
        mark("steps", 2000, 100),
        launched("cudaMemcpyAsync", 2001, 98),
        event("gpu_memcpy", "Memcpy HtoD", 2050, 5, tid=7, to=98),
        launched("cudaGraphLaunch", 2010, 99),
        *(
            event("kernel", name, 2100 + 100 * at, 10, tid=7, to=99)
            for at, name in enumerate(("sum", "product", "sum"))
        ),
    ]
    events = [*first, *second]
    (block,) = block_traces(events, on_gpu=True, orders=kernel_orders(events))
    busy = {name: time.busy_ms for name, time in block.parts.items() if time.busy_ms}
    assert busy == pytest.approx({"norms": 0.02, "up": 0.01, "copies": 0.005})


def test_a_gpu_that_the_profiler_does_not_see_is_told():
    with pytest.raises(CapabilityError, match="saw no kernel"):
        on_a_gpu(mark("steps", 0, 100))


def test_products_that_are_not_as_many_as_the_linears_stay_with_what_is_fused():
    def compiled(products: int) -> Iterator[dict]:
        yield mark("fused between attentions", 0, 1000)
        for number in range(products):
            yield event("cpu_op", "aten::addmm", 100 * number, 50)

    def parts_of(products: int):
        events = [mark("block", 0, 1000), *compiled(products)]
        return block_traces(events, on_gpu=False)[0].parts

    two = parts_of(2)
    assert two["self attention output projection"].ms == pytest.approx(0.05)
    assert two["cross attention query projection"].ms == pytest.approx(0.05)
    assert {name for name, time in parts_of(3).items() if time.ms} == {"fused between attentions"}


def test_the_shares_chart_names_the_longest_parts_and_sums_up_the_rest(found: Profile):
    bars = shares_figure(found.steady).data[0]
    gaps_ms = sum(found.steady.gaps_ms) / len(found.steady.gaps_ms)
    times = {one.name: one.mean_ms for one in found.steady.parts} | {"gaps": gaps_ms}
    longest = sorted(times, key=lambda name: -times[name])[:10]
    assert list(reversed(bars.y))[:10] == longest
    assert bars.y[0].endswith(" other parts")
    steady = found.steady
    whole = steady.parts_share + steady.unattributed_share + steady.gaps_share
    assert sum(bars.x) == pytest.approx(100 * whole)
    assert bars.text[-1] == f"{times[longest[0]]:.3g} ms"


def test_a_stored_profile_has_the_same_chart(found: Profile):
    kept = found.record()
    first = {name: ms[:1] for name, ms in kept.samples.items()}  # medians of more sum up to nothing
    bars = stored_shares_figure(replace(kept, samples=first)).data[0]
    assert sum(bars.x) == pytest.approx(100, abs=3)
    colours = dict(zip(bars.y, bars.marker.color, strict=True))
    decoder = {colour for name, colour in colours.items() if name.startswith("decoder")}
    others = {colour for name, colour in colours.items() if not name.startswith("decoder")}
    assert len(decoder) == 1
    assert not decoder & others


def test_the_roofline_shows_each_part_that_multiplies(found: Profile):
    ceilings = Ceilings(1e12, 1e11, 8, 8, "float32")
    roof, *dots = roofline_figure(found.steady, ceilings).data
    assert max(roof.y) == pytest.approx(1e3)
    with_both = [one.name for one in found.steady.parts if one.flop_per_byte is not None]
    assert [name for trace in dots for name in trace.hovertext] == with_both
    assert [trace.name for trace in dots[:5]] == with_both[:5]
    assert dots[5].name == f"{len(with_both) - 5} other parts"
    assert "self attention" in with_both


def test_a_stored_profile_has_the_same_roofline(found: Profile):
    live = roofline_figure(found.steady, found.ceilings)
    kept = stored_roofline_figure(found.record())
    assert kept.layout.title == live.layout.title
    rates, stored = (
        {
            name.lower().replace("-", " "): (x, y)
            for trace in figure.data[1:]
            for name, x, y in zip(trace.hovertext, trace.x, trace.y, strict=True)
        }
        for figure in (live, kept)
    )
    assert {name: pytest.approx(rate) for name, rate in rates.items()} == stored


def test_what_is_no_profile_has_no_roofline():
    with pytest.raises(RecordError, match="has no ceilings: give one that `longlive-widget prof"):
        stored_roofline_figure(record())


@pytest.fixture
def run(tmp_path, capsys: pytest.CaptureFixture[str]):
    """What the command prints of a quick preset."""
    preset = tmp_path / "draft.yaml"
    preset.write_text("name: draft\ndenoise_steps: [1000]\nwindow_frames: 6\n")

    def printed(*given: str) -> str:
        options = ("--size", "64x48", "--iterations", "1", "--switches", "0", "--device", "cpu")
        assert main(["profile", *options, "--preset", str(preset), *given]) == 0
        return capsys.readouterr().out

    return printed


def test_the_command_writes_its_table_and_a_record(tmp_path, run):
    out, records = tmp_path / "kernel_profile.md", tmp_path / "records.jsonl"
    told = run("--out", str(out), "--records", str(records))
    assert told.strip() == str(out)
    page = out.read_text()
    assert "\n| feed-forward up | " in page
    assert "\n| gaps | " in page
    widths = {line.count("|") for line in page.splitlines() if line.startswith("|")}
    assert widths == {14}
    (record,) = read(records)
    assert (record.kind, record.counts["blocks"], record.geometry.width_px) == ("profile", 1, 64)
    parts_ms = [
        sum(ms)
        for name, ms in record.samples.items()
        if name not in ("block_ms", "unprofiled_block_ms")
    ]
    assert sum(parts_ms) == pytest.approx(sum(record.samples["block_ms"]), rel=0.03)


def test_a_machine_that_slows_down_is_no_overhead(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    slowing(monkeypatch)
    steady = profiled(engine, 10, **SMALL).steady
    assert steady.overhead_share == pytest.approx(0, abs=0.002)


def test_the_command_prints_json(run):
    said = json.loads(run("--json"))
    up = said["steady"]["parts"]["feed-forward up"]
    assert up["flops"] > 0
    assert (up["p50_ms"], up["longest_ms"], up["p99_ms"]) == (up["ms"], up["ms"], None)
    assert said["switched"] is None


def with_times(found: Profile, ms: list[float]) -> Profile:
    """The profile as if each block and each part of it had taken so long."""
    parts = tuple(replace(one, ms=tuple(ms), gap_ms=tuple(ms)) for one in found.steady.parts)
    taken = replace(found.steady, block_ms=tuple(ms), gaps_ms=tuple(ms), parts=parts)
    return replace(found, steady=taken, switched=None)


def test_each_part_has_its_median_and_its_p99_or_of_few_blocks_the_longest(found: Profile):
    few, many = (with_times(found, [1.0] * least + [2.0, 9.0]) for least in (10, 298))
    for profile, head, p99 in ((few, "longest", "9.00"), (many, "p99", "1.00")):
        table = profile.markdown().split("## Steady blocks")[1]
        assert f"\n| part | ms | p50 ms | {head} ms | share | calls |" in table
        for name in ("feed-forward up", "gaps"):
            row = next(line for line in table.splitlines() if line.startswith(f"| {name} |"))
            assert row.split(" | ")[2:4] == ["1.00", p99]
    (up, more) = (
        profile.as_json()["steady"]["parts"]["feed-forward up"] for profile in (few, many)
    )
    assert (up["p99_ms"], up["longest_ms"]) == (None, 9.0)
    assert (more["p50_ms"], more["p99_ms"], more["longest_ms"]) == (1.0, 1.0, 9.0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--iterations", "0"], "0 is too few: use 1 or more"),
        (["--iterations", "many"], "'many' is not a whole number"),
        (["--preset", "fast"], "no preset is called 'fast'"),
        (["--out", "/no/such/folder/profile.md"], "does not exist: make it first"),
        (["--records", "/"], "is a folder: give the file a name"),
    ],
)
def test_a_mistaken_argument_is_told(
    given: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    code: object
    try:
        code = main(["profile", *given])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_less_than_one_block_is_told(engine: Engine):
    with pytest.raises(ValueError, match="number of profiled blocks 0 is out of range: use 1"):
        profiled(engine, 0)


def test_a_switch_of_a_preset_that_decodes_behind_has_no_rates(behind: Profile):
    """Until its pictures are there, parts of two blocks are computed."""
    assert behind.switched is not None
    assert any(part.flop_per_s for part in behind.steady.parts)
    assert not any(part.flop_per_s or part.byte_per_s for part in behind.switched.parts)
