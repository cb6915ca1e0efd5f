"""A preset is complete, possible and found by its name."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import yaml

from longlive_widget import optimization_log
from longlive_widget.errors import PresetError
from longlive_widget.measure.decision import proposed_for
from longlive_widget.measure.distance import distances_in
from longlive_widget.measure.record import Record
from longlive_widget.measure.records import read
from longlive_widget.presets import (
    PRESETS,
    UNSEEN,
    Attention,
    CompileMode,
    Context,
    Decoder,
    Kernels,
    LinearDtype,
    OnGpus,
    Preset,
    Recache,
    WindowCache,
    WindowDtype,
    preset_named,
)
from longlive_widget.presets_page import PICTURE, page
from tests.unit.written_record import record

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_a_preset_is_found_by_its_name():
    for name, preset in PRESETS.items():
        assert preset_named(name) is preset
        assert preset.name == name


def test_the_reference_has_every_setting_at_its_default():
    reference = PRESETS["reference"]
    assert reference == Preset("reference", reference.summary)


def test_an_unknown_preset_is_told_with_all_that_exist():
    with pytest.raises(PresetError) as told:
        preset_named("turbp")
    assert "'turbp': did you mean 'turbo'?" in str(told.value)
    for name in PRESETS:
        assert name in str(told.value)


@pytest.mark.parametrize("denoise_steps", [(), (500, 750), (500, 500)])
def test_denoise_steps_go_down(denoise_steps):
    with pytest.raises(PresetError, match="must be some that go down: for example"):
        Preset("odd", "", denoise_steps=denoise_steps)


@pytest.mark.parametrize("denoise_steps", [(1001, 500), (1000, 0), (1000, -5)])
def test_denoise_steps_lie_in_the_training_schedule(denoise_steps):
    with pytest.raises(PresetError, match=r"denoise step .* is out of range: use 1 to 1000"):
        Preset("odd", "", denoise_steps=denoise_steps)


@pytest.mark.parametrize("denoise_steps", [(1000, 500.5), ("1000",), 1000, "1000", None])
def test_denoise_steps_are_whole_numbers(denoise_steps):
    with pytest.raises(PresetError, match=r"denoise.*is no"):
        Preset("odd", "", denoise_steps=denoise_steps)


def test_a_window_keeps_at_least_one_latent_frame():
    with pytest.raises(PresetError, match="window_frames 0 is out of range: use 1 or more"):
        Preset("odd", "", window_frames=0)


@pytest.mark.parametrize("window_frames", [8.5, "8", None, True])
def test_a_window_is_a_whole_number_of_latent_frames(window_frames):
    with pytest.raises(PresetError, match=r"window_frames .* is not a whole number"):
        Preset("odd", "", window_frames=window_frames)


def test_numbers_of_numpy_and_lists_are_settings_too():
    preset = Preset("odd", "", denoise_steps=list(np.array([1000, 250])), window_frames=np.int8(8))
    assert preset == Preset("odd", "", denoise_steps=(1000, 250), window_frames=8)


def test_a_changed_preset_differs_in_nothing_else_and_says_what_was_changed():
    turbo = PRESETS["turbo"]
    changed = turbo.with_(window_cache="static", window_frames=6)
    others = {
        "denoise_steps": turbo.denoise_steps,
        "prompt_cache": 8,
        "memory_pool": True,
        "compiled": "default",
        "attention": "fastest",
        "kernels": "fastest",
        "cuda_graphs": "fastest",
    }
    assert changed == Preset(
        "turbo+window_cache=static+window_frames=6",
        "turbo with window_cache='static', window_frames=6",
        window_frames=6,
        window_cache="static",
        **others,
    )
    assert turbo.with_(name="mine") == Preset(
        "mine", turbo.summary, window_frames=8, window_cache="ring", **others
    )


def test_a_change_of_what_does_not_exist_is_told_with_what_might_be_meant():
    with pytest.raises(PresetError, match="'window_frame': did you mean 'window_frames'"):
        PRESETS["turbo"].with_(window_frame=6)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("window_cache", "rign", "'rign' does not exist: use 'rolling' or 'static' or 'ring'"),
        ("window_cache", None, "None does not exist: use 'rolling' or"),
        ("window_dtype", "int4", "'int4' does not exist: use 'model' or 'int8' or 'fp8'"),
        ("prompt_cache", -1, "prompt_cache -1 is out of range: use 0 or more"),
        ("prompt_cache", True, "prompt_cache True is not a whole number"),
        ("compiled", True, "compiled True does not exist: use 'default' or 'max-autotune-no-cuda"),
        ("linear_dtype", "int8", "linear_dtype 'int8' does not exist: use 'model' or 'fp8'"),
        ("attention", "auto", "attention 'auto' does not exist: use 'torch' or 'fastest' or 'f"),
        ("kernels", "own", "kernels 'own' does not exist: use 'torch' or 'fastest' or 'triton'"),
        ("decoder", "big", "decoder 'big' does not exist: use 'full' or 'small'"),
        ("cuda_graphs", 1, "cuda_graphs 1 does not exist: use False or True or 'fastest'"),
        ("decode_behind", 1, "decode_behind 1 is neither true nor false"),
        ("decode_first", None, "decode_first None does not exist: use False or True or 'fastest'"),
        ("name", 3, "name 3 is not text"),
        ("name", " ", "name ' ' is empty: give the preset one"),
        ("summary", None, "summary None is not text"),
    ],
)
def test_a_value_that_a_setting_cannot_have_is_told(setting, value, told):
    with pytest.raises(PresetError, match=told):
        PRESETS["reference"].with_(**{setting: value})


@pytest.mark.parametrize(
    ("frames", "first", "parts", "on_a_gpu"),
    [
        (None, False, (3,), (3,)),
        (None, True, (1, 2), (1, 2)),
        (None, "fastest", (3,), (1, 2)),
        (3, True, (1, 2), (1, 2)),
        (1, "fastest", (1, 1, 1), (1, 1, 1)),
    ],
)
def test_a_block_is_decoded_whole_or_cut_as_its_preset_says(frames, first, parts, on_a_gpu):
    preset = PRESETS["reference"].with_(decode_frames=frames, decode_first=first)
    assert preset.decoded_parts(3, "cpu") == parts
    assert preset.decoded_parts(3, "cuda") == on_a_gpu


@pytest.mark.parametrize("name", [*PRESETS, "changed"])
def test_a_preset_comes_back_from_its_yaml(name, tmp_path: Path):
    changes = {
        "window_cache": "ring",
        "window_dtype": "int8",
        "window_frames": 7,
        "linear_dtype": "fp8",
        "attention": "fastest",
        "summary": "größer: # 1\n- 2",
    }
    preset = PRESETS["turbo"].with_(**changes) if name == "changed" else PRESETS[name]
    assert Preset.from_yaml(preset.to_yaml()) == preset
    (tmp_path / "preset.yaml").write_text(preset.to_yaml(), encoding="utf-8")
    assert Preset.from_yaml(tmp_path / "preset.yaml") == preset


LOGGED = dict(
    zip(
        ("quality", "balanced", "int8", "turbo", "turbo_fp8", "ultra", "low_memory", "graphs", "9"),
        (FIXTURES / "optimization-log.yaml").read_text().split("--- #")[1:],
        strict=True,
    )
)


@pytest.mark.parametrize(
    ("experiment", "settings"),
    {
        "quality": {"window_cache": "static"},
        "balanced": {"window_cache": "ring", "compiled": "default"},
        "int8": {"window_cache": "ring", "window_dtype": "int8", "compiled": "default"},
        "turbo": {
            "window_cache": "ring",
            "compiled": "max-autotune-no-cudagraphs",
            "window_frames": 8,
            "denoise_steps": (1000, 500, 250),
        },
        "turbo_fp8": {
            "linear_dtype": "fp8",
            "window_cache": "ring",
            "compiled": "max-autotune-no-cudagraphs",
            "window_frames": 8,
            "denoise_steps": (1000, 500, 250),
        },
        "ultra": {
            "linear_dtype": "fp8",
            "window_cache": "ring",
            "compiled": "max-autotune-no-cudagraphs",
            "window_frames": 6,
            "denoise_steps": (1000, 250),
        },
        "low_memory": {"window_cache": "ring", "window_dtype": "int8", "compiled": "default"},
        "graphs": {"window_cache": "ring", "memory_pool": True, "cuda_graphs": True},
        "9": {"compiled": "reduce-overhead"},
    }.items(),
)
def test_a_block_of_the_log_is_a_preset(experiment, settings):
    block = f"#{LOGGED[experiment]}"
    said = {
        "prompt_cache": 8 if "use_prompt_cache: true" in block else 0,
        "decode_behind": "use_async_vae: true" in block,
        "memory_pool": "use_memory_pool: true" in block,
    }
    assert Preset.from_yaml(block) == Preset("custom", "", **said | settings)


def test_all_settings_that_do_not_exist_are_told_at_once_and_those_that_do_where_none_is_near():
    with pytest.raises(PresetError) as told:
        Preset.from_yaml("window_frame: 8\nuse_static_vk: true")
    assert str(told.value) == (
        "no setting is called 'window_frame': did you mean 'window_frames'?; "
        "no setting is called 'use_static_vk': did you mean 'use_static_kv'?; "
        "or update longlive-widget, if that wrote it"
    )
    with pytest.raises(PresetError) as told:
        PRESETS["turbo"].with_(window_frame=6, zebra=1, giraffe=2)
    assert str(told.value).startswith(
        "no setting is called 'window_frame': did you mean 'window_frames'?; "
        "no setting is called 'zebra' or 'giraffe': there are name, summary, denoise_steps, "
    )


@pytest.mark.fault("Files that are read", "YAML says no preset", "a sentence")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("use_static_vk: true", "'use_static_vk': did you mean 'use_static_kv'"),
        ("window_frame: 8", "'window_frame': did you mean 'window_frames'"),
        ("8: true", "no setting is called 8"),
        ("window_frames: 8\nlocal_attn_size: 8", "window_frames 8 is also said in the log's words"),
        ("use_static_kv: 1", "use_static_kv 1 is neither true nor false"),
        ("model_dtype: bfloat61", "'bfloat61' does not exist: use 'bfloat16' or 'fp8'"),
        ("use_quantized_kv: true", "says no type: add kv_quantization: int8 or fp8"),
        ("kv_quantization: int4", "'int4' does not exist: use 'int8' or 'fp8'"),
        ("compile_mode: fast", "compile_mode 'fast' does not exist"),
        ("local_attn_size: 0", "window_frames 0 is out of range"),
        ("name: ''", "name '' is empty: give the preset one"),
        ("denoising_steps: 4", "denoise_steps 4 is no list"),
        ("use_static_kv: [", "this is no plain YAML"),
        ("preset.yaml", "'preset.yaml' is no settings: .* or give a pathlib.Path"),
        ("", "'' is no settings"),
        (None, "no settings"),
        (Path("nowhere.yaml"), "nowhere.yaml cannot be read"),
    ],
)
def test_yaml_that_is_no_preset_is_told_in_one_sentence(text, told):
    with pytest.raises(PresetError, match=told) as error:
        Preset.from_yaml(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "mine.yaml is no settings: write `setting: value` in lines"),
        (b"\xff\xfe", "mine.yaml is no plain YAML ('utf-8' codec can't decode"),
        (b"window_frame: 8", "mine.yaml: no setting is called 'window_frame': did you mean"),
        (b"local_attn_size: 0", "mine.yaml: window_frames 0 is out of range"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_name(tmp_path: Path, content: bytes, told: str):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(PresetError) as error:
        Preset.from_yaml(path)
    assert f"{tmp_path / told}" in str(error.value)
    assert "give a pathlib.Path" not in str(error.value)


@pytest.mark.parametrize("name", ["mine.yaml", "MINE.YML", Path("mine.yaml"), Path("mine")])
def test_a_file_in_the_place_of_a_name_is_told_how_it_is_read(name: str | Path):
    told = re.escape(f"{str(name)!r} is a file, not the name of a preset: give what is in it, Pres")
    with pytest.raises(PresetError, match=told):
        preset_named(name)


def test_the_page_on_presets_is_that_of_the_presets_of_today():
    docs = Path(__file__).parents[2] / "docs"
    records = [one for path in sorted(docs.glob("measured/*.jsonl")) for one in read(path)]
    written = (docs / "presets.md").read_text(encoding="utf-8")
    assert written == page(distances_in(records), proposed_for(records)), (
        "write it anew: "
        "longlive-widget presets --markdown --records docs/measured/*.jsonl > docs/presets.md"
    )


def test_the_page_says_how_far_a_setting_is_by_the_last_record_of_it_alone():
    reference = PRESETS["reference"]
    int8 = reference.with_(window_dtype="int8", window_cache="rolling", prompt_cache=8)
    records = [
        of_likeness(preset, error)
        for preset, error in ((int8, 650.25), (int8, 6.5025), (PRESETS["low_memory"], 65.025))
    ]
    told = page(distances_in(records), {})
    figures = "worst block 40.0 dB, all 40.0 dB"
    assert f"| `window_dtype` | model | int8 | nearly the same picture; {figures} |" in told
    assert "| `window_dtype` int8 | 1 | 40.0 dB | 40.0 dB | 40.0 dB | tiny at 160 x 96, " in told
    section = told.split("## low_memory")[1].split("## How far")[0]
    assert "from one history the worst block 30.0 dB, all 30.0 dB; running free 30.0 dB" in section
    assert "| `denoise_steps` | 1000, 750, 500, 250 | 1000, 250 | another picture |" in told


def test_the_page_says_what_stood_in_as_pictures_were_made():
    speed, stood_in = PRESETS["speed"], "the linear layers are in FP8 that is emulated: why"
    ran = of_likeness(speed.with_(cuda_graphs=False), 6.5025, fallbacks=stood_in)
    section = page(distances_in([ran]), {}).split("## speed")[1].split("\n## ")[0]
    assert "Its pictures, on tiny at 160 x 96, float32, FP8 emulated, " in section
    assert f"\nWhat stood in for something else there: {stood_in}.\n" in section
    plain = page(distances_in([of_likeness(speed, 6.5025)]), {})
    assert "stood in" not in plain


def test_without_records_the_page_says_no_figure():
    plain = page({}, {})
    assert "worst block" not in plain
    assert "Our decision:" not in plain
    assert "## How far" not in plain


def of_likeness(preset: Preset, error: float, **facts: str) -> Record:
    samples = {"squared_error": (error,), "free_squared_error": (error,)}
    return record(
        kind="likeness",
        preset=preset,
        weights="trained",
        model="tiny",
        samples=samples,
        facts={"against": "reference", **facts},
    )


SENTENCES = (FIXTURES / "optimization-log.md").read_text(encoding="utf-8")
"""What the log says, verbatim: of each experiment what it took, showed, met and decided; notes."""
OF_EXPERIMENT = {
    int(said.partition(":")[0]): said
    for said in re.split(r"^### Experiment |^## ", SENTENCES, flags=re.MULTILINE)
    if said[:1].isdigit()
}


def said(pattern: str, text: str) -> str:
    """What stands at the pattern's group, in one line and without what makes it bold or ticked."""
    found = re.search(pattern, text, re.DOTALL)
    assert found, f"{pattern} in {text}"
    return " ".join(found[1].replace("**", "").split())


