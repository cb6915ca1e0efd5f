"""The studio in plain Python and in a real kernel; the page is another test's matter."""

import asyncio
import base64
import gc
import io
import subprocess
import sys
import threading
from pathlib import Path

import av
import nbformat
import numpy as np
import pytest
import torch
import traitlets
from ipywidgets import Text
from nbclient import NotebookClient
from PIL import Image, ImageColor

from longlive_widget import Recording
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.engine import Engine
from longlive_widget.errors import CapabilityError, OutputError, SessionError, TimelineError
from longlive_widget.measure.memory import reserved_bytes
from longlive_widget.presets import Preset
from longlive_widget.timeline import Entry, Timeline, Transition
from longlive_widget.widget import bundle
from longlive_widget.widget.figures import PART_COLOURS
from longlive_widget.widget.freed import Freed, freed_since
from longlive_widget.widget.reel import Reel
from longlive_widget.widget.still import beneath, picture_strip, report_output, summary_rows
from longlive_widget.widget.studio import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine, PaintedSession
from tests.unit.waiting import wait_until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20
MARKUP = "a *blue* star <b>| $x$ [here](there)"
TIMELINE = Timeline.of("a red ball", (7, MARKUP))


@pytest.fixture
def studio():
    built = LongLiveWidget(PaintedEngine(), timeline=TIMELINE, seed=1)
    yield built
    built.close()


