"""A grid of presets, prompts and seeds: a video and a record of each, going on where it stopped.

What is done already is read off the file of records, so a sweep that was stopped does the rest.
Who makes the videos is another's business: here one maker makes one after the other, in `cluster`
there are many.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch

from longlive_widget.engine.engine import Engine
from longlive_widget.errors import RecordError, whole_number
from longlive_widget.measure.environment import measured
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


class Maker:
    """Makes one video after the other, and keeps the engine for the next of the same preset."""

    def __init__(self, load: Loader) -> None:
        self._load = load
        self._loaded: tuple[Preset, Engine] | None = None

    def make(self, item: Item) -> Record:
        """The record of the video of one item."""
        if self._loaded is None or self._loaded[0] != item.preset:
            self._loaded = item.preset, self._load(item.preset)
        return _made(self._loaded[1], item)


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
    done = {record.facts.get("item") for record in _known(path)}
    left = [item for item in grid.items if item.key not in done]
    added = []
    for record in watched(spread(load, left), len(left)):
        append(path, record)
        added.append(record)
    return tuple(added)


def _made(engine: Engine, item: Item) -> Record:
    grid = item.grid
    session = engine.session(item.prompt, item.seed, size_px=grid.size_px)
    pictures, block_ms = [], []
    digest, began = hashlib.sha256(), time.perf_counter()
    for block in session.blocks(grid.blocks):
        now = time.perf_counter()
        block_ms.append(1e3 * (now - began))
        pictures.append(torch.from_numpy(block.frames))
        digest.update(block.frames.tobytes())
        began = time.perf_counter()
    facts: dict[str, Fact] = {
        "item": item.key,
        "prompt": item.prompt,
        "flicker": flicker(torch.cat(pictures)),
        "pictures_sha256": digest.hexdigest(),
    }
    return measured(
        KIND,
        engine,
        geometry=session.geometry,
        counts={"blocks": grid.blocks, "seed": item.seed},
        samples={"block_ms": block_ms},
        facts=facts,
    )


def _known(path: str | Path) -> tuple[Record, ...]:
    if not Path(path).exists():
        return ()
    return tuple(record for record in read(path) if record.kind == KIND)
