"""A grid of presets, prompts and seeds: a video and a record of each, going on where it stopped.

What is done already is read off the file of records, so a sweep that was stopped does the rest.
Who makes the videos is another's business: here one maker makes one after the other, in `cluster`
there are many.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block, Session
from longlive_widget.errors import RecordError, whole_number
from longlive_widget.measure.environment import measured
from longlive_widget.measure.memory import ProcessPeak
from longlive_widget.measure.metrics import flicker
from longlive_widget.measure.record import Fact, Record
from longlive_widget.measure.records import append, read
from longlive_widget.presets import Preset
from longlive_widget.timeline import require_prompt, require_seed

KIND = "sweep"


@dataclass(frozen=True)
class Grid:
    """Every preset with every prompt and every seed; each a video of so many blocks.

    `model` is what the user calls the model: another one is another grid.

    Raises:
        RecordError: one of the three has nothing in it, two presets have one name, or there is no
            block to make.
        TimelineError: a prompt is empty.
        SessionError: a seed is out of range.
    """

    model: str
    presets: tuple[Preset, ...]
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    blocks: int = 12
    size_px: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("presets", "prompts", "seeds"):
            if not getattr(self, name):
                raise RecordError(f"a sweep over no {name} does nothing: give one or more")
        names = [preset.name for preset in self.presets]
        if len(set(names)) < len(names):
            raise RecordError(f"presets {', '.join(names)}: give each a name of its own")
        whole_number("blocks", self.blocks, RecordError, least=1)
        for prompt in self.prompts:
            require_prompt(prompt)
        for seed in self.seeds:
            require_seed(seed)

    @property
    def items(self) -> tuple["Item", ...]:
        """All of it, one preset after the other, so that each is loaded once."""
        every = product(self.presets, self.prompts, self.seeds)
        return tuple(Item(self, preset, prompt, seed) for preset, prompt, seed in every)


@dataclass(frozen=True)
class Item:
    """One video of a grid."""

    grid: Grid
    preset: Preset
    prompt: str
    seed: int

    @property
    def key(self) -> str:
        """What tells it from every other: a hash of all that was asked for."""
        settings = replace(self.preset, summary="").to_yaml()
        grid = self.grid.model, self.grid.blocks, self.grid.size_px
        return hashlib.sha256(repr((settings, self.prompt, self.seed, grid)).encode()).hexdigest()


Loader = Callable[[Preset], Engine]
"""The engine of a preset."""
Spread = Callable[[Loader, Sequence[Item]], Iterator[Record]]
"""Makes the videos of all items by engines of that loader; their records, in any order."""


@dataclass(frozen=True, eq=False)
class Made:
    """The video of an item as it came: what made it, its blocks, and the ms that each took."""

    item: Item
    engine: Engine
    session: Session
    blocks: tuple[Block, ...]
    block_ms: tuple[float, ...]


class Maker:
    """Makes one video after the other, and keeps the engine for the next of the same preset.

    `each` is called with each block, out of its time, and may end the video by an error. `keep` is
    called with each video before its record is given.
    """

    def __init__(
        self,
        load: Loader,
        *,
        each: Callable[[Item, Block], None] = lambda _item, _block: None,
        keep: Callable[[Made], None] = lambda _: None,
    ) -> None:
        self._load = load
        self._each = each
        self._keep = keep
        self._loaded: tuple[Preset, Engine] | None = None

    def make(self, item: Item) -> Record:
        """The record of the video of one item."""
        if self._loaded is None or self._loaded[0] != item.preset:
            self._loaded = item.preset, self._load(item.preset)
        made, facts = self._made(self._loaded[1], item)
        self._keep(made)
        return _record(made, facts)

    def _made(self, engine: Engine, item: Item) -> tuple[Made, dict[str, Fact]]:
        """A video, and what the process took of memory meanwhile."""
        session = engine.session(item.prompt, item.seed, size_px=item.grid.size_px)
        blocks: list[Block] = []
        block_ms: list[float] = []
        taken = ProcessPeak(engine.device)
        began_s = time.perf_counter()
        for block in session.blocks(item.grid.blocks):
            block_ms.append(1e3 * (time.perf_counter() - began_s))
            blocks.append(block)
            taken.look()
            self._each(item, block)
            began_s = time.perf_counter()
        return Made(item, engine, session, tuple(blocks), tuple(block_ms)), dict(taken.facts())


def one_by_one(load: Loader, items: Sequence[Item]) -> Iterator[Record]:
    """Make the videos here, in their order."""
    return map(Maker(load).make, items)


def sweep(
    grid: Grid,
    load: Loader,
    path: str | Path,
    *,
    spread: Spread = one_by_one,
    watched: Callable[[Iterator[Record], int], Iterable[Record]] = lambda made, _: made,
) -> tuple[Record, ...]:
    """Make the videos that a file of records does not have yet, and add a record of each.

    Args:
        grid: what to make.
        load: the engine of a preset; a maker calls it once for each that it makes something of.
        path: the file; it need not exist.
        spread: who makes the videos.
        watched: how the records are taken in as they come, given how many will; for a progress bar.

    Returns:
        The records that were added. A record has the milliseconds of each block, how unsteady the
        pictures are, and a hash of them all: the same on one machine, each time.
    """
    done = records_of(path)
    left = [item for item in grid.items if item.key not in done]
    added = []
    for record in watched(spread(load, left), len(left)):
        append(path, record)
        added.append(record)
    return tuple(added)


def _record(made: Made, facts: Mapping[str, Fact]) -> Record:
    digest = hashlib.sha256()
    for block in made.blocks:
        digest.update(block.frames.tobytes())
    found: dict[str, Fact] = {
        "item": made.item.key,
        "prompt": made.item.prompt,
        "flicker": flicker(torch.cat([torch.from_numpy(block.frames) for block in made.blocks])),
        "pictures_sha256": digest.hexdigest(),
    }
    return measured(
        KIND,
        made.engine,
        geometry=made.session.geometry,
        counts={"blocks": made.item.grid.blocks, "seed": made.item.seed},
        samples={"block_ms": made.block_ms},
        facts={**found, **facts},
    )


def records_of(path: str | Path) -> dict[str, Record]:
    """The records of videos in a file by the keys of their items; none where there is no file."""
    if not Path(path).exists():
        return {}
    return {str(one.facts.get("item")): one for one in read(path) if one.kind == KIND}