def executed(*cells):
    """The outputs of these cells, run in a kernel of their own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    return [cell.outputs for cell in notebook.cells]


def imported(name, text):
    """What a page sends once a file was chosen."""
    return {"type": "import", "view": "12-34", "name": name, "text": text}


def printed(outputs):
    return "".join(output.get("text", "") for output in outputs)


def test_a_run_gives_pictures_measurements_and_landings(studio):
    studio.run(blocks=4)
    assert studio.frames.shape == (9 + 3 * 12, 96, 160, 3)
    assert [record.block for record in studio.history] == [0, 1, 2, 3]
    assert [landing.block for landing in studio.landings] == [0, 3]
    assert studio.status == "done"
    assert studio.errors == ()


def test_an_awaited_run_leaves_the_loop_free(studio):
    async def scenario():
        running = asyncio.create_task(studio.arun(blocks=3))
        await asyncio.sleep(0)
        assert studio.status == "running"
        await running

    asyncio.run(scenario())
    assert len(studio.history) == 3


def test_a_run_that_is_no_longer_awaited_ends_its_video_and_the_studio_goes_on(studio):
    async def scenario():
        running = asyncio.create_task(studio.arun(blocks=10_000))
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    assert studio.status == "stopped"
    studio.run(blocks=2)
    assert (studio.status, studio.errors) == ("done", ())


def test_a_prompt_alone_is_a_timeline():
    studio = LongLiveWidget(PaintedEngine(), "a red ball")
    studio.run(blocks=1)
    assert studio.blocks[0].prompt == "a red ball"
    studio.close()


def test_its_name_is_the_same_whatever_it_does(studio):
    before = repr(studio)
    studio.run(blocks=1)
    assert repr(studio) == before == "LongLiveWidget('painted', preset='reference', seed=1)"


def test_a_second_studio_on_an_engine_closes_the_first():
    engine = PaintedEngine()
    first = LongLiveWidget(engine, TIMELINE)
    first.start()
    second = LongLiveWidget(engine, TIMELINE)
    assert (first.status, second.status) == ("closed", "idle")
    with pytest.raises(SessionError, match="closed"):
        first.start()
    second.close()


def test_studios_on_two_engines_live_side_by_side():
    first, second = (LongLiveWidget(PaintedEngine(), TIMELINE) for _ in range(2))
    assert (first.status, second.status) == ("idle", "idle")
    first.close()
    second.close()


@pytest.mark.fault(
    "The page and its messages",
    "a page sends what is no command",
    "it is told on the page, and nothing is raised",
)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"type": "switch", "prompt": " "}, "is empty"),
        ({"type": "rewind"}, "no command is called 'rewind'"),
        ({"type": "switch", "prompt": "a blue star"}, r"start() one first"),
    ],
)
def test_a_bad_command_from_a_page_is_told_not_raised(studio, content, told):
    studio._handle_custom_msg(content, [])
    wait_until(lambda: studio.errors)
    assert told in str(studio.errors[-1])
    assert studio.status == "idle"


@pytest.fixture
def sent(studio, monkeypatch):
    """What the studio sends to the page."""
    messages = []
    monkeypatch.setattr(studio, "send", lambda content, _buffers: messages.append(content))
    return messages


EMPTY_EDIT = {"type": "edit", "view": "12-34", "revision": 0, "from_block": 0, "entries": []}


@pytest.mark.parametrize(
    ("content", "view"),
    [
        (imported("mine.json", "{"), "12-34"),
        ({"type": "export", "view": "12-34", "form": "paper"}, "12-34"),
        (EMPTY_EDIT, "12-34"),
        ({"type": "clip", "view": "12-34", "seconds": 30}, "12-34"),
        ({"type": "pause"}, None),
        ("no object", None),
    ],
    ids=["import", "export", "edit", "clip", "pause", "none"],
)
def test_what_goes_wrong_is_told_to_the_view_that_it_concerns_or_to_all(
    studio, sent, content, view
):
    studio._handle_custom_msg(content, [])
    wait_until(lambda: [each for each in sent if each["type"] == "failure"])
    (failure,) = [each for each in sent if each["type"] == "failure"]
    assert failure["view"] == view


def test_a_view_is_told_that_its_control_is_heard_before_it_is_obeyed(studio, sent):
    studio._handle_custom_msg({"type": "pause", "asked": {"view": "12-34", "number": 7}}, [])
    wait_until(lambda: len(sent) == 2)
    assert sent[0] == {"type": "heard", "view": "12-34", "number": 7}
    assert sent[1]["type"] == "failure"


def test_what_a_page_measured_of_a_block_is_kept_with_it(studio):
    studio.run(blocks=1)
    times = {"wire_ms": 4.5, "wire_within_ms": 1.5, "decode_ms": 12.5}
    studio._handle_custom_msg({"type": "credit", "run": 1, "block": 0, **times}, [])
    wait_until(lambda: studio.history[0].page.decode_ms == 12.5)
    assert studio.history[0].page.wire_ms == 4.5


def test_a_click_does_what_a_method_does(studio):
    for kind, status in [
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("stop", "stopped"),
    ]:
        studio._handle_custom_msg({"type": kind}, [])
        wait_until(lambda: studio.page_state["status"] == status)  # noqa: B023
        assert studio.status == status


def test_clicks_are_obeyed_in_their_order(studio):
    seen = []
    studio.observe(lambda change: seen.append(change.new["status"]), "page_state")
    for kind in ("start", "pause", "resume", "pause", "stop"):
        studio._handle_custom_msg({"type": kind}, [])
    wait_until(lambda: len(seen) == 5)
    assert seen == ["running", "paused", "running", "paused", "stopped"]


def test_a_handler_of_the_page_waits_for_nothing(studio):
    page_messages = [
        {"type": "attach", "view": "1-2", "codecs": ["jpeg"]},
        {"type": "asset", "name": "plotly"},
    ]
    with studio._runner._video.changed:
        handler = threading.Thread(
            target=lambda: [studio._handle_custom_msg(each, []) for each in page_messages]
        )
        handler.start()
        handler.join(PATIENCE_S)
        assert not handler.is_alive()


def test_an_observer_of_the_state_may_ask_for_anything_on_any_thread(studio):
    answered = []

    def ask(change):
        asking = threading.Thread(target=lambda: studio.history)
        asking.start()
        asking.join(PATIENCE_S / 10)
        answered.append((change.new["status"], not asking.is_alive()))

    studio.observe(ask, "page_state")
    studio.run(blocks=2)
    assert answered == [("running", True), ("done", True)]


def test_a_timeline_is_assigned_and_observed(studio):
    changes = []
    studio.observe(changes.append, "timeline")
    studio.run(blocks=2)
    plan = Timeline.of("a red ball", (9, "a green square"))
    studio.timeline = plan
    assert studio.timeline == plan
    wait_until(lambda: changes)
    assert (changes[-1].old, changes[-1].new) == (TIMELINE, plan)
    studio.switch("a blue star")
    wait_until(lambda: len(changes) == 2)
    assert changes[-1].new == studio.timeline == plan.with_entry(Entry(6, "a blue star"))


@pytest.mark.parametrize("preset", ["reference", Preset("behind", "", decode_behind=True)])
def test_a_stop_ends_the_block_that_is_being_made_with_its_present_step(preset, monkeypatch):
    studio = LongLiveWidget(Engine.load("tiny", preset, device="cpu"), "a red ball")
    in_step, go_on, passes = threading.Event(), threading.Event(), []
    flow = Denoiser.flow

    def watched(self, *arguments):
        passes.append(arguments[1])
        if len(passes) == 2:
            in_step.set()
            assert go_on.wait(PATIENCE_S)
        return flow(self, *arguments)

    monkeypatch.setattr(Denoiser, "flow", watched)
    studio.start()
    assert in_step.wait(PATIENCE_S)
    studio.stop()
    go_on.set()
    studio.run(blocks=1)
    assert passes[2:4] == passes[:2], "the steps that were left of the first block were made"
    assert studio.status == "done"
    assert not studio.errors
    studio.close()


def test_a_status_is_observed_and_cannot_be_assigned(studio):
    seen = []
    studio.observe(lambda change: seen.append((change.old, change.new)), "status")
    studio.run(blocks=1)
    studio.stop()
    wait_until(lambda: len(seen) == 3)
    assert seen == [("idle", "running"), ("running", "done"), ("done", "stopped")]
    with pytest.raises(traitlets.TraitError, match="read-only"):
        studio.status = "running"


def test_a_prompt_is_assigned_linked_and_observed_as_it_lands(studio):
    seen = []
    studio.observe(lambda change: seen.append(change.new), "prompt")
    field = Text("a red ball")
    traitlets.link((studio, "prompt"), (field, "value"))
    studio.timeline = Timeline.of("a red ball", (6, "a green square"))
    field.value = "a blue star"
    assert studio.timeline == Timeline.of("a blue star", (6, "a green square"))
    studio.run(blocks=3)
    wait_until(lambda: seen == ["a blue star", "a green square"])
    assert field.value == "a green square"
    studio.prompt = "a sea"
    assert studio.prompt == "a sea"
    assert studio.timeline.at(9) == Entry(9, "a sea")
    with pytest.raises(TimelineError, match="is empty"):
        studio.prompt = " "


def test_a_file_that_comes_while_a_video_runs_changes_what_is_to_come(studio):
    studio.run(blocks=2)
    text = "a green square\n3: a sea\n9: a blue star"
    studio._handle_custom_msg(
        {"type": "import", "view": "12-34", "name": "mine.txt", "text": text}, []
    )
    wait_until(lambda: studio.timeline == Timeline.of("a red ball", (9, "a blue star")))
    studio._handle_custom_msg(imported("short.txt", "a green square"), [])
    wait_until(lambda: studio.errors)
    assert "short.txt has no prompt from latent frame 6 on" in str(studio.errors[-1])


def test_an_edit_of_the_page_is_seen_by_whoever_observes(studio):
    changes = []
    studio.observe(changes.append, "timeline")
    rows = [{"latent_frame": 0, "prompt": "a green square"}]
    edit = {"type": "edit", "view": "1-2", "revision": 0, "from_block": 0, "entries": rows}
    studio._handle_custom_msg(edit, [])
    wait_until(lambda: changes)
    assert changes[-1].new == Timeline.of("a green square")
    assert [entry["prompt"] for entry in studio.page_state["entries"]] == ["a green square"]


def test_a_transition_comes_from_a_call_and_from_a_click_alike(studio):
    studio.run(blocks=1)
    studio.switch("a green square", Transition(4, "slerp"))
    assert studio.timeline.at(3) == Entry(3, "a green square", Transition(4, "slerp"))
    click = {"type": "switch", "prompt": "a sea", "transition": {"blocks": 2, "recache": False}}
    studio._handle_custom_msg(click, [])
    wait_until(lambda: studio.timeline.at(3).transition == Transition(2, recache=False))


def test_a_file_from_the_page_is_followed_or_told_in_a_sentence(studio):
    file = {
        "type": "import",
        "view": "12-34",
        "name": "mine.txt",
        "text": "a green square\n9: a blue star",
    }
    studio._handle_custom_msg(file, [])
    wait_until(lambda: studio.timeline == Timeline.of("a green square", (9, "a blue star")))
    studio._handle_custom_msg(
        {"type": "import", "view": "12-34", "name": "mine.json", "text": "{"}, []
    )
    wait_until(lambda: studio.errors)
    assert str(studio.errors[-1]).startswith("this is not JSON")


def test_a_timeline_that_changes_the_past_is_refused_where_it_is_assigned(studio):
    studio.run(blocks=2)
    with pytest.raises(TimelineError, match="'a red ball' at latent frame 0 is too late"):
        studio.timeline = "a green square"
    with pytest.raises(TimelineError, match="neither a prompt nor a timeline"):
        studio.timeline = 3
    assert studio.timeline == TIMELINE


def test_timelines_of_two_studios_may_be_linked(studio):
    other = LongLiveWidget(PaintedEngine(), timeline=TIMELINE, seed=1)
    traitlets.link((studio, "timeline"), (other, "timeline"))
    studio.timeline = Timeline.of("a green square")
    wait_until(lambda: other.timeline == studio.timeline)
    other.close()


def test_an_unbuilt_page_is_told_before_anything_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    with pytest.raises(CapabilityError, match=r"`make setup`.*`npm --prefix js install && npm"):
        LongLiveWidget(PaintedEngine(), TIMELINE)


def test_a_studio_that_could_not_be_built_leaves_its_predecessor_and_prints_nothing(capsys):
    engine = PaintedEngine()
    first = LongLiveWidget(engine, TIMELINE)
    threads = threading.active_count()
    for timeline, seed, wrong in [
        (" ", 0, TimelineError),
        (TIMELINE, -1, SessionError),
        (TIMELINE, 1.5, SessionError),
        (5, 0, TimelineError),
    ]:
        with pytest.raises(wrong):
            LongLiveWidget(engine, timeline, seed=seed)
    gc.collect()
    assert (first.status, threading.active_count()) == ("idle", threads)
    assert capsys.readouterr().err == ""
    first.close()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused_when_the_studio_is_built(seed):
    with pytest.raises(SessionError, match="use 0 to 4294967295"):
        LongLiveWidget(PaintedEngine(), TIMELINE, seed=seed)


def test_an_unknown_codec_is_refused_when_the_studio_is_built():
    with pytest.raises(SessionError, match="codec 'vp9' does not exist: use 'auto' or"):
        LongLiveWidget(PaintedEngine(), "a red ball", codec="vp9")


def test_what_to_do_unseen_is_one_of_two():
    with pytest.raises(SessionError, match="when_unseen 'stop' does not exist: use 'go on' or"):
        LongLiveWidget(PaintedEngine(), "a red ball", when_unseen="stop")


def test_an_empty_prompt_is_refused_when_the_studio_is_built():
    with pytest.raises(TimelineError, match="empty"):
        LongLiveWidget(PaintedEngine(), " ")


def test_all_that_was_made_is_saved_as_a_video(studio, tmp_path):
    studio.run(blocks=3)
    studio.save(tmp_path / "x.mp4")
    with av.open(str(tmp_path / "x.mp4")) as video:
        seen = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(seen) == 33
    assert np.abs(seen[20].astype(int) - studio.frames[20]).mean() < 4


def test_the_last_seconds_are_saved_in_whole_blocks(studio, tmp_path):
    studio.run(blocks=6)
    studio.save(tmp_path / "x.mp4", seconds=2)
    with av.open(str(tmp_path / "x.mp4")) as video:
        seen = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(seen) == 36
    assert np.abs(seen[0].astype(int) - studio.frames[-36]).mean() < 4


def test_a_recording_is_where_it_was_asked_for(studio, tmp_path):
    path = studio.record(tmp_path / "x.mp4")
    studio.run(blocks=2)
    assert studio.cut() == path == tmp_path / "x.mp4"
    assert path.stat().st_size > 0


def test_a_studio_records_one_video_into_a_folder_that_plays_meanwhile(tmp_path):
    quick = Preset("quick", "", (1000, 500))
    engine = Engine.load("tiny", quick)
    studio = LongLiveWidget(engine, "a red ball bounces", seed=1)
    studio.size_px = (96, 64)
    with pytest.raises(SessionError, match="only a recording in a folder is kept without loss"):
        studio.record(tmp_path / "x.mp4", lossless=True)
    path = studio.record(tmp_path / "run", lossless=True)
    studio.run(blocks=2)
    studio.switch("a big blue star spins")
    studio.run(blocks=1)
    studio.preset = quick.with_(name="one", denoise_steps=(1000,))
    studio.run(blocks=1)
    frames, manifest = studio.frames, studio.manifest()
    wait_until(lambda: (path / "video.mp4").exists() and len(Recording.open(path).records) >= 2)
    assert (path / "journal.jsonl").exists()

    studio.stop()
    studio.run(blocks=1)  # another video, which ends the recording of the first one
    wait_until(lambda: (path / "manifest.json").exists())
    recording = Recording.open(path)
    assert recording.manifest == manifest
    assert [(turn.block, turn.preset.name) for turn in manifest.presets] == [(3, "one")]
    assert np.array_equal(np.concatenate([block.frames for block in recording.blocks()]), frames)
    assert not (path / "journal.jsonl").exists()
    assert studio.cut() == path  # it has ended, and is where it was asked for
    with pytest.raises(SessionError, match=r"nothing is being recorded"):
        studio.cut()

    middle = studio.record(tmp_path / "middle")
    studio.run(blocks=2)
    assert studio.cut() == middle
    assert [line.block for line in Recording.open(middle).records] == [1, 2]
    assert studio.errors == ()
    studio.close()


def test_closing_says_what_it_freed(studio):
    studio.run(blocks=1)
    freed = studio.close()
    assert (freed.freed_bytes, freed.held_bytes) == (0, 0)
    assert "on the processor, so no device memory was held" in str(freed)
    assert repr(Freed("cuda:0", 3 * 2**30, 2**30)).startswith(
        "closed; 3,072 MiB of cuda:0 freed, 1,0"
    )


def test_what_is_freed_of_a_gpu_is_what_is_no_longer_reserved_there(monkeypatch):
    reserved = [7 * 2**20]
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: reserved[0])
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: reserved.insert(0, 3 * 2**20))
    gpu = torch.device("cuda", 0)
    assert freed_since(gpu, reserved_bytes(gpu)) == Freed("cuda:0", 4 * 2**20, 3 * 2**20)


def test_a_snapshot_is_a_picture_exactly_as_it_was_made(studio, tmp_path):
    studio.run(blocks=2)
    studio.snapshot(tmp_path / "newest.png")
    studio.snapshot(tmp_path / "tenth.png", picture=9)
    for name, picture in [("newest", 20), ("tenth", 9)]:
        seen = np.asarray(Image.open(tmp_path / f"{name}.png"))
        assert (seen == studio.frames[picture]).all()
    with pytest.raises(SessionError, match="picture 21 is not kept: use 0 to 20"):
        studio.snapshot(tmp_path / "x.png", picture=21)
    with pytest.raises(OutputError, match="is a folder"):
        studio.snapshot(tmp_path)


def test_before_anything_was_made_there_is_nothing_to_save_or_to_report(studio, tmp_path):
    for attempt in (lambda: studio.save(tmp_path / "x.mp4"), studio.report, lambda: studio.frames):
        with pytest.raises(SessionError, match="nothing was made yet"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_after_closing_there_is_nothing_either_and_a_new_studio_is_needed(studio, tmp_path):
    studio.run(blocks=1)
    studio.close()
    for attempt in (lambda: studio.save(tmp_path / "x.mp4"), studio.report, lambda: studio.frames):
        with pytest.raises(SessionError, match="closed: make a new LongLiveWidget"):
            attempt()


def test_the_reel_forgets_the_oldest_blocks_and_counts_them():
    blocks = list(PaintedSession(PaintedEngine(), TIMELINE, 0).blocks(6))
    reel = Reel(limit_bytes=blocks[1].frames.nbytes * 2)
    for block in blocks:
        reel.append(block)
    assert [block.index for block in reel.blocks] == [4, 5]
    assert reel.forgotten_blocks == 4


def test_what_was_shown_reaches_further_back_than_the_pictures_do_but_not_over_a_gap():
    blocks = list(PaintedSession(PaintedEngine(), TIMELINE, 0).blocks(6))
    reel = Reel(limit_bytes=blocks[1].frames.nbytes * 2)
    for block in blocks:
        units = () if block.index == 1 else [bytes([block.index])] * len(block.frames)
        reel.append(block, units)
    lately = [(shot.latent_frame, len(shot.units), shot.frames is None)
              for shot in reel.lately(60)]  # fmt: skip
    assert lately == [(6, 12, True), (9, 12, True), (12, 12, False), (15, 12, False)]
    assert [shot.latent_frame for shot in reel.lately(1.5)] == [12, 15]


def test_the_strip_shows_pictures_of_the_video_in_order(studio):
    studio.run(blocks=4)
    strip = picture_strip(studio.blocks, pictures=4)
    png = io.BytesIO()
    strip.save(png, "PNG")
    seen = np.asarray(Image.open(png)).astype(int)
    size = 1 + (strip.width - 6) // 4
    for index, block in enumerate(studio.blocks):
        middle = block.frames[len(block.frames) // 2].mean(axis=(0, 1))
        shown = seen[20:100, 6 + index * size + 5 : 6 + (index + 1) * size - 15].mean(axis=(0, 1))
        assert np.abs(shown - middle).max() < 25, index


def test_prompts_in_a_report_are_as_they_were_typed_and_drawn(studio):
    studio.run(blocks=4)
    rows = summary_rows(studio.history)
    assert rows[-1][1] == MARKUP
    strip = picture_strip(studio.blocks)
    output = report_output([strip], rows)
    assert set(output) == {"image/png", "text/plain"}
    assert output["text/plain"].endswith(f": {MARKUP}")
    picture = Image.open(io.BytesIO(base64.b64decode(output["image/png"])))
    drawn = np.asarray(picture)[strip.height :]
    lines = (drawn != 255).any(axis=(1, 2))
    assert np.count_nonzero(np.diff(lines.astype(int)) == 1) >= len(rows)


def test_a_report_of_many_pictures_is_coded_smaller_and_looks_the_same():
    hue = np.linspace(0, 255, 900)[None, :, None] * np.array([1.0, 0.2, 0.6])
    fine = np.random.default_rng(0).normal(0, 4, (1200, 900, 3))
    strip = Image.fromarray(np.clip(hue + fine, 0, 255).astype(np.uint8))
    png = io.BytesIO()
    beneath(strip).save(png, "PNG")
    output = report_output([strip], [("videos", "16")], 900)
    assert set(output) == {"image/jpeg", "text/plain"}
    coded = base64.b64decode(output["image/jpeg"])
    assert len(coded) < len(png.getvalue()) / 3
    shown = np.asarray(Image.open(io.BytesIO(coded)))[:1200].astype(float)
    assert np.abs(shown - np.asarray(strip)).mean() < 4
    assert np.abs((shown - np.asarray(strip)).mean(axis=0)).max() < 2


def test_what_has_ended_is_told_once_and_what_goes_on_with_a_later_block(studio):
    studio.run(blocks=2)
    clock = studio._runner._gauges.clock
    assert clock.take() == ()
    with clock.span("steps", 2):
        assert clock.take() == ()
    (span,) = clock.take()
    assert (span.name, span.block) == ("steps", 2)
    assert clock.take() == ()


def test_a_plain_program_ends_quietly_while_a_video_runs():
    program = """
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine
studio = LongLiveWidget(PaintedEngine(seconds_per_block=0.2), "a red ball")
studio.start()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


