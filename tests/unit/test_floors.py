"""What import contracts cannot see: what waits for a device, and what asks for its name."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "longlive_widget"
FLOORS = ("model", "cache", "engine")
WAITS = {"item", "cpu", "tolist", "numpy", "synchronize"}
MODULES = sorted(path for floor in ("model", "cache") for path in (PACKAGE / floor).glob("*.py"))


NAMES = {"get_device_name", "get_device_properties"}
COMPUTING = sorted(path for floor in FLOORS for path in (PACKAGE / floor).glob("*.py"))


def waiting_calls(source):
    """The methods called in the source that wait for the device, with their lines."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    methods = [call.func for call in calls if isinstance(call.func, ast.Attribute)]
    return [f"line {method.lineno}: .{method.attr}()" for method in methods if method.attr in WAITS]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_arithmetic_never_waits_for_the_device(module):
    assert waiting_calls(module.read_text()) == []


def names_asked_for(source):
    """Where the source asks a device what it is called, or for properties without saying which."""
    used = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    calls = [
        one.value.func for one in used if isinstance(one.value, ast.Call) and one.attr != "name"
    ]
    return [
        f"line {one.lineno}: {one.attr}" for one in used if one.attr in NAMES - _said(one, calls)
    ]


def _said(asked, calls):
    """Of what is asked for, what is known to be another property than the name."""
    return {"get_device_properties"} if any(asked is call for call in calls) else set()


@pytest.mark.parametrize("module", COMPUTING, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nothing_that_computes_asks_a_device_for_its_name(module):
    assert names_asked_for(module.read_text()) == []


def test_the_check_sees_a_name_that_is_asked_for():
    assert names_asked_for("f = torch.cuda.get_device_name") == ["line 1: get_device_name"]
    found = "torch.cuda.get_device_properties(0)"
    assert names_asked_for(f"{found}.multi_processor_count") == []
    for source in (f"{found}.name", f"x = {found}", f"getattr({found}, x)"):
        assert names_asked_for(source) == ["line 1: get_device_properties"]


def test_the_check_sees_a_call_that_waits():
    assert waiting_calls("x = 1\ny = x.sum().item()") == ["line 2: .item()"]
