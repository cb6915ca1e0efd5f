"""A video goes on under another preset: what may change at a block's end, and what it is then."""

import threading
from dataclasses import fields
from itertools import permutations

import numpy as np
import pytest
import torch

from longlive_widget import PRESETS, Engine, Preset, Timeline
from longlive_widget.engine.changeover import OF_A_BLOCK, OF_A_MODEL, OF_A_VIDEO, changeover
from longlive_widget.engine.decode import decode_now
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise import BlockNoise
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.windows import new_window
from longlive_widget.errors import CapabilityError, PresetError, SessionError
from longlive_widget.geometry import Geometry

RED, BLUE = "a red ball moves right on black", "a blue star spins"
SMALL_PX = (32, 32)
TIMELINE = Timeline.of(RED, (12, BLUE))
ORDER = ("live", "next video", "reload")
OTHERS = {
    "denoise_steps": (1000, 500),
    "window_frames": 9,
    "window_cache": "ring",
    "window_dtype": "int8",
    "prompt_cache": 4,
    "context": "always",
    "recache": "window",
    "memory_pool": True,
    "cuda_graphs": True,
    "decoder": "small",
    "decode_frames": 1,
    "decode_first": True,
    "decode_behind": True,
    "offload_text_encoder": True,
    "compiled": "default",
    "linear_dtype": "fp8",
    "attention": "math",
    "kernels": "fastest",
}
"""Another value for each setting."""
GRAPHS = Preset("graphs", "", memory_pool=True, window_cache="ring")


def changed(setting):
    """A preset, and the same one with another value of one setting alone."""
    base = GRAPHS if setting == "cuda_graphs" else PRESETS["reference"]
    return base, base.with_(**{setting: OTHERS[setting]})


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny")


def video(engine, changes=(), blocks=6, timeline=TIMELINE):
    """The pictures of a session that other engines take over before the blocks that they name."""
    session = engine.session(timeline, 3, size_px=SMALL_PX)
    frames = []
    for index in range(blocks):
        for block, other in changes:
            if block == index:
                assert other.take_over(session) == index
        frames.append(next(session.blocks(1)).frames)
    return np.concatenate(frames)


def test_every_setting_belongs_to_a_block_a_video_or_a_model():
    settings = [field.name for field in fields(Preset) if field.name not in ("name", "summary")]
    assert sorted((*OF_A_BLOCK, *OF_A_VIDEO, *OF_A_MODEL)) == sorted(settings) == sorted(OTHERS)


@pytest.mark.parametrize("setting", OTHERS)
def test_one_setting_is_as_slow_to_change_as_what_it_belongs_to_both_ways(setting):
    groups = dict(zip(ORDER, (OF_A_BLOCK, OF_A_VIDEO, OF_A_MODEL), strict=True))
    for pair in permutations(changed(setting)):
        way = changeover(*pair)
        assert setting in groups[way.how]
        assert way.goes_on == (setting not in OF_A_VIDEO)
        assert all(reason.startswith(f"{setting} ") for reason in way.reasons)
        assert len(way.reasons) == (way.how != "live")


@pytest.mark.parametrize(("old", "new"), [*permutations(PRESETS.values(), 2)], ids=lambda p: p.name)
def test_the_slowest_setting_says_how_one_preset_gives_way_to_another(old, new):
    on_a_gpu = [preset.on("cuda") for preset in (old, new)]
    differing = [name for name in OTHERS if len({getattr(one, name) for one in on_a_gpu}) > 1]
    single = [changeover(*changed(name)) for name in differing]
    way = changeover(old, new)
    assert way.how == max((one.how for one in single), key=ORDER.index)
    assert way.goes_on == all(one.goes_on for one in single)
    assert way.reasons == changeover(new, old).reasons
    assert {reason.split()[0] for reason in way.reasons} == set(differing) - set(OF_A_BLOCK)


def test_graphs_where_they_are_fastest_stand_in_no_way_where_there_is_no_gpu():
    pair = PRESETS["balanced"], PRESETS["balanced"].with_(cuda_graphs=False)
    assert changeover(*pair, device_type="cpu").how == "live"
    assert changeover(*pair, device_type="cuda").how == "next video"


def test_what_rules_graphs_out_that_are_to_be_the_fastest_is_for_a_new_video_on_a_gpu():
    """A pool by itself is of any block; with it graphs go, which a video keeps."""
    pair = PRESETS["balanced"], PRESETS["balanced"].with_(memory_pool=False)
    assert changeover(*pair, device_type="cpu").how == "live"
    on_a_gpu = changeover(*pair, device_type="cuda")
    assert on_a_gpu.how == "next video"
    assert [reason.partition(" ")[0] for reason in on_a_gpu.reasons] == ["cuda_graphs"]


