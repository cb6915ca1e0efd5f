"""Words that a report for strangers does not have: who asks, on which host, in which folder.

What a checkup says by itself names none of them; what others say in its errors may.
"""

import getpass
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LEAST_LETTERS = 3
_SECRET = re.compile(r"TOKEN|SECRET|KEY|PASS|AUTH|CREDENTIAL|URL|INDEX|ENDPOINT|PROXY")
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"]+", re.IGNORECASE)
_ROOT = r"(?:~|[A-Za-z]:)?[/\\]"
_REST_OF_PATH = r"[^\s'\":,;()]*(?:\s+[^\s'\":,;()]*[/\\][^\s'\":,;()]*)*"
"""To the next space, and over it where a slash comes behind it: folders have spaces in them."""
_QUOTED_PATH = re.compile(rf"(['\"]){_ROOT}.*?\1")
_PATH = re.compile(rf"(?<![\w.~/]){_ROOT}(?=[^\s'\":,;()]){_REST_OF_PATH}")


def without_names(text: str) -> str:
    """The text without paths, addresses, user, host, and values of variables that hold secrets."""
    for value in _secrets():
        text = text.replace(value, "(a secret)")
    text = _ADDRESS.sub("(an address)", text)
    text = _QUOTED_PATH.sub("'(a path)'", text)
    for folder in _folders():
        text = re.sub(re.escape(folder) + _REST_OF_PATH, "(a path)", text)
    text = _PATH.sub("(a path)", text)
    for name, said in (*((user, "(the user)") for user in _users()), *_hosts()):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", said, text)
    return text


def _secrets() -> Iterator[str]:
    for name, value in os.environ.items():
        if _SECRET.search(name.upper()) and len(value) >= _LEAST_LETTERS:
            yield value


def _folders() -> list[str]:
    """The folders that paths begin with here, the longest first; some have spaces in them."""
    known = [Path.home(), Path.cwd(), Path(sys.prefix), Path(tempfile.gettempdir())]
    names = {str(form) for path in known for form in (path, path.resolve())}
    return sorted((name for name in names if len(name) > 1), key=len, reverse=True)


def _users() -> Iterator[str]:
    with suppress(OSError, KeyError, ImportError):  # a number without a name
        name = getpass.getuser()
        if len(name) >= _LEAST_LETTERS:
            yield name


def _hosts() -> Iterator[tuple[str, str]]:
    name = platform.node()
    for form in (name, name.split(".")[0]):
        if len(form) >= _LEAST_LETTERS:
            yield form, "(the host)"