CELL = """
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine
studio = LongLiveWidget(PaintedEngine(), "a red ball")
"""


@pytest.mark.slow
def test_pictures_stand_one_above_the_other():
    upper, lower = Image.new("RGB", (30, 10), "#ff0000"), Image.new("RGB", (20, 5), "#0000ff")
    both = beneath(upper, lower)
    assert both.size == (30, 15)
    assert [both.getpixel(at) for at in ((29, 9), (0, 10), (29, 14))] == [
        (255, 0, 0),
        (0, 0, 255),
        (255, 255, 255),
    ]


def test_a_kernel_without_a_page_runs_to_the_end_and_shows_its_report():
    *_, shown, reported, state = executed(
        CELL,
        "studio.run(blocks=5)\nstudio",
        "studio.report()",
        "print(studio.page_state['made'], studio.page_state['status'])",
    )
    assert shown[0].data["text/plain"] == "LongLiveWidget('painted', preset='reference', seed=0)"
    (report,) = reported
    picture = Image.open(io.BytesIO(base64.b64decode(report.data["image/png"])))
    assert picture.width >= 1200
    assert ImageColor.getrgb(PART_COLOURS["decode"]) in {rgb for _, rgb in picture.getcolors(2**24)}
    assert set(report.data) == {"image/png", "text/plain"}
    assert "pictures/s: " in report.data["text/plain"]
    assert printed(state) == "5 done\n"


@pytest.mark.slow
def test_running_a_cell_again_frees_what_it_built_before():
    again = f"""
import threading
from longlive_widget.widget import opened as module
old = []
for execution in "abcd":
    module._current_cell = lambda: ("the-cell", execution)
    exec('''{CELL}''')
    studio.start()
    old.append(studio)
print([each.status for each in old])
print([thread.name for thread in threading.enumerate() if thread.name.startswith("longlive-")])
"""
    assert printed(executed(again)[0]) == (
        "['closed', 'closed', 'closed', 'running']\n"
        "['longlive-courier', 'longlive-archivist', 'longlive-runner']\n"
    )
