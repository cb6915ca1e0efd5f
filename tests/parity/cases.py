"""The golden cases: recorded inputs and outputs that the model is held to.

`LONGLIVE_GOLDEN` names another folder of the same form. Every size is read from the files.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from tests.parity.golden.weights import golden_weight

FOLDER = Path(os.environ.get("LONGLIVE_GOLDEN", Path(__file__).parent / "golden"))
BOUND = 1e-4


@dataclass(frozen=True)
class Case:
    """One recorded file: its tensors and its metadata, each value parsed from JSON where it is."""

    tensors: dict[str, Tensor]
    metadata: dict[str, object]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]


def read_case(name: str) -> Case:
    """The tensors and the metadata of `name`.safetensors."""
    with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        metadata = {key: _parsed(text) for key, text in (file.metadata() or {}).items()}
        return Case({key: file.get_tensor(key) for key in file.keys()}, metadata)  # noqa: SIM118


def read_weights(name: str) -> tuple[dict[str, object], dict[str, Tensor]]:
    """The config in `name`.json and the weights that its seed, keys and shapes stand for."""
    case = json.loads((FOLDER / f"{name}.json").read_text())
    weights = {
        key: golden_weight(case["seed"], key, tuple(shape)) for key, shape in case["shapes"].items()
    }
    return case.get("config", {}), weights


def rollout_names() -> list[str]:
    """The names of all recorded rollouts in the folder."""
    return sorted(path.stem for path in FOLDER.glob("rollout_*.safetensors"))


def relative_error(ours: Tensor, golden: Tensor) -> float:
    """||ours - golden|| / ||golden||, in float64."""
    difference = (ours.double() - golden.double()).norm()
    return float(difference / golden.double().norm())


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
