"""A run on disk, its pictures too: played again with no model, no engine and no GPU.

A folder with the manifest and a video file. Loads no torch.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from longlive_widget.engine.growing_video import GrowingVideoFile
from longlive_widget.errors import (
    ManifestError,
    OutputError,
    SessionError,
    reachable,
    whole_number,
)
from longlive_widget.files import disk_errors_explained
from longlive_widget.geometry import PICTURES_PER_SECOND, Geometry, pictures_before
from longlive_widget.runs.journal import JournalFile, read_journal
from longlive_widget.runs.manifest import BlockLine, Manifest, picture_hashes
from longlive_widget.timeline import Landing, Timeline

MANIFEST, VIDEO, JOURNAL = "manifest.json", "video.mp4", "journal.jsonl"
_FORM = "mp4"
"""The one form of a video that is read: FFmpeg guesses else, and some forms open other files."""


@dataclass(frozen=True, eq=False)
class RecordedBlock:
    """A block of a recording: what `Block` has, and the ms that it took.

    `frames` are uint8 RGB, `[F, H, W, 3]`: those that were made if the recording is lossless, else
    as H.264 has kept them. `in_full` is the prompt itself where the manifest does not tell, which
    is before version 4.
    """

    index: int
    latent_frame: int
    frames: NDArray[np.uint8] = field(repr=False)
    prompt: str
    landed: Landing | None
    latency_ms: float
    parts_ms: Mapping[str, float]
    in_full: str
    alone: bool


def free_place(path: str | Path) -> Path:
    """The path with ~ written out, if a recording can be made there.

    Raises:
        OutputError: something is there already, or the folder around it is missing.
    """
    place = reachable(path)
    if not place.name or place.exists():
        raise OutputError(f"{str(path)!r} exists already: give the recording another name")
    if not place.parent.is_dir():
        raise OutputError(f"the folder of {str(path)!r} does not exist: make it first")
    return place


class RecordingFolder:
    """A recording in the making: what was appended can be played at any time, also by others.

    Where its `with` block ends, also with an error, the recording is finished with the blocks that
    it has; without a block, nothing is left of it. Where its process is killed, it can still be
    opened, with all blocks that were appended.

    Args:
        path: the folder, which must not exist.
        geometry: the sizes of the video.
        lossless: keep each picture to the bit.

    Where something is already, or no folder can be made, it is an `OutputError`.
    """

    def __init__(self, path: str | Path, geometry: Geometry, *, lossless: bool = False) -> None:
        self.path = free_place(path)
        self.lossless = lossless
        self._size = geometry.width_px, geometry.height_px

    def __enter__(self) -> Self:
        with disk_errors_explained(self.path):
            self.path.mkdir()
        try:
            self._journal = JournalFile(self.path / JOURNAL)
            self._video = GrowingVideoFile(self.path / VIDEO, *self._size, lossless=self.lossless)
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        return self

    @property
    def pictures(self) -> int:
        """How many there are."""
        return self._video.pictures

    def append(self, frames: NDArray[np.uint8], page: Manifest) -> None:
        """Add a block at the end.

        Args:
            frames: its pictures, uint8 RGB, `[F, H, W, 3]`; another size is a `GeometryError`.
            page: its page of the logbook, as a manifest.
        """
        self._video.append(frames)
        self._journal.add(page)  # a block counts once it is in both

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with closing(self._journal):
            if not self._video.pictures:
                self._video.abandon()
                shutil.rmtree(self.path, ignore_errors=True)
                return
            try:
                self._video.close()
            except BaseException:
                self._video.abandon()
                raise
        whole = _interrupted(self.path)
        whole.write(self.path / MANIFEST)
        with suppress(OSError):
            (self.path / JOURNAL).unlink()


def _interrupted(folder: Path) -> Manifest:
    """The run in a folder whose writer has not come to its end: as far as there are pictures."""
    told = read_journal(folder / JOURNAL)
    pictures = _pictures_in(folder / VIDEO)
    blocks, kept = 0, 0
    for line in told.blocks:
        kept += len(line.pictures)
        if kept > pictures:
            break
        blocks += 1
    if not blocks:
        raise ManifestError(f"{str(folder)!r} has no whole block: there is nothing to play")
    return told.up_to(told.first_block + blocks)


def _pictures_in(path: Path) -> int:
    pictures = 0
    with suppress(av.FFmpegError), _video_file(path) as file:
        for packet in file.demux(file.streams.video[:1]):  # the last one may not be readable
            pictures += bool(packet.size and not packet.is_corrupt)
    return pictures


def _video_file(path: Path) -> av.container.InputContainer:
    """The file, opened; names in it that are no text are no reason to refuse it."""
    return av.open(str(path), format=_FORM, metadata_errors="replace")


@dataclass(frozen=True)
class RecordedRun:
    """A kept run, to be played again: `open` it, and iterate `blocks`."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The recording in a folder; of one that was not ended, or not yet, what is there.

        Raises:
            ManifestError: the folder has no video, its manifest cannot be read, or one of its files
                is a link to another place.
        """
        folder = reachable(path)
        for name in (MANIFEST, VIDEO, JOURNAL):
            if (folder / name).resolve().parent != folder.resolve():
                raise ManifestError(
                    f"{name} of {str(path)!r} is a link to another place: put the file itself there"
                )
        if not (folder / VIDEO).is_file():
            raise ManifestError(f"{str(path)!r} has no {VIDEO}: give the folder of a recording")
        if (folder / JOURNAL).is_file() and not (folder / MANIFEST).exists():
            return cls(folder, _interrupted(folder))
        return cls(folder, Manifest.read(folder / MANIFEST))

    @property
    def timeline(self) -> Timeline:
        """What steered the video, live switches too."""
        return self.manifest.timeline

    @property
    def landings(self) -> tuple[Landing, ...]:
        """Where each prompt took effect."""
        return self.manifest.landings

    @property
    def records(self) -> tuple[BlockLine, ...]:
        """What was measured of each block, with the hashes of its pictures as they were made."""
        return self.manifest.blocks

    @property
    def lossless(self) -> bool:
        """Whether each picture is kept to the bit."""
        with self._opened() as (_, stream):
            return bool(stream.codec_context.pix_fmt == "gbrp")

    def blocks(self) -> Iterator[RecordedBlock]:
        """All blocks, decoded one after the other.

        A video that cannot be read, or is not that of the manifest, is a `ManifestError`.
        """
        pictures = self._pictures(0)
        for line in self.records:
            yield self._played(line, pictures)

    def block(self, number: int) -> RecordedBlock:
        """One block, by its number; those before it are not decoded.

        A block that is not in the recording is a `SessionError`; what cannot be read, as in
        `blocks`.
        """
        run = self.manifest
        whole_number("block", number, SessionError, least=run.first_block, most=run.end - 1)
        line = self.records[number - run.first_block]
        before = pictures_before(number * run.geometry.block_frames)
        first = pictures_before(run.first_block * run.geometry.block_frames)
        return self._played(line, self._pictures(before - first))

    def different(self) -> tuple[int, ...]:
        """The numbers of the pictures that are not those that were made, to the bit.

        None of a lossless recording; of another one nearly all. Decodes the whole video; what
        cannot be read is a `ManifestError`.
        """
        found: list[int] = []
        for block, line in zip(self.blocks(), self.records, strict=True):
            first = pictures_before(block.latent_frame)
            pairs = zip(picture_hashes(block.frames), line.pictures, strict=True)
            found += [first + n for n, (here, made) in enumerate(pairs) if here != made]
        return tuple(found)

    def _played(self, line: BlockLine, pictures: Iterator[NDArray[np.uint8]]) -> RecordedBlock:
        frames = self.manifest.geometry.block_frames
        shown = list(islice(pictures, len(line.pictures)))
        if len(shown) < len(line.pictures):
            raise ManifestError(f"{str(self._video)!r} ends in block {line.block}: it is damaged")
        landed = [each for each in self.landings if each.replaced_by is None]
        steers = [each for each in landed if each.block <= line.block][-1]
        taken = self.manifest.taken_at.get(steers.block)
        return RecordedBlock(
            index=line.block,
            latent_frame=line.block * frames,
            frames=np.stack(shown),
            prompt=steers.prompt,
            in_full=steers.prompt if taken is None else taken.in_full,
            alone=taken is not None and taken.alone,
            landed=next((each for each in landed if each.block == line.block), None),
            latency_ms=line.latency_ms,
            parts_ms=line.parts_ms,
        )

    @property
    def _video(self) -> Path:
        return self.folder / VIDEO

    @contextmanager
    def _opened(self) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
        """The video's file and the pictures in it; what FFmpeg refuses is a `ManifestError`."""
        try:
            with _video_file(self._video) as file:
                if not file.streams.video:
                    raise ManifestError(f"{str(self._video)!r} has no pictures: it is damaged")
                yield file, file.streams.video[0]
        except av.FFmpegError as error:
            raise ManifestError(f"{str(self._video)!r} is no video ({error.strerror})") from error

    def _pictures(self, first: int) -> Iterator[NDArray[np.uint8]]:
        """The pictures from number `first` of the file on."""
        size = (self.manifest.geometry.height_px, self.manifest.geometry.width_px, 3)
        with self._opened() as (file, stream):
            if first:
                file.seek(_ticks(first, stream), stream=stream)
            for frame in file.decode(stream):
                if frame.pts is None or frame.pts < _ticks(first, stream):
                    continue
                picture = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                if picture.shape != size:
                    raise ManifestError(
                        f"{str(self._video)!r} has pictures of {list(picture.shape)}, and its "
                        f"manifest of {list(size)}: they do not belong together"
                    )
                yield picture


def _ticks(picture: int, stream: av.VideoStream) -> int:
    """When a picture is shown, in the stream's own unit of time."""
    return round(picture / PICTURES_PER_SECOND / (stream.time_base or Fraction(1)))
