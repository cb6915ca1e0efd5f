"""Where a model comes from: embedded, a folder in either form, single files, or a model hub."""

from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Protocol

import torch

from longlive_widget.engine.hub import fetched, is_hub_id
from longlive_widget.engine.model import (
    MODEL,
    TOKENIZER,
    Model,
    Sizes,
    load_model,
    random_model,
    random_parts,
)
from longlive_widget.engine.official import (
    LONGLIVE_HUB,
    LONGLIVE_NAMES,
    NAME,
    WAN_HUB,
    WAN_NAMES,
    OfficialFiles,
    OfficialSource,
    longlive_sizes,
)
from longlive_widget.errors import ModelNotFoundError
from longlive_widget.model.text_encoder import load_tokenizer

EMBEDDED = ("tiny",)


class Source(Protocol):
    """A model that can be loaded; `dtype` is what it is made to compute in."""

    dtype: torch.dtype

    @property
    def sizes(self) -> Sizes:
        """How large its parts are."""

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """The trained model."""

    def random(self, device: torch.device, dtype: torch.dtype) -> Model:
        """A model of its sizes whose pictures say nothing."""


@dataclass(frozen=True, eq=False)
class FolderSource:
    """A folder in the form of `engine.model`."""

    folder: Path
    dtype = torch.float32

    @cached_property
    def sizes(self) -> Sizes:
        """What its `model.json` says."""
        return Sizes.read(self.folder)

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """The trained model."""
        return load_model(self.folder, device, dtype)

    def random(self, device: torch.device, dtype: torch.dtype) -> Model:
        """A model of its sizes whose pictures say nothing."""
        return random_model(self.folder, device, dtype)


class HubSource:
    """The full-size model; its files are fetched when they are first needed.

    Random weights need no files: prompts are cut into the embedded model's words then.
    """

    dtype = torch.bfloat16
    sizes = longlive_sizes()

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """The trained model."""
        return _hub_model(LONGLIVE_HUB).load(device, dtype)

    def random(self, device: torch.device, dtype: torch.dtype) -> Model:
        """A model of its sizes whose pictures say nothing."""
        tokenizer = load_tokenizer(model_folder("tiny") / TOKENIZER)
        return random_parts(self.sizes, tokenizer, device, dtype)


def source_of(model: object) -> Source:
    """Where that model is to be had.

    Args:
        model: a name, the path of a folder, single files, the name of a LongLive on the hub
            (`owner/name`, then its files are fetched now), or a source.

    A model that does not exist, or of which files lack, is a `ModelNotFoundError`.
    """
    if isinstance(model, FolderSource | OfficialSource | HubSource):
        return model
    if isinstance(model, OfficialFiles):
        return OfficialSource(model)
    if model == NAME:
        return HubSource()
    if isinstance(model, str) and is_hub_id(model) and not Path(model).exists():
        return _hub_model(model)
    folder = model_folder(model)
    if (folder / MODEL).is_file():
        return FolderSource(folder)
    return OfficialSource(OfficialFiles.found_in(folder, folder.absolute().parent))


def model_folder(model: object) -> Path:
    """The folder of an embedded model, or the folder itself.

    Raises:
        ModelNotFoundError: no embedded model is called that, and it is no folder.
    """
    if isinstance(model, str) and model in EMBEDDED:
        return Path(str(resources.files("longlive_widget") / model / "weights"))
    if isinstance(model, str | Path) and model != "" and Path(model).is_dir():
        return Path(model)
    raise ModelNotFoundError(
        f"no model is called {str(model)!r}: there is {', '.join((*EMBEDDED, NAME))}, or give the "
        "path of a folder that holds a model, or owner/name on the model hub"
    )


def _hub_model(hub_id: str) -> OfficialSource:
    """LongLive's own part from there, the rest from Wan's place on the hub."""
    own = fetched(hub_id, [f"models/{name}" for name in _all(LONGLIVE_NAMES)])
    wan = fetched(WAN_HUB, [*_all(WAN_NAMES), *(f"{name}/*" for name in WAN_NAMES["tokenizer"])])
    return OfficialSource(OfficialFiles.found_in(own, wan))


def _all(names: dict[str, tuple[str, ...]]) -> list[str]:
    return [name for options in names.values() for name in options]
