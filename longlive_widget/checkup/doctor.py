"""A look at all that has to be there, in the order in which one thing needs the other."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from longlive_widget.checkup import packages, places
from longlive_widget.checkup.finding import Checkup, Finding
from longlive_widget.checkup.private import without_names

FULL_SIZE = "longlive-1.3b"
"""Whose files are looked for unless another model is named; a test holds it to the engine's."""
_Check = Callable[[], Iterable[Finding]]


def doctor(model: str = FULL_SIZE) -> Checkup:
    """Look at this machine, at what is installed and at the files, and make a block of `tiny`.

    It takes a few seconds, fetches nothing, and changes nothing. What it says names no user, host,
    folder or address, so that it can be shown to anybody.

    Args:
        model: whose files to look for: a name, a folder, or `owner/name` on the hub.
    """
    found: list[Finding] = []
    for about, check in _checks(model):
        found += looked(about, check)
    return Checkup(tuple(map(_nameless, found)))


def _checks(model: str) -> Iterator[tuple[str, _Check]]:
    yield "Python", packages.python
    yield "packages", packages.packages
    yield "Jupyter", packages.jupyter
    yield "page's part", places.bundle
    yield "folders", places.folders
    yield "torch", lambda: _with_torch(model)


def _with_torch(model: str) -> Iterator[Finding]:
    """All that can be looked at only where torch can be loaded."""
    from longlive_widget.checkup import machine, models

    yield from looked("this package", machine.package)
    yield from looked("torch", machine.torch_build)
    yield from looked("kernels", machine.kernels)
    yield from looked("presets", machine.presets)
    yield from looked("memory", machine.memory)
    yield from looked("weights", lambda: models.weights(model))
    yield from looked("H.264", models.coding)
    yield from looked("tiny", models.tiny)


def looked(about: str, check: _Check) -> list[Finding]:
    """What a check finds; what breaks in it is a finding too, whatever it is."""
    found: list[Finding] = []
    try:
        found += check()
    except Exception as error:  # noqa: BLE001  whatever it is, it is told
        fact = " ".join(f"{type(error).__name__}: {error}".split())
        found.append(Finding(about, "wrong", fact, "mend that first, or report it"))
    return found


def _nameless(finding: Finding) -> Finding:
    fact, way_out = without_names(finding.fact), without_names(finding.way_out)
    return replace(finding, fact=fact, way_out=way_out)
