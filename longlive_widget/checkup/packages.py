"""What is installed, held against what this package asks for, and what of Jupyter is here.

Loads no torch.
"""

import json
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from longlive_widget.checkup.finding import Finding
from longlive_widget.measure.installed import installed

_OWN = "longlive-widget"
_SERVERS = ("jupyterlab", "notebook")
_JUPYTER = (*_SERVERS, "ipywidgets", "ipykernel")
_MANAGER = "@jupyter-widgets/jupyterlab-manager"


def python() -> Iterator[Finding]:
    """Whether Python is one that this package runs on."""
    here, needed = platform.python_version(), _required_python()
    fact = f"{here} on {platform.system()} {platform.machine()}"
    if SpecifierSet(needed).contains(here, prereleases=True):
        yield Finding("Python", "ok", fact)
    else:
        yield Finding("Python", "wrong", fact, f"take a Python {needed}")


def _required_python() -> str:
    try:
        return distribution(_OWN).metadata["Requires-Python"]
    except PackageNotFoundError:
        return ""


def packages() -> Iterator[Finding]:
    """Whether all that this package needs is installed, in versions that it takes."""
    try:
        asked = [Requirement(line) for line in distribution(_OWN).requires or ()]
    except PackageNotFoundError:
        yield Finding(
            "packages",
            "warning",
            f"{_OWN} is not installed, it only lies on Python's path: what it needs is not known",
            "install it with pip, which brings what it needs",
        )
        return
    needed = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    faults = list(filter(None, map(fault_of, needed)))
    if faults:
        names = " ".join(f"'{one.name}{one.specifier}'" for one in needed if fault_of(one))
        yield Finding("packages", "wrong", "; ".join(faults), f"pip install {names}")
    else:
        yield Finding("packages", "ok", f"all {len(needed)} that it needs, in versions it takes")


def fault_of(needed: Requirement) -> str | None:
    """What is wrong with a package that is needed; None if nothing is."""
    here = installed(needed.name)
    if here is None:
        return f"{needed.name} is not installed"
    if not needed.specifier.contains(here, prereleases=True):
        return f"{needed.name} is {here}, and {needed.specifier} is needed"
    return None


def jupyter() -> Iterator[Finding]:
    """What of Jupyter is here, and whether its page and this kernel have the same anywidget."""
    here = {name: installed(name) for name in _JUPYTER}
    fact = ", ".join(f"{name} {is_here or 'none'}" for name, is_here in here.items())
    if any(here[name] for name in _SERVERS):
        yield Finding("Jupyter", "ok", fact)
        yield from _page_of_server(_extension_folders())
        return
    yield Finding(
        "Jupyter",
        "warning",
        f"{fact}: the server of your notebooks is elsewhere, or there is none",
        f"install jupyterlab here, or anywidget {installed('anywidget')} where the server runs",
    )


def _extension_folders() -> Sequence[Path]:
    from jupyter_core.paths import jupyter_path  # both servers bring it

    return [Path(folder) for folder in jupyter_path("labextensions")]


def _page_of_server(folders: Sequence[Path]) -> Iterator[Finding]:
    """Hold the page's part of anywidget, in the first of the folders that has it, against ours."""
    kernel, page = installed("anywidget"), _version_in(folders, "anywidget")
    if page is None or _version_in(folders, _MANAGER) is None:
        lacks = "anywidget" if page is None else "ipywidgets"
        yield Finding(
            "anywidget",
            "wrong",
            f"JupyterLab and Notebook of this environment have no part of {lacks} for the page",
            f"pip install --force-reinstall {lacks}, then reload the page",
        )
    elif kernel is None or _minor(kernel) != _minor(page):
        yield Finding(
            "anywidget",
            "wrong",
            f"the kernel has {kernel}, the page {page}: no widget will show",
            "pip install --force-reinstall anywidget, then reload the page",
        )
    else:
        yield Finding(
            "anywidget",
            "ok",
            f"{kernel} in the kernel, {page} in the page of the server that is installed here",
        )


def _version_in(folders: Sequence[Path], extension: str) -> str | None:
    for folder in folders:
        about = folder / extension / "package.json"
        if about.is_file():
            return str(json.loads(about.read_text(encoding="utf-8")).get("version"))
    return None


def _minor(version: str) -> list[str]:
    """What must be the same on both sides: anywidget asks the page for its own x.y."""
    return version.split(".")[:2]