@pytest.mark.parametrize(
    "experiment", optimization_log.EXPERIMENTS.values(), ids=lambda e: e.number
)
def test_an_experiment_is_what_the_log_says_of_it(experiment: optimization_log.Experiment):
    its = OF_EXPERIMENT[experiment.number]
    before, after = re.findall(r"([\d.]+) ms", said(r"\| (SS Mean [^\n]*)", its))
    assert (float(before), float(after)) == (optimization_log.BASELINE_MS, experiment.block_ms)
    assert experiment.picture == said(r"\*\*Quality\*\*: ([^\n]*)", its)
    assert experiment.decision == said(r"\*\*Decision\*\*: \[[x ]\] ([^\n]*)", its)


def test_what_the_log_gave_up_on_is_what_it_says_and_a_row_of_the_page():
    failed = {number for number, its in OF_EXPERIMENT.items() if "(Failed)" in its}
    assert optimization_log.GIVEN_UP.keys() == failed
    assert {
        one.number for one in optimization_log.EXPERIMENTS.values()
    } == OF_EXPERIMENT.keys() - failed
    for number, given_up in optimization_log.GIVEN_UP.items():
        its = OF_EXPERIMENT[number]
        assert given_up.error == said(r"\*\*Error\*\*:\s```(.*?)```", its)
        assert given_up.decision == said(r"\*\*Decision\*\*: \[ \] ([^\n]*)", its)
        block = LOGGED[{8: "graphs", 9: "9"}[number]]
        assert given_up.settings == yaml.safe_load(f"#{block}")
        (row,) = (line for line in page({}, {}).splitlines() if line.startswith(f"| {number} | "))
        assert f'"{given_up.error}" | "{given_up.decision}"' in row
        assert {8: "`cuda_graphs` True", 9: "`compiled` reduce-overhead"}[number] in row


