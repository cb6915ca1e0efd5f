"""The published files: the embedded model written in their layouts, names and types."""

from pathlib import Path

import numpy as np
import pytest
import torch

from longlive_widget import Engine, OfficialFiles
from longlive_widget.engine import memory
from longlive_widget.engine.memory import least_bytes, weight_bytes, window_bytes
from longlive_widget.engine.official import longlive_sizes
from longlive_widget.errors import CapabilityError, CheckpointError, ModelNotFoundError
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.text_encoder import TextEncoderConfig
from longlive_widget.model.video_decoder import (
    WAN_LATENT_MEAN,
    WAN_LATENT_STD,
    VideoDecoderConfig,
)
from longlive_widget.presets import PRESETS
from tests.unit.official_files import (
    BASE,
    CONFIG,
    LORA,
    UMT5,
    VAE,
    WAN,
    Files,
)

RED = "a red ball moves right on black"


def _pictures(engine: Engine, blocks: int = 2) -> np.ndarray:
    session = engine.session(RED, seed=3, size_px=(160, 96))
    return np.concatenate([block.frames for block in session.blocks(blocks)])


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """What the embedded model makes, its latents taken for ones that Wan's numbers normalise."""
    engine = Engine.load("tiny")
    decoder = engine.model.decoder
    decoder.latent_mean_C111.copy_(torch.tensor(WAN_LATENT_MEAN)[:, None, None, None])
    decoder.latent_std_C111.copy_(torch.tensor(WAN_LATENT_STD)[:, None, None, None])
    return _pictures(engine)


@pytest.mark.parametrize("ema", [False, True])
@pytest.mark.parametrize("safetensors", [False, True])
def test_the_published_files_make_the_pictures_of_the_same_weights(
    tmp_path: Path, pictures: np.ndarray, *, ema: bool, safetensors: bool
):
    folder = Files().write(tmp_path, ema=ema, safetensors=safetensors)
    engine = Engine.load(folder, dtype="float32")
    assert np.array_equal(_pictures(engine), pictures)
    assert (engine.geometry.width_px, engine.geometry.height_px) == (832, 480)


@pytest.mark.parametrize("model", ["LongLive-1.3B", "longlive_models"])
def test_each_folder_that_users_have_is_found(tmp_path: Path, model: str):
    Files().write(tmp_path)
    if model == "longlive_models":  # as LongLive's own repository wants it
        (tmp_path / "LongLive-1.3B").rename(tmp_path / model)
        (tmp_path / "wan_models").mkdir()
        (tmp_path / WAN).rename(tmp_path / "wan_models" / WAN)
    for folder in (tmp_path, tmp_path / model):
        assert Engine.load(folder).name == "longlive"


def test_single_files_are_a_model_and_need_no_adapter(tmp_path: Path, pictures: np.ndarray):
    folder = Files().write(tmp_path)
    parts = {
        "transformer": folder / BASE,
        "config": str(folder / CONFIG),
        "autoencoder": folder / VAE,
        "text_encoder": folder / UMT5,
        "tokenizer": folder / WAN / "google/umt5-xxl",
    }
    whole = Engine.load(OfficialFiles(**parts, adapter=folder / LORA), dtype="float32")
    bare = Engine.load(OfficialFiles(**parts), dtype="float32")
    assert np.array_equal(_pictures(whole), pictures)
    assert not np.array_equal(_pictures(bare), pictures)


def test_published_files_run_in_bfloat16_and_the_pictures_stay_near(
    tmp_path: Path, pictures: np.ndarray
):
    engine = Engine.load(Files().write(tmp_path))
    assert engine.model.dtype == torch.bfloat16
    assert {p.dtype for p in engine.model.decoder.parameters()} == {torch.bfloat16}
    first = _pictures(engine, blocks=1)
    error = np.square(first.astype(float) - pictures[: len(first)]).mean()
    assert 10 * np.log10(255**2 / error) > 25


@pytest.mark.parametrize("name", [BASE, LORA, CONFIG, VAE, UMT5, f"{WAN}/google/umt5-xxl"])
def test_a_file_that_lacks_is_named(tmp_path: Path, name: str):
    path = Files().write(tmp_path) / name
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(ModelNotFoundError, match=rf"it lacks .*{path.name}.*OfficialFiles"):
        Engine.load(tmp_path)


def test_all_files_that_lack_are_named_at_once_and_no_neighbour_stands_in(tmp_path: Path):
    Files().write(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"empty has no model\.json.* longlive_base"):
        Engine.load(tmp_path / "empty")


def test_a_single_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"transformer .*gone\.pt does not exist"):
        OfficialFiles(*[tmp_path / "gone.pt"] * 5)


def _without(part: str, name: str):
    def change(files: Files) -> None:
        del getattr(files, part)[name]

    return change


