"""The parts of one model, and the folder that holds them.

A folder in this form holds `model.json` (the sizes), `transformer.safetensors`,
`autoencoder.safetensors`, `text_encoder.safetensors` and `tokenizer/`; it may hold
`adapter.safetensors`, a LoRA in the form of LongLive's `lora.pt`, which is in use from the start.
`model.json` says whether it does, and how wide the decoder in `small_decoder.safetensors` is, if
there is one. Weights may be packed in 8 bits. `language.json`, if it is there, says what the words
of a closed language mean.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from reprlib import repr as short
from typing import Literal, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from longlive_widget.cache.text import TextMemory
from longlive_widget.engine.in_full import in_full, is_read
from longlive_widget.engine.language import Language
from longlive_widget.engine.names import OWN_ADAPTER
from longlive_widget.errors import (
    CheckpointError,
    LongLiveError,
    known_version,
    true_or_false,
    whole_number,
)
from longlive_widget.files import write_whole
from longlive_widget.geometry import Geometry
from longlive_widget.model.adapters import Adapters
from longlive_widget.model.bare import bare, undrawn
from longlive_widget.model.checkpoint import (
    check_fit,
    load_strictly,
    part_of,
    read_weights,
    shapes_of,
)
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.packed import packed, unpacked
from longlive_widget.model.random_weights import (
    draw_decoder,
    draw_small_decoder,
    draw_transformer,
)
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.tiny_decoder import WIDTHS, TinyDecoder, Widths
from longlive_widget.model.tokenizer import PromptTokenizer, load_tokenizer
from longlive_widget.model.transformer import Transformer
from longlive_widget.model.umt5 import TextEncoderConfig
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig, VideoEncoder
from longlive_widget.plain_data import json_in

Weights = Literal["trained", "random"]
RANDOM_SEED = 0
RANDOM_WEIGHTS = 3
"""Goes up when random weights become others: records under them say under which."""
_Half = TypeVar("_Half", VideoEncoder, VideoDecoder)
MODEL, TOKENIZER = "model.json", "tokenizer"
MODEL_VERSION = 1
"""Goes up with every change of what `model.json` says; one without a version is of the first."""
TRANSFORMER, AUTOENCODER = "transformer.safetensors", "autoencoder.safetensors"
TEXT_ENCODER, ADAPTER = "text_encoder.safetensors", "adapter.safetensors"
SMALL_DECODER = "small_decoder.safetensors"


@dataclass(frozen=True)
class Sizes:
    """All that `model.json` says: what a model is called and how large its parts are.

    `window_frames` is the memory that it was trained with, in latent frames; `adapter` whether
    the transformer is whole only with a LoRA merged in; `small_decoder` the widths of the second
    decoder, if it has one.

    Raises:
        CheckpointError: the name is no text, the window or the sink is no number of latent frames,
            `adapter` is neither true nor false, or the widths are not four.
    """

    name: str
    geometry: Geometry
    window_frames: int
    sink_frames: int
    transformer: TransformerConfig
    autoencoder: VideoDecoderConfig
    text_encoder: TextEncoderConfig
    adapter: bool = False
    small_decoder: Widths | None = None

    def __post_init__(self) -> None:
        whole_number("window_frames", self.window_frames, CheckpointError, least=1)
        whole_number("sink_frames", self.sink_frames, CheckpointError, least=0)
        if not isinstance(self.name, str):
            raise CheckpointError(f"name {self.name!r} is not text: say what the model is called")
        true_or_false("adapter", self.adapter, CheckpointError)
        if self.small_decoder is not None:
            object.__setattr__(self, "small_decoder", _widths(self.small_decoder))

    @classmethod
    def read(cls, folder: Path) -> "Sizes":
        """The sizes in a folder's `model.json`.

        Raises:
            CheckpointError: there is none, or it does not say what is needed.
        """
        path = folder / MODEL
        if not path.is_file():
            raise CheckpointError(f"{folder} has no {MODEL}: give the folder of a model")
        try:
            said = json_in(path.read_text(encoding="utf-8"))
            if not isinstance(said, dict):
                raise CheckpointError(f"it says {short(said)}, no JSON object")
            version = said.get("version", 1)
            known_version("this model", version, MODEL_VERSION, CheckpointError)
            return cls(
                name=said["name"],
                geometry=Geometry(**said["geometry"]),
                window_frames=said["window_frames"],
                sink_frames=said["sink_frames"],
                transformer=TransformerConfig(**said["transformer"]),
                autoencoder=VideoDecoderConfig(**said["autoencoder"]),
                text_encoder=TextEncoderConfig(**said["text_encoder"]),
                adapter=said["adapter"],
                small_decoder=said.get("small_decoder"),
            )
        except KeyError as error:
            raise CheckpointError(
                f"{path} does not describe a model: {error} is missing, take the {MODEL} that "
                "belongs to the weights"
            ) from error
        except LongLiveError as error:
            raise CheckpointError(f"{path} does not describe a model: {error}") from error
        except (OSError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{path} does not describe a model ({error}): take the {MODEL} that belongs to "
                "the weights"
            ) from error

    def write(self, folder: Path) -> None:
        """Write `model.json` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        said = {"version": MODEL_VERSION} | asdict(self)
        write_whole(folder / MODEL, (json.dumps(said, indent=2) + "\n").encode())


