"""The preset, seed and size of a studio change while its video runs, or with a new one."""

import gc
import threading
import weakref
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest

from longlive_widget import PRESETS, Engine, Preset
from longlive_widget.engine import engine as engine_module
from longlive_widget.engine import memory
from longlive_widget.engine.source import FolderSource
from longlive_widget.engine.starting import Start
from longlive_widget.errors import (
    CapabilityError,
    GeometryError,
    LongLiveError,
    PresetError,
    RecordError,
    SessionError,
)
from longlive_widget.measure.environment import measured
from longlive_widget.measure.records import append
from longlive_widget.widget import studio as studio_module
from longlive_widget.widget.offers import Offers, from_base
from longlive_widget.widget.protocol import Failure, PanelMessage, parse
from longlive_widget.widget.studio import LongLiveWidget
from tests.unit import waiting
from tests.unit.painted_engine import PaintedEngine

RED = "a red ball moves right on black"
SMALL_PX = (32, 32)
PATIENCE_S = 30
wait_until = partial(waiting.wait_until, patience_s=PATIENCE_S)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny")


@pytest.fixture
def studio(engine):
    built = LongLiveWidget(engine, RED, seed=3)
    built.size_px = SMALL_PX
    yield built
    built.close()


@pytest.fixture
def painted():
    built = LongLiveWidget(PaintedEngine(seconds_per_block=0.01), RED, seed=3)
    yield built
    built.close()


def from_page(studio, content):
    """What a click sends."""
    studio._on_page_message(studio, content, [])


def panels(studio, monkeypatch):
    """The panels that the page is told from now on."""
    told, send = [], studio._tell_page

    def noted(message, buffers=()):
        if isinstance(message, PanelMessage):
            told.append(message.panel)
        send(message, buffers)

    monkeypatch.setattr(studio, "_tell_page", noted)
    return told


def pictures(engine, preset, blocks, changes=(), seed=3):
    """The pictures of a session that is taken over before the blocks that are named."""
    session = engine.under(preset).session(RED, seed, size_px=SMALL_PX)
    frames = []
    for block in range(blocks):
        for at, other in changes:
            if at == block:
                engine.under(other).take_over(session)
        frames += [made.frames for made in session.blocks(1)]
    return np.concatenate(frames)


def test_a_live_preset_takes_over_where_the_video_is_and_keeps_its_past(studio, engine):
    fewer = PRESETS["reference"].with_(denoise_steps=(1000, 500))
    studio.run(blocks=2)
    studio.preset = fewer
    assert studio.preset == fewer
    studio.run(blocks=2)
    assert [record.block for record in studio.history] == [0, 1, 2, 3]
    made = pictures(engine, "reference", 4, [(2, fewer)])
    assert np.array_equal(studio.frames, made)


def test_a_page_is_told_what_stands_in_under_the_preset_that_is_in_use():
    quick = PRESETS["reference"].with_(denoise_steps=(1000,))
    engine = Engine.load("tiny", quick, device="cpu", allow_fallback=True)
    studio = LongLiveWidget(engine, RED, seed=3)
    studio.size_px = SMALL_PX
    told = [studio._runner.state().fallbacks]
    for preset in (quick.with_(name="eight bits", linear_dtype="fp8"), quick):
        studio.preset = preset
        studio.run(blocks=1)
        told.append(studio._runner.state().fallbacks)
    studio.close()
    before, (sentence,), after = told
    assert (before, after) == ((), ())
    assert "instead of FP8: preset 'eight bits' multiplies" in sentence


def test_a_preset_for_a_new_video_ends_the_one_that_is_done_and_the_next_begins_with_it(
    studio, engine
):
    studio.run(blocks=1)
    studio.preset = "quality"
    assert (studio.status, studio.preset.name) == ("stopped", "quality")
    studio.run(blocks=2)
    assert np.array_equal(studio.frames, pictures(engine, "quality", 2))


def test_a_playing_video_begins_anew_under_a_preset_that_it_cannot_take(painted):
    painted.start()
    wait_until(lambda: len(painted.history) > 1)
    painted.preset = PRESETS["reference"].with_(window_frames=9)
    assert painted.status == "running"
    assert painted._runner.state().run == 2
    assert painted._runner.state().preset == "reference+window_frames=9"


