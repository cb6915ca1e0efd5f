"""A compiled preset makes the pictures of the reference, or says what it lacks."""

from pathlib import Path

import numpy as np
import pytest

from longlive_widget import Engine, Timeline
from longlive_widget.engine import compiling
from longlive_widget.errors import CapabilityError

SWITCHED = Timeline.of("a red ball bounces", (6, "a blue ball rests on a meadow"))
COMPILED_PARTS = ("before", "between", "after")


def test_a_compiled_preset_makes_the_pictures_of_the_reference():
    plain, compiled = (
        Engine.load("tiny", name, device="cpu") for name in ("reference", "balanced")
    )
    (layer, *_) = compiled.model.transformer.blocks
    assert all(hasattr(getattr(layer, part), "get_compiler_config") for part in COMPILED_PARTS)
    pairs = zip(
        plain.session(SWITCHED, seed=3).blocks(3),
        compiled.session(SWITCHED, seed=3).blocks(3),
        strict=True,
    )
    for one, other in pairs:
        off = np.abs(one.frames.astype(int) - other.frames.astype(int))
        assert off.max() <= 1  # rounding may fall on either side
        assert off.mean() < 1e-3


def test_a_missing_compiler_is_told_with_the_way_out(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CapabilityError, match=r"install one \(g\+\+\), or use the preset 'ref"):
        Engine.load("tiny", "balanced", device="cpu")


def test_a_compiler_that_the_environment_names_is_enough(monkeypatch, tmp_path: Path):
    own = tmp_path / "cpp"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "cpp")
    compiling.require_compiler(Engine.load("tiny", device="cpu").device)