@dataclass(frozen=True)
class Placement:
    """Where a model computes, and in which numbers.

    `offload_text_encoder` keeps the text encoder's weights on the host; each of its layers is on
    the device only while it computes. `text_encoder` is one that is there already, that of another
    model of the same files: no second one is made.
    """

    device: torch.device
    dtype: torch.dtype = torch.float32
    offload_text_encoder: bool = False
    text_encoder: TextEncoder | None = None

    @property
    def of_text_encoder(self) -> torch.device:
        """Where the weights of the text encoder are kept."""
        return torch.device("cpu") if self.offload_text_encoder else self.device


@dataclass(frozen=True, eq=False)
class Model:
    """A transformer, a video decoder and a text encoder that belong together.

    `small_decoder` is a second decoder, quicker and less exact, if there is one. `adapters` are
    what is added to the transformer's weights as they were loaded. `language` is the closed one
    that its prompts are in, if they are.
    """

    sizes: Sizes
    transformer: Transformer
    decoder: VideoDecoder
    text_encoder: TextEncoder
    weights: Weights
    adapters: Adapters
    small_decoder: TinyDecoder | None = None
    language: Language | None = None

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.transformer.patch_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """In which numbers it computes."""
        return self.transformer.patch_embedding.weight.dtype

    def take(self, prompt: str, known: str) -> tuple[str, str]:
        """What a prompt is taken as after `known`, the last one in full or '', and which that is.

        It is taken with what `known` has said. One that is not understood, or too long for that, is
        taken as it stands and says nothing to those after it; so is each of an open language.
        """
        unread, words = self.text_encoder.unread, self.text_encoder.words
        if self.language is None or unread(prompt):
            return prompt, known
        whole = in_full(prompt, words(prompt), words(known), self.language)
        return (prompt, known) if whole is None or unread(whole) else (whole, whole)

    def is_alone(self, taken: str, known: str) -> bool:
        """Whether what `take` gives was not understood, in a closed language."""
        return self.language is not None and taken != known

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that it does not know, as written, each once.

        In a closed language words that only ask for the rest, as "make", are known where all of it
        is understood.
        """
        unknown, words = self.text_encoder.unknown_words(prompt), self.text_encoder.words
        if not unknown or self.language is None or self.text_encoder.unread(prompt):
            return unknown
        asks = is_read(words(prompt), self.language)
        return () if asks else unknown

    def read(self, prompt: str) -> TextMemory:
        """A prompt as the transformer takes it in."""
        return self.transformer.read_text(self.embed(prompt))

    def embed(self, prompt: str) -> Tensor:
        """The embeddings of a prompt, `BLC`: what `transformer.read_text` reads."""
        return self.text_encoder.encode([prompt]).to(self.device, self.dtype)

    def parts(self) -> list[nn.Module]:
        """All its networks."""
        found = self.transformer, self.decoder, self.small_decoder, self.text_encoder
        return [part for part in found if part is not None]

    def placed(self, where: Placement) -> "Model":
        """The model itself, moved there, ready to make videos."""
        for part in self.parts():
            if part is not where.text_encoder:
                kept = where.of_text_encoder if part is self.text_encoder else where.device
                part.eval().requires_grad_(requires_grad=False).to(kept, where.dtype)
        if where.offload_text_encoder and where.text_encoder is None:
            self.text_encoder.offload(where.device)
        return self

    def beside(self, where: Placement) -> Placement:
        """Where another model of the same files goes: no setting changes the text encoder.

        It is shared if it is where that model would have its own, in the same numbers.
        """
        return replace(where, text_encoder=self.text_encoder) if self.is_at(where) else where

    def is_at(self, where: Placement) -> bool:
        """Whether a model that goes there has the place and the numbers of this one."""
        mine = self.device, self.dtype, self.text_encoder.offloaded
        there = torch.empty(0, device=where.device).device  # "cuda" is one of some
        return mine == (there, where.dtype, where.offload_text_encoder)


def load_model(folder: Path, where: Placement) -> Model:
    """The trained model in a folder.

    A file that is missing, damaged, unsafe or does not fit `model.json` is a `CheckpointError`.
    """
    sizes = Sizes.read(folder)
    host = Placement(torch.device("cpu"), text_encoder=where.text_encoder)
    parts = _parts(sizes, load_tokenizer(folder / TOKENIZER), host)
    load_strictly(parts.transformer, _read(folder / TRANSFORMER), folder / TRANSFORMER)
    _read_half(parts.decoder, folder)
    if parts.small_decoder is not None:
        load_strictly(parts.small_decoder, _read(folder / SMALL_DECODER), folder / SMALL_DECODER)
    if where.text_encoder is None:
        load_strictly(parts.text_encoder, _read(folder / TEXT_ENCODER), folder / TEXT_ENCODER)
    language = Language.read(folder)
    model = replace(parts, weights="trained", language=language).placed(where)
    if sizes.adapter:
        model.adapters.add(OWN_ADAPTER, _read(folder / ADAPTER), folder / ADAPTER, whole=True)
    return model


def random_model(folder: Path, where: Placement) -> Model:
    """A model of the sizes in a folder, with random weights: its pictures say nothing.

    A folder without `model.json` or tokenizer is a `CheckpointError`.
    """
    tokenizer = load_tokenizer(folder / TOKENIZER)
    return random_parts(Sizes.read(folder), tokenizer, where)


def random_parts(sizes: Sizes, tokenizer: PromptTokenizer, where: Placement) -> Model:
    """A model of these sizes with random weights, made where it is to compute.

    What goes through all its layers is of order one, so an error in one of them shows.
    """
    with _seeded(where), undrawn():
        parts = _parts(sizes, tokenizer, where)
    with _seeded(where):  # anew: a text encoder that is there already was not drawn
        draw_transformer(parts.transformer)
        draw_decoder(parts.decoder)
        if parts.small_decoder is not None:
            draw_small_decoder(parts.small_decoder)
    return parts.placed(where)


def fresh_model(folder: Path, where: Placement) -> Model:
    """A model of the sizes in a folder, with the numbers that training begins with.

    A folder without `model.json` or tokenizer is a `CheckpointError`.
    """
    tokenizer = load_tokenizer(folder / TOKENIZER)
    with _seeded(where):
        return _parts(Sizes.read(folder), tokenizer, where).placed(where)


@contextmanager
def _seeded(where: Placement) -> Iterator[None]:
    """Inside, the same numbers are drawn each time; those of whoever calls go on as they were."""
    on_gpu = [where.device] if where.device.type == "cuda" else []
    with torch.random.fork_rng(devices=on_gpu):
        torch.manual_seed(RANDOM_SEED)
        yield


def load_encoder(folder: Path, device: torch.device) -> VideoEncoder:
    """The half of a folder's autoencoder that takes pictures to latents."""
    return _half(VideoEncoder(Sizes.read(folder).autoencoder), folder, device)


