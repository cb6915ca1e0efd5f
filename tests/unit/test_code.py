"""What is set up by clicks as a cell: the cell makes the same videos, or says why it cannot."""

import ast
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from longlive_widget import (
    Comparison,
    Engine,
    LongLiveWidget,
    Manifest,
    OfficialFiles,
    Preset,
    Recording,
)
from longlive_widget.engine.engine import Given
from longlive_widget.engine.source import FolderSource, model_folder
from longlive_widget.errors import SessionError
from longlive_widget.widget.cell import run_code
from longlive_widget.widget.code import _model_code, engine_code

PROMPT = "a red ball moves right on white"
COARSE = Preset("coarse", "", denoise_steps=(1000, 250))
SMALL_PX = (48, 32)


@pytest.fixture
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


@pytest.fixture
def opened():
    """Widgets that are closed at the end."""
    widgets: list[LongLiveWidget] = []

    def keep(widget):
        widgets.append(widget)
        return widget

    yield keep
    for widget in widgets:
        widget.close()


def small(engine: Engine) -> LongLiveWidget:
    """A studio of small pictures, which are soon made."""
    studio = LongLiveWidget(engine, PROMPT, seed=3)
    studio.size_px = SMALL_PX
    return studio


def made_by(code: str) -> LongLiveWidget:
    """The widget at the end of a cell."""
    made: dict[str, object] = {}
    exec(code, made)
    widget = made[code.split()[-1]]
    assert isinstance(widget, LongLiveWidget)
    return widget


def adapter_file(engine: Engine, path):
    """A LoRA of rank 2 for one layer."""
    name = "blocks.0.self_attn.q"
    weight = engine.model.transformer.get_submodule(name).weight
    generator = torch.Generator().manual_seed(0)
    pair = {
        f"{name}.lora_A.weight": torch.randn(2, weight.shape[1], generator=generator),
        f"{name}.lora_B.weight": torch.randn(weight.shape[0], 2, generator=generator),
    }
    save_file({f"base_model.model.{key}": tensor for key, tensor in pair.items()}, path)
    return path


def require_same_video(widget: LongLiveWidget, again: LongLiveWidget, blocks: int) -> None:
    again.run(blocks=blocks - again._runner.place[1])
    assert np.array_equal(again.frames, widget.frames)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"weights": "random"}, "Engine.load('tiny', 'reference', weights='random')"),
        ({"dtype": "bfloat16"}, "Engine.load('tiny', 'reference', dtype='bfloat16')"),
        ({"device": "cpu"}, "Engine.load('tiny', 'reference', device='cpu')"),
        ({"allow_fallback": True}, "Engine.load('tiny', 'reference', allow_fallback=True)"),
        (
            {"preset": COARSE.with_(linear_dtype="fp8"), "emulate": True},
            "linear_dtype='fp8'), emulate=True)",
        ),
        ({"model": model_folder("tiny")}, f"Engine.load({str(model_folder('tiny'))!r}, 'refer"),
    ],
)
def test_an_engine_is_loaded_with_all_that_it_was_given(opened, given, written):
    studio = opened(small(Engine.load(**{"model": "tiny"} | given)))
    studio.run(blocks=1)
    assert written in studio.code()
    require_same_video(studio, opened(made_by(studio.code())), 1)


def test_adapters_are_added_and_given_their_scales(opened, engine: Engine, tmp_path):
    engine.add_adapter("style", adapter_file(engine, tmp_path / "style.safetensors"), scale=0.5)
    engine.use_adapters({"own": 0.75, "style": 0.25})
    studio = opened(small(engine))
    studio.run(blocks=1)
    again = opened(made_by(studio.code()))
    assert again._setup.engine.adapters == {"own": 0.75, "style": 0.25}
    require_same_video(studio, again, 1)


def test_an_adapter_that_takes_the_place_of_the_own_one_is_added_from_its_file(
    engine: Engine, tmp_path
):
    path = adapter_file(engine, tmp_path / "mine.safetensors")
    engine.add_adapter("own", path)
    assert f".add_adapter('own', {str(path)!r}, scale=1.0)" in (
        engine_code("engine", engine, engine.preset).text
    )


def test_presets_take_over_again_at_their_blocks(opened, engine: Engine):
    studio = opened(small(engine))
    studio.run(blocks=2)
    studio.preset = COARSE
    studio.run(blocks=1)
    studio.preset = "reference"
    studio.run(blocks=2)
    again = opened(made_by(studio.code()))
    assert again.preset.name == "reference"
    require_same_video(studio, again, 5)
    blocks = [(2, "coarse"), (3, "reference")]
    assert [(turn.block, turn.preset.name) for turn in again._runner.session.presets] == blocks


def test_a_preset_that_is_to_take_over_next_does_so_again(opened, engine: Engine):
    studio = opened(small(engine))
    studio.run(blocks=2)
    studio.preset = COARSE
    again = opened(made_by(studio.code()))
    studio.run(blocks=1)
    require_same_video(studio, again, 3)


def test_after_a_stop_the_code_is_that_of_the_next_video(opened, engine: Engine):
    studio = opened(small(engine))
    studio.run(blocks=1)
    studio.preset = COARSE
    studio.stop()
    assert "studio.run" not in studio.code()
    assert opened(made_by(studio.code())).preset == COARSE


def test_both_engines_of_a_comparison_are_loaded_as_they_were(opened, engine: Engine):
    other = Engine.load("tiny", weights="random")
    comparison = opened(Comparison(engine, other, PROMPT, size_px=SMALL_PX))
    comparison.run(blocks=1)
    again = opened(made_by(comparison.code()))
    require_same_video(comparison, again, 1)
    assert again._ensemble.tiles.labels == ("trained weights", "random weights")


