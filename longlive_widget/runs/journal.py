"""A manifest that is written block by block, and is whole up to the line that was written last.

Lines of JSON: what is known of the run, again whenever that changes, and each block. No torch.
"""

import json
from dataclasses import asdict
from pathlib import Path

from longlive_widget.errors import ManifestError
from longlive_widget.files import disk_errors_explained
from longlive_widget.runs.manifest import Manifest, loaded, text_in


class JournalFile:
    """The journal of a run in the making; pages are added in the order of their blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head: dict[str, object] | None = None
        with disk_errors_explained(path):
            self._file = path.open("x", encoding="utf-8")

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()

    def add(self, page: Manifest) -> None:
        """Add the manifest of a run of one block alone."""
        head = page.head()
        said: list[object] = [{"block": asdict(line)} for line in page.blocks]
        if head != self._head:
            said.insert(0, {"head": head})
            self._head = head
        with disk_errors_explained(self.path):
            self._file.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in said)
            self._file.flush()


def read_journal(path: Path) -> Manifest:
    """The run that a journal tells of, up to its last whole line.

    Raises:
        ManifestError: it cannot be read, tells of no block, or is damaged.
    """
    text = text_in(path)
    head: dict[str, object] = {}
    blocks: list[object] = []
    try:
        for line in text.split("\n")[:-1]:  # within the last one its writer was ended
            match loaded(line):
                case {"head": dict() as head}:
                    pass
                case {"block": block}:
                    blocks.append(block)
        if not blocks:
            raise ManifestError("it tells of no whole block: there is nothing to play")
        return Manifest.from_fields({**head, "blocks": blocks})
    except ManifestError as error:
        raise ManifestError(f"{str(path)!r}: {error}") from error
