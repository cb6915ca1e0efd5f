"""Writes the embedded model in the files and under the names that LongLive and Wan2.1 publish."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from longlive_widget.engine.model import (
    ADAPTER,
    AUTOENCODER,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
    Sizes,
)
from longlive_widget.engine.source import model_folder
from longlive_widget.model.checkpoint import read_weights
from longlive_widget.model.packed import unpacked

TINY = model_folder("tiny")
LONGLIVE, WAN = "LongLive-1.3B/models", "Wan2.1-T2V-1.3B"
BASE, LORA = f"{LONGLIVE}/longlive_base.pt", f"{LONGLIVE}/lora.pt"
TAEHV = f"{WAN}/taew2_1.pth"
CONFIG, VAE, UMT5 = (
    f"{WAN}/{name}" for name in ("config.json", "Wan2.1_VAE.pth", "models_t5_umt5-xxl-enc-bf16.pth")
)


def tiny_weights(name: str) -> dict[str, Tensor]:
    weights = unpacked(read_weights(TINY / name), TINY / name)
    return {key: value.float() for key, value in weights.items()}


@dataclass
class Files:
    """What goes into each file, to be changed before it is written."""

    generator: dict[str, Tensor] = field(default_factory=lambda: tiny_weights(TRANSFORMER))
    adapter: dict[str, Tensor] = field(default_factory=lambda: tiny_weights(ADAPTER))
    autoencoder: dict[str, Tensor] = field(default_factory=lambda: tiny_weights(AUTOENCODER))
    text_encoder: dict[str, Tensor] = field(default_factory=lambda: tiny_weights(TEXT_ENCODER))
    small_decoder: dict[str, Tensor] = field(default_factory=dict)
    config: dict[str, object] = field(default_factory=lambda: wan_config())

    def write(self, folder: Path, *, ema: bool = False, safetensors: bool = False) -> Path:
        """Write all of them as they are published, or the tensors alone as safetensors."""
        for name in (LONGLIVE, WAN):
            (folder / name).mkdir(parents=True)
        key, prefix = ("generator_ema", _fsdp) if ema else ("generator", _plain)
        generator = {prefix(name): tensor for name, tensor in self.generator.items()}
        if safetensors:
            flat = {f"{key}.{name}": tensor for name, tensor in generator.items()}
            _save(flat, folder / BASE)
            _save(self.adapter, folder / LORA)
            _save(self.autoencoder, folder / VAE)
            _save(self.text_encoder, folder / UMT5)
        else:
            torch.save({key: generator, "step": 1}, folder / BASE)
            torch.save({"generator_lora": self.adapter}, folder / LORA)
            torch.save(self.autoencoder, folder / VAE)
            torch.save(self.text_encoder, folder / UMT5)
        if self.small_decoder:
            save = _save if safetensors else torch.save
            save(self.small_decoder, folder / TAEHV)
        (folder / CONFIG).write_text(json.dumps(self.config))
        shutil.copytree(TINY / TOKENIZER, folder / WAN / "google/umt5-xxl")
        return folder


def wan_config() -> dict[str, object]:
    own = Sizes.read(TINY).transformer
    return {
        "_class_name": "WanModel",
        "eps": 1e-6,
        "model_type": "t2v",
        "dim": own.dim,
        "num_heads": own.heads,
        "num_layers": own.layers,
        "ffn_dim": own.ffn_dim,
        "freq_dim": own.frequency_dim,
        "text_dim": own.text_dim,
        "text_len": own.text_length,
        "in_dim": 16,
        "out_dim": 16,
    }


def _plain(name: str) -> str:
    return f"model.{name}"


def _fsdp(name: str) -> str:
    return "model._fsdp_wrapped_module." + name.replace("blocks.", "blocks._fsdp_wrapped_module.")


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    save_file(dict(tensors), path.with_suffix(".safetensors"))
