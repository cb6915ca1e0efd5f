"""The page's part of this package, as it was built, and how a kernel is to hear the page."""

from pathlib import Path

from longlive_widget.errors import CapabilityError

STATIC = Path(__file__).parents[1] / "static"


def bundled(name: str) -> str:
    """The text of a file of the page's part.

    Raises:
        CapabilityError: it was not built.
    """
    path = STATIC / name
    if not path.is_file():
        raise CapabilityError(
            f"{path} is missing: build the page's part with `make setup`, or with "
            "`npm --prefix js install && npm --prefix js run build`"
        )
    return path.read_text(encoding="utf-8")


def asset(name: str) -> bytes:
    """A script that is too large to travel with each widget."""
    return bundled(f"{name}.js").encode()


def hear_where_sent(comm: object) -> None:
    """Have a kernel take what the page sends on the subshell that the page has sent it to.

    ipykernel 7.4 takes it where the comm has published last. Widgets here publish from threads of
    their own, which counts as the main shell, and that hears nothing while a cell runs.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, chosen: chosen