def test_a_preset_gives_way_to_itself_at_once():
    way = changeover(PRESETS["turbo"], PRESETS["turbo"])
    assert (way.how, way.goes_on, way.reasons) == ("live", True, ())


UNSEEN_LIVE = ("prompt_cache", "context", "memory_pool", "decode_behind")


@pytest.mark.parametrize("setting", UNSEEN_LIVE)
@pytest.mark.parametrize("window_cache", ["rolling", "ring"])
def test_what_changes_no_picture_changes_none_when_it_comes_and_goes(engine, setting, window_cache):
    """Before, at and after a prompt's landing on block 4, and while the window fills up."""
    base = Preset("base", "", window_cache=window_cache, window_frames=9)
    plain, other = engine.under(base), engine.under(base.with_(**{setting: OTHERS[setting]}))
    assert plain.model is other.model is engine.model
    whole = video(plain, blocks=7)
    behind = setting == "decode_behind"
    for changes in ([(1, other), (3, plain)], [(4, other), (5, plain)], [(2, other)]):
        if behind:  # asked for one by one, no block is begun before it is wanted
            session = plain.session(TIMELINE, 3, size_px=SMALL_PX)
            assert np.array_equal(whole, streamed(session, dict(changes), 7))
        assert np.array_equal(whole, video(plain, changes, blocks=7))


def streamed(session, engines, count):
    """The pictures of blocks that are asked for without end, so that one is begun ahead."""
    made = session.blocks()
    frames = []
    for index in range(count):
        if index in engines:
            engines[index].take_over(session)
        frames.append(next(made).frames)
    return np.concatenate(frames)


def test_a_block_that_was_begun_ahead_stays_under_the_preset_it_was_begun_with(engine):
    behind = engine.under(Preset("behind", "", decode_behind=True))
    fewer = engine.under(Preset("fewer", "", (1000,), decode_behind=True))
    session = behind.session(TIMELINE, 3, size_px=SMALL_PX)
    made = session.blocks()
    frames = [next(made).frames]
    assert fewer.take_over(session) == 2
    frames += [next(made).frames for _ in range(3)]
    assert np.array_equal(np.concatenate(frames), video(engine, [(2, fewer)], blocks=4))


def test_after_decoding_behind_no_block_is_begun_ahead_and_no_thread_is_kept_busy(engine):
    behind, plain = engine.under(Preset("behind", "", decode_behind=True)), engine
    session = behind.session(RED, size_px=SMALL_PX)
    made = session.blocks()
    next(made)
    assert session.next_block == 2
    assert plain.take_over(session) == 2
    for begun in (2, 3, 4):
        next(made)
        assert session.next_block == begun


def test_decoding_in_parts_begins_and_ends_within_a_video(engine):
    parts = engine.under(PRESETS["reference"].with_(decode_frames=1))
    pooled = engine.under(PRESETS["reference"].with_(decode_frames=1, memory_pool=True))
    made = video(engine, [(2, parts), (4, pooled), (5, engine)]).astype(int)
    assert np.abs(made - video(engine)).max() <= 1


def test_a_prompt_after_the_change_is_re_cached_as_the_new_preset_says(engine, monkeypatch):
    base, passes = Preset("base", "", window_frames=9), []
    plain, whole = engine.under(base), engine.under(base.with_(recache="window"))
    write = Denoiser.recache

    def noted(*given, whole_window, next_frames, global_sink):
        passes.append(whole_window)
        how = {"next_frames": next_frames, "global_sink": global_sink}
        write(*given, whole_window=whole_window, **how)

    monkeypatch.setattr(Denoiser, "recache", noted)
    timeline = Timeline.of(RED, (3, BLUE), (12, RED), (15, BLUE))
    made = video(plain, [(4, whole), (5, plain)], 6, timeline)
    assert passes == [False, True, False]
    assert np.abs(made.astype(int) - video(plain, (), 6, timeline)).max() <= 1


