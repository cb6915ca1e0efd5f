import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from longlive_widget.engine.model import save_packed
from longlive_widget.errors import CheckpointError
from longlive_widget.model.checkpoint import read_weights
from longlive_widget.model.packed import SCALE_SUFFIX, packed, unpacked


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    spread = torch.tensor([1e-7, 1.0, 300.0, 0.0])[:, None]
    return {
        "matrix": torch.randn(4, 64) * spread,
        "bias": torch.randn(4).half().float(),
        "filter": torch.randn(4, 8, 3, 3, 3) * spread[..., None, None, None],
        "gamma": torch.randn(4, 1, 1, 1).half().float(),
        "short rows": torch.randn(4, 15).half().float(),
        "modulation": torch.randn(1, 6, 64).half().float(),
    }


@pytest.mark.parametrize("name", ["matrix", "filter"])
def test_a_weight_is_off_by_half_a_127th_of_the_largest_in_its_row_at_most(tmp_path, weights, name):
    path = tmp_path / "weights.safetensors"
    save_packed(path, weights)
    read = unpacked(read_weights(path), path)
    off = (read[name] - weights[name]).abs().flatten(1).amax(dim=1)
    largest = weights[name].abs().flatten(1).amax(dim=1)
    assert (off <= 0.5001 * largest / 127).all()
    assert off[:3].gt(0).all()  # else nothing was packed
    assert not read[name][3].any()
    assert {key: value.shape for key, value in read.items()} == {
        key: value.shape for key, value in weights.items()
    }


def test_what_has_no_rows_keeps_its_value(weights):
    kept = packed(weights)
    for name in ("bias", "gamma", "short rows", "modulation"):
        assert torch.equal(kept[name].float(), weights[name])
    assert packed({"long enough": torch.randn(4, 16)})["long enough"].dtype == torch.int8


def test_packed_rows_take_little_more_than_a_byte_a_weight(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_packed(path, {"matrix": torch.randn(512, 512)})
    assert path.stat().st_size < 1.02 * 512 * 512
    assert load_file(path)["matrix"].dtype == torch.int8


def test_weights_that_were_never_packed_stay_as_they_are(weights):
    read = unpacked(weights, "here")
    assert all(read[name] is weight for name, weight in weights.items())


@pytest.mark.parametrize(
    ("name", "put", "said"),
    [
        ("matrix", None, "has matrix.row_scale [4, 1] for nothing"),
        ("matrix", torch.zeros(4, 64), "has matrix.row_scale [4, 1] for torch.float32 [4, 64]"),
        ("matrix" + SCALE_SUFFIX, torch.zeros(1), "has matrix.row_scale [1] for torch.int8"),
    ],
    ids=["alone", "of floats", "of another shape"],
)
def test_scales_that_do_not_fit_are_refused(weights, name, put, said):
    tensors = packed(weights)
    tensors.pop(name)
    if put is not None:
        tensors[name] = put
    with pytest.raises(CheckpointError, match=re.escape(said)):
        unpacked(tensors, Path("file.safetensors"))
