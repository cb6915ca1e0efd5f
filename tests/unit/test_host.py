"""Which host a kernel takes itself to run in."""

import pytest

from longlive_widget.widget.host import host, host_of
from tests.unit.test_studio import executed, printed


@pytest.mark.parametrize(
    ("expected", "environment", "modules", "names", "in_kernel"),
    [
        ("Colab", {}, {"google.colab": None}, {}, True),
        ("VS Code", {}, {}, {"__vsc_ipynb_file__": "/notebooks/mine.ipynb"}, True),
        ("VS Code", {"VSCODE_PID": "94309"}, {}, {}, True),
        ("Python", {"VSCODE_PID": "94309"}, {}, {}, False),
        ("marimo", {}, {"marimo": None}, {}, False),
        ("Jupyter", {}, {"marimo": None}, {}, True),
        ("Jupyter", {}, {}, {}, True),
    ],
)
def test_a_host_is_known_by_what_it_leaves_behind(expected, environment, modules, names, in_kernel):
    assert host_of(environment, modules, names, in_kernel=in_kernel) == expected


def test_a_plain_program_has_none():
    assert host() == "Python"


def test_a_kernel_is_jupyters():
    cell = "from longlive_widget.widget.host import host\nprint(host())"
    assert printed(executed(cell)[0]) == "Jupyter\n"