def test_a_playing_video_goes_on_under_a_preset_that_it_can_take(painted):
    painted.start()
    wait_until(lambda: len(painted.history) > 1)
    painted.preset = PRESETS["reference"].with_(denoise_steps=(1000,))
    made = len(painted.history)
    assert (painted._runner.state().run, painted.status) == (1, "running")
    wait_until(lambda: len(painted.history) > made)


def test_another_model_is_loaded_while_the_video_goes_on_with_it(studio, engine, monkeypatch):
    told = panels(studio, monkeypatch)
    offloaded = PRESETS["reference"].with_(offload_text_encoder=True)
    studio.start()
    wait_until(lambda: studio.history)
    studio.preset = offloaded
    loaded_at = len(studio.history)
    wait_until(lambda: len(studio.history) >= loaded_at + 2)
    assert (studio.status, studio.errors, studio._runner.state().run) == ("running", (), 1)
    studio.stop()
    count = len(studio.blocks)
    assert np.array_equal(studio.frames, pictures(engine, "reference", count))
    stages = [panel.loading.stage for panel in told if panel.loading]
    assert [*dict.fromkeys(stages)] == ["loading weights", "preparing layers"]
    wait_until(lambda: told[-1].loading is None)
    assert told[-1].preset == offloaded.name


def test_a_load_may_be_given_up_at_its_next_stage_and_all_is_as_it_was(studio, monkeypatch):
    told, sources, may_go = panels(studio, monkeypatch), [], threading.Event()
    load = FolderSource.load

    def loads(source, where):
        sources.append(source)
        assert may_go.wait(PATIENCE_S)
        return load(source, where)

    monkeypatch.setattr(FolderSource, "load", loads)
    studio.cancel_load()  # nothing is being loaded: nothing happens
    from_page(studio, {"type": "use", "preset": "low_memory"})
    wait_until(lambda: sources)
    from_page(studio, {"type": "cancel"})
    wait_until(lambda: told and told[-1].loading and told[-1].loading.cancelled)
    may_go.set()
    wait_until(lambda: told[-1].loading is None)
    assert "preparing layers" not in [panel.loading.stage for panel in told if panel.loading]
    assert (studio.preset.name, studio.errors) == ("reference", ())


def test_a_seed_that_is_given_while_a_preset_loads_stays(studio, monkeypatch):
    sources, may_go = [], threading.Event()
    load = FolderSource.load

    def loads(source, where):
        sources.append(source)
        assert may_go.wait(PATIENCE_S)
        return load(source, where)

    monkeypatch.setattr(FolderSource, "load", loads)
    done = studio._setup.use("low_memory")
    wait_until(lambda: sources)
    studio.seed = 11
    may_go.set()
    done.result(PATIENCE_S)
    assert (studio.preset.name, studio.seed) == ("low_memory", 11)
    studio.run(blocks=1)
    mine, others = (pictures(studio._engine, "low_memory", 1, seed=seed) for seed in (11, 3))
    off = [np.abs(studio.frames.astype(int) - made).max() for made in (mine, others)]
    assert off[0] <= 1, "each load finds anew which kernel of attention is the fastest"
    assert off[1] > 50


@pytest.mark.fault("Threads, processes and clocks", "loading is interrupted", "all stays as it was")
def test_a_load_that_is_interrupted_in_a_cell_is_given_up(studio, monkeypatch):
    def interrupt(_promise):
        raise KeyboardInterrupt

    monkeypatch.setattr(studio_module, "until_done", interrupt)
    with pytest.raises(KeyboardInterrupt):
        studio.preset = "low_memory"
    wait_until(lambda: studio._setup.panel().loading is None)
    assert studio.preset.name == "reference"


def test_a_load_that_is_refused_in_the_end_lets_go_of_its_model(studio, monkeypatch):
    models = []
    under = Engine.under

    def noted(*given, **options: object):
        other = under(*given, **options)
        models.append(weakref.ref(other.model))
        return other

    def refuse(*_given):
        raise SessionError("a video began meanwhile")

    monkeypatch.setattr(Engine, "under", noted)
    monkeypatch.setattr(studio._runner, "use", refuse)
    with pytest.raises(SessionError, match="began meanwhile") as refused:
        studio.preset = "low_memory"
    gc.collect()
    assert refused.value.__traceback__ is not None
    assert [model() for model in models] == [None]