@pytest.mark.parametrize("pooled", [False, True])
def test_fewer_steps_from_a_block_on_are_the_blocks_composed_by_hand(engine, pooled):
    pool = {"memory_pool": True, "window_cache": "static"} if pooled else {}
    four, two = (
        engine.under(Preset("steps", "", steps, window_frames=9, **pool))
        for steps in ((1000, 750, 500, 250), (1000, 500))
    )
    made = video(four, [(2, two), (4, four)], blocks=5, timeline=RED)

    model, geometry = engine.model, Geometry(*SMALL_PX)
    window = new_window(Preset("hand", "", window_frames=9), model.sizes, geometry, "relative")
    denoiser, stream, by_hand = Denoiser(model.transformer, window), model.decoder.stream(), []
    with torch.inference_mode():
        text = model.read(RED)
        for block in range(5):
            noise = BlockNoise(3, block, geometry)
            window.open_block(3 * block, 3)
            steps = (1000, 500) if block in (2, 3) else (1000, 750, 500, 250)
            latent_BFCHW = denoiser.denoise(noise(), noise, text, levels(steps))
            denoiser.write_context(latent_BFCHW, text)
            by_hand.append(decode_now(stream, latent_BFCHW))
    assert np.array_equal(made, np.concatenate(by_hand))
    assert not np.array_equal(made, video(four, blocks=5, timeline=RED))


def test_another_model_in_memory_goes_on_with_the_picture_of_the_first(engine):
    """On a processor nothing is offloaded in fact: the second model computes the same numbers."""
    other = engine.under(PRESETS["reference"].with_(offload_text_encoder=True))
    assert other.model is not engine.model
    assert np.array_equal(video(engine), video(engine, [(2, other), (5, engine)]))


def test_another_model_comes_with_the_adapters_of_the_first(engine):
    preset = PRESETS["reference"].with_(offload_text_encoder=True)
    first = Engine.load("tiny")
    first.use_adapters({"own": 0.25})
    other = first.under(preset)
    assert other.adapters == {"own": 0.25}
    assert np.array_equal(video(first), video(first, [(2, other)]))
    assert engine.under(preset, beside=[other]).adapters == {"own": 1.0}


def test_nothing_is_loaded_where_the_layers_are_there(engine):
    stages = []
    offloaded = engine.under("low_memory", tell=stages.append)
    assert offloaded.model is not engine.model
    assert stages == ["loading weights", "preparing layers"]
    back = offloaded.under("reference", beside=[engine], tell=stages.append)
    assert back.model is engine.model
    assert len(stages) == 2
    again = engine.under(PRESETS["low_memory"].with_(window_frames=9), beside=[offloaded])
    assert again.model is offloaded.model


@pytest.mark.parametrize("setting", ["window_frames", "window_cache", "window_dtype", "decoder"])
def test_a_video_refuses_what_it_keeps_from_its_first_block_on(engine, setting):
    session = engine.session(RED, size_px=SMALL_PX)
    other = engine.under(changed(setting)[1])
    with pytest.raises(SessionError, match=rf"cannot go on .*{setting}.*begin a new session"):
        other.take_over(session)
    assert session.preset == engine.preset


def test_a_video_of_another_model_is_not_taken_over(engine):
    in_16_bits = Engine.load("tiny", dtype="bfloat16")
    with pytest.raises(SessionError, match=r"it is another model, .*: begin a new session"):
        in_16_bits.take_over(engine.session(RED, size_px=SMALL_PX))


@pytest.mark.parametrize("nothing", [5, None, "a red ball"])
def test_what_is_no_video_is_not_taken_over(engine, nothing):
    with pytest.raises(SessionError, match=r"is no session: give one that an engine has begun"):
        engine.take_over(nothing)


def test_an_engine_made_in_memory_says_that_it_cannot_load(engine):
    made = Engine(engine.model, PRESETS["reference"])
    assert made.under("quality").model is engine.model
    with pytest.raises(PresetError, match=r"'low_memory': attention needs a model with"):
        made.under("low_memory")


def test_a_preset_that_cannot_run_here_is_told_before_it_is_asked_for(engine):
    assert engine.why_not(PRESETS["turbo"]) == ""
    assert "multiplies its linear layers in FP8" in engine.why_not(PRESETS["speed"])
    with pytest.raises(CapabilityError, match="multiplies its linear layers in FP8"):
        engine.under("speed")
    assert "window_frames=6" in engine.why_not(PRESETS["ultra"].with_(window_frames=5))


def test_presets_change_from_another_thread_while_blocks_are_made(engine):
    """Only settings that change no picture, as fast as they come: the video is as without."""
    engines = [engine.under(changed(setting)[1]) for setting in UNSEEN_LIVE]
    session = engine.session(TIMELINE, 3, size_px=SMALL_PX)
    over = threading.Event()

    def meddle():
        while not over.is_set():
            for other in engines:
                other.take_over(session)
                over.wait(0.002)

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        made = np.concatenate([block.frames for block in session.blocks(6)])
    finally:
        over.set()
        meddler.join()
    assert np.array_equal(made, video(engine))
