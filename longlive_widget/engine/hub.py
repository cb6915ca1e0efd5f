"""Files of a model hub, fetched once and kept where huggingface_hub keeps them.

Only files that are asked for by name are fetched. Where a connection breaks it is taken up inside
the file, from the last whole piece of 10 MiB on, until nothing more has come five times; after a
fetch that failed for good, the next one goes on from there. 5 s of silence count as a break. With
`HF_HUB_OFFLINE=1` in the environment nothing but what is already here is used.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from longlive_widget.engine.large_files import fetch_large_files
from longlive_widget.errors import CheckpointError, ModelNotFoundError

SILENCE_S = 5.0
"""So long is waited for the hub to answer, or for the next bytes of a file."""
_PIECE_BYTES = 2**20
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w.-]+)?")


class _Request(Protocol):
    """What an HTTP client is about to ask, and how long it waits at each stage, None for ever."""

    extensions: dict[str, dict[str, float | None]]


def is_hub_id(text: str) -> bool:
    """Whether it has the form `owner/name` or `owner/name@revision`."""
    return _HUB_ID.fullmatch(text) is not None


def fetched(hub_id: str, patterns: Sequence[str]) -> Path:
    """The folder with those files of a model on the hub that match a pattern; shows progress.

    Args:
        hub_id: `owner/name`, or `owner/name@revision` for a tag, branch or commit.
        patterns: names of files in the repository, `*` for any part.

    Raises:
        ModelNotFoundError: the hub does not know the model, or can't be reached and not all
            is here. A file that came with another hash than the hub has named is a
            `CheckpointError`.
    """
    from huggingface_hub import snapshot_download  # slow to import
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is not its own
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, *revisions = hub_id.split("@")
    revision = revisions[0] if revisions else None
    try:
        with _held_to_hashes(name), _silence_ends():
            fetch_large_files(name, revision, patterns, _storage(name))
            return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except RevisionNotFoundError as error:
        raise ModelNotFoundError(
            f"the model hub has no revision {revision!r} of {name}: leave it out, or name another"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelNotFoundError(
            f"there is no folder {name}, and the model hub has none or not for everyone: check the "
            "name, or log in with `hf auth login`"
        ) from error
    except LocalEntryNotFoundError as error:
        raise ModelNotFoundError(
            f"{name} is not on this machine, as a folder or from the model hub, and the hub cannot "
            "be reached: connect to the network, or give a folder that holds its files"
        ) from error
    except HTTPError as error:
        raise ModelNotFoundError(
            f"the model hub did not give all of {name} ({_first_line(error)}): call again, it goes "
            "on where it was"
        ) from error
    except OSError as error:
        raise ModelNotFoundError(
            f"the files of {name} cannot be kept ({_first_line(error)}): make room, or name "
            "another place in HF_HOME"
        ) from error


@contextmanager
def _silence_ends() -> Iterator[None]:
    """Inside, no request of huggingface_hub waits for more than `SILENCE_S` without a byte.

    Its own limits are 10 and 60 s, and what it asks of a repository has none: a hub that takes
    connections and says nothing would be waited for without an end. They hold on where it begins
    anew after a connection that was refused. Looking up a host's name has the system's limit, and
    what the hub gives by Xet that library's.
    """
    from huggingface_hub import get_session

    def hurry(request: _Request) -> None:
        own = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            each: min(own.get(each) or SILENCE_S, SILENCE_S)
            for each in ("connect", "read", "write", "pool")
        }

    hooks = get_session().event_hooks["request"]
    hooks.append(hurry)
    try:
        yield
    finally:
        hooks.remove(hurry)


@contextmanager
def _held_to_hashes(name: str) -> Iterator[None]:
    """Inside, files of a model are fetched; each that came is held against its hash at the end.

    huggingface_hub calls what it keeps by the hash that the hub has named: the SHA-256 of a large
    file, git's of a small one. Where a disk has no links there are no such names, and its check of
    the size is all; a process that is killed meanwhile leaves unchecked what it has fetched.

    Raises:
        CheckpointError: one is of another hash; it is removed, so that it is fetched again.
    """
    blobs = _storage(name) / "blobs"
    before = set(_names_in(blobs))
    try:
        yield
    finally:
        wrong = [new for new in _names_in(blobs) - before if not is_called_by_hash(blobs / new)]
        for one in wrong:
            (blobs / one).unlink()
        if wrong:
            raise CheckpointError(
                f"{len(wrong)} files of {name} came with other hashes than the hub has named "
                f"({wrong[0][:12]}): they were removed, call again, and mind what HF_ENDPOINT names"
            )


def _names_in(blobs: Path) -> set[str]:
    """The whole files there."""
    if not blobs.is_dir():
        return set()
    return {path.name for path in blobs.iterdir() if not path.name.endswith(".incomplete")}


def is_called_by_hash(path: Path) -> bool:
    """Whether a file's name is the SHA-256 of it, or git's hash; no other name is."""
    of_git = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    by_letters = {64: hashlib.sha256(), 40: of_git}
    digest = by_letters.get(len(path.name))
    if digest is None:
        return False
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest() == path.name


def kept(hub_id: str, names: Sequence[str]) -> dict[str, Path]:
    """Those of the files that are on this machine already, by name; nobody is asked for others.

    Raises:
        ModelNotFoundError: no model on the hub can have that name.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name, *revisions = hub_id.split("@")
    revision = revisions[0] if revisions else None
    try:
        found = {each: try_to_load_from_cache(name, each, revision=revision) for each in names}
    except HFValidationError as error:
        raise ModelNotFoundError(
            f"the model hub can have no {name} ({_first_line(error)}): check the name"
        ) from error
    return {each: Path(path) for each, path in found.items() if isinstance(path, str)}


def cache_folder() -> Path:
    """Where files of the hub are kept on this machine."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _storage(name: str) -> Path:
    """Where a model's files are kept."""
    from huggingface_hub.file_download import repo_folder_name

    return cache_folder() / repo_folder_name(repo_id=name, repo_type="model")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
