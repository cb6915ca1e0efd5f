"""Files of a model hub, fetched once and kept where huggingface_hub keeps them.

Only files that are asked for by name are fetched. Where a connection breaks, huggingface_hub goes
on within the file, from the last whole piece of 10 MiB on, until nothing more has come five times.
After a fetch that failed for good the files that are whole are kept, and parts of one are not. With
`HF_HUB_OFFLINE=1` in the environment nothing but what is already here is used.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from longlive_widget.errors import ModelNotFoundError

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w.-]+)?")


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
            is here.
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
            f"the model hub did not give all of {name} ({_first_line(error)}): call again, files "
            "that are whole are kept"
        ) from error
    except OSError as error:
        raise ModelNotFoundError(
            f"the files of {name} cannot be kept ({_first_line(error)}): make room, or name "
            "another place in HF_HOME"
        ) from error


def kept(hub_id: str, names: Sequence[str]) -> dict[str, Path]:
    """Those of the files that are on this machine already, by name; nobody is asked for others."""
    from huggingface_hub import try_to_load_from_cache

    name, *revisions = hub_id.split("@")
    revision = revisions[0] if revisions else None
    found = {each: try_to_load_from_cache(name, each, revision=revision) for each in names}
    return {each: Path(path) for each, path in found.items() if isinstance(path, str)}


def cache_folder() -> Path:
    """Where files of the hub are kept on this machine."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