def test_the_notes_are_those_of_the_log():
    notes = re.findall(r"^(\d+)\. (.*)$", SENTENCES, re.MULTILINE)
    assert {int(n): said.replace("**", "") for n, said in notes} == optimization_log.NOTES
    assert f"| SS Mean | {optimization_log.BASELINE_MS} ms |" in SENTENCES


@pytest.mark.parametrize("experiment", optimization_log.EXPERIMENTS.values(), ids=str)
def test_the_page_quotes_what_the_log_says_and_decides(experiment: optimization_log.Experiment):
    quoted = f'"{experiment.picture}." Decision: "{experiment.decision}".'
    assert quoted in page({}, {})


def test_the_page_says_of_every_setting_what_it_does_to_the_pictures():
    settings = {field.name for field in fields(Preset)} - {"name", "summary"}
    assert set(PICTURE) == settings
    assert set(UNSEEN) == {name for name, said in PICTURE.items() if "to the bit" in said}


@pytest.mark.parametrize("name", optimization_log.EXPERIMENTS)
def test_what_the_page_shows_of_the_log_stands_there(name):
    block = {"speed": "int8"}.get(name, name)
    assert optimization_log.EXPERIMENTS[name].settings == yaml.safe_load(f"#{LOGGED[block]}")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "graphs True needs noise .* memory_pool is False: use memory_pool=True, or cuda_g"),
        ({"memory_pool": True}, "replay window_cache 'rolling'.*use window_cache='ring' or 's"),
        (
            {"memory_pool": True, "window_cache": "ring", "compiled": "reduce-overhead"},
            "of compiled 'reduce-overhead' .*: use compiled='default', or cuda_graphs=False",
        ),
        (
            {"memory_pool": True, "window_cache": "static", "compiled": "max-autotune"},
            "inside its own: use compiled='max-autotune-no-cudagraphs', or cuda_graphs=False",
        ),
    ],
)
def test_a_preset_that_contradicts_itself_says_how_not_to(settings, told):
    with pytest.raises(PresetError, match=told):
        PRESETS["reference"].with_(cuda_graphs=True, **settings)


