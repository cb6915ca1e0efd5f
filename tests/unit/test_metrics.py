"""Metrics of pictures: known values, and what is told where one is not available."""

import importlib.util
import json
import math
import socket
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from longlive_widget.errors import CapabilityError, RecordError
from longlive_widget.measure import metrics
from longlive_widget.measure.metrics import clip_score, flicker, given, lpips, seams, ssim, vmaf


@pytest.fixture
def pictures() -> torch.Tensor:
    """A bright square that moves over a ramp."""
    ramp = torch.arange(160).expand(12, 96, 160).clone()
    for at, picture in enumerate(ramp):
        picture[30:60, 20 + 4 * at : 50 + 4 * at] = 250
    return ramp.to(torch.uint8)[..., None].expand(-1, -1, -1, 3).contiguous()


def worse(pictures: torch.Tensor, by: float) -> torch.Tensor:
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))
    return (pictures + by * noise).clamp(0, 255).to(torch.uint8)


def test_ssim_is_one_for_equal_pictures_even_if_they_are_flat(pictures: torch.Tensor):
    flat = torch.full_like(pictures, 200)
    assert ssim(flat, flat) == pytest.approx(1, abs=1e-9)
    assert ssim(pictures, pictures) == pytest.approx(1, abs=1e-9)
    assert ssim(worse(pictures, 20), pictures) < ssim(worse(pictures, 5), pictures) < 0.99


@pytest.mark.parametrize("by", [2, 20, 80])
def test_ssim_is_what_torchmetrics_finds(pictures: torch.Tensor, by: float):
    from torchmetrics.functional.image import structural_similarity_index_measure

    one, other = (p[:2].movedim(-1, 1).double() / 255 for p in (worse(pictures, by), pictures))
    found = structural_similarity_index_measure(one, other, data_range=1.0)
    assert ssim(worse(pictures, by)[:2], pictures[:2]) == pytest.approx(float(found), abs=1e-9)


def test_vmaf_is_near_100_for_equal_videos_and_falls_as_they_get_worse(pictures: torch.Tensor):
    assert vmaf(pictures, pictures) > 95
    assert vmaf(worse(pictures, 30), pictures) < vmaf(worse(pictures, 10), pictures) < 95


def test_seams_tell_how_rough_blocks_join():
    even = [np.full((4, 2, 2, 3), 0, np.uint8) for _ in range(3)]
    for picture in range(12):
        even[picture // 4][picture % 4] = 2 * picture
    assert seams(even) == 1
    jumping = [block + np.uint8(6 * number) for number, block in enumerate(even)]
    assert seams(jumping) == 4
    still = [np.full_like(even[0], level) for level in (1, 9)]
    assert seams(still) == math.inf
    with pytest.raises(RecordError, match="1 blocks have no seam between pictures: give two"):
        seams(even[:1])


def test_flicker_is_none_where_all_changes_evenly():
    even = torch.arange(0, 90, 10, dtype=torch.uint8)[:, None, None, None].expand(-1, 8, 8, 3)
    shaken = even.clone()
    shaken[1::2] += 4
    assert flicker(even) == 0
    assert flicker(shaken) == 4


@pytest.mark.parametrize(
    "module", ["torchmetrics", "imageio_ffmpeg", "torchvision", "transformers"]
)
def test_what_a_metric_needs_and_is_not_installed_is_told(
    module: str, pictures: torch.Tensor, monkeypatch: pytest.MonkeyPatch
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        metrics.importlib.util, "find_spec", lambda name: None if name == module else find(name)
    )
    metrics_of = {
        "torchmetrics": lambda: lpips(pictures, pictures),
        "imageio_ffmpeg": lambda: vmaf(pictures, pictures),
        "torchvision": lambda: lpips(pictures, pictures),
        "transformers": lambda: clip_score(pictures, "red"),
    }
    metric = metrics_of[module]
    package = module.replace("_", "-")
    with pytest.raises(CapabilityError, match=f"not available: {package} is not installed: pip"):
        metric()
    assert str(given(metric)).startswith("not available")


def test_a_video_that_ffmpeg_cannot_take_is_told(pictures: torch.Tensor):
    with pytest.raises(CapabilityError, match="not available: ffmpeg could not compute it"):
        vmaf(pictures, pictures[:, :48])


ALEXNET = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
CONVOLUTIONS = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3)}
CONVOLUTIONS |= {10: (256, 256, 3, 3)}
STRIDES = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}
"""Of each convolution of AlexNet, by its place: its stride, and how far its input is padded."""
LINEARS = {1: (4096, 9216), 4: (4096, 4096), 6: (1000, 4096)}


