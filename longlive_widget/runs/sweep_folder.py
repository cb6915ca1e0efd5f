"""The videos of a sweep on disk: a file of records, and a lossless recording of each video."""

import shutil
from pathlib import Path

from longlive_widget.errors import ManifestError, OutputError, reachable
from longlive_widget.files import disk_errors_explained
from longlive_widget.measure.record import Record
from longlive_widget.measure.sweep import Item, Made, records_of
from longlive_widget.runs.logbook import Logbook
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.runs.recording import RecordingFolder

RECORDS = "records.jsonl"
_KEY_LETTERS = 16


class SweepFolder:
    """A folder of a sweep, made where there is none; what is in it is not made again.

    A place where no folder can be is an `OutputError`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = reachable(path)
        if not self.path.parent.is_dir():
            raise OutputError(f"the folder of {str(path)!r} does not exist: make it first")
        with disk_errors_explained(self.path):
            self.path.mkdir(exist_ok=True)

    @property
    def records(self) -> Path:
        """The file of records, as `sweep` writes it."""
        return self.path / RECORDS

    def record(self, item: Item) -> Record | None:
        """What was measured of a video, None before it is made."""
        return records_of(self.records).get(item.key)

    def keep(self, made: Made) -> None:
        """Write a video down; one that was interrupted as it was written gives way."""
        folder = self._folder(made.item)
        with disk_errors_explained(folder):
            if folder.exists():
                shutil.rmtree(folder)
        logbook = Logbook(made.engine, made.session)
        with RecordingFolder(folder, made.session.geometry, lossless=True) as recording:
            for block, elapsed_ms in zip(made.blocks, made.block_ms, strict=True):
                hashes = picture_hashes(block.frames)
                page = logbook.add(made.session, block.index, hashes, elapsed_ms, {})
                recording.append(block.frames, page.manifest())

    def recording_of(self, item: Item) -> Path:
        """The folder of a video's recording.

        Raises:
            ManifestError: it was made, and is there no longer.
        """
        folder = self._folder(item)
        if not folder.is_dir():
            raise ManifestError(
                f"{str(self.path)!r} has the record of a video and not its recording, "
                f"{folder.name!r}: delete {RECORDS} there, and all is made again"
            )
        return folder

    def _folder(self, item: Item) -> Path:
        return self.path / item.key[:_KEY_LETTERS]
