"""LongLive in the files that its authors publish: its own beside those of Wan2.1.

LongLive's folder holds the transformer and an adapter for it, Wan's folder all else. Each weight
file may be of torch's form or the same tensors as safetensors. How large the parts are is read off
`config.json` and the tensors themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from longlive_widget.engine.model import (
    Model,
    Placement,
    Sizes,
    random_parts,
    require_autoencoder,
)
from longlive_widget.engine.names import NAME, OWN_ADAPTER
from longlive_widget.errors import CheckpointError, ModelNotFoundError
from longlive_widget.geometry import Geometry
from longlive_widget.model.adapters import Adapters, Pair
from longlive_widget.model.bare import bare
from longlive_widget.model.checkpoint import (
    check_fit,
    load_checked,
    part_of,
    rank_of,
    read_checkpoint,
    read_json,
    read_weights,
    require_undamaged,
    shapes_of,
    unwrap_generator,
    unwrap_lora,
)
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.tiny_decoder import TinyDecoder, Widths
from longlive_widget.model.tokenizer import load_tokenizer
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.umt5 import TextEncoderConfig
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig

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
SMALL_DECODER_NAMES: dict[str, tuple[str, ...]] = {
    "small_decoder": ("taew2_1.pth", "taew2_1.safetensors"),
}
_LONGLIVE_PLACES = ("", "models", "LongLive-1.3B/models", "longlive_models/models")
_WAN_PLACES = ("", "Wan2.1-T2V-1.3B", "wan_models/Wan2.1-T2V-1.3B")
GEOMETRY = Geometry(832, 480)
FILES_BYTES = 20_000_000_000
"""What the published files take on a disk together, about."""
ADAPTER_RANK = 256
"""The rank of LongLive-1.3B's adapter, and its alpha, which no file of it says."""
_WINDOW_FRAMES, _SINK_FRAMES = 12, 3


def longlive_sizes(
    transformer: TransformerConfig | None = None,
    autoencoder: VideoDecoderConfig | None = None,
    text_encoder: TextEncoderConfig | None = None,
    small_decoder: Widths | None = None,
) -> Sizes:
    """A LongLive with parts of these sizes; what is left out is as LongLive-1.3B has it."""
    own = TransformerConfig()
    return Sizes(
        name=NAME if transformer in {None, own} else "longlive",
        geometry=GEOMETRY,
        window_frames=_WINDOW_FRAMES,
        sink_frames=_SINK_FRAMES,
        transformer=transformer or own,
        autoencoder=autoencoder or VideoDecoderConfig(),
        text_encoder=text_encoder or TextEncoderConfig(),
        small_decoder=small_decoder,
    )


@dataclass(frozen=True)
class OfficialFiles:
    """Where the parts of one model lie: their files, and the folder of the tokenizer.

    `config` is Wan's `config.json`. Without an `adapter` the transformer is taken as it is, and
    without a `small_decoder` no preset can ask for that.

    Raises:
        CheckpointError: one of them is not there.
    """

    transformer: Path
    config: Path
    autoencoder: Path
    text_encoder: Path
    tokenizer: Path
    adapter: Path | None = None
    small_decoder: Path | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            path = getattr(self, field.name)
            if path is None and field.default is None:
                continue
            if not isinstance(path, str | Path) or not Path(path).exists():
                raise CheckpointError(f"{field.name} {path!s} does not exist: check the path")
            object.__setattr__(self, field.name, Path(path))

    @classmethod
    def found_in(cls, folder: Path, beside: Path) -> "OfficialFiles":
        """LongLive's files in a folder, and those of Wan2.1 in the same or in another one.

        Each may be the folder itself, or lie in it under the name that LongLive's instructions
        give it.

        Raises:
            ModelNotFoundError: a file is not there; the message names all that are missing.
        """
        own = _found([folder], _LONGLIVE_PLACES, LONGLIVE_NAMES)
        wan = _found([folder, beside], _WAN_PLACES, WAN_NAMES)
        places = (*_LONGLIVE_PLACES, *_WAN_PLACES)
        small = _found([folder, beside], places, SMALL_DECODER_NAMES)
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
        return cls(**own, **wan, **small)


