"""A run on disk, its pictures too: played again with no model, no engine and no GPU.

A folder with the manifest and a video file. Loads no torch.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import av
import numpy as np
from numpy.typing import NDArray

from longlive_widget.engine.video_file import LosslessVideoFile, VideoFile
from longlive_widget.errors import ManifestError, OutputError, reachable
from longlive_widget.geometry import Geometry, pictures_before
from longlive_widget.runs.manifest import BlockLine, Manifest, picture_hashes
from longlive_widget.timeline import Landing, Timeline

if TYPE_CHECKING:
    from longlive_widget.engine.session import Block

MANIFEST, VIDEO = "manifest.json", "video.mp4"


@dataclass(frozen=True, eq=False)
class RecordedBlock:
    """A block of a recording: what `Block` has, and the ms that it took.

    `frames` are uint8 RGB, `[F, H, W, 3]`: those that were made if the recording is lossless, else
    as H.264 has kept them.
    """

    index: int
    latent_frame: int
    frames: NDArray[np.uint8] = field(repr=False)
    prompt: str
    landed: Landing | None
    latency_ms: float
    parts_ms: Mapping[str, float]


class RecordingFolder:
    """A recording in the making; it is at `path` once its `with` block has ended well.

    Append each block, and give the manifest before the end. The folder is made beside its place
    under a temporary name, and nothing is left of it after an error.

    Args:
        path: the folder, which must not exist.
        geometry: the sizes of the video.
        lossless: keep each picture to the bit.

    Raises:
        OutputError: something is there already, no folder can be made there, or no manifest was
            given.
    """

    def __init__(self, path: str | Path, geometry: Geometry, *, lossless: bool = False) -> None:
        self.path = reachable(path)
        if not self.path.name or self.path.exists():
            raise OutputError(f"{str(path)!r} exists already: give the recording another name")
        if not self.path.parent.is_dir():
            raise OutputError(f"the folder of {str(path)!r} does not exist: make it first")
        self.manifest: Manifest | None = None
        self._geometry = geometry
        self._kind = LosslessVideoFile if lossless else VideoFile
        self._unfinished = self.path.with_name(f".{self.path.name[:40]}.{uuid4().hex[:8]}.tmp")

    def __enter__(self) -> Self:
        size = self._geometry.width_px, self._geometry.height_px
        try:
            self._unfinished.mkdir()
            self._video = self._kind(self._unfinished / VIDEO, *size)
            self._video.__enter__()
        except OSError as error:
            shutil.rmtree(self._unfinished, ignore_errors=True)
            raise OutputError(
                f"{str(self.path)!r} could not be made ({error.strerror or error}): "
                "choose another place"
            ) from error
        return self

    def append(self, block: "Block") -> None:
        """Add a block at the end; one of another size is a `GeometryError`."""
        self._video.append(block.frames)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._video.__exit__(kind, error, trace)
            if kind is None:
                self._finish()
        finally:
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def _finish(self) -> None:
        if self.manifest is None:
            raise OutputError(f"{str(self.path)!r} got no manifest: give it before it ends")
        if self.manifest.pictures != self._video.pictures:
            raise OutputError(
                f"{str(self.path)!r} got {self._video.pictures} pictures, and its manifest has "
                f"{self.manifest.pictures}: append each block of the run"
            )
        self.manifest.write(self._unfinished / MANIFEST)
        self._unfinished.rename(self.path)


@dataclass(frozen=True)
class Recording:
    """A kept run, to be played again: `open` it, and iterate `blocks`."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: str | Path) -> "Recording":
        """The recording in a folder.

        Raises:
            ManifestError: the folder has no video, or its manifest cannot be read.
        """
        folder = reachable(path)
        manifest = Manifest.read(folder / MANIFEST)
        if not (folder / VIDEO).is_file():
            raise ManifestError(f"{str(path)!r} has no {VIDEO}: give the folder of a recording")
        return cls(folder, manifest)

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

    def blocks(self) -> Iterator[RecordedBlock]:
        """All blocks, decoded one after the other.

        Raises:
            ManifestError: the video cannot be read, or is not that of the manifest.
        """
        pictures = self._pictures()
        frames = self.manifest.geometry.block_frames
        landed = {each.block: each for each in self.landings if each.replaced_by is None}
        prompt = [e.prompt for e in self.timeline.before(self.manifest.first_block + 1, frames)][-1]
        for line in self.records:
            landing = landed.get(line.block)
            prompt = prompt if landing is None else landing.prompt
            shown = list(islice(pictures, len(line.pictures)))
            if len(shown) < len(line.pictures):
                raise ManifestError(
                    f"{str(self._video)!r} ends in block {line.block}: it is damaged"
                )
            yield RecordedBlock(
                index=line.block,
                latent_frame=line.block * frames,
                frames=np.stack(shown),
                prompt=prompt,
                landed=landing,
                latency_ms=line.latency_ms,
                parts_ms=line.parts_ms,
            )

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

    @property
    def _video(self) -> Path:
        return self.folder / VIDEO

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        size = (self.manifest.geometry.height_px, self.manifest.geometry.width_px, 3)
        try:
            with av.open(str(self._video)) as file:
                for frame in file.decode(video=0):
                    picture = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                    if picture.shape != size:
                        raise ManifestError(
                            f"{str(self._video)!r} has pictures of {list(picture.shape)}, and its "
                            f"manifest of {list(size)}: they do not belong together"
                        )
                    yield picture
        except av.FFmpegError as error:
            raise ManifestError(f"{str(self._video)!r} is no video ({error.strerror})") from error
