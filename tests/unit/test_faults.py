"""What breaks while a video plays: what was made stays, and it is told how to go on."""

import _thread
import contextlib
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import psutil
import pytest
import torch

from longlive_widget import Engine, LongLiveWidget, Preset, Recording, Timeline
from longlive_widget.errors import CapabilityError, LongLiveError, OutputError, SessionError
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import VideoDecoder
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.widget.delivery import Delivery
from longlive_widget.widget.runner import Runner
from tests.unit import waiting
from tests.unit.test_runner import pictures_in

TIMELINE = Timeline.of("a red ball moves right on white", (9, "it turns blue"))
PLAIN = Preset("plain", "", (1000, 500), window_frames=9)
WAYS = {"plain": PLAIN, "behind": PLAIN.with_(decode_behind=True)}
POOLED = {"window_cache": "ring", "memory_pool": True, "prompt_cache": 2, "decode_behind": True}
SMALL_PX = (48, 32)
PATIENCE_S = 30
wait_until = partial(waiting.wait_until, patience_s=PATIENCE_S)
PARTS = {
    "step": (Transformer, "forward"),
    "decoder": (VideoDecoder, "forward"),
    "text encoder": (TextEncoder, "encode"),
    "coding for the page": (Delivery, "coded"),
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


@pytest.mark.fault(
    "The model",
    "a step, the decoder, the text encoder or the coding of pictures for the page fails",
    "the video is kept up to its last block; `branch(n)` goes on from there with the same "
    "pictures to the bit, and the message says so",
)
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


@pytest.mark.fault(
    "Memory and disks",
    "memory runs out inside of a block",
    "what the video took is given back, presets that need less are named, and `branch(n)` "
    "goes on under another one",
)
@pytest.mark.parametrize("preset", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("part", ["transformer", "decoder", "text_encoder"])
def test_where_memory_runs_out_it_is_given_back_and_smaller_presets_are_named(
    engine, open_studio, monkeypatch, part, preset
):
    """In that part of the model; the others, of which smaller presets are reckoned, are sound."""
    network, name = getattr(engine.model, part), "encode" if part == "text_encoder" else "forward"
    studio = open_studio(preset.with_(window_frames=21))
    studio.run(blocks=3)
    failing = studio._runner.session
    with (
        monkeypatch.context() as patch,
        pytest.raises(CapabilityError, match=r"^block 3 found no more .* use the preset 'low_mem"),
    ):
        patch.setattr(network, name, breaking(getattr(network, name), more_memory_than_there_is))
        studio.run(blocks=1)
    assert failing.window_bytes == 0
    fewer_steps = preset.with_(window_frames=21, denoise_steps=(1000,))
    studio.preset = fewer_steps
    studio.branch(3)
    studio.run(blocks=1)
    assert np.array_equal(studio.frames[:33], alone(engine, TIMELINE, 3))
    assert studio.history[-1].preset == fewer_steps.name


@pytest.mark.fault(
    "The model",
    "latents are infinite or no numbers",
    "the video stops at that block, which is named and not shown, and can be gone on with from it",
)
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


@contextlib.contextmanager
def failing_by(monkeypatch, kind, name, fault):
    with monkeypatch.context() as patch:
        patch.setattr(kind, name, breaking(getattr(kind, name), fault))
        yield


@contextlib.contextmanager
def without_a_number(weight):
    """One of its values is no number meanwhile."""
    sound = weight.detach().clone()
    with torch.inference_mode():
        weight[0, 0] = torch.nan
    try:
        yield
    finally:
        with torch.inference_mode():
            weight.copy_(sound)


def leave():
    raise SystemExit


FAULTS = {
    **{
        f"{part} fails": lambda patch, _, place=place: failing_by(patch, *place, paint_spilled)
        for part, place in PARTS.items()
    },
    "no memory": lambda patch, _: failing_by(patch, *PARTS["step"], more_memory_than_there_is),
    "ended": lambda patch, _: failing_by(patch, *PARTS["step"], leave),
    "interrupted": lambda patch, _: failing_by(patch, *PARTS["step"], _thread.interrupt_main),
    "not finite": lambda _, engine: without_a_number(engine.model.transformer.head.head.weight),
}


@pytest.mark.fault(
    "Memory and disks",
    "any fault of the model, of memory, or an interrupt comes while a video is recorded",
    "no block is lost: all that was made is in the recording to the bit, and in the manifest",
)
@pytest.mark.parametrize("preset", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_no_block_is_lost_of_recording_and_manifest_whatever_fails(
    engine, open_studio, monkeypatch, tmp_path, fault, preset
):
    studio = open_studio(preset)
    studio.record(tmp_path / "run", lossless=True)
    studio.run(blocks=3)
    with FAULTS[fault](monkeypatch, engine), pytest.raises((Exception, KeyboardInterrupt)):
        studio.switch("a big yellow star spins")
        studio.run(blocks=30)
    wait_until(lambda: studio.status in {"failed", "stopped"})
    made, run = len(studio.blocks), studio.manifest()
    assert made >= 3
    pictures = alone(engine, studio.timeline, made)
    assert np.array_equal(studio.frames, pictures)
    recording = Recording.open(studio.cut())
    assert np.array_equal(np.concatenate([b.frames for b in recording.blocks()]), pictures)
    for kept in (run, recording.manifest):
        assert [line.block for line in kept.blocks] == list(range(made))
        hashes = [each for line in kept.blocks for each in line.pictures]
        assert tuple(hashes) == picture_hashes(pictures)


TOLD_LAST = 2
KILLED = """
import sys, time
from pathlib import Path
from longlive_widget import Engine, LongLiveWidget, Preset
from longlive_widget.engine.growing_video import GrowingVideoFile

way, path = sys.argv[1:]
append = GrowingVideoFile.append

def append_late(file, frames):
    time.sleep(0.3)  # as a slow disk does
    append(file, frames)

def tell(block):
    print(block, flush=True)

def told(content, buffers):
    if content["type"] == "block":
        tell(content["record"]["block"])

GrowingVideoFile.append = append_late
engine = Engine.load("tiny", Preset("plain", "", (1000, 500)), device="cpu")
studio = LongLiveWidget(engine, "a red ball", seed=3)
studio.size_px = 48, 32
studio.record(path, lossless=not Path(path).suffix)
if way == "page":
    studio.send = told
elif way == "callback":
    studio.on_block(lambda block: tell(block.index))
studio.run(blocks=3)
tell(2)
studio.run(blocks=100)
"""


@pytest.mark.fault(
    "Threads, processes and clocks",
    "the kernel is killed while it records",
    "the recording has every block, to the bit, of which a page or a callback was told, or with "
    "which a `run` ended; so does one MP4 file",
)
@pytest.mark.parametrize(
    ("way", "name"), [("page", "run"), ("callback", "run"), ("cell", "run"), ("page", "run.mp4")]
)
def test_a_killed_kernel_leaves_every_block_in_its_recording_that_was_told_of(way, name, tmp_path):
    path = tmp_path / name
    command = [sys.executable, "-c", KILLED, way, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kernel:
        while int(kernel.stdout.readline()) < TOLD_LAST:
            pass
        kernel.kill()
    assert kernel.returncode == -signal.SIGKILL
    if path.suffix:
        (file,) = tmp_path.glob("run.*.unfinished.mp4")
        assert len(pictures_in(file)) >= 33
        return
    kept = Recording.open(path)
    assert {0, 1, TOLD_LAST} <= {line.block for line in kept.records}
    assert kept.different() == ()


@pytest.mark.fault("The model", "the first block of all fails", "the next start begins the video")
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


@pytest.mark.fault(
    "The model",
    "a video has failed, and is not gone on with",
    "`start()` begins it anew, `stop()` ends it",
)
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


@pytest.mark.fault(
    "Memory and disks",
    "the disk is full while a recording is written",
    "the video goes on, the message says what to do, and what was written plays, to the bit",
)
def test_a_recording_on_a_full_disk_keeps_what_was_written_and_says_so(open_studio, tmp_path):
    """No file of this process may grow beyond some bytes, as if the disk ended there."""
    resource = pytest.importorskip("resource")
    studio = open_studio()
    studio.record(tmp_path / "run", lossless=True)
    studio.run(blocks=3)
    so_far = sum(file.stat().st_size for file in (tmp_path / "run").iterdir())
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (so_far, allowed[1]))
    try:
        studio.run(blocks=12)
        with pytest.raises(OutputError, match=r"has failed before .*could not be written"):
            studio.cut()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert studio.status == "done"
    assert "free some space" in str(studio.errors[0])
    kept = Recording.open(tmp_path / "run")
    pictures = np.concatenate([block.frames for block in kept.blocks()])
    assert 9 <= len(pictures) < len(studio.frames)
    assert np.array_equal(pictures, studio.frames[: len(pictures)])


@pytest.mark.fault(
    "Threads, processes and clocks",
    "the kernel is interrupted in `run`, once or twice",
    "the video is stopped, and the next `run` begins a new one",
)
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_run_ends_in_order_however_often_it_is_interrupted(
    engine, open_studio, monkeypatch, times
):
    studio = open_studio()
    studio.on_block(lambda block: _thread.interrupt_main() if block.index == 2 else None)
    stop = studio._runner._become

    def interrupted_again(status):
        if times == 2 and status == "stopped":
            _thread.interrupt_main()
        stop(status)

    monkeypatch.setattr(studio._runner, "_become", interrupted_again)
    with pytest.raises(KeyboardInterrupt):
        studio.run(blocks=1000)
    wait_until(lambda: studio._runner.session is None)
    assert studio.status == "stopped"
    studio.run(blocks=2)
    assert np.array_equal(studio.frames, alone(engine, TIMELINE, 2))


@pytest.mark.fault(
    "Threads, processes and clocks",
    "a callback for blocks calls `exit`",
    "it is told, and the video goes on",
)
def test_what_would_end_the_worker_unseen_is_told_and_the_video_goes_on(engine, open_studio):
    studio = open_studio()

    def leave(block):
        if block.index == 1:
            raise SystemExit(3)

    studio.on_block(leave)
    studio.run(blocks=3)
    assert [str(error) for error in studio.errors] == [
        "a callback for blocks was ended by SystemExit(3): raise an Exception, or call stop()"
    ]
    assert np.array_equal(studio.frames, alone(engine, TIMELINE, 3))


@pytest.mark.fault(
    "Threads, processes and clocks",
    "something ends the thread that makes a block",
    "the block fails with a sentence, and the next start makes blocks",
)
def test_a_block_that_is_ended_as_a_thread_is_fails_and_the_worker_lives(
    engine, open_studio, monkeypatch
):
    studio = open_studio()

    def leave():
        raise SystemExit

    network = engine.model.transformer
    with monkeypatch.context() as patch, pytest.raises(SessionError, match=r"was ended by System"):
        patch.setattr(network, "forward", breaking(network.forward, leave))
        studio.run(blocks=1)
    studio.run(blocks=2)
    assert np.array_equal(studio.frames, alone(engine, TIMELINE, 2))


@pytest.mark.fault(
    "Threads, processes and clocks",
    "the process forks while a video plays",
    "in the new process the studio is closed and says so; in the old one it plays on",
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_in_a_forked_process_a_playing_studio_is_closed_and_here_it_plays_on(open_studio):
    studio = open_studio()
    studio.start()
    wait_until(lambda: len(studio.history) > 0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may go on here
        try:
            studio.run(blocks=1)
        except LongLiveError as error:
            os.write(writing, f"{studio.status}: {error}".encode())
        finally:
            studio.close()
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as told:  # noqa: PTH123  a pipe
        assert told.read() == "closed: this studio is closed: make a new LongLiveWidget"
    assert os.waitpid(child, 0)[1] == 0
    studio.pause()
    made = len(studio.history)
    studio.resume()
    wait_until(lambda: len(studio.history) > made)


@pytest.mark.fault(
    "Threads, processes and clocks",
    "two videos of one engine are made at once, and one changes its preset",
    "both are what they are alone, to the bit",
)
@pytest.mark.parametrize("parts", [{}, POOLED], ids=["plain", "pooled"])
def test_two_videos_of_one_engine_at_once_are_what_each_is_alone(engine, parts):
    """Of prompts and seeds of their own; one of them changes its preset meanwhile, twice."""
    others = Timeline.of("a big yellow star spins", (6, "a green square"))
    engine = Engine(engine.model, PLAIN.with_(**parts))
    fewer = Engine(engine.model, engine.preset.with_(denoise_steps=(1000,)))

    def changing():
        session = engine.session(TIMELINE, 3, size_px=SMALL_PX)
        for number, block in enumerate(session.blocks(9)):
            yield block.frames
            if number in {2, 5}:
                (fewer if number == 2 else engine).take_over(session)

    def other():
        session = engine.session(others, 8, size_px=SMALL_PX)
        return np.concatenate([block.frames for block in session.blocks(9)])

    alone_changing, alone_other = np.concatenate(list(changing())), other()
    with ThreadPoolExecutor(2) as workers:
        one = workers.submit(lambda: np.concatenate(list(changing())))
        beside = workers.submit(other)
        assert np.array_equal(one.result(), alone_changing)
        assert np.array_equal(beside.result(), alone_other)


@pytest.mark.fault(
    "Threads, processes and clocks",
    "the machine was suspended, or a clock jumps",
    "a live video goes on at its own rate; nothing is made up for",
)
def test_after_a_suspend_a_live_video_goes_on_at_its_own_rate(engine):
    """The clock is an hour later at once: one block is due, and then one each 0.75 s as before."""
    now_s = [100.0]
    runner = Runner(
        Engine(engine.model, PLAIN), TIMELINE, 3, lambda *_: None, clock_s=lambda: now_s[0]
    )
    try:
        runner.start()
        wait_until(lambda: len(runner.delivery.history) == 2)
        for blocks, later_s in [(3, 3600.0), (4, 0.75), (5, 0.75), (6, 0.75)]:
            now_s[0] += later_s
            runner.pause()  # or it would look at the clock when it had meant to
            runner.resume()
            wait_until(lambda blocks=blocks: len(runner.delivery.history) >= blocks)
            time.sleep(0.3)
            assert len(runner.delivery.history) == blocks
    finally:
        runner.close()


HOLDERS = ("Session", "Rollout", "Runner", "Courier", "Reel", "Archive")


def held() -> dict[str, int]:
    """Threads, open files, and the objects that hold videos, windows and pictures."""
    gc.collect()
    kinds = [type(each).__name__ for each in gc.get_objects()]
    counts = {kind: kinds.count(kind) for kind in HOLDERS}
    return counts | {"threads": threading.active_count(), "files": psutil.Process().num_fds()}


@pytest.mark.fault(
    "Threads, processes and clocks",
    "a recorded video fails again and again, or is interrupted, by any fault of the model",
    "threads, open files, and what holds videos and memory are as many as before",
)
@pytest.mark.parametrize("fault", FAULTS)
def test_after_faults_threads_files_and_holders_are_as_many_as_before(
    engine, monkeypatch, tmp_path, caplog, fault
):
    caplog.set_level(logging.CRITICAL)  # pytest keeps what is logged, with all that its errors hold

    def failed_once():
        studio = LongLiveWidget(engine, TIMELINE, seed=3)
        studio.size_px = SMALL_PX
        studio.record(tmp_path / f"{len(list(tmp_path.iterdir()))}")
        studio.run(blocks=1)
        with FAULTS[fault](monkeypatch, engine), pytest.raises((Exception, KeyboardInterrupt)):
            studio.switch("a big yellow star spins")
            studio.run(blocks=30)
        studio.close()

    failed_once()
    before = held()
    for _ in range(3):
        failed_once()
    assert held() == before