@dataclass(frozen=True, eq=False)
class OfficialSource:
    """A model in the published files; they are opened when its sizes are asked for."""

    files: OfficialFiles
    dtype = torch.bfloat16
    geometry = GEOMETRY

    @cached_property
    def sizes(self) -> Sizes:
        """How large its parts are.

        A file that is damaged, or of another kind of network, is a `CheckpointError`.
        """
        files = self.files
        said = read_json(files.config)
        try:
            transformer = TransformerConfig.from_wan(said)
        except CheckpointError as error:
            raise CheckpointError(f"{files.config} is of another network: {error}") from error
        tokens = transformer.text_length
        text = TextEncoderConfig.from_wan(self._text_encoder, tokens, files.text_encoder)
        autoencoder = VideoDecoderConfig.from_wan(self._autoencoder, files.autoencoder)
        if text.dim != transformer.text_dim:
            raise CheckpointError(
                f"{files.text_encoder} gives rows of {text.dim} numbers, the transformer of "
                f"{files.config} takes {transformer.text_dim}: give files that belong together"
            )
        own = VideoDecoderConfig()
        kind = autoencoder.z_dim, autoencoder.temporal_downsample
        if kind != (own.z_dim, own.temporal_downsample):
            raise CheckpointError(
                f"{files.autoencoder} has {kind[0]} latent channels and halves time in its stages "
                f"as {list(kind[1])}, where {own.z_dim} and {list(own.temporal_downsample)} "
                "belong: give Wan2.1_VAE.pth"
            )
        small = self._small_decoder
        widths = TinyDecoder.widths_of(small, files.small_decoder or "") if small else None
        return longlive_sizes(transformer, autoencoder, text, widths)

    def require_readable(self) -> None:
        """Make sure that each file can be opened, and says what its network needs.

        Numbers are not read: what `load` finds in them is not found here.

        Raises:
            CheckpointError: one is damaged, cut short, holds code or is of another network.
        """
        files, faults = self.files, list[str]()
        for part in ("sizes", "_generator", "_small_decoder"):
            with _noted(faults):
                getattr(self, part)
        with _noted(faults):
            if files.adapter is not None:
                lora = unwrap_lora(read_checkpoint(files.adapter, checked=False), files.adapter)
                _require_known_strength(self.sizes, lora, files.adapter)
        with _noted(faults):
            load_tokenizer(files.tokenizer)
        if faults:
            raise CheckpointError("; and ".join(faults))

    def load(self, where: Placement) -> Model:
        """The trained model.

        Raises:
            CheckpointError: files do not fit the network; all that is wrong with each is named.
        """
        files, sizes = self.files, self.sizes
        with bare():
            transformer = Transformer(sizes.transformer)
        small = None if sizes.small_decoder is None else TinyDecoder(sizes.small_decoder)
        pairs: dict[str, Pair] = {}
        faults: list[str] = []
        for path in (files.transformer, files.autoencoder, files.text_encoder, files.small_decoder):
            with _noted(faults):
                if path is not None:
                    require_undamaged(path)
        with _noted(faults):
            shapes = shapes_of(transformer)
            check_fit(shapes, self._generator, "the transformer", files.transformer)
        with _noted(faults):
            if files.adapter is not None:
                lora = unwrap_lora(read_checkpoint(files.adapter), files.adapter)
                pairs = Adapters(transformer).pairs_in(lora, files.adapter, whole=True)
                _require_known_strength(sizes, lora, files.adapter)
        with _noted(faults):
            require_autoencoder(sizes.autoencoder, self._autoencoder, files.autoencoder)
        with _noted(faults):
            if small is not None:
                of_small = files.small_decoder or ""
                check_fit(shapes_of(small), self._small_decoder, "the small decoder", of_small)
        text_encoder = where.text_encoder
        with _noted(faults):
            text_encoder = text_encoder or TextEncoder.load(
                files.text_encoder, files.tokenizer, sizes.text_encoder, weights=self._text_encoder
            )
        if faults or text_encoder is None:
            raise CheckpointError("; and ".join(faults))
        decoder = VideoDecoder(sizes.autoencoder)
        load_checked(transformer, self._generator)
        load_checked(decoder, part_of(self._autoencoder, decoder.PREFIXES))
        if small is not None:
            load_checked(small, self._small_decoder)
        adapters = Adapters(transformer, files.transformer)
        model = Model(sizes, transformer, decoder, text_encoder, "trained", adapters, small)
        model.placed(where)
        if files.adapter is not None:
            adapters.put(OWN_ADAPTER, pairs)
        return model

    def random(self, where: Placement) -> Model:
        """A model of these sizes whose pictures say nothing."""
        return random_parts(self.sizes, load_tokenizer(self.files.tokenizer), where)

    @cached_property
    def _small_decoder(self) -> dict[str, Tensor]:
        """Without the encoder that the same file holds."""
        path = self.files.small_decoder
        return (
            {} if path is None else part_of(read_weights(path, checked=False), TinyDecoder.PREFIXES)
        )

    @cached_property
    def _generator(self) -> dict[str, Tensor]:
        return unwrap_generator(
            read_checkpoint(self.files.transformer, checked=False), self.files.transformer
        )

    @cached_property
    def _autoencoder(self) -> dict[str, Tensor]:
        return read_weights(self.files.autoencoder, checked=False)

    @cached_property
    def _text_encoder(self) -> dict[str, Tensor]:
        return read_weights(self.files.text_encoder, checked=False)


def _found(
    folders: Sequence[Path], places: Sequence[str], names: Mapping[str, tuple[str, ...]]
) -> dict[str, Path]:
    """Each part where it is first found."""
    found: dict[str, Path] = {}
    for part, options in names.items():
        paths = (f / place / name for f in folders for place in places for name in options)
        there = next((path for path in paths if path.exists()), None)
        if there is not None:
            found[part] = there
    return found


def _require_known_strength(sizes: Sizes, lora: Mapping[str, Tensor], path: Path) -> None:
    """Make sure that it is LongLive's adapter: no alpha is in the file, and its own is its rank.

    Of a model of other sizes it is taken at the strength 1, whatever its rank.

    Raises:
        CheckpointError: it is of another rank, so how much of it belongs to the model is not known.
    """
    rank = rank_of(lora, path)
    if sizes.name != NAME or rank == ADAPTER_RANK:
        return
    raise CheckpointError(
        f"{path} is of rank {rank}, and {NAME!r} has an adapter of rank {ADAPTER_RANK} and alpha "
        f"{ADAPTER_RANK}: how strong this one is its file does not say, so leave it out of "
        "OfficialFiles and give it its strength, engine.add_adapter('own', path, scale=alpha / "
        f"{rank})"
    )


@contextmanager
def _noted(faults: list[str]) -> Iterator[None]:
    """What is wrong with one file inside is noted, so that those of others are told with it."""
    try:
        yield
    except CheckpointError as error:
        faults.append(str(error))
