"""The folder of a model: read whole, or refused with the reason."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from longlive_widget import Engine
from longlive_widget.engine.engine import model_folder
from longlive_widget.engine.model import ADAPTER, MODEL, TRANSFORMER, Sizes, save_weights
from longlive_widget.errors import CheckpointError
from longlive_widget.tiny.distill import adapter_weights, add_adapter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder("tiny"), tmp_path / "model"))


def _change(folder: Path, **changes: object) -> None:
    said = json.loads((folder / MODEL).read_text()) | changes
    (folder / MODEL).write_text(json.dumps(said))


def test_a_folder_is_a_model_too(folder: Path):
    assert Engine.load(folder).name == "tiny"


def test_the_embedded_weights_take_at_most_12_megabytes():
    files = [path for path in model_folder("tiny").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12_000_000


def test_the_sizes_are_written_as_they_are_read(folder: Path, tmp_path: Path):
    sizes = Sizes.read(folder)
    sizes.write(tmp_path / "again")
    assert Sizes.read(tmp_path / "again") == sizes


def test_a_missing_file_is_named(folder: Path):
    (folder / TRANSFORMER).unlink()
    with pytest.raises(CheckpointError, match=r"transformer\.safetensors does not exist"):
        Engine.load(folder)


def test_a_truncated_file_is_named(folder: Path):
    whole = (folder / TRANSFORMER).read_bytes()
    (folder / TRANSFORMER).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"transformer\.safetensors"):
        Engine.load(folder)


def test_a_pickle_in_the_place_of_safetensors_is_not_opened(folder: Path):
    (folder / TRANSFORMER).write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match=r"transformer\.safetensors.*pickle"):
        Engine.load(folder)


def test_a_weight_of_another_shape_is_named_with_both_shapes(folder: Path):
    weights = load_file(folder / TRANSFORMER)
    weights["head.head.bias"] = torch.zeros(3)
    save_file(weights, folder / TRANSFORMER)
    with pytest.raises(CheckpointError, match=r"head\.head\.bias.*3.*64"):
        Engine.load(folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"geometry": {"width_px": 100, "height_px": 96}}, "width 100"),
        ({"transformer": {"dim": 192, "layer_count": 6}}, "layer_count"),
        ({"name": "tiny", "sink_frames": None}, "sink_frames"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(folder: Path, changes: dict, reason: str):
    _change(folder, **changes)
    with pytest.raises(CheckpointError, match=reason):
        Engine.load(folder)


def test_an_adapter_that_is_asked_for_must_be_there(folder: Path):
    _change(folder, adapter=True)
    with pytest.raises(CheckpointError, match=r"adapter\.safetensors does not exist"):
        Engine.load(folder)


def test_an_adapter_of_the_training_is_merged_on_loading(folder: Path):
    engine = Engine.load(folder)
    plain = engine.model.transformer.blocks[0].ffn[0].weight.clone()
    adapted = Engine.load(folder).model.transformer
    add_adapter(adapted, rank=2)
    torch.manual_seed(0)
    weights = {name: torch.randn_like(w) for name, w in adapter_weights(adapted).items()}
    save_weights(folder / ADAPTER, weights)
    _change(folder, adapter=True)
    merged = Engine.load(folder).model.transformer.blocks[0].ffn[0].weight
    a, b = (
        weights[f"base_model.model.blocks.0.ffn.0.lora_{part}.weight"].half().float()
        for part in "AB"
    )
    assert torch.allclose(merged, plain + b @ a, atol=1e-5)
