"""A session on the embedded model: landings, steering, and the same pictures again."""

import threading
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace
from operator import attrgetter

import numpy as np
import pytest
import torch

from longlive_widget import Engine, Timeline
from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.decode import decode_now
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise import MOST_BLOCKS
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.engine.session import Block
from longlive_widget.engine.windows import new_window
from longlive_widget.errors import (
    CapabilityError,
    CheckpointError,
    GeometryError,
    ModelNotFoundError,
    PresetError,
    SessionError,
    TimelineError,
)
from longlive_widget.geometry import Geometry
from longlive_widget.model.stream import DecoderStream
from longlive_widget.presets import Preset

RED = "a red ball moves right on black"
SMALL_PX = (48, 32)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny")


def _pictures(engine: Engine, timeline: Timeline | str, blocks: int, **options: object):
    session = engine.session(timeline, **{"size_px": SMALL_PX, **options})
    return np.concatenate([block.frames for block in session.blocks(blocks)])


def test_the_first_block_gives_nine_pictures_and_later_ones_twelve(engine: Engine):
    shapes = [block.frames.shape for block in engine.session(RED).blocks(3)]
    assert shapes == [(9, 96, 160, 3), (12, 96, 160, 3), (12, 96, 160, 3)]


def test_the_same_seed_and_timeline_give_the_same_pictures_to_the_bit(engine: Engine):
    timeline = Timeline.of(RED, (4, "it turns blue"))
    first = _pictures(engine, timeline, 4, seed=3)
    assert np.array_equal(first, _pictures(engine, timeline, 4, seed=3))
    assert not np.array_equal(first, _pictures(engine, timeline, 4, seed=4))


def test_a_video_made_in_parts_is_the_video_made_at_once(engine: Engine):
    session = engine.session(RED, seed=3, size_px=SMALL_PX)
    parts = [block.frames for count in (1, 2) for block in session.blocks(count)]
    assert np.array_equal(np.concatenate(parts), _pictures(engine, RED, 3, seed=3))


