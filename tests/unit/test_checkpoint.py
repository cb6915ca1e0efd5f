import pickle
import random
import traceback
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from longlive_widget.errors import CheckpointError
from longlive_widget.model.checkpoint import (
    load_strictly,
    part_of,
    read_checkpoint,
    read_weights,
    unwrap_generator,
    unwrap_lora,
)
from tests.unit.small_network import Network, adapter_for


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network()


# Reading


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_tensors_come_back_as_they_were_saved(tmp_path, network, suffix):
    path = tmp_path / f"weights{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(dict(network.state_dict()), path)
    read = read_weights(path)
    assert read.keys() == network.state_dict().keys()
    assert all(torch.equal(read[name], value) for name, value in network.state_dict().items())


def test_a_file_of_the_time_before_zip_is_read_too(tmp_path):
    path = tmp_path / "old.pth"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_weights(path)["a"], torch.ones(2))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere.pt does not exist"):
        read_weights(tmp_path / "nowhere.pt")
    with pytest.raises(CheckpointError, match="is a folder"):
        read_weights(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "weights.txt"
    path.write_text("hello")
    with pytest.raises(CheckpointError, match=r"suffix '.txt'"):
        read_weights(path)


@pytest.mark.fault(
    "Files that are read",
    "a weight file is cut off",
    "it is called damaged, and nothing is loaded",
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kept_bytes", [0, 5, 200])
def test_a_truncated_file_is_called_damaged(tmp_path, network, suffix, kept_bytes):
    path = tmp_path / f"weights{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(dict(network.state_dict()), path)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(CheckpointError, match=rf"weights{suffix} is damaged or cut short"):
        read_weights(path)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_file_with_a_few_wrong_bytes_is_called_damaged(tmp_path, network, place):
    path = tmp_path / "weights.pt"
    torch.save(network.state_dict(), path)
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at : at + 64] = bytes(byte ^ 0x55 for byte in content[at : at + 64])
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights.pt is damaged .*: download it again"):
        read_weights(path)


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_under_a_safetensors_name_is_found_out(tmp_path, as_zip):
    path = tmp_path / "weights.safetensors"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=as_zip)
    with pytest.raises(CheckpointError, match="is a pickle under the name of a safetensors file"):
        read_weights(path)


class Intruder:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path(self.path),)


@pytest.mark.fault(
    "Files that are read",
    "a weight file has code in it",
    "it is refused, and the code is not run",
)
@pytest.mark.parametrize("save", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o, 2))])
def test_a_pickle_with_code_inside_is_refused_and_not_run(tmp_path, save):
    intruder = Intruder()
    intruder.path = str(tmp_path / "was-here")
    save({"a": intruder}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match="could run code: save its state_dict alone") as told:
        read_weights(tmp_path / "weights.pt")
    assert not (tmp_path / "was-here").exists()
    assert "weights_only" not in "".join(traceback.format_exception(told.value))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!DOCTYPE html><html>404</html>", "is a web page, not weights: download the file itself"),
        ("\n<html></html>", "is a web page"),
        ("version https://git-lfs.github.com/spec/v1\noid", r"git-lfs pointer.*`git lfs pull`"),
    ],
)
def test_what_came_in_the_place_of_weights_is_told(tmp_path, suffix, text, said):
    path = tmp_path / f"weights{suffix}"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=said):
        read_weights(path)


def test_a_safetensors_file_under_the_name_of_a_pickle_is_found_out(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=r"safetensors file .*: rename it to \.safetensors"):
        read_weights(tmp_path / "weights.pt")


@pytest.mark.filterwarnings("ignore")  # torch's, on what such bytes might mean
def test_any_bytes_under_the_name_of_a_pickle_are_refused_in_one_sentence(tmp_path):
    path, drawn = tmp_path / "weights.pt", random.Random(0)
    for start in (b"", b"\x80\x02", b"(", b"}", b"K", b"PK\x03\x04"):
        for _ in range(100):
            path.write_bytes(start + drawn.randbytes(drawn.randrange(120)))
            with pytest.raises(CheckpointError, match=r"damaged|could run|holds a |a web page"):
                read_weights(path)


def test_a_nested_file_is_not_taken_for_flat(tmp_path):
    path = tmp_path / "longlive_base.pt"
    torch.save({"generator": {"model.a": torch.ones(2)}}, path)
    with pytest.raises(CheckpointError, match="it holds generator"):
        read_weights(path)
    assert read_checkpoint(path)["generator"]["model.a"].shape == (2,)


def test_a_lone_tensor_is_not_taken_for_a_model(tmp_path):
    torch.save(torch.ones(2), tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match="holds a Tensor"):
        read_weights(tmp_path / "weights.pt")


# Loading


def test_a_module_on_the_meta_device_takes_the_tensors_themselves(network):
    weights = {name: value.bfloat16() for name, value in network.state_dict().items()}
    with torch.device("meta"):
        empty = Network()
    load_strictly(empty, weights, "weights.pt")
    assert all(torch.equal(empty.state_dict()[name], value) for name, value in weights.items())
    assert empty.embedding.weight.data_ptr() == weights["embedding.weight"].data_ptr()


