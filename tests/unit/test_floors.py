"""What import contracts cannot see: the arithmetic never waits for the device."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "longlive_widget"
WAITS = {"item", "cpu", "tolist", "numpy", "synchronize"}
MODULES = sorted(path for floor in ("model", "cache") for path in (PACKAGE / floor).glob("*.py"))


def waiting_calls(source):
    """The methods called in the source that wait for the device, with their lines."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    methods = [call.func for call in calls if isinstance(call.func, ast.Attribute)]
    return [f"line {method.lineno}: .{method.attr}()" for method in methods if method.attr in WAITS]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_arithmetic_never_waits_for_the_device(module):
    assert waiting_calls(module.read_text()) == []


def test_the_check_sees_a_call_that_waits():
    assert waiting_calls("x = 1\ny = x.sum().item()") == ["line 2: .item()"]
