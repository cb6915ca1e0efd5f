"""The golden cases: recorded inputs and outputs that the model is held to.

`LONGLIVE_GOLDEN` names another folder of the same form. Every size is read from the files. Another
folder may hold the cases of some parts only, so its other parts are skipped; our own is whole.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors import safe_open
from torch import Tensor

from tests.parity.golden.weights import golden_weight

OWN = Path(__file__).parent / "golden"
FOLDER = Path(os.environ.get("LONGLIVE_GOLDEN") or OWN)
BOUND = 1e-4


@dataclass(frozen=True)
class Case:
    """One recorded file: its tensors and its metadata, each value parsed from JSON where it is."""

    tensors: dict[str, Tensor]
    metadata: dict[str, object]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]


def require_part(*files: str, folder: Path = FOLDER) -> None:
    """Go on if the folder holds this part's files; skip the test if a foreign folder holds none."""
    absent = [name for name in files if not (folder / name).is_file()]
    if not absent:
        return
    if len(absent) == len(files) and folder.resolve() != OWN.resolve():
        pytest.skip(f"{folder} holds no {' and no '.join(absent)}")
    pytest.fail(f"{folder} lacks {' and '.join(absent)}")


def require_cases(folder: Path = FOLDER) -> None:
    """Fail if the folder has nothing to hold the model to: no case, or a network and no rollout."""
    if not folder.is_dir():
        pytest.fail(f"{folder} is not there: LONGLIVE_GOLDEN names a folder of golden cases")
    if not any(folder.glob("*.safetensors")):
        pytest.fail(f"{folder} holds no case: LONGLIVE_GOLDEN names a folder of golden cases")
    if (folder == OWN or (folder / "dit.json").is_file()) and not rollout_names(folder):
        pytest.fail(f"{folder} has no rollout_*.safetensors: nothing holds the session's way")


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


def rollout_names(folder: Path = FOLDER) -> list[str]:
    """The names of all recorded rollouts in the folder."""
    return sorted(path.stem for path in folder.glob("rollout_*.safetensors"))


def relative_error(ours: Tensor, golden: Tensor) -> float:
    """||ours - golden|| / ||golden||, in float64."""
    difference = (ours.double() - golden.double()).norm()
    return float(difference / golden.double().norm())


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
