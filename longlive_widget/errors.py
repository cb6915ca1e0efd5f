"""Every error that the package raises on purpose, and the checks that all floors share.

Each message names the value, the limit and the way out.
"""

import difflib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from numbers import Real
from operator import index
from pathlib import Path
from reprlib import repr as short

LONGEST = 2000
"""So many letters has a message at most."""
_AN_END = LONGEST // 2 - 2


class LongLiveError(Exception):
    """The base of all errors raised on purpose, to catch them and nothing else.

    A message may quote what a file holds or somebody typed. Letters that would do something to a
    terminal, or that no file takes, are shown as Python writes them, and of a long message both
    ends: what is wrong stands at one, the way out at the other.
    """

    def __str__(self) -> str:
        told = "".join(
            letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1]
            for letter in super().__str__()
        )
        return told if len(told) <= LONGEST else f"{told[:_AN_END]} … {told[-_AN_END:]}"


class GeometryError(LongLiveError, ValueError):
    """A picture size or a latent shape that the model cannot have."""


class PresetError(LongLiveError, ValueError):
    """An unknown preset, or one that contradicts itself."""


class TimelineError(LongLiveError, ValueError):
    """A timeline or a prompt that cannot be played."""


class ModelNotFoundError(LongLiveError, LookupError):
    """A model that is neither embedded nor on disk."""


class CheckpointError(LongLiveError, ValueError):
    """A weight file that is missing, damaged, unsafe or of another model."""


class CapabilityError(LongLiveError, RuntimeError):
    """Something that this machine cannot do."""


class SessionError(LongLiveError, RuntimeError):
    """A request that a session cannot take in its present state."""


class MessageError(LongLiveError, ValueError):
    """A message between page and kernel that is not part of the protocol."""


class OutputError(LongLiveError, OSError):
    """A file that cannot be written where it was asked for."""


class RecordError(LongLiveError, ValueError):
    """Measurements, or a file of them, that cannot be recorded, read or compared."""


class ManifestError(LongLiveError, ValueError):
    """A kept run, or its manifest, that cannot be read, written or made again."""


def whole_number(
    name: str, value: object, error: type[LongLiveError], *, least: int, most: int | None = None
) -> int:
    """`value` as an `int`, if it is a whole number from `least` to `most`; numpy's are too.

    Anything else is an `error` that calls the value `name`. True and False are no numbers here.
    """
    limits = f"{least} or more" if most is None else f"{least} to {most}"
    try:
        number = index(value)  # type: ignore[arg-type]  # whatever it is, index() knows
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise error(f"{name} {value!r} is not a whole number: use {limits}")
    if number < least or (most is not None and number > most):
        raise error(f"{name} {number} is out of range: use {limits}")
    return number


def above_zero(name: str, value: object, error: type[LongLiveError]) -> None:
    """Make sure that `value` is a number above 0; else it is an `error` that calls it `name`."""
    if isinstance(value, bool) or not isinstance(value, Real) or not float(value) > 0:
        raise error(f"{name} {value!r} is no number above 0: use one")


def known_version(
    what: str, version: object, newest: int, error: type[LongLiveError], *, word: str = "version"
) -> int:
    """The version of something that was written once, if it is one that is known here.

    Those from 1 to `newest` are. Another is an `error` about `what`, which calls it its `word`.
    """
    if type(version) is not int or version < 1:
        raise error(f"{word} {short(version)} of {what} does not exist: they begin with 1")
    if version > newest:
        raise error(
            f"{what} has {word} {version}, and {word}s up to {newest} are known here: update "
            "longlive-widget"
        )
    return version


def choice_of(name: object, known: Iterable[str]) -> str:
    """What might have been meant by a name that does not exist, and all that do."""
    known = tuple(known)
    near = near_name(name, known)
    hint = "" if near is None else f"did you mean {near!r}? "
    return f"{hint}there are {', '.join(known)}"


def near_name(name: object, known: Iterable[str]) -> str | None:
    """The name that might have been meant by one that does not exist; None if none is near."""
    close = difflib.get_close_matches(str(name), tuple(known), n=1)
    return close[0] if close else None


def one_of(name: str, value: object, choices: Sequence[object], error: type[LongLiveError]) -> None:
    """Make sure that `value` is one of `choices`; else it is an `error` that lists them."""
    if value not in choices:
        raise error(f"{name} {value!r} does not exist: use {' or '.join(map(repr, choices))}")


def require_engine(engine: object) -> None:
    """Make sure that `engine` can make videos; else it is a `SessionError`."""
    if not callable(getattr(engine, "session", None)):
        raise SessionError(
            f"engine {engine!r} is none that makes videos: give what Engine.load returns, as in "
            "Engine.load('tiny')"
        )


def true_or_false(name: str, value: object, error: type[LongLiveError]) -> None:
    """Make sure that `value` is True or False; else it is an `error` that calls it `name`."""
    if not isinstance(value, bool):
        raise error(f"{name} {value!r} is neither true nor false: use one")


def reachable(path: str | Path) -> Path:
    """The path with ~ written out, if a file can have it; else it is an `OutputError`."""
    try:
        path = Path(path).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except OSError as error:
        raise OutputError(
            f"{str(path)!r} cannot be a file ({error.strerror}): give it another name"
        ) from error
    except (RuntimeError, TypeError, ValueError) as error:  # no such home; a zero byte; None
        raise OutputError(f"{str(path)!r} is no path ({error}): give another one") from error
    return path


def require_place(path: Path, what: str) -> None:
    """Make sure that a file, called `what`, can be at a path: its folder exists, and it is none.

    Raises:
        OutputError: it cannot.
    """
    if path.is_dir():
        raise OutputError(f"{str(path)!r} is a folder: give the {what} a name of its own in it")
    if not path.parent.is_dir():
        raise OutputError(f"the folder of {str(path)!r} does not exist: make it first")
