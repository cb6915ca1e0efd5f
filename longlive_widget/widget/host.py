"""Which program shows the notebook, as far as a kernel can know that."""

import os
import sys
from collections.abc import Mapping
from typing import Literal

from IPython import get_ipython

Host = Literal["Colab", "VS Code", "marimo", "Jupyter", "Python"]


def host() -> Host:
    """What shows the notebook: "Jupyter" for JupyterLab, Notebook and nbconvert alike.

    A kernel does not see which of them has started it; the studio's page does, and says so in its
    list of keys. "Python" is a plain program, without a notebook.
    """
    shell = get_ipython()
    names = getattr(shell, "user_ns", {})
    return host_of(os.environ, sys.modules, names, in_kernel=hasattr(shell, "kernel"))


def host_of(
    environment: Mapping[str, str],
    modules: Mapping[str, object],
    names: Mapping[str, object],
    *,
    in_kernel: bool,
) -> Host:
    """The host by what it leaves behind: modules, a name in the notebook, environment variables."""
    if "google.colab" in modules:
        return "Colab"
    if "marimo" in modules and not in_kernel:
        return "marimo"
    # VS Code sets the one in notebooks that it opens, the other in kernels that it starts
    if in_kernel and ("__vsc_ipynb_file__" in names or "VSCODE_PID" in environment):
        return "VS Code"
    return "Jupyter" if in_kernel else "Python"