LEGAL: dict[str, tuple[object, ...]] = {
    "denoise_steps": ((1000, 250), (1000,)),
    "window_frames": (1, 6, 8, 12, 100),
    "window_cache": get_args(WindowCache),
    "window_dtype": get_args(WindowDtype),
    "prompt_cache": (0, 1, 8),
    "context": get_args(Context),
    "recache": get_args(Recache),
    "memory_pool": (False, True),
    "cuda_graphs": get_args(OnGpus),
    "decoder": get_args(Decoder),
    "decode_frames": (None, 1, 3),
    "decode_first": get_args(OnGpus),
    "decode_behind": (False, True),
    "offload_text_encoder": (False, True),
    "compiled": (None, *get_args(CompileMode)),
    "linear_dtype": get_args(LinearDtype),
    "attention": get_args(Attention),
    "kernels": get_args(Kernels),
}


@pytest.mark.parametrize("mode", ["max-autotune-no-cudagraphs", "reduce-overhead", "max-autotune"])
def test_our_own_kernels_are_compiled_in_no_mode_of_torchs(mode: CompileMode):
    told = f"kernels 'triton' stand .* compiled '{mode}' .*: use compiled='default' or None, or ke"
    with pytest.raises(PresetError, match=told):
        PRESETS["reference"].with_(kernels="triton", compiled=mode)
    for compiled in (None, "default"):
        PRESETS["reference"].with_(kernels="triton", compiled=compiled)
    PRESETS["reference"].with_(kernels="fastest", compiled=mode)


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_of_every_preset_may_have_every_value_by_itself(name: str):
    """But for what graphs that must be, True, cannot do without; "fastest" does without them."""
    assert LEGAL.keys() == PICTURE.keys()
    preset, refused = PRESETS[name], set()
    for setting, value in ((one, value) for one, values in LEGAL.items() for value in values):
        try:
            changed = preset.with_(**{setting: value})
        except PresetError:
            refused.add((setting, value))
            continue
        assert getattr(changed, setting) == value
        for device in ("cuda", "cpu"):
            there = changed.on(device)
            assert there.on(device) == there
            assert there.cuda_graphs == changed.replays(device)
    graphs_need = {
        ("window_cache", "rolling"),
        ("memory_pool", False),
        ("compiled", "reduce-overhead"),
        ("compiled", "max-autotune"),
    }
    if preset.cuda_graphs is True:
        assert refused == graphs_need
    else:
        assert refused <= {("cuda_graphs", True)}