def _replaced(part: str, name: str, tensor: torch.Tensor):
    def change(files: Files) -> None:
        getattr(files, part)[name] = tensor

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without("generator", "head.head.bias"), r"longlive_base\.pt .* 1 missing \(head.head.bi"),
        (
            _replaced("generator", "blocks.9.modulation", torch.zeros(1, 6, 192)),
            r"longlive_base\.pt .* 1 unexpected \(blocks.9.modulation",
        ),
        (
            _replaced("generator", "head.head.bias", torch.zeros(3)),
            r"longlive_base\.pt .*\(head.head.bias is \[3\] where \[64\] belongs",
        ),
        (
            _without("adapter", "base_model.model.blocks.0.ffn.0.lora_B.weight"),
            r"lora\.pt .* 1 missing \(base_model.model.blocks.0.ffn.0.lora_B",
        ),
        (_without("autoencoder", "conv1.bias"), r"Wan2\.1_VAE\.pth .* 1 missing \(conv1.bias"),
        (_without("autoencoder", "conv2.weight"), r"is not the autoencoder of Wan2\.1 .*conv2"),
        (_without("text_encoder", "norm.weight"), r"umt5-xxl-enc.* 1 missing \(norm.weight"),
        (
            _without("text_encoder", "token_embedding.weight"),
            r"is not the text encoder of Wan2\.1 .*token_embedding",
        ),
        (_without("config", "dim"), r"dim in the transformer's config None"),
        (_replaced("config", "dim", 96), r"longlive_base\.pt does not fit Transformer"),
        (_replaced("config", "model_type", "i2v"), r"model_type is 'i2v', this network has 't2v'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_file(tmp_path: Path, change, said: str):
    files = Files()
    change(files)
    with pytest.raises(CheckpointError, match=said):
        Engine.load(files.write(tmp_path))


@pytest.mark.parametrize("name", [BASE, LORA, VAE, UMT5])
def test_half_a_file_is_named(tmp_path: Path, name: str):
    path = Files().write(tmp_path) / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=rf"{path.name} .*download it again"):
        Engine.load(tmp_path)


def test_an_adapter_of_two_ranks_is_refused(tmp_path: Path):
    files = Files()
    rank = next(iter(files.adapter.values())).shape[0]
    name = "base_model.model.blocks.0.ffn.0.lora_A.weight"
    files.adapter[name] = torch.zeros(rank + 1, files.adapter[name].shape[1])
    with pytest.raises(CheckpointError, match=rf"adapters of ranks \[{rank}, {rank + 1}\]"):
        Engine.load(files.write(tmp_path))


def test_a_config_that_is_no_json_is_named(tmp_path: Path):
    folder = Files().write(tmp_path)
    (folder / CONFIG).write_text("[")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        Engine.load(folder)


def test_the_tokenizer_of_another_model_is_refused(tmp_path: Path):
    files = Files()
    table = files.text_encoder["token_embedding.weight"]
    files.text_encoder["token_embedding.weight"] = table[:-40].clone()
    with pytest.raises(CheckpointError, match=r"the tokenizer in .* knows"):
        Engine.load(files.write(tmp_path))


def test_sizes_are_read_off_the_tensors_of_the_full_model():
    """On the meta device, under the names that the golden files have."""
    from longlive_widget.model.text_encoder import TextEncoder
    from longlive_widget.model.video_decoder import VideoDecoder, VideoEncoder

    config = VideoDecoderConfig()
    with torch.device("meta"):
        tensors = {
            name: tensor
            for half in (VideoDecoder(config), VideoEncoder(config))
            for name, tensor in half.state_dict().items()
        }
        text = TextEncoder(TextEncoderConfig(num_layers=2)).state_dict()
    assert VideoDecoderConfig.from_wan(tensors, "") == config
    assert TextEncoderConfig.from_wan(text, 512, "") == TextEncoderConfig(num_layers=2)
    assert longlive_sizes(TransformerConfig()) == longlive_sizes()


# Room


def test_the_least_room_of_the_full_model_is_that_of_its_parts():
    sizes, half = longlive_sizes(), torch.bfloat16
    reference, turbo = PRESETS["reference"], PRESETS["turbo"]
    assert weight_bytes(sizes, half) == pytest.approx(2 * (1.42e9 + 5.68e9 + 0.073e9), rel=0.01)
    assert window_bytes(reference, sizes, half) == 2 * 2 * 30 * 12 * 1560 * 1536
    assert window_bytes(turbo, sizes, half) * 12 == window_bytes(reference, sizes, half) * 8
    eight_bits = reference.with_(window_dtype="int8")
    assert window_bytes(eight_bits, sizes, half) / window_bytes(reference, sizes, half) <= 0.52


def test_a_model_that_does_not_fit_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
):
    sizes = longlive_sizes()
    least = {name: least_bytes(p, sizes, torch.bfloat16) for name, p in PRESETS.items()}
    free = (least["reference"] + least["turbo"]) // 2
    monkeypatch.setattr(memory, "free_bytes", lambda _: free)
    with pytest.raises(CapabilityError, match=r"needs 17\.\d GB .* use the preset 'turbo', which"):
        Engine.load("longlive-1.3b", "reference", weights="random")
    monkeypatch.setattr(memory, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(CapabilityError, match=r"'tiny' .* 0\.0 GB are free: no preset needs that"):
        Engine.load("tiny")


def test_random_weights_do_not_open_the_transformer(tmp_path: Path):
    folder = Files().write(tmp_path)
    (folder / BASE).write_bytes(b"")
    engine = Engine.load(folder, weights="random")
    assert (engine.weights, engine.model.dtype) == ("random", torch.bfloat16)
    assert engine.model.transformer.config.dim == 192
    assert _pictures(engine, blocks=1).shape == (9, 96, 160, 3)
