"""LongLive in the files that its authors publish: its own beside those of Wan2.1.

LongLive's folder holds the transformer and an adapter for it, Wan's folder all else. Each weight
file may be of torch's form or the same tensors as safetensors. How large the parts are is read off
`config.json` and the tensors themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import torch

from longlive_widget.engine.model import OWN_ADAPTER, Model, Sizes, random_parts
from longlive_widget.errors import CheckpointError, ModelNotFoundError
from longlive_widget.geometry import Geometry
from longlive_widget.model.adapters import Adapters
from longlive_widget.model.checkpoint import (
    check_fit,
    load_strictly,
    part_of,
    read_checkpoint,
    read_json,
    read_weights,
    shapes_of,
    unwrap_generator,
    unwrap_lora,
)
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.text_encoder import TextEncoder, TextEncoderConfig, load_tokenizer
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig, VideoEncoder

NAME = "longlive-1.3b"
LONGLIVE_HUB, WAN_HUB = "Efficient-Large-Model/LongLive-1.3B", "Wan-AI/Wan2.1-T2V-1.3B"
LONGLIVE_NAMES: dict[str, tuple[str, ...]] = {
    "transformer": ("longlive_base.pt", "longlive_base.safetensors"),
    "adapter": ("lora.pt", "lora.safetensors"),
}
WAN_NAMES: dict[str, tuple[str, ...]] = {
    "autoencoder": ("Wan2.1_VAE.pth", "Wan2.1_VAE.safetensors"),
    "config": ("config.json",),
    "text_encoder": (
        "models_t5_umt5-xxl-enc-bf16.pth",
        "models_t5_umt5-xxl-enc-bf16.safetensors",
    ),
    "tokenizer": ("google/umt5-xxl",),
}
_LONGLIVE_PLACES = ("", "models", "LongLive-1.3B/models", "longlive_models/models")
_WAN_PLACES = ("", "Wan2.1-T2V-1.3B", "wan_models/Wan2.1-T2V-1.3B")
_GEOMETRY = Geometry(832, 480)
_WINDOW_FRAMES, _SINK_FRAMES = 12, 3


def longlive_sizes(
    transformer: TransformerConfig | None = None,
    autoencoder: VideoDecoderConfig | None = None,
    text_encoder: TextEncoderConfig | None = None,
) -> Sizes:
    """A LongLive with parts of these sizes; what is left out is as LongLive-1.3B has it."""
    own = TransformerConfig()
    return Sizes(
        name=NAME if transformer in {None, own} else "longlive",
        geometry=_GEOMETRY,
        window_frames=_WINDOW_FRAMES,
        sink_frames=_SINK_FRAMES,
        transformer=transformer or own,
        autoencoder=autoencoder or VideoDecoderConfig(),
        text_encoder=text_encoder or TextEncoderConfig(),
    )


@dataclass(frozen=True)
class OfficialFiles:
    """Where the parts of one model lie: five files, and the folder of the tokenizer.

    `config` is Wan's `config.json`. Without an `adapter` the transformer is taken as it is.

    Raises:
        CheckpointError: one of them is not there.
    """

    transformer: Path
    config: Path
    autoencoder: Path
    text_encoder: Path
    tokenizer: Path
    adapter: Path | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            path = getattr(self, field.name)
            if path is None and field.name == "adapter":
                continue
            object.__setattr__(self, field.name, Path(path))
            if not Path(path).exists():
                raise CheckpointError(f"{field.name} {path} does not exist: check the path")

    @classmethod
    def found_in(cls, folder: Path, beside: Path) -> "OfficialFiles":
        """LongLive's files in a folder, and those of Wan2.1 in the same or in another one.

        Each may be the folder itself, or lie in it under the name that LongLive's instructions
        give it.

        Raises:
            ModelNotFoundError: a file is not there; the message names all that are missing.
        """
        own = _first([folder], _LONGLIVE_PLACES, LONGLIVE_NAMES)
        wan = _first([folder, beside], _WAN_PLACES, WAN_NAMES)
        missing = [
            names[0]
            for part, names in (*LONGLIVE_NAMES.items(), *WAN_NAMES.items())
            if part not in own | wan
        ]
        if missing:
            raise ModelNotFoundError(
                f"{folder} has no model.json, and of the published files it lacks "
                f"{', '.join(missing)}: put those of {LONGLIVE_HUB} and {WAN_HUB} there, or name "
                "each one in OfficialFiles"
            )
        return cls(**own, **wan)


@dataclass(frozen=True, eq=False)
class OfficialSource:
    """A model in the published files; they are opened when its sizes are asked for."""

    files: OfficialFiles
    dtype = torch.bfloat16

    @cached_property
    def sizes(self) -> Sizes:
        """How large its parts are.

        A file that is damaged, or of another kind of network, is a `CheckpointError`.
        """
        transformer = TransformerConfig.from_wan(read_json(self.files.config))
        text = TextEncoderConfig.from_wan(
            self._text_encoder, transformer.text_length, self.files.text_encoder
        )
        autoencoder = VideoDecoderConfig.from_wan(self._autoencoder, self.files.autoencoder)
        return longlive_sizes(transformer, autoencoder, text)

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """The trained model.

        A file that does not fit the others is a `CheckpointError`, and names all that is wrong.
        """
        files, sizes = self.files, self.sizes
        with torch.device("meta"):
            transformer = Transformer(sizes.transformer)
            halves = VideoDecoder(sizes.autoencoder), VideoEncoder(sizes.autoencoder)
        whole = {name: shape for half in halves for name, shape in shapes_of(half).items()}
        check_fit(whole, self._autoencoder, "Wan's autoencoder", files.autoencoder)
        generator = unwrap_generator(read_checkpoint(files.transformer), files.transformer)
        load_strictly(transformer, generator, files.transformer)
        adapters = Adapters(transformer)
        decoder = VideoDecoder(sizes.autoencoder)
        own = part_of(self._autoencoder, decoder.PREFIXES)
        load_strictly(decoder, own, files.autoencoder)
        text_encoder = TextEncoder.load(files.text_encoder, files.tokenizer, sizes.text_encoder)
        model = Model(sizes, transformer, decoder, text_encoder, "trained", adapters)
        model.placed(device, dtype)
        if files.adapter is not None:
            adapter = unwrap_lora(read_checkpoint(files.adapter), files.adapter)
            adapters.add(OWN_ADAPTER, adapter, files.adapter, whole=True)
        return model

    def random(self, device: torch.device, dtype: torch.dtype) -> Model:
        """A model of these sizes whose pictures say nothing."""
        return random_parts(self.sizes, load_tokenizer(self.files.tokenizer), device, dtype)

    @cached_property
    def _autoencoder(self) -> dict[str, torch.Tensor]:
        return read_weights(self.files.autoencoder)

    @cached_property
    def _text_encoder(self) -> dict[str, torch.Tensor]:
        return read_weights(self.files.text_encoder)


def _first(
    folders: Iterable[Path], places: Sequence[str], names: dict[str, tuple[str, ...]]
) -> dict[str, Path]:
    """The parts in the place that has most of them, the first of equals."""
    best: dict[str, Path] = {}
    for folder in (folder / place for folder in folders for place in places):
        there = {
            part: folder / name
            for part, options in names.items()
            for name in reversed(options)
            if (folder / name).exists()
        }
        best = max(best, there, key=len)
    return best
