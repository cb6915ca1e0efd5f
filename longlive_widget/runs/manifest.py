"""The manifest of a run: what made a video, what steered it, and a hash of each picture.

One JSON file, with a line for each block. It names no host, no user and no folder. Loads no torch.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from reprlib import repr as short
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, cast, get_args

from longlive_widget.errors import (
    LongLiveError,
    ManifestError,
    RecordError,
    known_version,
    one_of,
    reachable,
    require_place,
    whole_number,
)
from longlive_widget.files import whole_text_file
from longlive_widget.geometry import Geometry
from longlive_widget.measure.record import (
    Commit,
    Machine,
    T,
    Versions,
    Weights,
    built,
    require_type,
    require_types,
)
from longlive_widget.plain_data import NotPlainError, json_in
from longlive_widget.presets import Preset
from longlive_widget.timeline import Landing, Taken, Timeline, entries_of, require_seed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "longlive-widget run"
VERSION = 4
"""Goes up with every change of what a manifest holds; a reader knows all up to its own."""
MOST_BYTES = 2**28
"""Of a file that is read: a day of video has a tenth of that."""
PICTURE_HASH = "sha256 of the uint8 RGB rows"
Positions = Literal["relative", "absolute"]
Scales = Mapping[str, float]

NOTHING_MADE = "nothing was made yet: make a block first"

_HASH = re.compile(r"[0-9a-f]{64}")
_FORM = f"version {VERSION}"
_FORMAT_MISSING = f"its format is not {FORMAT!r}"
_PRESETS_SINCE = 2
_THEIR_FALLBACKS_SINCE = 3
_TAKEN_SINCE = 4


def picture_hashes(frames: "NDArray[np.uint8]") -> tuple[str, ...]:
    """The SHA-256 of each picture, of its RGB bytes row by row; uint8, `[F, H, W, 3]`."""
    return tuple(hashlib.sha256(picture.tobytes()).hexdigest() for picture in frames)


@dataclass(frozen=True)
class Maker:
    """What made a run: a model under a preset, on a machine, with what is installed there.

    `fingerprints` are SHA-256 of the model's parts by name, as they were loaded. `preset` is the
    one that ran, after any fallback, and `attention` the kernel that it ran on. `cpu_capability`
    and `float32_matmul` are torch's: the instructions that it takes, and how exactly it multiplies.
    `libraries` are the versions of others that read the prompts.
    """

    model: str
    weights: Weights
    fingerprints: Mapping[str, str]
    dtype: str
    preset: Preset
    attention: str
    fallbacks: tuple[str, ...]
    machine: Machine
    cpu_capability: str
    float32_matmul: str
    versions: Versions
    libraries: Mapping[str, str]
    commit: Commit | None

    def __post_init__(self) -> None:
        for name in ("model", "dtype", "attention", "cpu_capability", "float32_matmul"):
            require_type(name, getattr(self, name), str)
        one_of("weights", self.weights, get_args(Weights), RecordError)
        for name in ("fingerprints", "libraries"):
            require_type(name, getattr(self, name), dict)
            for key, value in getattr(self, name).items():
                require_type(f"{name} {key}", value, str)
        object.__setattr__(self, "fallbacks", _sentences(self.fallbacks))


@dataclass(frozen=True)
class BlockLine:
    """What is kept of a block: its number, the ms that it and its parts took, a hash a picture."""

    block: int
    latency_ms: float
    parts_ms: Mapping[str, float]
    pictures: tuple[str, ...]

    def __post_init__(self) -> None:
        whole_number("block", self.block, ManifestError, least=0)
        require_type("latency_ms", self.latency_ms, int | float)
        require_type("parts_ms", self.parts_ms, dict)
        for name, ms in self.parts_ms.items():
            require_type(f"parts_ms {name}", ms, int | float)
        require_type("pictures", self.pictures, list | tuple)
        object.__setattr__(self, "pictures", tuple(self.pictures))
        for picture in self.pictures:
            if not _HASH.fullmatch(str(picture)):
                raise ManifestError(f"hash {short(picture)} of a picture is no SHA-256")


@dataclass(frozen=True)
class Swap:
    """The scales of all adapters in use from a block on, by name."""

    block: int
    scales: Scales

    def __post_init__(self) -> None:
        whole_number("block of a swap", self.block, ManifestError, least=0)
        require_type("scales", self.scales, dict)
        for name, scale in self.scales.items():
            require_type(f"scale of {name}", scale, int | float)


@dataclass(frozen=True)
class Turn:
    """Another preset from a block on, after any fallback, and a sentence on each of them.

    Its `attention` is the kernel that it ran on. Before version 3 no manifest tells of fallbacks.
    """

    block: int
    preset: Preset
    fallbacks: tuple[str, ...]

    def __post_init__(self) -> None:
        whole_number("block of a preset", self.block, ManifestError, least=0)
        require_type("preset", self.preset, Preset)
        object.__setattr__(self, "fallbacks", _sentences(self.fallbacks))


@dataclass(frozen=True)
class Manifest:
    """One run: what made it, what steered it, and what came out.

    `timeline` has the live switches too; `landings` say where each prompt took effect, as far as
    the run went, those too that lost their block to another. `taken` says what those were taken as
    that were not taken just as they stand; None where that is not known, before version 4.
    `adapters` has the scales that the run began with, and each change. `presets` are those that
    took over from the maker's on the way. `blocks` follow each other; those of a branch begin where
    it left, and its timeline is that of the whole video.

    Raises:
        ManifestError: the parts do not belong together; the message says which.
    """

    time: datetime
    maker: Maker
    seed: int
    geometry: Geometry
    positions: Positions
    timeline: Timeline
    landings: tuple[Landing, ...]
    taken: tuple[Taken, ...] | None
    adapters: tuple[Swap, ...]
    presets: tuple[Turn, ...]
    blocks: tuple[BlockLine, ...]

    def __post_init__(self) -> None:
        require_seed(self.seed)
        one_of("positions", self.positions, get_args(Positions), ManifestError)
        if not self.blocks:
            raise ManifestError("it has no block: a run begins with one")
        self._require_blocks()
        self._require_landings()
        self._require_taken()
        swaps = [swap.block for swap in self.adapters]
        if swaps[:1] != [0] or swaps != sorted(set(swaps)) or swaps[-1] >= self.end:
            raise ManifestError(f"adapters are said at blocks {swaps}: they begin at 0, and go up")
        turns = [turn.block for turn in self.presets]
        if turns != sorted(set(turns)) or any(block >= self.end for block in turns):
            raise ManifestError(f"presets took over at blocks {turns}: they go up, within the run")

    def __repr__(self) -> str:
        maker = self.maker
        return (
            f"Manifest({maker.model!r}, preset={maker.preset.name!r}, seed={self.seed}, "
            f"{len(self.blocks)} blocks from {self.first_block} on, {self.pictures} pictures)"
        )

    def _require_blocks(self) -> None:
        for number, line in enumerate(self.blocks, self.first_block):
            if line.block != number:
                raise ManifestError(f"block {line.block} stands where block {number} belongs")
            wanted = self.geometry.pictures_in_block(number)
            if len(line.pictures) != wanted:
                raise ManifestError(
                    f"block {number} has {len(line.pictures)} pictures, and {wanted} belong there"
                )

    def _require_landings(self) -> None:
        """What landed is what the timeline says, but for prompts that gave way to others."""
        frames = self.geometry.block_frames
        for landing in self.landings:
            require_types(landing)
            if landing.lands_at != landing.block * frames:
                raise ManifestError(f"{landing.prompt!r} lands between two blocks")
        planned = self.timeline.landings(frames)
        told, meant = (
            [(each.block, each.prompt, each.asked_at) for each in landings if _stays(each)]
            for landings in (self.landings, [each for each in planned if each.block < self.end])
        )
        if told != meant:
            raise ManifestError("its landings are not those of its timeline")

    def _require_taken(self) -> None:
        """Each is of a prompt that landed, and they go up."""
        taken = self.taken or ()
        for each in taken:
            require_types(each)
        blocks = [each.block for each in taken]
        landed = {landing.block for landing in self.landings if _stays(landing)}
        if blocks != sorted(set(blocks)) or not landed.issuperset(blocks):
            raise ManifestError(f"prompts were taken at blocks {blocks}: they go up, and landed")

    @property
    def first_block(self) -> int:
        """The number of the first block: 0, but for a branch."""
        return self.blocks[0].block

    @property
    def end(self) -> int:
        """The number of the block after the last one."""
        return self.first_block + len(self.blocks)

    @property
    def pictures(self) -> int:
        """How many pictures there are."""
        return sum(len(line.pictures) for line in self.blocks)

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """A sentence on each thing that stood in for another under any preset, each once."""
        each = (self.maker.fallbacks, *(turn.fallbacks for turn in self.presets))
        return tuple(dict.fromkeys(chain.from_iterable(each)))

    @property
    def taken_at(self) -> dict[int, Taken]:
        """What is known of how prompts were taken, by the block on which each landed."""
        return {each.block: each for each in self.taken or ()}

    def up_to(self, end: int) -> "Manifest":
        """The run as it was before block `end`, which must come after its first one."""
        return replace(
            self,
            landings=begun_before(end, self.landings),
            taken=None if self.taken is None else begun_before(end, self.taken),
            adapters=begun_before(end, self.adapters),
            presets=begun_before(end, self.presets),
            blocks=self.blocks[: end - self.first_block],
        )

    def since(self, block: int) -> "Manifest":
        """The run from a block on, one of its own; what came before is not held against it."""
        return replace(self, blocks=self.blocks[block - self.first_block :])

    def write(self, path: str | Path) -> Path:
        """Write it to a file, whole or not at all; returns where it is.

        It is written under a temporary name beside its own, and moved once it is whole. A place
        where no file can be, or a full disk, is an `OutputError`.
        """
        path = reachable(path)
        require_place(path, "manifest")
        with whole_text_file(path) as file:
            file.writelines(self._text())
        return path

    def text(self) -> str:
        """What the file says."""
        return "".join(self._text())

    def _text(self) -> Iterator[str]:
        """What the file says: a line for each block, and all else in lines of its own."""
        yield json.dumps(self.head(), ensure_ascii=False, indent=1).removesuffix("\n}")
        yield ',\n "blocks": ['
        for place, line in enumerate(self.blocks):
            yield f"{',' if place else ''}\n  {json.dumps(asdict(line))}"
        yield "\n ]\n}\n"

    def head(self) -> dict[str, object]:
        """All but the blocks, in plain values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "time": self.time.isoformat(),
            "maker": asdict(self.maker),
            "seed": self.seed,
            "geometry": asdict(self.geometry),
            "positions": self.positions,
            "picture_hash": PICTURE_HASH,
            "timeline": self.timeline.rows(),
            "landings": [asdict(landing) for landing in self.landings],
            "taken": None if self.taken is None else [asdict(each) for each in self.taken],
            "adapters": [asdict(swap) for swap in self.adapters],
            "presets": [asdict(turn) for turn in self.presets],
        }

    @classmethod
    def read(cls, path: str | Path) -> "Manifest":
        """The manifest in a file.

        Raises:
            ManifestError: it cannot be read, is none, is of a later version, is damaged, or its
                parts do not belong together.
        """
        text = text_in(path)
        try:
            return cls.from_json(text)
        except ManifestError as error:
            raise ManifestError(f"{str(path)!r}: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest that such a file holds; else it is a `ManifestError`, as in `read`."""
        return cls.from_fields(loaded(text))

    @classmethod
    def from_fields(cls, said: Mapping[str, object]) -> "Manifest":
        """The manifest in plain values: those of `head`, and the blocks.

        Raises:
            ManifestError: as in `read`.
        """
        said = _of_known_version(said)
        try:
            fields = said | {
                "time": datetime.fromisoformat(cast(str, said["time"])).astimezone(UTC),
                "maker": _maker(said["maker"]),
                "geometry": built(Geometry, said["geometry"], "geometry", _FORM),
                "timeline": Timeline(entries_of(said["timeline"])),
                "landings": _rows(Landing, said, "landings"),
                "taken": None if said["taken"] is None else _rows(Taken, said, "taken"),
                "adapters": _rows(Swap, said, "adapters"),
                "presets": _turns(said["presets"]),
                "blocks": _rows(BlockLine, said, "blocks"),
            }
            return built(cls, fields, "the manifest", _FORM)
        except KeyError as error:
            raise ManifestError(f"this manifest has no {error}: it is damaged") from error
        except LongLiveError as error:
            raise ManifestError(f"this manifest is damaged: {error}") from error
        except (TypeError, ValueError) as error:
            raise ManifestError(f"this manifest is damaged: {error}") from error


class _AtBlock(Protocol):
    @property
    def block(self) -> int: ...


_Row = TypeVar("_Row", bound=_AtBlock)


def begun_before(end: int, rows: Iterable[_Row]) -> tuple[_Row, ...]:
    """Those of a block before `end`."""
    return tuple(row for row in rows if row.block < end)


def _stays(landing: Landing) -> bool:
    return landing.replaced_by is None


def text_in(path: str | Path) -> str:
    """What a file of a run says.

    Raises:
        ManifestError: it cannot be read, or is longer than any run's.
    """
    try:
        place = Path(path).expanduser()
        if place.stat().st_size > MOST_BYTES:
            raise ManifestError(f"{str(path)!r} has over {MOST_BYTES >> 20} MiB: it is no run's")
        return place.read_text(encoding="utf-8")
    except ManifestError:
        raise
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ManifestError(
            f"{str(path)!r} cannot be read ({reason}): give the manifest of a run"
        ) from error


def loaded(text: str) -> dict[str, object]:
    """An object of JSON in which every number is one.

    Raises:
        ManifestError: it is none.
    """
    try:
        said = json_in(text)
    except NotPlainError as error:
        raise ManifestError(f"this is no whole JSON ({error}): it is damaged, or no run") from error
    if not isinstance(said, dict):
        raise ManifestError(f"this is no manifest: {_FORMAT_MISSING}")
    return said


def _of_known_version(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields of a manifest as the present version has them."""
    said = dict(fields)
    if said.pop("format", None) != FORMAT:
        raise ManifestError(f"this is no manifest: {_FORMAT_MISSING}")
    version = known_version("this manifest", said.pop("version", None), VERSION, ManifestError)
    if version < _PRESETS_SINCE:
        said["presets"] = []
    if version < _TAKEN_SINCE:
        said["taken"] = None
    if version < _THEIR_FALLBACKS_SINCE:
        said["presets"] = [row | {"fallbacks": []} for row in _objects(said.get("presets"))]
    if said.pop("picture_hash", None) != PICTURE_HASH:
        raise ManifestError(f"its picture_hash is not {PICTURE_HASH!r}: it is damaged")
    return said


def _maker(said: object) -> Maker:
    if not isinstance(said, dict):
        raise ManifestError(f"maker {short(said)} has no fields")
    parts = {
        name: built(kind, said.get(name), name, _FORM)
        for name, kind in (("preset", Preset), ("machine", Machine), ("versions", Versions))
    }
    if said.get("commit") is not None:
        parts["commit"] = built(Commit, said["commit"], "commit", _FORM)
    return built(Maker, said | parts, "maker", _FORM)


def _turns(said: object) -> tuple[Turn, ...]:
    made = [
        row | {"preset": built(Preset, row.get("preset"), "preset", _FORM)}
        for row in _objects(said)
    ]
    return tuple(built(Turn, row, "one of presets", _FORM) for row in made)


def _objects(said: object) -> list[dict[str, object]]:
    if not isinstance(said, list) or not all(isinstance(row, dict) for row in said):
        raise ManifestError(f"presets {short(said)} are no list of objects")
    return said


def _sentences(fallbacks: object) -> tuple[str, ...]:
    require_type("fallbacks", fallbacks, list | tuple)
    for sentence in (told := tuple(cast(Iterable[str], fallbacks))):
        require_type("a fallback", sentence, str)
    return told


def _rows(kind: type[T], said: Mapping[str, object], name: str) -> tuple[T, ...]:
    rows = said[name]
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ManifestError(f"{name} {short(rows)} are no list")
    return tuple(built(kind, row, f"one of {name}", _FORM) for row in rows)
