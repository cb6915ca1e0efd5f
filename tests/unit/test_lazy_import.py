"""What is light stays light: a fresh interpreter loads torch only when a model is asked for."""

import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "torch._dynamo", "transformers", "anywidget", "IPython", "av")


def heavy_modules_after(statement):
    """Which of the heavy modules a fresh interpreter has loaded after the statement."""
    script = f"import sys\n{statement}\nprint(*set(sys.modules) & set({HEAVY}), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import longlive_widget",
        "from longlive_widget import PRESETS, Preset, Timeline",
        "import longlive_widget.geometry, longlive_widget.errors",
        "from longlive_widget.cli import main; main(['presets'])",
    ],
)
def test_it_loads_nothing_heavy(statement):
    assert heavy_modules_after(statement) == set()


def test_messages_load_without_torch():
    assert "torch" not in heavy_modules_after("import longlive_widget.widget.protocol")


def test_a_model_is_loaded_and_reads_a_prompt_with_torch_alone():
    statement = "from longlive_widget import Engine; Engine.load('tiny').session('A red ball.')"
    assert heavy_modules_after(statement) == {"torch"}


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ({}, "passive 300"),
        ({"GOMP_SPINCOUNT": "7"}, "passive 7"),
        ({"OMP_WAIT_POLICY": "active"}, "active None"),
    ],
)
def test_threads_wait_as_it_asks_unless_the_user_has_asked(asked, waits):
    names = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
    script = f"import os, longlive_widget; print(*map(os.environ.get, {names}))"
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=inherited | asked,
    )
    assert done.stdout.strip() == waits


def test_the_check_sees_what_is_loaded():
    assert "av" in heavy_modules_after("import av")


def test_the_package_names_what_it_has():
    assert {"Engine", "LongLiveWidget", "PRESETS", "Preset", "Timeline"} <= set(
        dir(__import__("longlive_widget"))
    )


def test_a_name_that_the_package_has_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Studio'"):
        __import__("longlive_widget").Studio  # noqa: B018
