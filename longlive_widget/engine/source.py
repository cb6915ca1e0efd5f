"""Where a model comes from: embedded, a folder in either form, single files, or a model hub."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Protocol

import torch

from longlive_widget.engine.hub import fetched, is_hub_id, kept
from longlive_widget.engine.model import (
    MODEL,
    TOKENIZER,
    Model,
    Placement,
    Sizes,
    Weights,
    load_model,
    random_model,
    random_parts,
)
from longlive_widget.engine.names import EMBEDDED, NAME
from longlive_widget.engine.official import (
    GEOMETRY,
    LONGLIVE_HUB,
    LONGLIVE_NAMES,
    SMALL_DECODER_NAMES,
    WAN_HUB,
    WAN_NAMES,
    OfficialFiles,
    OfficialSource,
    longlive_sizes,
)
from longlive_widget.errors import ModelNotFoundError, PresetError, choice_of
from longlive_widget.geometry import Geometry
from longlive_widget.model.tiny_decoder import WIDTHS
from longlive_widget.model.tokenizer import load_tokenizer
from longlive_widget.presets import Preset


class Source(Protocol):
    """A model that can be loaded; `dtype` is what it is made to compute in."""

    dtype: torch.dtype

    @property
    def geometry(self) -> Geometry:
        """The sizes of the pictures that it is made for; nothing is fetched for that."""

    @property
    def sizes(self) -> Sizes:
        """How large its parts are."""

    def load(self, where: Placement) -> Model:
        """The trained model."""

    def random(self, where: Placement) -> Model:
        """A model of its sizes whose pictures say nothing."""


@dataclass(frozen=True, eq=False)
class FolderSource:
    """A folder in the form of `engine.model`."""

    folder: Path
    dtype = torch.float32

    @property
    def geometry(self) -> Geometry:
        """The sizes of the pictures that it is made for."""
        return self.sizes.geometry

    @cached_property
    def sizes(self) -> Sizes:
        """What its `model.json` says."""
        return Sizes.read(self.folder)

    def load(self, where: Placement) -> Model:
        """The trained model."""
        return load_model(self.folder, where)

    def random(self, where: Placement) -> Model:
        """A model of its sizes whose pictures say nothing."""
        return random_model(self.folder, where)


@dataclass(frozen=True, eq=False)
class HubSource:
    """A LongLive on a model hub: its own files from there, the rest from Wan's place.

    They are fetched when the sizes are asked for, or the model.
    """

    hub_id: str
    dtype = torch.bfloat16
    geometry = GEOMETRY
    random_needs_files = True

    @property
    def sizes(self) -> Sizes:
        """How large its parts are."""
        return self._fetched.sizes

    def load(self, where: Placement) -> Model:
        """The trained model."""
        return self._fetched.load(where)

    def random(self, where: Placement) -> Model:
        """A model of its sizes whose pictures say nothing."""
        return self._fetched.random(where)

    def has_small_decoder(self) -> bool:
        """Whether someone has put the small decoder beside its files; it is never fetched."""
        names = _all(SMALL_DECODER_NAMES)
        places = [f"{folder}{name}" for folder in ("", "models/") for name in names]
        return any(kept(each, places) for each in (self.hub_id, WAN_HUB))

    @cached_property
    def _fetched(self) -> OfficialSource:
        tokenizer = [f"{name}/*" for name in WAN_NAMES["tokenizer"]]
        own = fetched(self.hub_id, [f"models/{name}" for name in _all(LONGLIVE_NAMES)])
        return OfficialSource(
            OfficialFiles.found_in(own, fetched(WAN_HUB, [*_all(WAN_NAMES), *tokenizer]))
        )


class FullSizeSource(HubSource):
    """LongLive-1.3B itself, whose sizes are known without its files.

    Random weights need no files: prompts are cut into the embedded model's words then.
    """

    random_needs_files = False

    @property
    def sizes(self) -> Sizes:
        """How large its parts are, a small decoder among them."""
        return longlive_sizes(small_decoder=WIDTHS)

    def random(self, where: Placement) -> Model:
        """A model of its sizes whose pictures say nothing."""
        return random_parts(self.sizes, load_tokenizer(model_folder("tiny") / TOKENIZER), where)


def require_fetchable(preset: Preset, source: Source, weights: Weights) -> None:
    """Make sure that a model on the hub has the preset's decoder, before anything is fetched.

    Raises:
        PresetError: no small one is there.
    """
    if preset.decoder != "small" or not isinstance(source, HubSource):
        return
    needs_files = weights == "trained" or source.random_needs_files
    if needs_files and not source.has_small_decoder():
        file = SMALL_DECODER_NAMES["small_decoder"][0]
        raise PresetError(
            f"preset {preset.name!r} decodes by the small decoder, which is not fetched, and none "
            f"is beside the files of {source.hub_id} here: load a folder with its files and "
            f"TAEHV's {file}, or use decoder='full'"
        )


def source_of(model: object) -> Source:
    """Where that model is to be had.

    Args:
        model: a name, the path of a folder, single files, the name of a LongLive on the hub
            (`owner/name`), or a source.

    A model that does not exist, or of which files lack, is a `ModelNotFoundError`.
    """
    if isinstance(model, FolderSource | OfficialSource | HubSource):
        return model
    if isinstance(model, OfficialFiles):
        return OfficialSource(model)
    if model == NAME:
        return FullSizeSource(LONGLIVE_HUB)
    if isinstance(model, str) and is_hub_id(model) and not Path(model).exists():
        return HubSource(model)
    folder = model_folder(model, besides=(NAME, "owner/name on the model hub"))
    if (folder / MODEL).is_file():
        return FolderSource(folder)
    return OfficialSource(OfficialFiles.found_in(folder, folder.resolve().parent))


def model_folder(model: object, *, besides: Sequence[str] = ()) -> Path:
    """The folder of an embedded model, or the folder itself.

    `besides` is what else the caller would take, for the message.

    Raises:
        ModelNotFoundError: no embedded model is called that, and it is no folder.
    """
    if isinstance(model, str) and model in EMBEDDED:
        return Path(str(resources.files("longlive_widget") / model / "weights"))
    if isinstance(model, str | Path) and model != "":
        path = Path(model)
        with suppress(OSError):  # no file can have that name
            if path.is_dir():
                return path
            if path.is_file():
                raise ModelNotFoundError(
                    f"{path} is a file: give the folder that it is in, or all files in "
                    "OfficialFiles"
                )
    known = choice_of(model, (*EMBEDDED, *besides))
    raise ModelNotFoundError(
        f"no model is called {str(model)!r}: {known}, or give the path of a folder that holds one"
    )


def _all(names: dict[str, tuple[str, ...]]) -> list[str]:
    return [name for options in names.values() for name in options]