def load_decoder(folder: Path, device: torch.device) -> VideoDecoder:
    """The half of a folder's autoencoder that takes latents to pictures."""
    return _half(VideoDecoder(Sizes.read(folder).autoencoder), folder, device)


def _read_half(half: VideoEncoder | VideoDecoder, folder: Path) -> None:
    autoencoder = _read_autoencoder(half.config, folder / AUTOENCODER)
    load_strictly(half, part_of(autoencoder, half.PREFIXES), folder / AUTOENCODER)


def _half(half: _Half, folder: Path, device: torch.device) -> _Half:
    _read_half(half, folder)
    half.eval().requires_grad_(requires_grad=False).to(device)
    return half


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights in 16 bits, under a temporary name first."""
    _save(path, {name: weight.half() for name, weight in weights.items()})


def save_packed(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights, rows in 8 bits and the rest in 16, under a temporary name first."""
    _save(path, packed(weights))


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    unfinished = path.with_suffix(".tmp")
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, unfinished)
    unfinished.replace(path)


def _read(path: Path) -> dict[str, Tensor]:
    """The weights in a file, whether they are packed or not."""
    return unpacked(read_weights(path), path)


def _read_autoencoder(config: VideoDecoderConfig, path: Path) -> dict[str, Tensor]:
    """The weights of both halves, whichever of them is wanted: the file must be whole."""
    weights = _read(path)
    require_autoencoder(config, weights, path)
    return weights


def require_autoencoder(
    config: VideoDecoderConfig, weights: Mapping[str, Tensor], path: Path
) -> None:
    """Make sure that these are both halves of an autoencoder, else it is a `CheckpointError`."""
    with bare():
        halves = VideoDecoder(config), VideoEncoder(config)
    expected = {name: shape for half in halves for name, shape in shapes_of(half).items()}
    check_fit(expected, weights, "the autoencoder", path)


def _parts(sizes: Sizes, tokenizer: PromptTokenizer, where: Placement) -> Model:
    with where.device:
        transformer = Transformer(sizes.transformer).to(where.dtype)
        decoder = VideoDecoder(sizes.autoencoder).to(where.dtype)
        widths = sizes.small_decoder
        small = None if widths is None else TinyDecoder(widths).to(where.dtype)
    text_encoder = where.text_encoder
    if text_encoder is None:
        kept, drawn = where.of_text_encoder, where.device
        text_encoder = TextEncoder.random(
            sizes.text_encoder, tokenizer, where.dtype, kept_on=kept, drawn_on=drawn
        )
    adapters = Adapters(transformer)
    return Model(sizes, transformer, decoder, text_encoder, "random", adapters, small)


def _widths(said: object) -> Widths:
    if not isinstance(said, Sequence) or len(said) != 4:
        raise CheckpointError(f"small_decoder {said!r} are no four widths: take {list(WIDTHS)}")
    first, second, third, last = (
        whole_number("a width of the small decoder", width, CheckpointError, least=1)
        for width in said
    )
    return first, second, third, last