def test_what_goes_wrong_with_a_click_is_told_to_the_view_that_clicked(studio, monkeypatch):
    told, send = [], studio._tell_page

    def failures():
        return [one for one in told if isinstance(one, Failure)]

    def noted(message, buffers=()):
        told.append(message)
        send(message, buffers)

    monkeypatch.setattr(studio._runner.outbox, "_send", noted)
    monkeypatch.setattr(memory, "free_bytes", lambda _: 1_000_000)
    asked = {"asked": {"view": "1-1", "number": 1}}
    from_page(studio, {"type": "switch", "prompt": "a blue star", **asked})
    from_page(studio, {"type": "use", "preset": "low_memory", **asked})
    wait_until(lambda: len(failures()) == 2)
    assert [failure.view for failure in failures()] == ["1-1", "1-1"]
    assert "start() one first" in failures()[0].message
    assert "under preset 'low_memory' needs" in failures()[1].message


def test_the_second_time_the_page_knows_how_long_loading_took(studio, monkeypatch):
    told = panels(studio, monkeypatch)
    for window_frames in (11, 11):
        offloaded = Preset("kept", "", window_frames=window_frames, offload_text_encoder=True)
        studio.preset = offloaded
        studio.preset = "reference"
    wait_until(lambda: told and told[-1].preset == "reference")
    usual_s = [panel.loading.usual_s for panel in told if panel.loading]
    assert usual_s[0] is None
    assert usual_s[-1] > 0


def test_a_preset_that_compiles_has_done_so_before_the_video_goes_on_with_it(studio, monkeypatch):
    """Compiling itself is left out: it takes a minute on a busy machine."""
    monkeypatch.setattr(engine_module, "compile_model", mark_compiled)
    told = panels(studio, monkeypatch)
    studio.preset = PRESETS["reference"].with_(compiled="default", window_frames=6)
    stages = [*dict.fromkeys(panel.loading.stage for panel in told if panel.loading)]
    blocks = [f"compiling, block {block} of 4" for block in (1, 2, 3, 4)]
    assert stages == ["loading weights", "preparing layers", *blocks]


def mark_compiled(model, mode):
    model.transformer.compiled = mode