def test_graphs_that_are_to_be_the_fastest_are_off_where_another_setting_rules_them_out():
    balanced = PRESETS["balanced"]
    assert balanced.replays("cuda")
    for change in (
        {"window_cache": "rolling"},
        {"memory_pool": False},
        {"compiled": "reduce-overhead"},
        {"compiled": "max-autotune"},
    ):
        changed = balanced.with_(**change)
        assert changed.cuda_graphs == "fastest"
        assert not changed.replays("cuda")
        assert changed.on("cuda").cuda_graphs is False


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("use_static_kv: true\nuse_static_kv: false", "use_static_kv is said twice"),
        ("compile_mode: default", "nothing without use_torch_compile: true: say that, or leave"),
        (
            "use_torch_compile: false\ncompile_mode: max-autotune",
            "compile_mode: max-autotune does nothing without use_torch_compile: true",
        ),
        ("kv_quantization: int8", "nothing without use_quantized_kv: true: say that"),
        (
            "use_quantized_kv: false\nkv_quantization: int8",
            "kv_quantization: int8 does nothing without use_quantized_kv: true",
        ),
        ("compiled: fast", "'fast' does not exist: use .* or None"),
        ("denoise_steps: {1000: 1}", "is no list"),
    ],
)
def test_yaml_that_says_nothing_or_twice_is_told(text, told):
    with pytest.raises(PresetError, match=told):
        Preset.from_yaml(text)


def test_no_preset_that_has_a_name_attends_in_fp8():
    """What that would cost is more than the 40 dB that FP8 linear layers have used up already."""
    assert {preset.attention for preset in PRESETS.values()} == {"torch", "fastest"}
