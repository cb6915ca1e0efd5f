"""Which version of a package is installed. Loads no torch."""

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """The version of a package; None if it is not here."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