@pytest.mark.fault(
    "The model",
    "another preset fails to load while a video plays",
    "the video plays on as it was",
)
def test_what_fails_to_load_leaves_the_preset_and_the_video_as_they_were(studio, monkeypatch):
    studio.start()
    monkeypatch.setattr(memory, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(CapabilityError, match=r"1 MB are free beside what is loaded: "):
        studio.preset = "low_memory"
    made = len(studio.history)
    wait_until(lambda: len(studio.history) > made)
    assert (studio.preset.name, studio.status) == ("reference", "running")
    from_page(studio, {"type": "use", "preset": "low_memory"})
    wait_until(lambda: [str(error) for error in studio.errors][-1:])
    assert "under preset 'low_memory' needs" in str(studio.errors[-1])
    assert studio._setup.panel().loading is None


@pytest.mark.parametrize(
    ("preset", "error"),
    [
        ("turbp", "did you mean 'turbo'"),
        ("speed", "multiplies its linear layers in FP8"),
        (Preset("small", "", window_frames=3), "use window_frames=6"),
    ],
)
def test_a_preset_that_cannot_be_is_told_at_once_and_changes_nothing(studio, preset, error):
    with pytest.raises(LongLiveError, match=error):
        studio.preset = preset
    assert studio.preset == PRESETS["reference"]
    studio.preset = "quality"  # nothing is thought to be loading


def never_loaded(*_given, **_options: object):
    raise AssertionError("what would be refused is not loaded")


def test_a_run_that_goes_on_is_not_begun_anew_under_another_preset(painted, monkeypatch):
    made = painted._runner.make(10_000)
    monkeypatch.setattr(PaintedEngine, "under", never_loaded)
    with pytest.raises(SessionError, match="run\\(\\) is making blocks, and this needs a new"):
        painted.preset = PRESETS["reference"].with_(window_frames=9)
    monkeypatch.undo()
    painted.preset = PRESETS["reference"].with_(denoise_steps=(1000,))
    assert painted.preset.name == "reference+denoise_steps=1000"
    assert not made.done()


@pytest.mark.fault(
    "What is asked for",
    "two presets are asked for at once",
    "the first is taken, the second is told to wait",
)
def test_two_presets_at_once_are_one_and_a_sentence(studio, monkeypatch):
    going, may_go = threading.Event(), threading.Event()
    under = Engine.under

    def slow(engine, preset, *, beside, tell):
        going.set()
        assert may_go.wait(PATIENCE_S)
        return under(engine, preset, beside=beside, tell=tell)

    monkeypatch.setattr(Engine, "under", slow)
    done = studio._setup.use("quality")
    assert going.wait(PATIENCE_S)
    with pytest.raises(SessionError, match="preset 'quality' is being loaded: wait for it"):
        studio.preset = "reference"
    may_go.set()
    done.result(PATIENCE_S)
    assert studio.preset.name == "quality"


def test_single_settings_are_changed_one_after_the_other_and_named_after_the_preset(painted):
    for setting, value in (("prompt_cache", 8), ("denoise_steps", [1000, 500])):
        painted._setup.change(setting, value).result(PATIENCE_S)
    assert painted.preset.name == "reference+denoise_steps=1000,500+prompt_cache=8"
    painted._setup.change("prompt_cache", 0).result(PATIENCE_S)
    assert painted.preset.name == "reference+denoise_steps=1000,500"
    steps = PRESETS["reference"].denoise_steps
    painted._setup.change("denoise_steps", list(steps)).result(PATIENCE_S)
    assert painted.preset == PRESETS["reference"]


@pytest.mark.parametrize(
    ("setting", "value"), [("denoise_steps", [250, 500]), ("window_frames", "9"), ("colour", 1)]
)
def test_a_setting_that_cannot_be_is_a_sentence_on_the_page(painted, setting, value):
    from_page(painted, {"type": "change", "setting": setting, "value": value})
    wait_until(lambda: painted.errors)
    assert isinstance(painted.errors[-1], PresetError)
    assert painted.preset == PRESETS["reference"]


def test_a_locked_seed_comes_again_and_an_unlocked_one_is_drawn_for_each_new_video(painted):
    assert painted.seed_locked
    for _ in range(2):
        painted.run(blocks=1)
        painted.stop()
        assert painted.seed == 3
    painted.seed_locked = False
    painted.run(blocks=1)
    drawn = painted.seed
    assert drawn != 3
    painted.run(blocks=1)
    assert painted.seed == drawn, "a video that goes on keeps its seed"
    painted.stop()
    painted.run(blocks=1)
    assert painted.seed != drawn


def test_an_unlocked_seed_that_was_given_is_used_once(painted):
    painted.seed_locked = False
    painted.seed = 9
    painted.run(blocks=1)
    assert painted.seed == 9
    painted.stop()
    painted.preset = PRESETS["reference"].with_(denoise_steps=(1000,))
    painted.run(blocks=1)
    assert painted.seed != 9


def test_a_new_preset_begins_the_video_anew_with_the_seed_that_it_had(painted):
    painted.seed_locked = False
    painted.start()
    wait_until(lambda: painted.history)
    seed = painted.seed
    painted.preset = PRESETS["reference"].with_(window_frames=9)
    assert (painted.seed, painted._runner.state().run) == (seed, 2)


def test_the_dice_draw_a_seed_and_begin_a_playing_video_anew(studio, engine):
    studio.start()
    wait_until(lambda: studio.history)
    from_page(studio, {"type": "seed", "seed": None})
    wait_until(lambda: studio._runner.state().run == 2 and studio.history)
    studio.stop()
    count = len(studio.blocks)
    assert studio.seed != 3
    made = pictures(engine, "reference", count, seed=studio.seed)
    assert np.array_equal(studio.frames, made)


def test_a_seed_that_is_none_is_refused(painted):
    with pytest.raises(SessionError, match="seed -1 is out of range"):
        painted.seed = -1
    with pytest.raises(SessionError, match="seed_locked 'no' is neither true nor false"):
        painted.seed_locked = "no"
    assert (painted.seed, painted.seed_locked) == (3, True)


def test_another_size_begins_anew_and_none_is_the_models_own(studio):
    studio.run(blocks=1)
    assert studio.frames.shape[1:3] == (32, 32)
    studio.size_px = (48, 32)
    assert (studio.status, studio.size_px) == ("stopped", (48, 32))
    studio.run(blocks=1)
    assert studio.frames.shape[1:3] == (32, 48)
    studio.size_px = (160, 96)
    assert studio.size_px is None
    with pytest.raises(GeometryError, match="30"):
        studio.size_px = (30, 30)


def test_a_recording_keeps_its_size(painted, tmp_path):
    painted.record(tmp_path / "film.mp4")
    painted.run(blocks=1)
    with pytest.raises(SessionError, match=r"film\.mp4' is being recorded, and"):
        painted.size_px = (96, 64)
    painted.stop()
    with pytest.raises(SessionError, match=r"film\.mp4' is being recorded, and"):
        painted.size_px = (96, 64)
    painted.cut()
    painted.size_px = (96, 64)
    assert painted.blocks == painted.history == (), "they had another size"
    painted.record(tmp_path / "small.mp4")
    painted.run(blocks=1)
    painted.cut()
    assert painted.frames.shape[1:3] == (64, 96)


def test_the_choices_are_traits_that_tell(painted):
    told = []
    names = ["preset", "seed", "seed_locked", "size_px"]
    painted.observe(lambda change: told.append((change["name"], change["new"])), names)
    fewer = PRESETS["reference"].with_(denoise_steps=(1000,))
    painted.preset = fewer
    painted.seed = 8
    painted.seed_locked = False
    painted.size_px = (96, 64)
    expected = [("preset", fewer), ("seed", 8), ("seed_locked", False), ("size_px", (96, 64))]
    wait_until(lambda: len(told) == 4)
    assert told == expected


def test_the_panel_offers_every_preset_and_setting_with_the_way_to_it(engine):
    offers = Offers(engine)
    found = {one.name: one for one in offers.presets(lambda _: None, "balanced")}
    assert found.keys() == PRESETS.keys()
    assert {name: one.way for name, one in found.items()} == {
        "reference": "now",
        "quality": "next video",
        "balanced": "reload",
        "speed": "refused",
        "turbo": "reload",
        "turbo_fp8": "refused",
        "ultra": "reload",
        "low_memory": "reload",
    }
    assert [name for name, one in found.items() if one.recommended] == ["balanced"]
    assert found["quality"].changes == PRESETS["quality"].changes()
    assert "which needs a GPU" in found["speed"].why
    assert found["quality"].why == "window_cache is for a new video: memory lies elsewhere"
    assert [one.name for one in offers.settings] == [
        name for name in Preset.__dataclass_fields__ if name not in ("name", "summary")
    ]
    ways = {(one.name, offer.value): offer.way for one in offers.settings for offer in one.offers}
    assert ways["memory_pool", True] == "live"
    assert ways["memory_pool", False] == "now"
    assert ways["cuda_graphs", True] == "refused"
    assert ways["window_dtype", "int8"] == "next video"
    assert ways["compiled", "default"] == "reload"
    assert {one.name: one.kind for one in offers.settings if not one.offers} == {
        "denoise_steps": "steps",
        "window_frames": "number",
        "prompt_cache": "number",
        "decode_frames": "number",
    }


def test_every_way_that_is_told_is_the_way_it_goes(engine):
    """What is said to be live goes on, what needs a new video does not, what is refused raises."""
    for offer in Offers(engine).presets(lambda _: None, None):
        session = engine.session(RED, size_px=SMALL_PX)
        if offer.way == "refused":
            with pytest.raises(LongLiveError):
                engine.under(offer.name)
        elif offer.way != "reload":
            other = engine.under(offer.name)
            assert other.model is engine.model
            assert bool(other.why_not_take_over(session)) == (offer.way == "next video")


def test_what_is_loaded_already_needs_no_reload(engine):
    offloaded = engine.under(PRESETS["reference"].with_(offload_text_encoder=True))
    assert Offers(offloaded, (engine,)).way(PRESETS["reference"])[0] == "live"
    assert Offers(offloaded, (engine,)).way(PRESETS["quality"])[0] == "next video"
    assert Offers(offloaded).way(PRESETS["reference"])[0] == "reload"


def test_a_changed_preset_is_the_one_it_was_changed_from_once_all_is_back():
    base = PRESETS["turbo"]
    changed = from_base(base, base, "window_frames", 9)
    assert changed.name == "turbo+window_frames=9"
    assert from_base(base, changed, "window_frames", 8) == base


def test_figures_are_those_of_blocks_made_here_and_of_no_others(painted):
    assert all(one.measured is None for one in painted._setup.panel().presets)
    assert painted.recommendation is None
    painted.run(blocks=6)
    wait_until(lambda: painted.recommendation is not None)
    fewer = PRESETS["reference"].with_(denoise_steps=(1000,))
    painted.preset = fewer
    found = {one.name: one.measured for one in painted._setup.panel().presets}
    assert found[fewer.name] is None
    reference = found["reference"]
    assert (reference.blocks, reference.on_record) == (4, False)
    assert 10 <= reference.block_ms < 1000
    assert reference.pictures_per_s == pytest.approx(12_000 / reference.block_ms, rel=0.05)
    advice = painted._setup.panel().advice
    assert advice.startswith(f"reference: {reference.block_ms} ms a block")
    assert "equal pictures" in advice


def test_where_nothing_was_measured_the_one_to_start_with_is_recommended(painted, monkeypatch):
    panel = painted._setup.panel()
    assert [one.name for one in panel.presets if one.recommended] == ["quality"]
    assert panel.advice == "quality to start with, in any paint"
    painted.preset = "recommended"
    assert painted.preset == PRESETS["quality"]
    monkeypatch.setattr(
        PaintedEngine, "preset_to_start", lambda _: Start(None, "none fits in any paint")
    )
    painted.preset = "reference"
    assert not any(one.recommended for one in painted._setup.panel().presets)
    with pytest.raises(PresetError, match="no preset is recommended: none fits in any paint"):
        painted.preset = "recommended"


def test_a_studio_on_a_processor_starts_with_what_compiles_nothing(studio):
    panel = studio._setup.panel()
    assert [one.name for one in panel.presets if one.recommended] == ["quality"]
    assert "as nothing was measured here yet" in panel.advice
    assert "this machine has " in panel.advice


def test_blocks_that_are_made_beside_a_loading_model_do_not_count(painted, monkeypatch):
    going, under = threading.Event(), PaintedEngine.under

    def slow(engine, preset, *, beside, tell):
        assert going.wait(PATIENCE_S)
        return under(engine, preset, beside=beside, tell=tell)

    monkeypatch.setattr(PaintedEngine, "under", slow)
    done = painted._setup.use("low_memory")
    painted.run(blocks=8)
    going.set()
    done.result(PATIENCE_S)
    assert painted.recommendation is None


def test_records_of_this_machine_are_shown_and_recommend_and_others_are_not(engine, tmp_path):
    path = tmp_path / "records.jsonl"
    for preset, block_ms in (("reference", 500.0), ("quality", 400.0), ("ultra", 100.0)):
        found = measured("benchmark", engine, samples={"block_ms": [block_ms] * 3})
        append(path, with_preset(found, PRESETS[preset]))
    elsewhere = measured("benchmark", engine, samples={"block_ms": [1.0]})
    append(path, with_preset(elsewhere, PRESETS["turbo"], device="a computer of the future"))
    studio = LongLiveWidget(engine, RED, records=path)
    found = {one.name: one for one in studio._setup.panel().presets}
    assert found["quality"].measured.block_ms == 400.0
    assert found["quality"].measured.on_record
    assert found["turbo"].measured is None
    assert studio.recommendation.chosen.name == "reference"
    assert found["reference"].recommended
    assert "not compared: quality, ultra" in studio._setup.panel().advice
    studio.preset = "quality"
    studio.preset = "recommended"
    assert studio.preset == PRESETS["reference"]
    studio.close()


def with_preset(record, preset, *, device=None):
    machine = replace(record.machine, device=device or record.machine.device)
    return replace(record, preset=preset, machine=machine, time=datetime.now(UTC))


def test_a_file_that_holds_no_records_is_told_as_the_studio_is_built(engine, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(RecordError, match="notes"):
        LongLiveWidget(engine, RED, records=tmp_path / "notes.txt")


def test_a_closed_studio_changes_nothing_and_lets_go_of_its_engines(engine):
    studio = LongLiveWidget(engine, RED)
    studio.close()
    for change in ("preset", "seed", "size_px"):
        value = {"preset": "quality", "seed": 4, "size_px": (32, 32)}[change]
        with pytest.raises(SessionError, match="this studio is closed"):
            setattr(studio, change, value)
    assert studio._setup._kept is None
    assert studio.preset == PRESETS["reference"]


def test_commands_of_the_panel_are_parsed_and_obeyed(painted):
    for content in (
        {"type": "lock", "locked": False},
        {"type": "size", "width_px": 96, "height_px": 64},
        {"type": "seed", "seed": 11},
        {"type": "change", "setting": "prompt_cache", "value": 3},
    ):
        painted._obey(parse(content), None)
    wait_until(lambda: painted.preset.prompt_cache == 3)
    assert (painted.seed_locked, painted.size_px, painted.seed) == (False, (96, 64), 11)