def test_engines_of_one_name_whose_adapters_differ_are_loaded_each(opened, engine: Engine):
    other = Engine.load("tiny", COARSE)
    other.use_adapters({})
    comparison = opened(Comparison(engine, other, PROMPT, size_px=SMALL_PX))
    comparison.run(blocks=1)
    require_same_video(comparison, opened(made_by(comparison.code())), 1)


def test_a_right_side_of_the_same_model_is_its_preset(opened, engine: Engine):
    quantized = COARSE.with_(linear_dtype="fp8")
    engine = Engine.load("tiny", emulate=True)
    comparison = opened(Comparison(engine, quantized, PROMPT, size_px=SMALL_PX))
    assert "\nright = " not in comparison.code()
    comparison.run(blocks=1)
    require_same_video(comparison, opened(made_by(comparison.code())), 1)


def test_sides_that_nothing_tells_apart_are_called_by_their_places(opened, engine: Engine):
    comparison = opened(Comparison(engine, Engine.load("tiny"), PROMPT))
    assert comparison._ensemble.tiles.labels == ("reference, left", "reference, right")


@pytest.mark.parametrize("kind", ["studio", "comparison"])
def test_adapters_that_changed_on_the_way_are_told_of(opened, engine: Engine, kind):
    build = {
        "studio": lambda: small(engine),
        "comparison": lambda: Comparison(engine, COARSE, PROMPT, size_px=SMALL_PX),
    }
    widget = opened(build[kind]())
    widget.run(blocks=1)
    engine.use_adapters({"own": 0.5})
    told = r"adapters \{'own': 1.0\} from block 0 on and now they are \{'own': 0.5\}.*stop\(\) it"
    with pytest.raises(SessionError, match=told):
        widget.code()
    widget.stop()
    assert "use_adapters({'own': 0.5})" in widget.code()


def test_the_code_of_a_recording_makes_its_video_again_from_the_beginning(
    opened, engine: Engine, tmp_path
):
    """Of a branch, under two presets, with a prompt that was typed."""
    studio = opened(small(engine))
    studio.run(blocks=2)
    studio.preset = COARSE
    studio.run(blocks=1)
    studio.switch("it turns blue")
    studio.record(tmp_path / "run", lossless=True)
    studio.run(blocks=2)
    recording = Recording.open(studio.cut())
    assert recording.manifest.first_block == 3
    again = opened(made_by(recording.code()))
    require_same_video(studio, again, 5)
    assert (again.size_px, again.seed, again.timeline) == (SMALL_PX, 3, recording.timeline)


def test_what_a_recording_cannot_say_in_a_cell_is_told(opened, engine: Engine, tmp_path):
    studio = opened(small(engine))
    studio.record(tmp_path / "run")
    studio.run(blocks=1)
    recording = Recording.open(studio.cut())
    run = recording.manifest
    named = replace(run, maker=replace(run.maker, model="mine"))
    with pytest.raises(SessionError, match=r"called 'mine', .*say where it is, by model="):
        run_code(named)
    assert "Engine.load('here', 'reference', dtype='float32')" in run_code(named, "here")
    assert "use_adapters" not in run_code(run)
    for scales in ({"own": 0.5}, {}):
        quiet = replace(run, adapters=(replace(run.adapters[0], scales=scales),))
        assert f"engine.use_adapters({scales})" in run_code(quiet)
    others = replace(run, adapters=(replace(run.adapters[0], scales={"own": 1.0, "ink": 1.0}),))
    with pytest.raises(SessionError, match=r"adapters of its own.*replay\(\) makes it again"):
        run_code(others)


def test_words_in_a_run_of_others_are_no_code_in_its_cell(opened, engine: Engine):
    studio = opened(small(engine))
    studio.run(blocks=1)
    said = json.loads(studio.manifest().text())
    words = "x'''\"\"\"\n); planted() #\\"
    for place in (said["timeline"][0], said["landings"][0]):
        place["prompt"] = words
    said["maker"]["preset"] |= {"name": words, "summary": words}
    code = ast.parse(run_code(Manifest.from_fields(said)))
    calls = {ast.unparse(one.func) for one in ast.walk(code) if isinstance(one, ast.Call)}
    assert calls == {"Timeline.of", "Preset", "Engine.load", "LongLiveWidget"}
    assert [one.value for one in ast.walk(code) if isinstance(one, ast.Constant)].count(words) == 3


def test_what_no_cell_can_load_is_told_of(opened, engine: Engine):
    in_memory = opened(small(Engine(engine.model, engine.preset)))
    with pytest.raises(SessionError, match=r"'tiny' was made in memory.*use Engine\.load"):
        in_memory.code()
    source = Engine.load(FolderSource(model_folder("tiny")))
    with pytest.raises(SessionError, match=r"from FolderSource\(\.\.\.\), which a cell cannot"):
        opened(small(source)).code()


def test_files_one_by_one_are_written_so(tmp_path):
    parts = ("transformer", "config", "autoencoder", "text_encoder", "tokenizer")
    for part in parts:
        (tmp_path / part).touch()
    files = OfficialFiles(**{part: tmp_path / part for part in parts})
    written = _model_code(replace(Engine.load("tiny").origin, given=Given(files, None, None)))
    assert written.names == {"OfficialFiles"}
    assert eval(written.text, {"OfficialFiles": OfficialFiles}) == files
