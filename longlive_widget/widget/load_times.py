"""How long loading took on this machine the last time, so that the page can say what is left.

A small file, `load-times.json`, in the folder that `LONGLIVE_CACHE` names, or else among the user's
caches. What is not in there is not known.
"""

import json
import logging
import os
import platform
from pathlib import Path

from longlive_widget.files import whole_text_file
from longlive_widget.plain_data import json_in

MOST = 200
"""So many loads are remembered."""

log = logging.getLogger(__name__)

_MOST_S = 1e6


def last_load_s(what: str) -> float | None:
    """What that load took here the last time, in seconds; None where it is not known."""
    return _read().get(_here(what))


def note_load(what: str, took_s: float) -> None:
    """Remember how long a load took; where no file can be written, the log says so."""
    known = _read()
    known.pop(_here(what), None)
    known[_here(what)] = round(took_s, 2)
    newest = dict(list(known.items())[-MOST:])
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_text_file(path) as file:
            file.write(json.dumps(newest, indent=0))
    except OSError as error:  # an `OutputError` is one
        log.info("how long loading took is not remembered: %s", error)


def _read() -> dict[str, float]:
    try:
        found = json_in(_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.info("%s cannot be read: %s", _path(), error)
        return {}
    rows = found.items() if isinstance(found, dict) else ()
    return {what: float(s) for what, s in rows if isinstance(s, int | float) and 0 <= s < _MOST_S}


def _here(what: str) -> str:
    return f"{platform.node()}: {what}"


def cache_folder() -> Path:
    """Where it is remembered: what `LONGLIVE_CACHE` names, or else among the user's caches."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("LONGLIVE_CACHE") or caches / "longlive-widget")


def _path() -> Path:
    return cache_folder() / "load-times.json"
