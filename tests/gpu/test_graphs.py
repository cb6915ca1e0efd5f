"""Blocks replayed as CUDA graphs: the same pictures to the bit, no host waits, no allocation."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice

import numpy as np
import pytest
import torch

from longlive_widget import (
    PRESETS,
    Branches,
    Engine,
    Entry,
    Preset,
    Timeline,
    Transition,
)
from longlive_widget.engine import decode
from longlive_widget.engine.capability import has_compiler
from longlive_widget.engine.gpu import has_triton
from longlive_widget.engine.session import Block
from longlive_widget.engine.side_by_side import side_by_side
from longlive_widget.errors import CapabilityError
from longlive_widget.measure.clock import Clock
from longlive_widget.presets import COMPILED_WITHOUT_GRAPHS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
POOLED = PRESETS["reference"].with_(window_cache="ring", memory_pool=True, prompt_cache=4)
COMPILED_WITH_GRAPHS = PRESETS["reference"].with_(window_cache="ring", compiled="reduce-overhead")
REPLAYED = POOLED.with_(cuda_graphs=True)
AS_THEY_COME = [name for name, preset in PRESETS.items() if preset.replays("cuda")]
UNPOOLED = POOLED.with_(memory_pool=False)
BLOCKS, SWITCH_FRAMES = 200, range(30, 600, 57)
PROMPTS = ("a red ball bounces on white", "it turns blue", "a big star spins at night")
TIMELINE = Timeline.of(
    PROMPTS[0], *((frame, PROMPTS[at % 3]) for at, frame in enumerate(SWITCH_FRAMES, 1))
)
TURNING = Timeline.of(
    PROMPTS[0],
    Entry(36, PROMPTS[1], Transition(blocks=4, blend="slerp")),
    Entry(63, PROMPTS[2], Transition(blocks=3, recache=False)),
    Entry(90, PROMPTS[0], Transition(recache=False)),
)
"""Blends of embeddings over some blocks, and memory that stays as it was."""
CHANGES: dict[int, dict[str, object]] = {
    15: {"denoise_steps": (1000, 500)},
    24: {},
    30: {"denoise_steps": (1000, 250), "recache": "window", "context": "always"},
    39: {"decode_behind": True, "prompt_cache": 0},
    48: {},
}
"""By the block that is asked for next, what is changed of a preset."""
SMALL_PX = (416, 240)


@pytest.fixture(scope="module")
def tiny() -> Engine:
    return Engine.load("tiny", device="cuda")


@pytest.fixture(scope="module")
def full_size() -> Iterator[Engine]:
    yield Engine.load("longlive-1.3b", device="cuda", weights="random")
    gc.collect()
    torch.cuda.empty_cache()


def video(
    engine: Engine,
    blocks: int = BLOCKS,
    timeline: Timeline = TIMELINE,
    *,
    seed: int = 1,
    **options: object,
) -> Iterator[np.ndarray]:
    return (b.frames for b in engine.session(timeline, seed, **options).blocks(blocks))


def changed_on_its_way(engine: Engine, blocks: int) -> Iterator[np.ndarray]:
    session = engine.session(TIMELINE, seed=1)
    made = session.blocks()
    for block in range(blocks):
        if block in CHANGES:
            Engine(engine.model, engine.preset.with_(**CHANGES[block])).take_over(session)
        yield next(made).frames


def require_equal(one: Iterator[np.ndarray], other: Iterator[np.ndarray], blocks: int) -> None:
    for block, (a, b) in enumerate(zip(one, other, strict=True)):
        assert np.array_equal(a, b), f"block {block} differs"
    assert block + 1 == blocks


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"window_cache": "static"},
        {"decode_behind": True},
        {"window_frames": 8},
        {"window_frames": 6, "decode_behind": True},  # both graphs are recorded in one block
        {"decode_frames": 1},
        {"decode_first": True},  # a graph for each of two sizes
        {"decode_first": True, "decode_behind": True},
        {"window_dtype": "int8"},
        {"window_dtype": "fp8"},
    ],
    ids=str,
)
def test_200_replayed_blocks_with_10_switches_are_the_same_to_the_bit(
    tiny: Engine, parts: dict[str, object]
):
    """Against the same kernels without graphs, and without a pool."""
    assert len(TIMELINE.landings(3)) == 11
    replayed = Engine(tiny.model, REPLAYED.with_(**parts))
    plain = Engine(tiny.model, UNPOOLED.with_(**parts))
    require_equal(video(replayed), video(plain), BLOCKS)


@pytest.mark.parametrize("numbers", ["int8", "fp8"])
def test_our_kernels_on_a_window_in_8_bits_are_replayed_to_the_bit(numbers: str):
    if not has_triton(torch.device("cuda")):
        pytest.skip("triton is not installed")
    own = POOLED.with_(window_dtype=numbers, kernels="triton")
    engine = Engine.load("tiny", own, device="cuda", dtype="bfloat16")
    replayed = Engine(engine.model, own.with_(cuda_graphs=True))
    require_equal(video(replayed, 60), video(engine, 60), 60)


class ToldEvent:
    """An event that tells when the host begins to wait for it."""

    def __init__(self, event: torch.cuda.Event, told: Callable[[], None]) -> None:
        self._event, self._told = event, told

    def synchronize(self) -> None:
        self._told()
        self._event.synchronize()


@pytest.mark.parametrize("behind", [False, True])
def test_the_first_pictures_are_given_before_the_rest_is_waited_for(
    tiny: Engine, monkeypatch: pytest.MonkeyPatch, *, behind: bool
):
    preset = POOLED.with_(memory_pool=False, decode_first=True, decode_behind=behind)
    session = Engine(tiny.model, preset).session(PROMPTS[0], seed=1, size_px=SMALL_PX)
    record, order, given = decode._recorded_event, [], []
    names = cycle(["first", "all"])

    def told_event() -> ToldEvent:
        return ToldEvent(record(), partial(order.append, next(names)))

    def early(block: Block) -> None:
        order.append("given")
        given.append(block.frames)

    monkeypatch.setattr(decode, "_recorded_event", told_event)
    blocks = list(session.blocks(3, early=early))
    assert order == ["first", "given", "all"] * 3
    assert [len(pictures) for pictures in given] == [1, 4, 4]
    for block, pictures in zip(blocks, given, strict=True):
        assert np.array_equal(pictures, block.frames[: len(pictures)])


@pytest.mark.parametrize(("first", "copies"), [(False, 1), (True, 2)])
def test_the_host_copies_a_block_once_and_again_only_if_it_comes_in_parts(
    tiny: Engine, *, first: bool, copies: int
):
    preset, clock = POOLED.with_(decode_first=first), Clock(tiny.device)
    given: list[np.ndarray] = []
    session = Engine(tiny.model, preset).session(PROMPTS[0], seed=1, watch=clock)
    blocks = list(session.blocks(4, early=lambda block: given.append(block.frames)))
    copied = [span.block for span in clock.spans() if span.name == "hand over"]
    assert copied == [block.index for block in blocks for _ in range(copies)]
    for block, pictures in zip(blocks, given, strict=True):
        assert np.array_equal(pictures, block.frames[: len(pictures)])


def test_200_replayed_blocks_of_the_full_size_model_are_the_same_to_the_bit(full_size: Engine):
    """At a quarter of its picture, so that it does not take minutes."""
    replayed, plain = Engine(full_size.model, REPLAYED), Engine(full_size.model, POOLED)
    options = {"size_px": SMALL_PX}
    require_equal(video(replayed, **options), video(plain, **options), BLOCKS)


def test_replayed_blocks_at_the_full_picture_size_are_the_same_to_the_bit(full_size: Engine):
    replayed, plain = Engine(full_size.model, REPLAYED), Engine(full_size.model, POOLED)
    require_equal(video(replayed, 13), video(plain, 13), 13)


@pytest.mark.parametrize(
    "parts", [{}, {"window_frames": 8}, {"decode_behind": True}, {"window_dtype": "int8"}], ids=str
)
def test_transitions_are_replayed_to_the_bit(tiny: Engine, parts: dict[str, object]):
    replayed, plain = (Engine(tiny.model, one.with_(**parts)) for one in (REPLAYED, UNPOOLED))
    require_equal(video(replayed, 48, TURNING), video(plain, 48, TURNING), 48)


def test_a_preset_that_changes_on_the_way_is_replayed_to_the_bit(tiny: Engine):
    replayed, plain = Engine(tiny.model, REPLAYED), Engine(tiny.model, UNPOOLED)
    made = list(changed_on_its_way(plain, 60))
    assert not np.array_equal(made[20], next(islice(video(plain, 21), 20, None)))
    require_equal(changed_on_its_way(replayed, 60), iter(made), 60)


@pytest.mark.parametrize("behind", [False, True])
def test_branches_from_states_of_replayed_blocks_are_those_without_graphs_to_the_bit(
    tiny: Engine, *, behind: bool
):
    """From a kept state, from between two, inside of a transition, and from a branch."""
    trees = [
        Branches(Engine(tiny.model, one.with_(decode_behind=behind)), TURNING, 1, every_blocks=8)
        for one in (REPLAYED, UNPOOLED)
    ]
    replayed, plain = ([block.frames for block in tree.root.blocks(40)] for tree in trees)
    require_equal(iter(replayed), iter(plain), 40)
    for block in (8, 14, 21, 32):
        one, other = (tree.root.branch(block, PROMPTS[2], Transition(blocks=2)) for tree in trees)
        made = [[made.frames for made in branch.blocks(24)] for branch in (one, other)]
        require_equal(*map(iter, made), 24)
        again, same = (branch.branch(block + 11).blocks(8) for branch in (one, other))
        require_equal((b.frames for b in again), (b.frames for b in same), 8)
        straight = trees[0].root.branch(block).blocks(8)
        require_equal((b.frames for b in straight), iter(plain[block : block + 8]), 8)


def test_a_swapped_adapter_is_not_replayed_over():
    """What was recorded with other weights is recorded anew."""

    def made(preset: Preset) -> list[np.ndarray]:
        engine = Engine.load("tiny", preset, device="cuda")
        session = engine.session(PROMPTS[0], seed=2)
        before = [block.frames for block in session.blocks(12)]
        engine.use_adapters({"own": 0.5})
        return before + [block.frames for block in session.blocks(12)]

    require_equal(iter(made(REPLAYED)), iter(made(POOLED)), 24)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("name", ["tiny", "full_size"])
def test_a_steady_block_waits_for_nothing_and_allocates_nothing(
    name: str, request: pytest.FixtureRequest, *, behind: bool
):
    require_quiet(Engine(request.getfixturevalue(name).model, REPLAYED.with_(decode_behind=behind)))


@pytest.mark.parametrize("name", ["tiny", "full_size"])
def test_a_steady_block_with_a_pool_keeps_nothing_and_asks_the_driver_for_nothing(
    name: str, request: pytest.FixtureRequest
):
    """Without graphs: what is computed with comes out of what torch keeps."""
    engine = Engine(request.getfixturevalue(name).model, POOLED)
    blocks = engine.session(PROMPTS[0], seed=1, size_px=SMALL_PX).blocks()
    for _ in range(14):
        next(blocks)
    keys = ("allocated_bytes.all.current", "segment.all.allocated")
    before = {key: torch.cuda.memory_stats()[key] for key in keys}
    for _ in range(6):
        next(blocks)
        assert {key: torch.cuda.memory_stats()[key] for key in keys} == before


@pytest.mark.parametrize("name", AS_THEY_COME)
def test_a_steady_block_of_a_preset_as_it_comes_waits_for_nothing_and_allocates_nothing(name: str):
    if not has_compiler(torch.device("cuda")):
        pytest.skip("triton is not installed")
    require_quiet(Engine.load("tiny", name, device="cuda", dtype="bfloat16"))


def require_quiet(engine: Engine) -> None:
    """Make sure that steady blocks neither wait for the device nor allocate on it."""
    blocks = engine.session(PROMPTS[0], seed=1, size_px=SMALL_PX).blocks()
    for _ in range(14):
        next(blocks)
    torch.cuda.synchronize()
    keys = ("allocation.all.allocated", "segment.all.allocated")
    before = {key: torch.cuda.memory_stats()[key] for key in keys}
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(6):
            next(blocks)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert {key: torch.cuda.memory_stats()[key] for key in keys} == before


@pytest.fixture(scope="module", params=["reduce-overhead", "max-autotune"])
def compiled(request: pytest.FixtureRequest) -> tuple[Engine, Engine]:
    """Compiled in a mode with graphs, and in the same without."""
    if not has_compiler(torch.device("cuda")):
        pytest.skip("triton is not installed")
    preset = PRESETS["reference"].with_(window_cache="ring")
    modes = request.param, COMPILED_WITHOUT_GRAPHS[request.param]
    return tuple(Engine.load("tiny", preset.with_(compiled=m), device="cuda") for m in modes)


def test_the_graphs_of_torch_compile_change_no_picture(compiled: tuple[Engine, Engine]):
    """200 blocks with 10 switches, against the same kernels in the mode without graphs."""
    graphs, plain = compiled
    require_equal(video(graphs), video(plain), BLOCKS)


def test_compiled_with_graphs_each_of_200_blocks_is_that_of_plain_torch_but_for_rounding(
    tiny: Engine,
    compiled: tuple[Engine, Engine],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
):
    """From one history, with 10 switches: rounding may fall on either side, and no more.

    What is off by 1e-4 of numbers in [-1, 1], the bound in float32, is rounded to another of 255
    levels in at most as many of 127.5 times 1e-4. Convolutions are in float32 as it is: cuDNN's
    are rounded to TF32 by default.
    """
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    most = []
    for pictures, others in side_by_side([tiny, compiled[0]], TIMELINE, BLOCKS, seed=1):
        off = (pictures.int() - others.int()).abs()
        most.append((int(off.max()), float(off.float().mean())))
    largest, mean = (max(each) for each in zip(*most, strict=True))
    record_property("most_and_mean_off", (largest, mean))
    assert len(most) == BLOCKS
    assert (largest <= 1, mean < 1e-4 * 127.5) == (True, True), (largest, mean)


def test_the_graphs_of_torch_compile_work_on_a_thread_of_their_own():
    """As in the widget, which computes on its worker."""
    engine = Engine.load("tiny", COMPILED_WITH_GRAPHS, device="cuda")
    with ThreadPoolExecutor(1) as worker:
        made = worker.submit(lambda: list(video(engine, 12))).result()
    plain = Engine.load("tiny", COMPILED_WITH_GRAPHS.with_(compiled="default"), device="cuda")
    require_equal(iter(made), video(plain, 12), 12)


def test_two_engines_on_one_device_make_what_each_makes_alone(tiny: Engine):
    """Models of their own, under presets of which both record graphs, on two threads."""
    other = Engine.load("tiny", REPLAYED.with_(denoise_steps=(1000, 500)), device="cuda")
    engines = Engine(tiny.model, REPLAYED), other
    with ThreadPoolExecutor(2) as workers:
        both = [
            workers.submit(lambda e=engine, s=seed: list(video(e, 24, seed=s)))
            for seed, engine in enumerate(engines)
        ]
        made = [one.result() for one in both]
    for seed, (engine, pictures) in enumerate(zip(engines, made, strict=True)):
        alone = Engine(tiny.model, engine.preset.with_(cuda_graphs=False))
        require_equal(iter(pictures), video(alone, 24, seed=seed), 24)


def up_to_a_switch(engine: Engine) -> Iterator[Block]:
    """Gives the block after a switch, on a GPU the first one that is recorded and not made."""
    session = engine.session(TIMELINE, seed=1)
    blocks = session.blocks()
    for _ in range(6):
        next(blocks)
    session.switch(PROMPTS[2])
    return blocks


@pytest.mark.parametrize(
    "preset", [REPLAYED, UNPOOLED.with_(decode_behind=True)], ids=["replayed", "behind"]
)
def test_a_block_without_memory_gives_back_what_its_session_took(
    tiny: Engine, preset: Preset, monkeypatch: pytest.MonkeyPatch
):
    """A step asks for more than any device has; a new session is as if nothing had been."""
    engine = Engine(tiny.model, preset)
    wanted = list(video(engine, 8))
    next(up_to_a_switch(engine))  # both prompts are in the engine's memory, and stay there
    gc.collect()
    before = torch.cuda.memory_allocated()
    blocks = up_to_a_switch(engine)
    with monkeypatch.context() as patch:
        network = tiny.model.transformer
        patch.setattr(network, "forward", lambda *_: torch.empty(2**50, device="cuda"))
        with pytest.raises(CapabilityError, match="found no more memory"):
            next(blocks)
    del blocks
    gc.collect()
    assert torch.cuda.memory_allocated() <= before
    require_equal(video(engine, 8), iter(wanted), 8)


def test_sessions_on_two_threads_record_and_replay_side_by_side(tiny: Engine):
    engine = Engine(tiny.model, REPLAYED.with_(decode_behind=True))
    with ThreadPoolExecutor(2) as workers:
        both = [workers.submit(lambda s=seed: list(video(engine, 24, seed=s))) for seed in (1, 2)]
        made = [one.result() for one in both]
    alone = Engine(tiny.model, POOLED)
    for seed, pictures in zip((1, 2), made, strict=True):
        require_equal(iter(pictures), video(alone, 24, seed=seed), 24)


@pytest.mark.parametrize("name", AS_THEY_COME)
def test_a_preset_as_it_comes_is_replayed_to_the_bit(name: str):
    """By kernels of our own, some in FP8 or decoding behind: against itself without graphs."""
    if not has_compiler(torch.device("cuda")):
        pytest.skip("triton is not installed")
    preset = PRESETS[name].with_(attention="cudnn")  # what is fastest may differ between loads
    replayed, plain = (
        Engine.load("tiny", preset.with_(cuda_graphs=graphs), device="cuda", dtype="bfloat16")
        for graphs in (True, False)
    )
    require_equal(video(replayed, 60), video(plain, 60), 60)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one CUDA device")
def test_another_device_than_the_first_makes_the_same_pictures(tiny: Engine):
    second = Engine.load("tiny", REPLAYED, device="cuda:1")
    require_equal(video(second, 30), video(Engine(tiny.model, POOLED), 30), 30)