def test_a_module_with_storage_keeps_its_dtype(network):
    weights = {name: value.bfloat16() for name, value in network.state_dict().items()}
    load_strictly(network, weights, "weights.pt")
    assert network.embedding.weight.dtype == torch.float32


def test_all_faults_of_a_file_are_told_at_once_and_nothing_is_loaded(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights = {name: torch.zeros_like(value) for name, value in before.items()}
    del weights["embedding.bias"]
    weights["stranger"] = torch.zeros(1)
    weights["blocks.0.q.weight"] = torch.zeros(6, 7)
    with pytest.raises(CheckpointError) as raised:
        load_strictly(network, weights, "weights.pt")
    message = str(raised.value)
    assert "weights.pt does not fit Network" in message
    assert "1 missing (embedding.bias)" in message
    assert "1 unexpected (stranger)" in message
    assert "blocks.0.q.weight is [6, 7] where [6, 6] belongs" in message
    assert message.endswith("): give the file that belongs to this model")
    assert ". " not in message, "it is one sentence"
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn, torch.bool])
def test_weights_that_are_no_floating_point_numbers_are_refused(network, dtype):
    weights = dict(network.state_dict()) | {"embedding.bias": torch.zeros(6).to(dtype)}
    said = str(dtype).removeprefix("torch.")
    with pytest.raises(CheckpointError, match=rf"1 not in floating .*\(embedding.bias is {said}\)"):
        load_strictly(network, weights, "weights.pt")


@pytest.mark.fault(
    "Files that are read",
    "weights are infinite or no numbers",
    "they are refused, with their names",
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(network, value):
    weights = dict(network.state_dict()) | {"embedding.bias": torch.full((6,), value)}
    with pytest.raises(CheckpointError, match=r"values that are not finite \(embedding.bias\)"):
        load_strictly(network, weights, "weights.pt")


def test_a_long_list_of_faults_is_counted_and_cut(network):
    with pytest.raises(CheckpointError, match=r"12 missing \(.*, and 9 more\)"):
        load_strictly(network, {}, "weights.pt")


def test_values_that_no_file_holds_do_not_stay_on_the_meta_device(network):
    with torch.device("meta"):
        empty = Network()
        empty.register_buffer("table", torch.ones(3), persistent=False)
    with pytest.raises(CheckpointError, match="table"):
        load_strictly(empty, network.state_dict(), "weights.pt")


def test_one_network_is_taken_out_of_a_file_that_holds_two():
    file = {"encoder.a": torch.ones(1), "decoder.a": torch.ones(1), "conv2.bias": torch.ones(1)}
    assert list(part_of(file, ("decoder.", "conv2."))) == ["decoder.a", "conv2.bias"]


# LongLive's wrappings


@pytest.mark.parametrize(
    ("key", "prefix"), [("generator", "model."), ("generator_ema", "model._fsdp_wrapped_module.")]
)
def test_the_generator_is_unwrapped_to_plain_names(network, key, prefix):
    inside = {
        prefix + name.replace("blocks.0.", "blocks.0._fsdp_wrapped_module."): value
        for name, value in network.state_dict().items()
    }
    unwrapped = unwrap_generator({key: inside, "step": 1}, "longlive_base.pt")
    assert unwrapped.keys() == network.state_dict().keys()


def test_names_that_are_no_text_are_no_generator():
    with pytest.raises(CheckpointError, match="no 'generator' or 'generator_ema' of named tensors"):
        unwrap_generator({"generator.a": torch.ones(1), 3: 1}, "longlive_base.pt")


def test_a_file_without_a_generator_is_refused():
    with pytest.raises(CheckpointError, match=r"no 'generator' .* but critic"):
        unwrap_generator({"critic": {}}, "longlive_base.pt")


def test_an_adapter_is_found_wrapped_or_bare(network):
    adapter = adapter_for(network)
    assert unwrap_lora({"generator_lora": adapter}, "lora.pt").keys() == adapter.keys()
    assert unwrap_lora(adapter, "lora.pt").keys() == adapter.keys()
    with pytest.raises(CheckpointError, match="holds no adapter"):
        unwrap_lora(dict(network.state_dict()), "lora.pt")


def test_a_file_with_packed_parts_is_refused_before_they_are_unpacked(tmp_path, network):
    torch.save(network.state_dict(), tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert read_checkpoint(tmp_path / "plain.pt")
    with pytest.raises(CheckpointError, match=r"packed\.pt holds packed parts \(.*never writes"):
        read_checkpoint(tmp_path / "packed.pt")


@pytest.mark.parametrize(
    ("where", "byte", "told"),
    [
        (b"PK\x01\x02\x00\x00", 64, "zip file version 6.4"),
        (b"PK\x06\x07", 2, "zipfiles that span multiple disks"),
    ],
)
def test_a_zip_that_only_torch_can_read_is_called_damaged(tmp_path, network, where, byte, told):
    torch.save(network.state_dict(), tmp_path / "plain.pt")
    content = bytearray((tmp_path / "plain.pt").read_bytes())
    content[content.index(where) + len(where)] = byte
    (tmp_path / "other.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"other\.pt is damaged \({told}"):
        read_checkpoint(tmp_path / "other.pt", checked=False)