@pytest.mark.parametrize("positions", ["relative", "absolute"])
def test_a_session_is_a_rollout_from_the_noise_of_its_seed(engine: Engine, positions: str):
    """The golden cases hold the rollout; a switch after the window is full shows all its parts."""
    narrow = Engine(engine.model, Preset("narrow", "", (1000, 500), window_frames=6))
    seed, model, geometry = 7, engine.model, Geometry(*SMALL_PX)
    timeline = Timeline.of(RED, (9, "it turns blue"))
    made = _pictures(narrow, timeline, 5, seed=seed, positions=positions)
    said = engine.in_full(timeline)

    layers, tokens = model.transformer.config.layers, geometry.tokens_per_frame
    window = RollingWindow(layers, tokens, 6, 3, relative=positions == "relative")
    denoiser, stream = Denoiser(model.transformer, window), model.decoder.stream()
    rollout = Rollout(denoiser, levels((1000, 500)), global_sink=True)
    by_hand = []
    with torch.inference_mode():
        for block in range(5):
            if block in (0, 3):
                embeds = model.text_encoder.encode([said[block // 3]])
                rollout.steer(model.transformer.read_text(embeds))
            generator = torch.Generator().manual_seed(seed * MOST_BLOCKS + block)
            shape = (2, 1, *geometry.latent_block_shape)
            noise, renoise = torch.randn(shape, generator=generator).to(model.device)
            by_hand.append(decode_now(stream, rollout.next_block(noise, lambda _, e=renoise: e)))
    assert np.array_equal(made, np.concatenate(by_hand))


@pytest.mark.parametrize("positions", ["relative", "absolute"])
def test_every_kind_of_window_makes_the_pictures_of_the_reference(engine: Engine, positions: str):
    """With a window that is no multiple of a block, over a switch in a full window."""
    narrow = Preset("narrow", "", (1000, 500), window_frames=8)
    timeline, options = Timeline.of(RED, (12, "it turns blue")), {"positions": positions}
    rolling, *others = (
        _pictures(Engine(engine.model, preset), timeline, 6, **options)
        for preset in (narrow, *(narrow.with_(window_cache=kind) for kind in ("static", "ring")))
    )
    for other in others:  # sums in another order
        assert np.abs(rolling.astype(int) - other.astype(int)).max() <= 1


def test_what_is_replayed_has_no_absolute_positions(engine: Engine):
    engine = copy(engine)
    engine.preset = engine.preset.with_(window_cache="ring", memory_pool=True, cuda_graphs=True)
    with pytest.raises(SessionError, match="no two are alike: use 'relative', or cuda_graphs=Fa"):
        engine.session(RED, positions="absolute")


def test_a_session_of_a_pool_takes_a_swapped_adapter_to_the_bit(engine: Engine):
    def swapped(preset: Preset) -> np.ndarray:
        own = Engine.load("tiny", preset, device="cpu")
        session = own.session(RED, seed=3, size_px=(64, 48))
        before = [block.frames for block in session.blocks(3)]
        own.use_adapters({"own": 0.5})
        return np.concatenate(before + [block.frames for block in session.blocks(2)])

    pooled = engine.preset.with_(memory_pool=True)
    assert np.array_equal(swapped(engine.preset), swapped(pooled))


@pytest.mark.parametrize("kind", ["rolling", "static", "ring"])
def test_a_preset_chooses_the_kind_of_window(engine: Engine, kind: str):
    chosen = engine.preset.with_(window_cache=kind)
    window = new_window(chosen, engine.model.sizes, engine.geometry, "relative")
    assert type(window).__name__.lower() == f"{kind}window"
    assert (window.window_frames, window.sink_frames, window.relative) == (12, 3, True)


def test_a_prompt_that_is_remembered_makes_the_same_pictures_to_the_bit(engine: Engine):
    """Back to the first prompt, and then a second session of the same engine."""
    timeline = Timeline.of(RED, (3, "it turns blue"), (6, RED))
    remembering = Engine(engine.model, engine.preset.with_(prompt_cache=2))
    first, again = (_pictures(remembering, timeline, 3) for _ in range(2))
    assert (remembering.prompts.hits, remembering.prompts.misses) == (4, 2)
    plain = _pictures(engine, timeline, 3)
    assert len(engine.prompts) == 0
    assert np.array_equal(first, plain)
    assert np.array_equal(again, plain)


def test_a_switch_changes_no_picture_before_it_lands(engine: Engine):
    switched = _pictures(engine, Timeline.of(RED, (6, "a blue star on white")), 3, seed=5)
    plain = _pictures(engine, RED, 3, seed=5)
    assert np.array_equal(switched[:21], plain[:21])
    assert not np.array_equal(switched[21:], plain[21:])


def test_a_timeline_entry_lands_on_the_first_block_at_or_after_it(engine: Engine):
    timeline = Timeline.of(RED, (4, "it turns blue"))
    blocks = list(engine.session(timeline, size_px=SMALL_PX).blocks(4))
    landed = {block.index: block.landed.asked_at for block in blocks if block.landed}
    assert landed == {0: 0, 2: 4}
    assert [block.prompt for block in blocks] == [RED, RED, "it turns blue", "it turns blue"]


def test_a_live_switch_lands_on_the_next_block_and_equals_a_planned_one(engine: Engine):
    session = engine.session(RED, seed=2, size_px=SMALL_PX)
    before = [block.frames for block in session.blocks(2)]
    landing = session.switch("it turns blue")
    after = [block.frames for block in session.blocks(1)]
    assert (landing.block, landing.lands_at) == (2, 6)
    planned = _pictures(engine, Timeline.of(RED, (6, "it turns blue")), 3, seed=2)
    assert np.array_equal(np.concatenate(before + after), planned)


def test_a_timeline_that_changes_on_the_way_makes_what_it_would_have_made_from_the_start(
    engine: Engine,
):
    first, second = (Timeline.of(RED, (6, "it grows"), (9, after)) for after in ("it shrinks", RED))
    session = engine.session(first, seed=3, size_px=SMALL_PX)
    made = [block.frames for block in session.blocks(2)]
    assert session.replan(second) == 2
    made += [block.frames for block in session.blocks(2)]
    assert np.array_equal(np.concatenate(made), _pictures(engine, second, 4, seed=3))


def test_the_past_of_a_session_is_locked(engine: Engine):
    timeline = Timeline.of(RED, (3, "it grows"))
    session = engine.session(timeline, size_px=SMALL_PX)
    list(session.blocks(2))
    with pytest.raises(TimelineError, match="too late to change, block 1 has begun"):
        session.replan(Timeline.of(RED, (3, "it shrinks")))
    assert session.timeline == timeline


def test_a_session_s_timeline_makes_its_video_again_with_the_live_switches(engine: Engine):
    session = engine.session(RED, seed=3, size_px=SMALL_PX)
    made = [block.frames for block in session.blocks(2)]
    session.switch("it shrinks")
    made += [block.frames for block in session.blocks(2)]
    assert session.timeline == Timeline.of(RED, (6, "it shrinks"))
    again = _pictures(engine, session.timeline, 4, seed=3)
    assert np.array_equal(np.concatenate(made), again)


def test_of_two_switches_on_one_block_the_last_wins_and_both_are_told(engine: Engine):
    session = engine.session(RED, size_px=SMALL_PX)
    session.switch("it turns blue")
    session.switch("it turns green")
    (block,) = session.blocks(1)
    assert block.prompt == "it turns green"
    lost = [(landing.prompt, landing.replaced_by) for landing in session.landings]
    assert lost == [
        (RED, "it turns green"),
        ("it turns blue", "it turns green"),
        ("it turns green", None),
    ]


def test_a_switch_from_another_thread_lands(engine: Engine):
    session = engine.session(RED, size_px=SMALL_PX)
    next(session.blocks(1))
    thread = threading.Thread(target=session.switch, args=("it turns blue",))
    thread.start()
    thread.join()
    (block,) = session.blocks(1)
    assert block.prompt == "it turns blue"


def test_a_prompt_steers_the_ground_and_a_switch_changes_it(engine: Engine):
    timeline = Timeline.of("a red ball rests on black", (6, "a red ball on a white ground"))
    pictures = _pictures(engine, timeline, 4, seed=1, size_px=(160, 96))
    assert pictures[20].mean() < 40
    assert pictures[-1].mean() > 200


def test_positions_do_not_matter_until_the_window_is_full(engine: Engine):
    relative = _pictures(engine, RED, 5, seed=1)
    absolute = _pictures(engine, RED, 5, seed=1, positions="absolute")
    full = 9 + 3 * 12
    difference = np.abs(relative.astype(int) - absolute.astype(int))
    assert difference[:full].max() <= 1
    assert difference[full:].max() > 1


def test_another_picture_size_is_kept(engine: Engine):
    (block,) = engine.session(RED, size_px=(96, 64)).blocks(1)
    assert block.frames.shape == (9, 64, 96, 3)


def test_random_weights_are_told_apart():
    engine = Engine.load("tiny", weights="random")
    assert engine.weights == "random"
    assert "random weights" in repr(engine)


@pytest.mark.parametrize("count", [0, -1])
def test_no_blocks_are_refused_before_any_work(engine: Engine, count: int):
    session = engine.session(RED)
    with pytest.raises(SessionError, match=f"number of blocks {count} is out of range: use 1"):
        session.blocks(count)
    assert session.next_block == 0


def test_bad_input_is_told_in_one_sentence(engine: Engine):
    with pytest.raises(ModelNotFoundError, match=r"'tinny': did you mean 'tiny'"):
        Engine.load("tinny")
    with pytest.raises(PresetError, match=r"'fast'.*reference"):
        Engine.load("tiny", "fast")
    with pytest.raises(PresetError, match=r"keeps 5 latent frames.*needs 6"):
        Engine.load("tiny", Preset("narrow", "", window_frames=5))
    with pytest.raises(CapabilityError, match="'warp'"):
        Engine.load("tiny", device="warp")
    with pytest.raises(TimelineError, match="empty"):
        engine.session("  ")
    with pytest.raises(GeometryError, match=r"width 100.*use 96"):
        engine.session(RED, size_px=(100, 96))
    with pytest.raises(SessionError, match="seed -1"):
        engine.session(RED, seed=-1)
    with pytest.raises(TimelineError, match="empty"):
        engine.session(RED).switch("")


@pytest.mark.fault(
    "What is asked for",
    "an argument has the wrong kind",
    "one sentence with the value and what it can be",
)
def test_arguments_of_the_wrong_kind_are_told_in_one_sentence(engine: Engine):
    for model in (None, 3, ""):
        with pytest.raises(ModelNotFoundError, match=r"no model is called .*: there are tiny"):
            Engine.load(model)
    for preset in (None, 3):
        with pytest.raises(PresetError, match=f"no preset is called {preset}: there are refer"):
            Engine.load("tiny", preset)
    with pytest.raises(CheckpointError, match="'rnadom' does not exist: use 'trained' or 'random'"):
        Engine.load("tiny", weights="rnadom")
    for timeline in (None, [RED]):
        with pytest.raises(TimelineError, match="is neither a prompt nor a timeline"):
            engine.session(timeline)
    for seed in (1.5, "3", None):
        with pytest.raises(SessionError, match=f"seed {seed!r} is not a whole number"):
            engine.session(RED, seed=seed)
    for positions in ("foo", None, []):
        with pytest.raises(SessionError, match=r"does not exist: use 'relative' or 'absolute'"):
            engine.session(RED, positions=positions)
    for size_px in (160, "160", (160,), (160.0, 96), ("160", 96)):
        with pytest.raises(GeometryError, match=r"not \(width, height\)|not a whole number"):
            engine.session(RED, size_px=size_px)
    for count in (1.5, "3"):
        with pytest.raises(SessionError, match=f"blocks {count!r} is not a whole number"):
            engine.session(RED).blocks(count)
    with pytest.raises(TimelineError, match="5 is neither a prompt nor a timeline"):
        engine.session(RED).replan(5)


@pytest.mark.parametrize("behind", [False, True])
def test_the_first_pictures_of_a_block_are_given_before_the_rest_is_decoded(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, behind: bool
):
    """They are the block's own, to the bit."""
    preset = engine.preset.with_(decode_first=True, decode_behind=behind, denoise_steps=(1000,))
    session = Engine(engine.model, preset).session(RED, seed=3, size_px=SMALL_PX)
    told: list[str] = []
    given: list[Block] = []

    def noted(stream: DecoderStream, latent: torch.Tensor) -> np.ndarray:
        told.append(f"decode {latent.shape[1]}")
        return decode_now(stream, latent)

    def early(block: Block) -> None:
        told.append("given")
        given.append(replace(block, frames=block.frames.copy()))

    monkeypatch.setattr("longlive_widget.engine.decode.decode_now", noted)
    blocks = list(session.blocks(3, early=early))
    assert told == ["decode 1", "given", "decode 2"] * 3
    for block, begun in zip(blocks, given, strict=True):
        known = attrgetter("index", "latent_frame", "prompt", "landed", "window", "preset")
        assert known(begun) == known(block)
        assert len(begun.frames) == (4 if block.index else 1)
        assert np.array_equal(begun.frames, block.frames[: len(begun.frames)])


def test_a_block_that_is_decoded_whole_is_given_whole(engine: Engine):
    given: list[Block] = []
    session = engine.session(RED, seed=3, size_px=SMALL_PX)
    blocks = list(session.blocks(2, early=given.append))
    assert all(np.array_equal(a.frames, b.frames) for a, b in zip(blocks, given, strict=True))


@pytest.mark.parametrize("fails", [False, True])
def test_blocks_one_by_one_replay_nothing_and_the_ones_after_do(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, fails: bool
):
    """A processor has no CUDA graphs: what would be one counts how often it is replayed."""
    replayed: list[object] = []

    def recorder() -> Callable[[Callable[[], object]], Callable[[], object]]:
        return lambda step: lambda: (replayed.append(step), step())[1]

    monkeypatch.setattr("longlive_widget.engine.session.GraphRecorder", recorder)
    monkeypatch.setattr(Preset, "replays", lambda *_: True)
    preset = engine.preset.with_(
        window_cache="static", window_frames=6, memory_pool=True, denoise_steps=(1000,)
    )
    session = Engine(engine.model, preset).session(RED, seed=3, size_px=SMALL_PX)
    blocks = session.blocks()
    for _ in range(6):
        next(blocks)
    before = len(replayed)
    assert before
    with suppress(RuntimeError), session.one_by_one():
        next(blocks)
        if fails:
            raise RuntimeError("planted")
    assert len(replayed) == before
    next(blocks)
    assert len(replayed) > before


def test_a_seed_of_numpy_is_the_same_seed(engine: Engine):
    plain, numpy = (_pictures(engine, RED, 1, seed=seed) for seed in (3, np.int32(3)))
    assert np.array_equal(plain, numpy)


@pytest.mark.fault(
    "The model",
    "a session without a studio is interrupted or fails",
    "it says at which block, and to start a new one",
)
def test_a_session_that_failed_says_so_and_stays_failed(engine: Engine, monkeypatch):
    session = engine.session(RED)

    def interrupted(*_anything: object):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("longlive_widget.engine.decode.decode_now", interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(session.blocks(1))
    with pytest.raises(SessionError, match="block 0 of this session failed"):
        next(session.blocks(1))
