"""What breaks while a video plays: what was made stays, and it is told how to go on."""

import gc
import threading

import numpy as np
import psutil
import pytest
import torch

from longlive_widget import Engine, LongLiveWidget, Preset, Timeline
from longlive_widget.errors import CapabilityError, LongLiveError, SessionError
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import VideoDecoder

TIMELINE = Timeline.of("a red ball moves right on white", (9, "it turns blue"))
PLAIN = Preset("plain", "", (1000, 500), window_frames=9)
WAYS = {"plain": PLAIN, "behind": PLAIN.with_(decode_behind=True)}
SMALL_PX = (48, 32)
PARTS = {
    "step": (Transformer, "forward"),
    "decoder": (VideoDecoder, "forward"),
    "text encoder": (TextEncoder, "encode"),
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", PLAIN, device="cpu")


@pytest.fixture
def open_studio(engine: Engine):
    """A studio under a preset; it is closed at the end."""
    built = []

    def build(preset: Preset = PLAIN) -> LongLiveWidget:
        built.append(LongLiveWidget(Engine(engine.model, preset), TIMELINE, seed=3))
        built[-1].size_px = SMALL_PX
        return built[-1]

    yield build
    for studio in built:
        studio.close()


def alone(engine: Engine, timeline: Timeline, blocks: int):
    session = engine.session(timeline, 3, size_px=SMALL_PX)
    return np.concatenate([block.frames for block in session.blocks(blocks)])


def breaking(work, fault):
    """The same function, but for a fault on its way."""

    def broken(*arguments, **named):  # noqa: ANN003
        fault()
        return work(*arguments, **named)

    return broken


def paint_spilled():
    raise ValueError("paint was spilled")


def more_memory_than_there_is():
    torch.empty(2**50, dtype=torch.uint8)


@pytest.mark.parametrize("preset", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("part", PARTS)
def test_where_a_part_of_the_model_fails_the_video_goes_on_from_there(
    engine, open_studio, monkeypatch, part, preset
):
    studio = open_studio(preset)
    studio.run(blocks=3)
    kind, name = PARTS[part]
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="paint was sp") as told:
        patch.setattr(kind, name, breaking(getattr(kind, name), paint_spilled))
        studio.switch("a big yellow star spins")
        studio.run(blocks=3)
    made = len(studio.blocks)
    assert f"branch({made}) goes on with block {made}" in told.value.__notes__[0]
    assert (studio.status, studio.errors) == ("failed", (told.value,))
    plan = studio.timeline
    studio.branch(made)
    studio.run(blocks=5 - made)
    assert np.array_equal(studio.frames, alone(engine, plan, 5))


@pytest.mark.parametrize("preset", WAYS.values(), ids=WAYS)
def test_where_memory_runs_out_it_is_given_back_and_smaller_presets_are_named(
    engine, open_studio, monkeypatch, preset
):
    studio = open_studio(preset.with_(window_frames=21))
    studio.run(blocks=3)
    failing = studio._runner.session
    with (
        monkeypatch.context() as patch,
        pytest.raises(CapabilityError, match=r"^block 3 found no more .* use the preset 'low_mem"),
    ):
        network = engine.model.transformer
        patch.setattr(network, "forward", breaking(network.forward, more_memory_than_there_is))
        studio.run(blocks=1)
    assert failing.window_bytes == 0
    fewer_steps = preset.with_(window_frames=21, denoise_steps=(1000,))
    studio.preset = fewer_steps
    studio.branch(3)
    studio.run(blocks=1)
    assert np.array_equal(studio.frames[:33], alone(engine, TIMELINE, 3))
    assert studio.history[-1].preset == fewer_steps.name


@pytest.mark.parametrize("preset", WAYS.values(), ids=WAYS)
def test_numbers_that_are_not_finite_stop_the_video_at_their_block(engine, open_studio, preset):
    studio = open_studio(preset)
    studio.run(blocks=3)
    weight = engine.model.transformer.head.head.weight
    sound = weight.detach().clone()
    try:
        with torch.inference_mode():
            weight[0, 0] = torch.nan
        with pytest.raises(SessionError, match=r"block 3 came out with numbers that are not fini"):
            studio.run(blocks=1)
    finally:
        with torch.inference_mode():
            weight.copy_(sound)
    assert len(studio.blocks) == 3
    studio.branch(3)
    studio.run(blocks=2)
    assert np.array_equal(studio.frames, alone(engine, TIMELINE, 5))


def test_a_video_that_failed_at_its_first_block_is_begun_anew(engine, open_studio, monkeypatch):
    studio = open_studio()
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="paint") as told:
        patch.setattr(Transformer, "forward", breaking(Transformer.forward, paint_spilled))
        studio.run(blocks=1)
    assert not hasattr(told.value, "__notes__")
    with pytest.raises(SessionError, match=r"there is no video to leave, it is failed: start\(\)"):
        studio.branch(0)
    studio.run(blocks=2)
    assert np.array_equal(studio.frames, alone(engine, TIMELINE, 2))


def test_a_video_that_failed_is_left_behind_by_a_start_and_by_a_stop(
    engine, open_studio, monkeypatch
):
    studio = open_studio()
    for verb, status in [(lambda: None, "failed"), (studio.stop, "stopped")]:
        studio.run(blocks=1)
        with monkeypatch.context() as patch, pytest.raises(ValueError, match="paint"):
            patch.setattr(Transformer, "forward", breaking(Transformer.forward, paint_spilled))
            studio.run(blocks=1)
        verb()
        assert studio.status == status
        studio.run(blocks=2)
        assert np.array_equal(studio.frames, alone(engine, TIMELINE, 2))
        studio.stop()


def test_after_faults_threads_and_files_are_as_many_as_before(engine, monkeypatch, tmp_path):
    def failed_once():
        studio = LongLiveWidget(engine, TIMELINE, seed=3)
        studio.size_px = SMALL_PX
        studio.record(tmp_path / f"{len(list(tmp_path.iterdir()))}")
        studio.run(blocks=1)
        with monkeypatch.context() as patch, pytest.raises(LongLiveError):
            network = engine.model.transformer
            patch.setattr(network, "forward", breaking(network.forward, more_memory_than_there_is))
            studio.run(blocks=2)
        studio.close()
        gc.collect()

    failed_once()
    before = threading.active_count(), psutil.Process().num_fds()
    for _ in range(3):
        failed_once()
    assert (threading.active_count(), psutil.Process().num_fds()) == before