def like_torchvision() -> ModuleType:
    """What LPIPS asks torchvision for, read from the same file in the same way.

    For machines without torchvision: it must be built for the very torch that is there.
    """

    class Alexnet(torch.nn.Module):
        def __init__(self, weights: SimpleNamespace) -> None:
            super().__init__()
            layers: dict[int, torch.nn.Module] = {}
            for place, (after, before, side, _) in CONVOLUTIONS.items():
                stride, padding = STRIDES[place]
                layers[place] = torch.nn.Conv2d(before, after, side, stride, padding)
                layers[place + 1] = torch.nn.ReLU(inplace=True)
            layers |= {place: torch.nn.MaxPool2d(3, 2) for place in (2, 5, 12)}
            self.features = torch.nn.Sequential(*(layers[place] for place in sorted(layers)))
            whole = torch.hub.load_state_dict_from_url(weights.url, check_hash=True)
            own = {name: weight for name, weight in whole.items() if name.startswith("features")}
            self.load_state_dict(own)

    found, models = ModuleType("torchvision"), ModuleType("torchvision.models")
    found.__spec__, found.models = ModuleSpec("torchvision", None), models
    models.AlexNet_Weights = SimpleNamespace(DEFAULT=SimpleNamespace(url=ALEXNET))
    models.alexnet = Alexnet
    return found


@pytest.fixture(params=["torchvision", "like it"])
def hub(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that torch keeps files in; whatever connects to another machine fails."""
    if request.param == "torchvision":
        pytest.importorskip("torchvision")
    else:
        reader = importlib.import_module("torchmetrics.functional.image.lpips")
        monkeypatch.setattr(reader, "_TORCHVISION_AVAILABLE", True)
        found = like_torchvision()
        monkeypatch.setitem(sys.modules, "torchvision", found)
        monkeypatch.setitem(sys.modules, "torchvision.models", found.models)

    def refused(*_: object) -> None:
        raise AssertionError("something was to be fetched")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def alexnet(hub: Path) -> Path:
    """AlexNet's file, with random numbers; those that LPIPS does not read are one number each."""
    random = torch.Generator().manual_seed(0)
    weights: dict[str, torch.Tensor] = {}
    for place, shape in CONVOLUTIONS.items():
        size = (2 / math.prod(shape[1:])) ** 0.5
        weights[f"features.{place}.weight"] = size * torch.randn(shape, generator=random)
        weights[f"features.{place}.bias"] = torch.zeros(shape[0])
    for place, shape in LINEARS.items():
        weights[f"classifier.{place}.weight"] = torch.zeros(1, 1).expand(shape)
        weights[f"classifier.{place}.bias"] = torch.zeros(1).expand(shape[:1])
    path = hub / ALEXNET.split("/")[-1]
    torch.save(weights, path)
    return path


@pytest.mark.usefixtures("alexnet")
def test_lpips_is_0_for_equal_pictures_and_grows_as_they_get_worse(pictures: torch.Tensor):
    assert lpips(pictures, pictures) == 0
    assert 0 < lpips(worse(pictures, 10), pictures) < lpips(worse(pictures, 40), pictures)


def test_lpips_reads_that_file(alexnet: Path, pictures: torch.Tensor):
    """By AlexNet without a weight all pictures are the same."""
    weights = torch.load(alexnet)
    none = {name: 0 * weights[name] for name in weights if name.startswith("features")}
    torch.save(weights | none, alexnet)
    assert lpips(worse(pictures, 40), pictures) == 0


@pytest.mark.usefixtures("hub")
def test_lpips_without_its_weights_is_told_and_nothing_is_fetched(pictures: torch.Tensor):
    found = given(lambda: lpips(pictures, pictures))
    assert isinstance(found, str)
    assert found.startswith("not available: alexnet-owt-7be5be79.pth is not among torch's files")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """CLIP's files at a small size, with random weights."""
    words = ["<|startoftext|>", "<|endoftext|>", *"abdelru", *(f"{c}</w>" for c in "abdelru")]
    vocabulary = {word: at for at, word in enumerate(words)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    settings = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    side = {"shortest_edge": 32}
    prepare = {"image_processor_type": "CLIPImageProcessor", "size": side, "crop_size": 32}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(prepare))
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": len(words), "eos_token_id": 1, "num_hidden_layers": 1}
    vision = {**sizes, "image_size": 32, "patch_size": 16, "num_hidden_layers": 1}
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    CLIPModel(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_clip_score_is_the_mean_cosine_of_pictures_and_words(
    clip: Path, pictures: torch.Tensor
):
    alone = [clip_score(picture[None], "red", clip) for picture in pictures[[0, 5]]]
    assert clip_score(pictures[[0, 5]], "red", clip) == pytest.approx(sum(alone) / 2, abs=1e-3)
    assert all(-100 <= score <= 100 for score in alone)
    assert clip_score(pictures[:1], "blue", clip) != pytest.approx(alone[0], abs=1e-4)


def test_clip_without_its_files_is_told(pictures: torch.Tensor, tmp_path: Path):
    with pytest.raises(CapabilityError, match=r"not available: .* fetch it with `hf download"):
        clip_score(pictures, "red", tmp_path)
