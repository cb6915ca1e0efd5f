"""Large files of a model on the hub, of which what has come is kept where a fetch ends before all.

huggingface_hub (2.4) goes on inside a file within one call, and at the end of a call that failed
throws away what it has of it. Here that lies beside the whole files, under the name that earlier
versions of it gave, and a later call goes on from there.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path

UNTOLD_S = 2.0
"""So long another process that fetches the same file is waited for without a word."""
_TAG = re.compile("[0-9a-f]{40,64}")
"""The hash that the hub names a file by."""


def fetch_large_files(
    name: str, revision: str | None, patterns: Sequence[str], storage: Path
) -> None:
    """Bring a model's large files that match a pattern to where huggingface_hub looks for them.

    Does nothing where the hub cannot be asked, which is told by who asks it for the rest, nor where
    a disk has no links, on which huggingface_hub would copy what is brought. A file is fetched by
    its plain address, also where the hub would give it by Xet, which keeps no part of it either.
    Nothing is held against its hash.

    Args:
        name: `owner/name`.
        revision: a tag, branch or commit; None is the newest.
        patterns: names of files in the repository, `*` for any part.
        storage: where huggingface_hub keeps this model.

    The hub's errors and those of the disk come out as they are.
    """
    from huggingface_hub import get_hf_file_metadata
    from huggingface_hub.file_download import are_symlinks_supported

    for url in _urls(name, revision, patterns):
        if not are_symlinks_supported(storage.parent):
            return
        about = get_hf_file_metadata(url)
        if about.size is not None and about.etag and _TAG.fullmatch(about.etag):
            _bring(url, storage, about.etag, about.size)


def _urls(name: str, revision: str | None, patterns: Sequence[str]) -> Iterator[str]:
    """Where those are that are not here: large enough for a part to be kept, and not too large."""
    from huggingface_hub import HfApi, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE, MAX_HTTP_DOWNLOAD_SIZE
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is not its own
        HTTPError,
        OfflineModeIsEnabled,
    )

    try:
        model = HfApi().model_info(name, revision=revision, files_metadata=True)
    except (HTTPError, OfflineModeIsEnabled):
        return
    sizes = {file.rfilename: file.size or 0 for file in model.siblings or ()}
    for path in (one for one in sizes if any(fnmatch(one, pattern) for pattern in patterns)):
        here = isinstance(try_to_load_from_cache(name, path, revision=model.sha), str)
        if not here and DOWNLOAD_CHUNK_SIZE < sizes[path] <= MAX_HTTP_DOWNLOAD_SIZE:
            yield hf_hub_url(name, path, revision=model.sha)


def _bring(url: str, storage: Path, tag: str, size: int) -> None:
    """One file of `size` bytes, from what is here of it on."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # it lists no names
        build_hf_headers,
    )

    whole = storage / "blobs" / tag
    part = whole.with_name(f"{tag}.incomplete")
    lock = storage.parent / ".locks" / storage.name / f"{tag}.lock"
    for folder in (whole.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(lock):
        if whole.exists():
            return
        with part.open("ab") as file:
            if file.tell() > size:
                file.truncate(0)
            http_get(
                url,
                file,
                resume_size=file.tell(),
                headers=build_hf_headers(),
                expected_size=size,
            )
        part.replace(whole)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Inside, no other process fetches that file. One that does is waited for, and that is told."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # it lists no names

    with ExitStack() as held:
        try:
            held.enter_context(WeakFileLock(lock, timeout=UNTOLD_S))
        except TimeoutError:
            warnings.warn(
                f"another process fetches the same file, which is waited for ({lock}): end it, or "
                "interrupt this one",
                stacklevel=2,
            )
            held.enter_context(WeakFileLock(lock))
        yield
