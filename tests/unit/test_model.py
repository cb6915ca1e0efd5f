"""The folder of a model: read whole, or refused with the reason."""

import json
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from longlive_widget import Engine
from longlive_widget.engine.model import (
    ADAPTER,
    AUTOENCODER,
    MODEL,
    TRANSFORMER,
    Sizes,
    load_encoder,
    save_weights,
)
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import CheckpointError
from longlive_widget.measure.package_size import zipped_bytes
from longlive_widget.model.packed import SCALE_SUFFIX
from longlive_widget.tiny.distill import adapter_weights, add_adapter

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder("tiny"), tmp_path / "model"))


def test_a_filter_that_is_missing_is_told_by_its_scale(folder: Path):
    weights = load_file(folder / AUTOENCODER)
    del weights["decoder.conv1.weight"]
    save_file(weights, folder / AUTOENCODER)
    with pytest.raises(CheckpointError, match=r"decoder\.conv1\.weight\.row_scale .* for nothing"):
        Engine.load(folder)


def _change(folder: Path, **changes: object) -> None:
    said = json.loads((folder / MODEL).read_text()) | changes
    (folder / MODEL).write_text(json.dumps(said))


def test_a_folder_is_a_model_too(folder: Path):
    assert Engine.load(folder).name == "tiny"


def test_the_embedded_weights_take_at_most_15_megabytes():
    """As they lie on disk."""
    files = [path for path in model_folder("tiny").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 15_000_000


def test_the_package_zipped_as_a_wheel_takes_at_most_15_megabytes():
    """With the weights and the pages in it."""
    package = model_folder("tiny").parents[1]
    assert (package / "static" / "page.js").is_file(), "without the pages it says nothing"
    weights = sum(path.stat().st_size for path in model_folder("tiny").glob("*.safetensors"))
    assert weights / 2 < zipped_bytes() <= 15_000_000


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
        ({"name": None}, "name None is not text"),
        ({"window_frames": 0}, "window_frames 0 is out of range: use 1 or more"),
        ({"adapter": "no"}, "adapter 'no' is neither true nor false"),
        (
            {"geometry": {"width_px": 160.0, "height_px": 96}},
            "width_px 160.0 is not a whole number",
        ),
        ({"transformer": {"heads": 0}}, "transformer's heads 0 is out of range: use 1 or more"),
        ({"text_encoder": {"num_heads": 0}}, "text encoder's num_heads 0 is out of range"),
        ({"autoencoder": {"dim": 8.5}}, "autoencoder's dim 8.5 is not a whole number"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(folder: Path, changes: dict, reason: str):
    _change(folder, **changes)
    with pytest.raises(CheckpointError, match=reason):
        Engine.load(folder)


@pytest.mark.parametrize("content", [b"\x89PNG\xff\xfe", b"", b"[]", b"3", b"{", b"{}"])
def test_what_describes_no_model_is_refused(folder: Path, content: bytes):
    (folder / MODEL).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.json does not describe a model"):
        Engine.load(folder)


@pytest.mark.parametrize("load", [Engine.load, lambda folder: load_encoder(folder, CPU)])
@pytest.mark.parametrize("half", ["encoder.conv1.weight", "decoder.conv1.weight", None])
def test_an_autoencoder_is_whole_whichever_half_is_wanted(folder: Path, load, half: str | None):
    weights = load_file(folder / AUTOENCODER)
    if half is None:
        weights["stranger"] = torch.zeros(1)
    else:
        del weights[half], weights[half + SCALE_SUFFIX]
    save_file(weights, folder / AUTOENCODER)
    fault = "unexpected (stranger)" if half is None else f"missing ({half})"
    with pytest.raises(CheckpointError, match=re.escape(fault)):
        load(folder)


@pytest.mark.parametrize("weights", [{}, {"scalar": torch.tensor(1.0)}], ids=["empty", "scalar"])
def test_a_file_that_is_no_adapter_is_refused(folder: Path, weights: dict):
    save_file(weights, folder / ADAPTER)
    with pytest.raises(CheckpointError, match=r"adapter\.safetensors has adapters of ranks \[\]"):
        Engine.load(folder)


def test_an_adapter_that_is_asked_for_must_be_there(folder: Path):
    (folder / ADAPTER).unlink()
    with pytest.raises(CheckpointError, match=r"adapter\.safetensors does not exist"):
        Engine.load(folder)


def test_an_adapter_of_the_training_is_merged_on_loading(folder: Path):
    _change(folder, adapter=False)
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
